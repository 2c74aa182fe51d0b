# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/rte/simnic-plugin.c \
	tests/rte/simnic-plugin.h \
	tests/rte/simnic-rig.c \
	tests/rte/simnic-rig.h \
	tests/rte/test-rte-count.c \
	tests/rte/test-rte-flush.c \
	tests/rte/test-rte-peer.c \
	tests/rte/test-rte-simnic.c \
	tests/rte/test-rte-verify.c \
	tests/rte/test-rte-width.c \
	tests/rte/test-rte.c
