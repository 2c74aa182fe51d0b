# SPDX-License-Identifier: Apache-2.0

# Unit tests: one program, one file per module.
check_PROGRAMS += tests/dptest
tests_dptest_SOURCES = \
	tests/dptest.c \
	tests/dptest.h \
	tests/test-dptest.c
include tests/flow/automake.mk
include tests/pipe/automake.mk
include tests/pmd/automake.mk
include tests/ctl/automake.mk
tests_dptest_LDADD = $(markpath_libs) $(ovs_libs)
tests_dptest_DEPENDENCIES = \
	lib/libmarkpath.a \
	ofproto/libmarkofproto.a \
	$(OVS_ARCHIVES)

check-unit: tests/dptest$(EXEEXT) check-rules
	tests/dptest all
.PHONY: check-unit

# Conformance: Open vSwitch's own suites, with our daemon.  CONFORMANCEFLAGS
# may hold options for tests/run-conformance, e.g. "-k dpif-netdev -j4".
EXTRA_DIST += tests/run-conformance
CONFORMANCEFLAGS =
run_conformance = $(PYTHON3) $(srcdir)/tests/run-conformance
conformance = $(run_conformance) \
	--source=$(OVS_SOURCE) --build=$(OVS_BUILD) --work=tests/conformance
ours = --binary=vswitchd/ovs-vswitchd$(EXEEXT)

check-ovs: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(conformance) $(ours) $(CONFORMANCEFLAGS)
check-ovs-compare: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(MKDIR_P) tests/conformance
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
	-@$(conformance) --suite=system $(CONFORMANCEFLAGS) \
		--output=tests/conformance/system-theirs.json
	-@$(conformance) --suite=system $(ours) $(CONFORMANCEFLAGS) \
		--output=tests/conformance/system-ours.json
	@$(run_conformance) --compare tests/conformance/system-theirs.json \
		tests/conformance/system-ours.json
.PHONY: check-ovs check-ovs-compare check-system check-system-compare

clean-local:
	rm -rf tests/conformance
