# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += tests/offload/elsewhere.rst

tests_dptest_SOURCES += \
	tests/offload/offload-rig.c \
	tests/offload/offload-rig.h \
	tests/offload/test-mark.c \
	tests/offload/test-offload-churn.c \
	tests/offload/test-offload-cores.c \
	tests/offload/test-offload-count.c \
	tests/offload/test-offload-edge.c \
	tests/offload/test-offload-ports.c \
	tests/offload/test-offload-halved.c \
	tests/offload/test-offload-marks.c \
	tests/offload/test-offload-rooms.c \
	tests/offload/test-offload-same.c \
	tests/offload/test-offload-speed.c \
	tests/offload/test-offload-unsure.c \
	tests/offload/test-offload-watch.c \
	tests/offload/test-offload-why.c \
	tests/offload/test-offload.c \
	tests/offload/test-rule-state.c \
	tests/offload/twin-netdev.c \
	tests/offload/twin-netdev.h \
	tests/offload/twin-packet.c \
	tests/offload/twin-packet.h \
	tests/offload/twin-rig.c \
	tests/offload/twin-rig.h
