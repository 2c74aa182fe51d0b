# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/ctl/test-config.c \
	tests/ctl/test-flow-del.c \
	tests/ctl/test-late.c \
	tests/ctl/test-netdev-ct.c \
	tests/ctl/test-offload-switch.c \
	tests/ctl/test-readings.c \
	tests/ctl/test-top.c
