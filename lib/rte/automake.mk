# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/rte/dp-offload-rte.c \
	lib/rte/dp-offload-rte.h \
	lib/rte/dp-rte-actions.c \
	lib/rte/dp-rte-actions.h \
	lib/rte/dp-rte-format.c \
	lib/rte/dp-rte-format.h \
	lib/rte/dp-rte-handle.c \
	lib/rte/dp-rte-handle.h \
	lib/rte/dp-rte-match.c \
	lib/rte/dp-rte-match.h \
	lib/rte/dp-rte-probe.c \
	lib/rte/dp-rte-probe.h \
	lib/rte/dp-rte-telemetry.c \
	lib/rte/dp-rte-telemetry.h
