# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/merge/books-lab.c \
	tests/merge/books-lab.h \
	tests/merge/merge-conn.c \
	tests/merge/merge-conn.h \
	tests/merge/merge-flow.c \
	tests/merge/merge-flow.h \
	tests/merge/merge-tables.c \
	tests/merge/merge-tables.h \
	tests/merge/merge-world.c \
	tests/merge/merge-world.h \
	tests/merge/test-merge-books.c \
	tests/merge/test-merge-churn.c \
	tests/merge/test-merge-compose.c \
	tests/merge/test-merge-same.c \
	tests/merge/test-merge-trace.c
