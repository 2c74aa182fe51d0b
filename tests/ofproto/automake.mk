# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += tests/ofproto/elsewhere.rst

tests_dptest_SOURCES += \
	tests/ofproto/test-flow-limit.c \
	tests/ofproto/test-ukey-stress.c \
	tests/ofproto/test-ukey.c
