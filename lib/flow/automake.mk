# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/flow/dp-actions.c \
	lib/flow/dp-actions.h \
	lib/flow/dp-cls.c \
	lib/flow/dp-cls.h \
	lib/flow/dp-credit.c \
	lib/flow/dp-credit.h \
	lib/flow/dp-csum.h \
	lib/flow/dp-edit.c \
	lib/flow/dp-edit.h \
	lib/flow/dp-emc.c \
	lib/flow/dp-emc.h \
	lib/flow/dp-flow-table.c \
	lib/flow/dp-flow-table.h \
	lib/flow/dp-flow.c \
	lib/flow/dp-flow.h \
	lib/flow/dp-head.h \
	lib/flow/dp-header.c \
	lib/flow/dp-header.h \
	lib/flow/dp-key.c \
	lib/flow/dp-key.h \
	lib/flow/dp-load.h \
	lib/flow/dp-log.c \
	lib/flow/dp-log.h \
	lib/flow/dp-mask.c \
	lib/flow/dp-mask.h \
	lib/flow/dp-pages.c \
	lib/flow/dp-pages.h \
	lib/flow/dp-raw.c \
	lib/flow/dp-raw.h \
	lib/flow/dp-recent.c \
	lib/flow/dp-recent.h \
	lib/flow/dp-rewrite.c \
	lib/flow/dp-rewrite.h \
	lib/flow/dp-simple.c \
	lib/flow/dp-simple.h \
	lib/flow/dp-slab.c \
	lib/flow/dp-slab.h \
	lib/flow/dp-smc.c \
	lib/flow/dp-smc.h \
	lib/flow/dp-tuple-index.c \
	lib/flow/dp-tuple-index.h \
	lib/flow/dp-tuple.c \
	lib/flow/dp-tuple.h \
	lib/flow/dp-verify.c \
	lib/flow/dp-verify.h
