# SPDX-License-Identifier: Apache-2.0

if XDP
tests_dptest_SOURCES += \
	tests/xdp/test-xdp-flows.c \
	tests/xdp/test-xdp-loader.c \
	tests/xdp/test-xdp-table.c \
	tests/xdp/xdp-random.c \
	tests/xdp/xdp-random.h \
	tests/xdp/xdp-rig.c \
	tests/xdp/xdp-rig.h
endif
