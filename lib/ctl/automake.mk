# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/ctl/dp-balance.c \
	lib/ctl/dp-balance.h \
	lib/ctl/dp-commands-ct.c \
	lib/ctl/dp-commands-drops.c \
	lib/ctl/dp-commands-format.c \
	lib/ctl/dp-commands-impl.c \
	lib/ctl/dp-commands-merge.c \
	lib/ctl/dp-commands-offload.c \
	lib/ctl/dp-commands-stats.c \
	lib/ctl/dp-commands-top.c \
	lib/ctl/dp-commands.c \
	lib/ctl/dp-commands.h \
	lib/ctl/dp-config.c \
	lib/ctl/dp-config.h \
	lib/ctl/dp-ct-show.c \
	lib/ctl/dp-ct-show.h \
	lib/ctl/dp-drop-show.c \
	lib/ctl/dp-drop-show.h \
	lib/ctl/dp-flow-show.c \
	lib/ctl/dp-flow-show.h \
	lib/ctl/dp-late.c \
	lib/ctl/dp-late.h \
	lib/ctl/dp-live-show.c \
	lib/ctl/dp-live-show.h \
	lib/ctl/dp-live-text.c \
	lib/ctl/dp-local.c \
	lib/ctl/dp-local.h \
	lib/ctl/dp-log-modules.c \
	lib/ctl/dp-merge-dump.c \
	lib/ctl/dp-merge-show.c \
	lib/ctl/dp-merge-show.h \
	lib/ctl/dp-merging.c \
	lib/ctl/dp-merging.h \
	lib/ctl/dp-offload-glue.c \
	lib/ctl/dp-offload-glue.h \
	lib/ctl/dp-readings.c \
	lib/ctl/dp-readings.h \
	lib/ctl/dp-registry.c \
	lib/ctl/dp-telemetry.c \
	lib/ctl/dp-telemetry.h \
	lib/ctl/dp-top.c \
	lib/ctl/dp-top.h \
	lib/ctl/dp-tracing.c \
	lib/ctl/dp-tracing.h \
	lib/ctl/dp-watch.c \
	lib/ctl/dp-watch.h \
	lib/ctl/dp.c \
	lib/ctl/dp.h \
	lib/ctl/dpif-netdev-ct-exp.h \
	lib/ctl/dpif-netdev-ct.c \
	lib/ctl/dpif-netdev-ct.h \
	lib/ctl/dpif-netdev-dummy.c \
	lib/ctl/dpif-netdev-dump.c \
	lib/ctl/dpif-netdev-flow-format.c \
	lib/ctl/dpif-netdev-flow-format.h \
	lib/ctl/dpif-netdev-flow.c \
	lib/ctl/dpif-netdev-flow.h \
	lib/ctl/dpif-netdev-handle.h \
	lib/ctl/dpif-netdev.c

# Has no counterpart in older versions of Open vSwitch.
if OVS_SINCE_3_2
lib_libmarkpath_a_SOURCES += lib/ctl/dpif-netdev-ct-exp.c
else
EXTRA_DIST += lib/ctl/dpif-netdev-ct-exp.c
endif
