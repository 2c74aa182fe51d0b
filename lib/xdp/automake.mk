# SPDX-License-Identifier: Apache-2.0

# The kernel's side.
xdp_sources = \
	lib/xdp/dp-xdp-abi.h \
	lib/xdp/dp-xdp-act.bpf.h \
	lib/xdp/dp-xdp-lookup.bpf.h \
	lib/xdp/dp-xdp-maps.bpf.h \
	lib/xdp/dp-xdp-parse.bpf.h \
	lib/xdp/dp-xdp.bpf.c
EXTRA_DIST += $(xdp_sources)

if XDP
lib_libmarkpath_a_SOURCES += \
	lib/xdp/dp-offload-xdp.c \
	lib/xdp/dp-offload-xdp.h \
	lib/xdp/dp-xdp-actions.c \
	lib/xdp/dp-xdp-actions.h \
	lib/xdp/dp-xdp-attachment.c \
	lib/xdp/dp-xdp-attachment.h \
	lib/xdp/dp-xdp-await.c \
	lib/xdp/dp-xdp-await.h \
	lib/xdp/dp-xdp-device.c \
	lib/xdp/dp-xdp-device.h \
	lib/xdp/dp-xdp-groups.c \
	lib/xdp/dp-xdp-groups.h \
	lib/xdp/dp-xdp-ids.c \
	lib/xdp/dp-xdp-ids.h \
	lib/xdp/dp-xdp-link.c \
	lib/xdp/dp-xdp-link.h \
	lib/xdp/dp-xdp-loader.c \
	lib/xdp/dp-xdp-loader.h \
	lib/xdp/dp-xdp-match.c \
	lib/xdp/dp-xdp-match.h \
	lib/xdp/dp-xdp-needs.c \
	lib/xdp/dp-xdp-needs.h \
	lib/xdp/dp-xdp-object.c \
	lib/xdp/dp-xdp-object.h \
	lib/xdp/dp-xdp-pins.c \
	lib/xdp/dp-xdp-pins.h \
	lib/xdp/dp-xdp-shared.c \
	lib/xdp/dp-xdp-shared.h \
	lib/xdp/dp-xdp-table.c \
	lib/xdp/dp-xdp-table.h \
	lib/xdp/dp-xdp-watch.c \
	lib/xdp/dp-xdp-watch.h

# Compiled for BPF, without debugging information but types
# of its own, and as a header that holds the result.
compile_bpf = $(BPF_CLANG) --target=bpf -mcpu=v3 -O2 -g -fno-strict-aliasing \
	-Wall -Wextra -Werror -I$(top_srcdir)/lib $(BPF_CPPFLAGS)
xdp_skeletons = lib/xdp/dp-xdp-base.skel.h
CLEANFILES += $(xdp_skeletons) $(xdp_skeletons:.skel.h=.bpf.o)

lib/xdp/dp-xdp-base.bpf.o: $(xdp_sources)
	$(AM_V_GEN)$(MKDIR_P) lib/xdp && \
	$(compile_bpf) -c $(srcdir)/lib/xdp/dp-xdp.bpf.c -o $@.tmp && \
	$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp
lib/xdp/dp-xdp-base.skel.h: lib/xdp/dp-xdp-base.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen skeleton lib/xdp/dp-xdp-base.bpf.o \
		name dp_xdp_base >$@.tmp && mv $@.tmp $@
lib/xdp/dp-xdp-object.$(OBJEXT): $(xdp_skeletons)
endif
