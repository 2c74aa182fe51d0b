# SPDX-License-Identifier: Apache-2.0
#
# net_simnic, a plugin for programs that have DPDK as a shared library.  It
# needs nothing of the rest of the tree.  By itself, in this folder:
#
#   gcc -shared -fPIC -O2 -fno-strict-aliasing -Isdk -o librte_net_simnic.so \
#       $(pkg-config --cflags libdpdk) -DALLOW_EXPERIMENTAL_API *.c \
#       $(pkg-config --libs libdpdk) -lrte_bus_vdev -lrte_net -lm
#
# (without -Isdk and with -DHAVE_DPDK_DRIVER_SDK where DPDK's driver SDK is
# installed).

simnic_sources = \
	drivers/net/simnic/simnic-abi.c \
	drivers/net/simnic/simnic-action.c \
	drivers/net/simnic/simnic-age.c \
	drivers/net/simnic/simnic-classify.c \
	drivers/net/simnic/simnic-dev.c \
	drivers/net/simnic/simnic-devargs.c \
	drivers/net/simnic/simnic-edit.c \
	drivers/net/simnic/simnic-ethdev.c \
	drivers/net/simnic/simnic-flow.c \
	drivers/net/simnic/simnic-gate.c \
	drivers/net/simnic/simnic-gen.c \
	drivers/net/simnic/simnic-indirect.c \
	drivers/net/simnic/simnic-key.c \
	drivers/net/simnic/simnic-match.c \
	drivers/net/simnic/simnic-pcap.c \
	drivers/net/simnic/simnic-queue.c \
	drivers/net/simnic/simnic-removal.c \
	drivers/net/simnic/simnic-rss.c \
	drivers/net/simnic/simnic-rule.c \
	drivers/net/simnic/simnic-rx.c \
	drivers/net/simnic/simnic-slots.c \
	drivers/net/simnic/simnic-stamp.c \
	drivers/net/simnic/simnic-stats.c \
	drivers/net/simnic/simnic-stream.c \
	drivers/net/simnic/simnic-table.c \
	drivers/net/simnic/simnic-telemetry.c \
	drivers/net/simnic/simnic-tx.c \
	drivers/net/simnic/simnic-wire.c
simnic_headers = \
	drivers/net/simnic/sdk/ethdev_driver.h \
	drivers/net/simnic/simnic-abi-22.11.h \
	drivers/net/simnic/simnic-abi-24.11.h \
	drivers/net/simnic/simnic-abi.def \
	drivers/net/simnic/simnic-abi.h \
	drivers/net/simnic/simnic-action.h \
	drivers/net/simnic/simnic-age.h \
	drivers/net/simnic/simnic-classify.h \
	drivers/net/simnic/simnic-dev.h \
	drivers/net/simnic/simnic-devargs.h \
	drivers/net/simnic/simnic-edit.h \
	drivers/net/simnic/simnic-ethdev.h \
	drivers/net/simnic/simnic-flow.h \
	drivers/net/simnic/simnic-gate.h \
	drivers/net/simnic/simnic-gen.h \
	drivers/net/simnic/simnic-indirect.h \
	drivers/net/simnic/simnic-key.h \
	drivers/net/simnic/simnic-match.h \
	drivers/net/simnic/simnic-pcap.h \
	drivers/net/simnic/simnic-port.h \
	drivers/net/simnic/simnic-queue.h \
	drivers/net/simnic/simnic-removal.h \
	drivers/net/simnic/simnic-rss.h \
	drivers/net/simnic/simnic-rule.h \
	drivers/net/simnic/simnic-rx.h \
	drivers/net/simnic/simnic-slots.h \
	drivers/net/simnic/simnic-stamp.h \
	drivers/net/simnic/simnic-stats.h \
	drivers/net/simnic/simnic-stream.h \
	drivers/net/simnic/simnic-table.h \
	drivers/net/simnic/simnic-telemetry.h \
	drivers/net/simnic/simnic-tx.h \
	drivers/net/simnic/simnic-wire.h
EXTRA_DIST += $(simnic_sources) $(simnic_headers) \
	drivers/net/simnic/print-abi.c

simnic_cppflags = -I$(srcdir)/drivers/net/simnic $(SIMNIC_SDK_CPPFLAGS) \
	$(DPDK_CFLAGS) -DALLOW_EXPERIMENTAL_API
simnic_cflags = $(WARNING_CFLAGS) -O2 -msse4.2 -fno-strict-aliasing
simnic_libs = $(DPDK_LIBS) -lrte_bus_vdev -lrte_net \
	-lm -lpthread

if DPDK_NETDEV
simnic_objects = $(simnic_sources:.c=.pic.o)
simnic_plugin = drivers/net/simnic/librte_net_simnic.so

# No sanitizer: the program that loads the plugin would have to have it, too.
drivers/net/simnic/%.pic.o: drivers/net/simnic/%.c $(simnic_headers)
	@$(MKDIR_P) drivers/net/simnic
	$(AM_V_CC)$(CC) $(simnic_cppflags) $(CPPFLAGS) $(simnic_cflags) \
		$(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<
$(simnic_plugin): $(simnic_objects)
	$(AM_V_CCLD)$(CC) -shared -Wl,-z,defs $(LDFLAGS) -o $@ \
		$(simnic_objects) $(simnic_libs)

markpathplugindir = $(libdir)/markpath
markpathplugin_DATA = $(simnic_plugin)
CLEANFILES += $(simnic_plugin) $(simnic_objects)
endif
