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

# Simulator of policies for a full NIC.
noinst_PROGRAMS += utilities/rebalance-sim
utilities_rebalance_sim_SOURCES = \
	utilities/rebalance-sim.c \
	utilities/rebalance-sim.h \
	utilities/rebalance-sim-policies.c \
	utilities/rebalance-sim-svg.c \
	utilities/rebalance-sim-traffic.c
utilities_rebalance_sim_LDADD = lib/libmarkpath.a $(ovs_libs)
