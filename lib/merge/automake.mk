# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/merge/dp-books-account.c \
	lib/merge/dp-books-change.c \
	lib/merge/dp-books-entry.c \
	lib/merge/dp-books-entry.h \
	lib/merge/dp-books-judge.c \
	lib/merge/dp-books-life.c \
	lib/merge/dp-books-life.h \
	lib/merge/dp-books-policy.c \
	lib/merge/dp-books-policy.h \
	lib/merge/dp-books-show.c \
	lib/merge/dp-books-watch.c \
	lib/merge/dp-books-words.def \
	lib/merge/dp-books-worth.c \
	lib/merge/dp-books-worth.h \
	lib/merge/dp-books.c \
	lib/merge/dp-books.h \
	lib/merge/dp-merge-ct.c \
	lib/merge/dp-merge-ct.h \
	lib/merge/dp-merge-view.c \
	lib/merge/dp-merge-view.h \
	lib/merge/dp-merge-why.c \
	lib/merge/dp-merge-why.def \
	lib/merge/dp-merge-why.h \
	lib/merge/dp-merge.c \
	lib/merge/dp-merge.h \
	lib/merge/dp-trace.c \
	lib/merge/dp-trace.h
