# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/offload/dp-mark-drain.h \
	lib/offload/dp-mark-index.c \
	lib/offload/dp-mark-index.h \
	lib/offload/dp-mark-watch.c \
	lib/offload/dp-mark-watch.h \
	lib/offload/dp-mark.c \
	lib/offload/dp-mark.h \
	lib/offload/dp-offload-clock.h \
	lib/offload/dp-offload-dummy.c \
	lib/offload/dp-offload-dummy.h \
	lib/offload/dp-offload-engine.h \
	lib/offload/dp-offload-netdev.c \
	lib/offload/dp-offload-port.c \
	lib/offload/dp-offload-port.h \
	lib/offload/dp-offload-provider.h \
	lib/offload/dp-offload-rule.c \
	lib/offload/dp-offload-rule.h \
	lib/offload/dp-offload-show.c \
	lib/offload/dp-offload-stats.c \
	lib/offload/dp-offload-step.c \
	lib/offload/dp-offload-step.h \
	lib/offload/dp-offload-why.def \
	lib/offload/dp-offload-worker.c \
	lib/offload/dp-offload-worker.h \
	lib/offload/dp-offload.c \
	lib/offload/dp-offload.h \
	lib/offload/dp-places-show.c \
	lib/offload/dp-places-show.h \
	lib/offload/dp-places.c \
	lib/offload/dp-places.h \
	lib/offload/dp-rule-change.c \
	lib/offload/dp-rule-change.h \
	lib/offload/dp-rule-count.c \
	lib/offload/dp-rule-count.h \
	lib/offload/dp-rule-name.c \
	lib/offload/dp-rule-name.h \
	lib/offload/dp-rule-place.c \
	lib/offload/dp-rule-place.h \
	lib/offload/dp-rule-state.c \
	lib/offload/dp-rule-state.h
