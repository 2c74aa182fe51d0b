# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	utilities/check-layers \
	utilities/check-state \
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

# Two network namespaces joined through the switch, with traffic.
EXTRA_DIST += utilities/markpath-run
TIME =
run: vswitchd/ovs-vswitchd$(EXEEXT)
	@$(PYTHON3) $(srcdir)/utilities/markpath-run --source=$(OVS_SOURCE) \
		--build=$(OVS_BUILD) --vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		$(if $(TIME),--time=$(TIME))
.PHONY: run

# Ours, Debian's and testpmd on the same emulated NIC; see its --help.
EXTRA_DIST += \
	tests/bench/chart.py \
	tests/bench/scenarios.py \
	tests/bench/testbed.py \
	utilities/markpath-bench
SCENARIOS =
bench: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/utilities/markpath-bench \
		--vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		--output=bench.json --chart=bench.svg $(SCENARIOS)
.PHONY: bench
