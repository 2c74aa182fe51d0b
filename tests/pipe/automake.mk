# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/pipe/pipe-rig.h \
	tests/pipe/test-bond.c \
	tests/pipe/test-clock.c \
	tests/pipe/test-clone.c \
	tests/pipe/test-drop.c \
	tests/pipe/test-dropped.c \
	tests/pipe/test-exec.c \
	tests/pipe/test-fence.c \
	tests/pipe/test-flush.c \
	tests/pipe/test-live.c \
	tests/pipe/test-meter.c \
	tests/pipe/test-order.c \
	tests/pipe/test-pipe.c \
	tests/pipe/test-rxq-load.c
