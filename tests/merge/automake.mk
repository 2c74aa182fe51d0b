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
	tests/merge/test-merge-many.c \
	tests/merge/test-merge-same.c \
	tests/merge/test-merge-trace.c \
	tests/merge/test-merge-whole.c \
	tests/merge/test-merge-worth.c

# What merged rules do is what the long way does, with ten million packets, and
# counts under churn.  With TIME=SECONDS, for so long, other packets each turn.
merge_same = `tests/dptest --list | grep '^merge-same-'`
merge_churn = `tests/dptest --list | grep '^merge-churn-'`
MERGE_WAYS = 180000
MERGE_CHANGES = 20000
check-merge: tests/dptest$(EXEEXT)
	@end=$$(($$(date +%s) + $(or $(TIME),0))); seed=1; \
	while :; do \
	    tests/dptest $(merge_churn) soak $(MERGE_CHANGES) & churn=$$!; \
	    tests/dptest $(merge_same) soak $(MERGE_WAYS) $$seed; same=$$?; \
	    wait $$churn && test $$same = 0 || exit 1; \
	    test $$(date +%s) -lt $$end || break; \
	    seed=$$(($$seed + 1)); \
	done
.PHONY: check-merge
