# SPDX-License-Identifier: Apache-2.0

# Open vSwitch's tools and schema, which need not be installed.
with_ovs_tools = PATH=$(OVS_BUILD)/utilities:$(OVS_BUILD)/ovsdb:$$PATH \
	OVS_SCHEMA=$(OVS_SOURCE)/vswitchd/vswitch.ovsschema

# Unit tests: one program, one file per module.
check_PROGRAMS += tests/dptest
tests_dptest_SOURCES = \
	tests/dptest.c \
	tests/dptest.h \
	tests/test-dptest.c
include tests/flow/automake.mk
include tests/ct/automake.mk
include tests/offload/automake.mk
include tests/rebalance/automake.mk
include tests/rte/automake.mk
include tests/xdp/automake.mk
include tests/merge/automake.mk
include tests/afxdp/automake.mk
include tests/pipe/automake.mk
include tests/pmd/automake.mk
include tests/ctl/automake.mk
include tests/ofproto/automake.mk
include tests/drivers/automake.mk
include tests/fuzz/automake.mk
tests_dptest_LDADD = $(markpath_libs) $(ct_theirs) $(ovs_libs)
tests_dptest_DEPENDENCIES = \
	$(ct_theirs) \
	lib/libmarkpath.a \
	ofproto/libmarkofproto.a \
	$(OVS_ARCHIVES)

check-unit: tests/dptest$(EXEEXT) $(simnic_plugin)
	@status=0; SIMNIC_PLUGIN=$(simnic_path); export SIMNIC_PLUGIN; \
	FUZZ_CORPUS=$(abs_top_srcdir)/tests/fuzz/corpus; \
	export FUZZ_CORPUS; \
	$(MAKE) --no-print-directory check-rules || status=1; \
	TSAN_OPTIONS="suppressions=$(abs_top_srcdir)/tests/tsan.supp \
		$$TSAN_OPTIONS" \
	LSAN_OPTIONS="suppressions=$(abs_top_srcdir)/tests/lsan.supp \
		$$LSAN_OPTIONS" tests/dptest all $(CHECK_JOBS) || status=1; \
	exit $$status
EXTRA_DIST += tests/lsan.supp tests/tsan.supp
.PHONY: check-unit

# "Same packets" for long; it says how fast it was.
SOAK_PACKETS = 1000000000
check-soak: tests/dptest$(EXEEXT)
	tests/dptest offload-same-P1-P12-L7-L16-L20 soak $(SOAK_PACKETS)
.PHONY: check-soak

# Our own autotest suite.  It takes Open vSwitch's macros and tools, and our
# daemon.
AT_FILES = \
	tests/lanes.at \
	tests/mends.at \
	tests/merge.at \
	tests/commands.at \
	tests/offload.at \
	tests/packets.at \
	tests/testsuite.at \
	tests/tools.at \
	tests/top.at \
	tests/trace-live.at \
	tests/upcall-bugs.at \
	tests/upcall.at \
	tests/vswitchd.at
EXTRA_DIST += $(AT_FILES) tests/atlocal.in tests/check-probes \
	tests/top/test_top.py
CLEANFILES += tests/package.m4 tests/testsuite
DISTCLEANFILES = tests/atconfig
AUTOTEST_PATH = vswitchd:$(OVS_BUILD)/utilities:$(OVS_BUILD)/ovsdb:$\
$(OVS_BUILD)/tests:$(OVS_SOURCE)/utilities
TESTSUITEFLAGS =

tests/package.m4: $(top_srcdir)/configure.ac
	$(AM_V_GEN)$(MKDIR_P) tests && { \
	echo 'm4_define([AT_PACKAGE_NAME], [$(PACKAGE_NAME)])'; \
	echo 'm4_define([AT_PACKAGE_TARNAME], [$(PACKAGE_TARNAME)])'; \
	echo 'm4_define([AT_PACKAGE_VERSION], [$(PACKAGE_VERSION)])'; \
	echo 'm4_define([AT_PACKAGE_STRING], [$(PACKAGE_STRING)])'; \
	echo 'm4_define([AT_PACKAGE_BUGREPORT], [])'; } > $@
tests/testsuite: $(AT_FILES) tests/package.m4
	$(AM_V_GEN)$(AUTOM4TE) --language=autotest -I tests -I $(srcdir) \
		-I $(OVS_SOURCE) -o $@.tmp $(srcdir)/tests/testsuite.at && \
	mv $@.tmp $@

