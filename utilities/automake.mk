# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	utilities/check-layers \
	utilities/check-state \
	utilities/markpath-chroot \
	utilities/state-allowed

# House rules that a machine can see; part of "make check-unit".
check-rules: $(markpath_objects)
	$(AM_V_GEN)$(PYTHON3) $(srcdir)/utilities/check-layers $(srcdir)
if SANITIZED
	@echo "check-state: left out, a sanitizer adds data of its own"
else
	$(AM_V_at)$(PYTHON3) $(srcdir)/utilities/check-state \
		$(srcdir)/utilities/state-allowed $(markpath_objects)
endif
.PHONY: check-rules

# The switch at work: between two emulated NICs, or, PORTS=netns, between two
# network namespaces, or, PORTS=afxdp, the same through ports of type "afxdp",
# or, PORTS=none, without ports, for others to add.
# PCAP=FILE is replayed instead of generated traffic.  What the user gives comes
# through the environment, with whatever is in it.
EXTRA_DIST += \
	utilities/markpath-run-netns \
	utilities/markpath-run-none \
	utilities/markpath-run-simnic \
	utilities/markpath_run.py
TIME =
PCAP =
if DPDK_NETDEV
PORTS = simnic
else
PORTS = netns
endif
run_simnic = --plugin=$(simnic_path)
run_none = --plugin=$(simnic_path)
run_afxdp = --type=afxdp
run: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	$(if $(filter simnic netns afxdp none,$(PORTS)),,$(error PORTS is \
		'$(PORTS)', but must be 'simnic', 'netns', 'afxdp' or 'none'))
	@PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/utilities/markpath-run-$(PORTS:afxdp=netns) \
		--source=$(OVS_SOURCE) --build=$(OVS_BUILD) \
		--vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) $(run_$(PORTS)) \
		--time="$$TIME" --pcap="$$PCAP"
.PHONY: run

# What is installed works with what is installed; the rest needs the tree.
sbin_SCRIPTS += utilities/markpath
markpath_SCRIPTS = \
	utilities/markpath-metrics \
	utilities/markpath-switch \
	utilities/markpath-top
dist_markpath_DATA = \
	utilities/markpath_restart.py \
	utilities/markpath_top_ask.py \
	utilities/markpath_top_figures.py \
	utilities/markpath_top_layout.py
dashboarddir = $(datadir)/markpath
dist_dashboard_DATA = utilities/markpath-dashboard.json
bugtooldir = $(datadir)/openvswitch/bugtool-plugins/network-status
dist_bugtool_DATA = utilities/bugtool/markpath.xml
EXTRA_DIST += $(sbin_SCRIPTS) $(markpath_SCRIPTS)

# "source" it, or have bash-completion do so.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = utilities/markpath-completion.bash
install-data-hook:
	cd $(DESTDIR)$(bashcompletiondir) && \
		ln -sf markpath-completion.bash ovs-appctl && \
		ln -sf markpath-completion.bash markpath
	@echo 'Nothing runs yet; see "$(sbindir)/markpath help".'
uninstall-hook:
	rm -f $(DESTDIR)$(bashcompletiondir)/ovs-appctl
	rm -f $(DESTDIR)$(bashcompletiondir)/markpath

# Ours, Debian's and testpmd on the same emulated NIC; see --help of both.
# SCENARIOS selects some of the packet path's.
EXTRA_DIST += \
	tests/bench/baseline.json \
	tests/bench/chart.py \
	tests/bench/scenarios.py \
	tests/bench/testbed.py \
	utilities/markpath-bench
SCENARIOS =
bench: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@status=0; SIMNIC_PLUGIN=$(simnic_path); export SIMNIC_PLUGIN; \
	$(with_ovs_tools) $(PYTHON3) $(srcdir)/utilities/markpath-bench \
		--vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		--baseline=$(srcdir)/tests/bench/baseline.json \
		--output=bench.json --chart=bench.svg --table=bench.rst \
		$(SCENARIOS) || status=1; \
	$(if $(SCENARIOS),:,$(with_ovs_tools) \
	$(PYTHON3) $(srcdir)/tests/bench/upcall-bench \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) || status=1); \
	exit $$status
.PHONY: bench

# Cycles against the number of something, and the time to steady state, ours
# and Debian's.  CURVES selects some, GROWTHFLAGS is for other options.
EXTRA_DIST += \
	tests/bench/curves.py \
	tests/bench/growth
