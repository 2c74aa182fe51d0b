# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/offload/offload-rig.c \
	tests/offload/offload-rig.h \
	tests/offload/test-mark.c \
	tests/offload/test-offload-churn.c \
	tests/offload/test-offload.c
