# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/pipe/dp-bond.c \
	lib/pipe/dp-bond.h \
	lib/pipe/dp-burst.h \
	lib/pipe/dp-carrier.c \
	lib/pipe/dp-carrier.h \
	lib/pipe/dp-clock.c \
	lib/pipe/dp-clock.h \
	lib/pipe/dp-clone.c \
	lib/pipe/dp-clone.h \
	lib/pipe/dp-drop.c \
	lib/pipe/dp-drop.h \
	lib/pipe/dp-dropped.c \
	lib/pipe/dp-dropped.h \
	lib/pipe/dp-exec-attrs.c \
	lib/pipe/dp-exec-ct.c \
	lib/pipe/dp-exec-tunnel.c \
	lib/pipe/dp-exec-userspace.c \
	lib/pipe/dp-exec.c \
	lib/pipe/dp-exec.h \
	lib/pipe/dp-fence.c \
	lib/pipe/dp-fence.h \
	lib/pipe/dp-follow.c \
	lib/pipe/dp-follow.h \
	lib/pipe/dp-group.c \
	lib/pipe/dp-lane.c \
	lib/pipe/dp-lane.h \
	lib/pipe/dp-live.c \
	lib/pipe/dp-live.h \
	lib/pipe/dp-lookup.c \
	lib/pipe/dp-meter.c \
	lib/pipe/dp-meter.h \
	lib/pipe/dp-miss.c \
	lib/pipe/dp-order.h \
	lib/pipe/dp-pipe.c \
	lib/pipe/dp-pipe.h \
	lib/pipe/dp-rx.c \
	lib/pipe/dp-rxq-load.c \
	lib/pipe/dp-rxq-load.h \
	lib/pipe/dp-sample.h \
	lib/pipe/dp-shared.h \
	lib/pipe/dp-tx.c \
	lib/pipe/dp-tx.h \
	lib/pipe/dp-upcall.c \
	lib/pipe/dp-upcall.h