check-own: tests/testsuite tests/atconfig tests/atlocal \
	vswitchd/ovs-vswitchd$(EXEEXT)
	@$(SHELL) tests/testsuite -C tests AUTOTEST_PATH=$(AUTOTEST_PATH) \
		$(CHECK_OWN_JOBS) $(TESTSUITEFLAGS); status=$$?; \
	$(SED) -n 's/^[0-9]*[.] .* ([^ ]*): \(ok\|FAILED\|skipped\) .*/\1/p' \
		tests/testsuite.log | sort | uniq -c | awk \
		'{ n[$$2] = $$1 } END { printf "%d passed, %d failed, %d skipped\n", \
		  n["ok"], n["FAILED"], n["skipped"] }'; \
	exit $$status
.PHONY: check-own
CHECK_JOBS = -j$$(nproc)
CHECK_OWN_JOBS = -j$$((2 * $$(nproc)))	# They mostly wait.

# Models, checked exhaustively (minutes; needs spin).
EXTRA_DIST += \
	tests/models/conn.pml \
	tests/models/merged.pml \
	tests/models/rule.pml \
	tests/models/run-models \
	tests/models/ukey.pml \
	tests/models/watch.pml
check-models:
	@$(srcdir)/tests/models/run-models
.PHONY: check-models

# Stress: a real daemon is mistreated for TIME seconds, and counts exactly.
# Run it with a daemon that was built with sanitizers, too.
EXTRA_DIST += tests/stress/stress_switch.py tests/stress/upcall-stress
STRESSFLAGS =
stress: vswitchd/ovs-vswitchd$(EXEEXT)
	$(with_ovs_tools) $(PYTHON3) $(srcdir)/tests/stress/upcall-stress \
		--time=$(or $(TIME),60) \
		--daemon=vswitchd/ovs-vswitchd$(EXEEXT) $(STRESSFLAGS)
.PHONY: stress

# Twins: Open vSwitch's daemon and ours get the same packets, for TIME seconds
# (at least a round of all tables), made from SEED.  TWINFLAGS may hold options
# for tests/twin/run-twin.  In a build with sanitizers, theirs is the daemon of
# a build without.
EXTRA_DIST += \
	tests/twin/run-twin \
	tests/twin/twin_captures.py \
	tests/twin/twin_compare.py \
	tests/twin/twin_frames.py \
	tests/twin/twin_pair.py \
	tests/twin/twin_tables.py \
	tests/twin/twin_tables_state.py \
	tests/twin/twin_tables_tunnel.py \
	tests/twin/twin_whole.py
TWINFLAGS =
check-twin: vswitchd/ovs-vswitchd$(EXEEXT)
	@theirs=$(OVS_BUILD); \
	if test -n "$(SANITIZER_CFLAGS)"; then \
	    theirs=`$(SHELL) $(srcdir)/build-aux/ovs-dependency`/build; \
	fi; \
	$(with_ovs_tools) PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/twin/run-twin --release=$(OVS_RELEASE) \
		--theirs=$$theirs/vswitchd/ovs-vswitchd \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) --time=$(or $(TIME),150) \
		--seed=$(or $(SEED),1) $(TWINFLAGS)
.PHONY: check-twin

# Conformance: Open vSwitch's own suites, with our daemon.  CONFORMANCEFLAGS
# may hold options for tests/run-conformance, e.g. "-k dpif-netdev -j4".
EXTRA_DIST += tests/conformance.known tests/run-conformance
CONFORMANCEFLAGS =
run_conformance = $(PYTHON3) $(srcdir)/tests/run-conformance
conformance = $(run_conformance) \
	--source=$(OVS_SOURCE) --build=$(OVS_BUILD) --work=tests/conformance
ours = --binary=vswitchd/ovs-vswitchd$(EXEEXT)

check-ovs: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(conformance) $(ours) $(CONFORMANCEFLAGS)
check-ovs-compare: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(MKDIR_P) tests/conformance
	@rm -f tests/conformance/ovs-theirs.json tests/conformance/ovs-ours.json
	-@$(conformance) --output=tests/conformance/ovs-theirs.json \
		$(CONFORMANCEFLAGS)
	-@$(conformance) --output=tests/conformance/ovs-ours.json $(ours) \
		$(CONFORMANCEFLAGS)
	@$(run_conformance) --compare tests/conformance/ovs-theirs.json \
		tests/conformance/ovs-ours.json
check-system: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(conformance) --suite=system $(ours) $(CONFORMANCEFLAGS)
check-system-compare: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(MKDIR_P) tests/conformance
	@rm -f tests/conformance/system-theirs.json \
		tests/conformance/system-ours.json
	-@$(conformance) --suite=system $(CONFORMANCEFLAGS) \
		--output=tests/conformance/system-theirs.json
	-@$(conformance) --suite=system $(ours) $(CONFORMANCEFLAGS) \
		--output=tests/conformance/system-ours.json
	@$(run_conformance) --compare tests/conformance/system-theirs.json \
		tests/conformance/system-ours.json
