# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/merge/dp-books-cause.def \
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