CURVES =
bench-growth: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@SIMNIC_PLUGIN=$(simnic_path) $(with_ovs_tools) $(PYTHON3) \
		$(srcdir)/tests/bench/growth \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) \
		--output=growth.json --chart=growth.svg \
		$(GROWTHFLAGS) $(CURVES) || test $$? = 77
.PHONY: bench-growth

# Packets that come a few at a time, ours and Debian's.  PARTS selects what is
# measured, LOADFLAGS is for other options.
EXTRA_DIST += tests/bench/load
PARTS =
bench-load: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@SIMNIC_PLUGIN=$(simnic_path) $(with_ovs_tools) $(PYTHON3) \
		$(srcdir)/tests/bench/load \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) --output=load.json \
		$(LOADFLAGS) $(PARTS) || test $$? = 77
.PHONY: bench-load

# For how long traffic is out while the daemon is restarted, with ports of each
# kind, as "markpath restart" does it and as Open vSwitch's scripts do.
EXTRA_DIST += \
	tests/bench/restart \
	tests/bench/restartbed.py
bench-restart: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@for how in "" --by-scripts; do \
		SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
			$(srcdir)/tests/bench/restart $$how \
			--daemon=vswitchd/ovs-vswitchd$(EXEEXT) || \
			test $$? = 77 || exit 1; \
	done
.PHONY: bench-restart

# The longest time without a poll.
EXTRA_DIST += tests/bench/stalls
bench-stalls: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@SIMNIC_PLUGIN=$(simnic_path) $(with_ovs_tools) $(PYTHON3) \
		$(srcdir)/tests/bench/stalls \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) || test $$? = 77
.PHONY: bench-stalls

# Instructions for each packet in the stages of the datapath, which unlike
# times are the same on each run, and are compared with a base line.
bench_instructions = $(PYTHON3) $(srcdir)/tests/bench/instructions \
	--flags="$(strip $(CFLAGS) $(SANITIZER_CFLAGS))" \
	--baseline=$(srcdir)/tests/bench/instructions.json
bench-instructions: tests/bench/bench-flow$(EXEEXT)
	@$(bench_instructions) tests/bench/bench-flow$(EXEEXT) || test $$? = 77
check-instructions: tests/bench/bench-flow$(EXEEXT)
	@$(bench_instructions) --check tests/bench/bench-flow$(EXEEXT) || \
		test $$? = 77
.PHONY: bench-instructions check-instructions
EXTRA_DIST += \
	tests/bench/instructions \
	tests/bench/instructions.json \
	tests/bench/upcall-bench
check_PROGRAMS += tests/bench/bench-flow
tests_bench_bench_flow_SOURCES = \
	tests/bench/bench-flow.c \
	tests/pipe/pipe-rig.c \
	tests/pipe/pipe-rig.h
tests_bench_bench_flow_LDADD = $(markpath_libs) $(ovs_libs)
tests_bench_bench_flow_DEPENDENCIES = \
	lib/libmarkpath.a \
	ofproto/libmarkofproto.a \
	$(OVS_ARCHIVES)

# Simulator of policies for a full NIC.
noinst_PROGRAMS += utilities/rebalance-sim
utilities_rebalance_sim_SOURCES = \
	utilities/rebalance-sim.c \
	utilities/rebalance-sim.h \
	utilities/rebalance-sim-policies.c \
	utilities/rebalance-sim-svg.c \
	utilities/rebalance-sim-traffic.c
utilities_rebalance_sim_LDADD = lib/libmarkpath.a $(ovs_libs)

# Packages for the release of Debian that this runs on, in the folder _debian.
EXTRA_DIST += \
	build-aux/deb \
	debian/changelog \
	debian/control \
	debian/copyright \
	debian/markpath-simnic.install \
	debian/markpath-switch.install \
	debian/markpath-switch.postinst \
	debian/markpath-switch.postrm \
	debian/markpath-switch.prerm \
	debian/rules \
	debian/source/format
deb:
	rm -rf _debian
	$(MKDIR_P) _debian
	$(MAKE) --no-print-directory distdir \
		distdir=_debian/$(PACKAGE)-$(PACKAGE_VERSION)
	build-aux/deb _debian/$(PACKAGE)-$(PACKAGE_VERSION)
.PHONY: deb

# The packages at work, in a clean chroot.  It takes too long for "make check".
EXTRA_DIST += tests/check-deb tests/check-deb-inside
check-deb:
	@$(srcdir)/tests/check-deb || test $$? = 77
.PHONY: check-deb