check-afxdp: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(conformance) --suite=afxdp $(ours) $(CONFORMANCEFLAGS)
check-afxdp-compare: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(MKDIR_P) tests/conformance
	@rm -f tests/conformance/afxdp-theirs.json \
		tests/conformance/afxdp-ours.json
	-@$(conformance) --suite=afxdp $(CONFORMANCEFLAGS) \
		--output=tests/conformance/afxdp-theirs.json
	-@$(conformance) --suite=afxdp $(ours) $(CONFORMANCEFLAGS) \
		--output=tests/conformance/afxdp-ours.json
	@$(run_conformance) --compare tests/conformance/afxdp-theirs.json \
		tests/conformance/afxdp-ours.json
.PHONY: check-ovs check-ovs-compare check-system check-system-compare \
	check-afxdp check-afxdp-compare

# The same commands, keys and options for Open vSwitch's daemon and ours.
# What differs with each version, and what with one of them.
EXTRA_DIST += \
	tests/commands.differences \
	tests/commands-3.1.differences \
	tests/commands-3.5.differences \
	tests/compare-commands \
	tests/compare_cases.py
check-commands: vswitchd/ovs-vswitchd$(EXEEXT)
	@table=$(srcdir)/tests/commands-$(OVS_RELEASE).differences; \
	if test ! -e $$table; then \
	    echo "skipped: check-commands, there is no $$table"; \
	    echo "0 passed, 0 failed, 1 skipped"; \
	    exit 0; \
	fi; \
	$(with_ovs_tools) PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/compare-commands \
		--theirs=$(OVS_BUILD)/vswitchd/ovs-vswitchd \
		--ours=vswitchd/ovs-vswitchd$(EXEEXT) \
		--xml=$(OVS_SOURCE)/vswitchd/vswitch.xml \
		--differences=$(srcdir)/tests/commands.differences \
		--differences=$$table
.PHONY: check-commands

# Prometheus takes what "markpath metrics" says, and the dashboard with it.
EXTRA_DIST += tests/check-metrics
check-metrics: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@$(with_ovs_tools) PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/check-metrics \
		--source=$(OVS_SOURCE) --build=$(OVS_BUILD) \
		--vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		--plugin=$(simnic_path) || test $$? = 77
.PHONY: check-metrics

# Traffic of ordinary programs through the switch, as root.
EXTRA_DIST += \
	tests/system/traffic \
	tests/system/traffic_bed.py \
	tests/system/traffic_merge.py \
	tests/system/traffic_persist.py \
	tests/system/traffic_stream.py \
	tests/system/traffic_xdp.py
check-traffic: vswitchd/ovs-vswitchd$(EXEEXT)
	@PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/system/traffic --source=$(OVS_SOURCE) \
		--build=$(OVS_BUILD) --vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		|| test $$? = 77
.PHONY: check-traffic

# OVN: three chassis in namespaces, as root, first with our daemon, then with
# Debian's.  OVNFLAGS may hold options for tests/ovn/run-ovn.
EXTRA_DIST += \
	tests/ovn/ovn_chassis.py \
	tests/ovn/ovn_host.py \
	tests/ovn/ovn_lab.py \
	tests/ovn/ovn_process.py \
	tests/ovn/ovn_tests_operation.py \
	tests/ovn/ovn_tests_routing.py \
	tests/ovn/ovn_tests_switching.py \
	tests/ovn/ovn_wire.py \
	tests/ovn/run-ovn
OVNFLAGS =
DEBIAN_DAEMON = /usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk
run_ovn = $(with_ovs_tools) PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
	$(srcdir)/tests/ovn/run-ovn --plugin=$(simnic_path) \
	--schema=$(OVS_SOURCE)/vswitchd/vswitch.ovsschema \
	--ours=vswitchd/ovs-vswitchd$(EXEEXT)
check-ovn: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@$(run_ovn) $(OVNFLAGS) || test $$? = 77
check-ovn-compare: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	@$(run_ovn) --theirs=$(DEBIAN_DAEMON) $(OVNFLAGS) || test $$? = 77
.PHONY: check-ovn check-ovn-compare

# All of them, cheapest first.  Each is run, even if one fails.  For a
# quick "make distcheck", set CHECK_SUITES=check-unit.
CHECK_SUITES = check-unit check-instructions check-ovstest check-merge \
	check-traffic check-xdp check-drivers check-own check-docs check-commands \
	check-twin check-ovs
check-local:
	@status=0; \
	for suite in $(CHECK_SUITES); do \
	    echo "== $$suite"; \
	    $(MAKE) --no-print-directory $$suite || status=1; \
	done; \
	exit $$status

clean-local:
	rm -rf docs tests/conformance tests/testsuite.dir tests/testsuite.log
