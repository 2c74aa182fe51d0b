# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/flow/flow-random.h \
	tests/flow/library-edit.h \
	tests/flow/test-actions.c \
	tests/flow/test-credit.c \
	tests/flow/test-edit.c \
	tests/flow/test-emc.c \
	tests/flow/test-flow-count.c \
	tests/flow/test-flow-table.c \
	tests/flow/test-key.c \
	tests/flow/test-mask.c \
	tests/flow/test-mega.c \
	tests/flow/test-raw.c \
	tests/flow/test-recent.c \
	tests/flow/test-slab.c \
	tests/flow/test-tuple-index.c \
	tests/flow/test-tuple.c \
	tests/flow/test-verify.c
