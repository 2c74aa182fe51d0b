# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/pipe/dp-bond.c \
	lib/pipe/dp-bond.h \
	lib/pipe/dp-meter.c \
	lib/pipe/dp-meter.h \
	lib/pipe/dp-rxq-load.c \
	lib/pipe/dp-rxq-load.h
