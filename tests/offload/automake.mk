# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/offload/offload-rig.c \
	tests/offload/offload-rig.h \
	tests/offload/test-mark.c \
	tests/offload/test-offload-churn.c \
	tests/offload/test-offload-speed.c \
	tests/offload/test-offload.c \
	tests/offload/test-rebalance-engine.c \
	tests/offload/test-rebalance-policy.c \
	tests/offload/test-rebalance-simnic.c \
	tests/offload/test-rte-simnic.c \
	tests/offload/test-rte.c

EXTRA_DIST += tests/offload/tsan.supp
