# SPDX-License-Identifier: Apache-2.0

xdp_wire_sources = \
	tests/xdp/xdp-wire-abi.h \
	tests/xdp/xdp-wire.bpf.c
EXTRA_DIST += $(xdp_wire_sources)

if XDP
tests_dptest_SOURCES += \
	tests/xdp/test-xdp-costs.c \
	tests/xdp/test-xdp-flows.c \
	tests/xdp/test-xdp-loader.c \
	tests/xdp/test-xdp-offload.c \
	tests/xdp/test-xdp-persist.c \
	tests/xdp/test-xdp-table.c \
	tests/xdp/test-xdp-watch.c \
	tests/xdp/test-xdp-wire.c \
	tests/xdp/xdp-random.c \
	tests/xdp/xdp-random.h \
	tests/xdp/xdp-rig.c \
	tests/xdp/xdp-rig.h \
	tests/xdp/xdp-wire.c \
	tests/xdp/xdp-wire.h

# As the program of the daemon is compiled.
xdp_wire_skeleton = tests/xdp/xdp-wire.skel.h
CLEANFILES += $(xdp_wire_skeleton) $(xdp_wire_skeleton:.skel.h=.bpf.o)

tests/xdp/xdp-wire.bpf.o: $(xdp_wire_sources)
	$(AM_V_GEN)$(MKDIR_P) tests/xdp && \
	$(compile_bpf) -I$(top_srcdir) \
		-c $(srcdir)/tests/xdp/xdp-wire.bpf.c -o $@.tmp && \
	$(BPFTOOL) gen object $@ $@.tmp && rm -f $@.tmp
tests/xdp/xdp-wire.skel.h: tests/xdp/xdp-wire.bpf.o
	$(AM_V_GEN)$(BPFTOOL) gen skeleton tests/xdp/xdp-wire.bpf.o \
		name xdp_wire_bpf >$@.tmp && mv $@.tmp $@
tests/xdp/xdp-wire.$(OBJEXT): $(xdp_wire_skeleton)
tests/xdp/test-xdp-costs.$(OBJEXT): $(xdp_wire_skeleton)
tests/xdp/test-xdp-wire.$(OBJEXT): $(xdp_wire_skeleton)
endif

# Whether XDP forwards or the daemon must make no difference, as root; from
# SEED.  XDPFLAGS may hold options for tests/xdp/xdp-same.
EXTRA_DIST += tests/xdp/xdp-same
XDPFLAGS =
check-xdp: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(with_ovs_tools) PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/xdp/xdp-same \
		--vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		--seed=$(or $(SEED),1) $(XDPFLAGS) || test $$? = 77
.PHONY: check-xdp

# XDP beside sockets, Open vSwitch's daemon and programs that do less.
EXTRA_DIST += tests/bench/xdp-bench
XDPBENCHFLAGS =
bench-xdp: tests/dptest$(EXEEXT) vswitchd/ovs-vswitchd$(EXEEXT)
	@$(with_ovs_tools) PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/bench/xdp-bench \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) \
		--theirs=$(OVS_BUILD)/vswitchd/ovs-vswitchd \
		--dptest=tests/dptest$(EXEEXT) $(XDPBENCHFLAGS)
.PHONY: bench-xdp
