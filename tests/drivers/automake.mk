# SPDX-License-Identifier: Apache-2.0

# net_simnic: its matcher, its ports from a program of ours, and its ports
# from dpdk-testpmd.  Needs neither root nor huge pages.
EXTRA_DIST += \
	tests/bench/simnic-io \
	tests/drivers/test-growth \
	tests/drivers/test-load \
	tests/drivers/test-malformed \
	tests/drivers/test-restart \
	tests/drivers/test-run \
	tests/drivers/test-simnic-count \
	tests/drivers/test-simnic-merge \
	tests/drivers/test-simnic-ovs \
	tests/drivers/test-simnic-testpmd \
	tests/drivers/test-telemetry \
	tests/drivers/test-top \
	tests/drivers/testpmd.py

if DPDK_NETDEV
check_PROGRAMS += \
	tests/bench/bench-simnic-modes \
	tests/bench/bench-simnic-rules \
	tests/drivers/test-simnic-match \
	tests/drivers/test-simnic-port

tests_drivers_test_simnic_match_SOURCES = \
	drivers/net/simnic/simnic-key.c \
	drivers/net/simnic/simnic-match.c \
	drivers/net/simnic/simnic-table.c \
	tests/drivers/test-simnic-match.c
tests_drivers_test_simnic_match_CPPFLAGS = $(simnic_cppflags)
tests_drivers_test_simnic_match_CFLAGS = $(simnic_cflags) $(SANITIZER_CFLAGS)
tests_drivers_test_simnic_match_LDFLAGS = $(SANITIZER_CFLAGS)
tests_drivers_test_simnic_match_LDADD = $(simnic_libs)

tests_drivers_test_simnic_port_SOURCES = \
	$(simnic_sources) \
	tests/drivers/simnic-port-rig.c \
	tests/drivers/simnic-port-rig.h \
	tests/drivers/test-simnic-arrive.c \
	tests/drivers/test-simnic-edit.c \
	tests/drivers/test-simnic-flow.c \
	tests/drivers/test-simnic-flow.h \
	tests/drivers/test-simnic-life.c \
	tests/drivers/test-simnic-port.c \
	tests/drivers/test-simnic-refuse.c
tests_drivers_test_simnic_port_CPPFLAGS = $(simnic_cppflags)
tests_drivers_test_simnic_port_CFLAGS = $(simnic_cflags) $(SANITIZER_CFLAGS)
tests_drivers_test_simnic_port_LDFLAGS = $(SANITIZER_CFLAGS)
tests_drivers_test_simnic_port_LDADD = $(simnic_libs) -lrte_hash

tests_bench_bench_simnic_modes_SOURCES = tests/bench/bench-simnic-modes.c
tests_bench_bench_simnic_modes_CPPFLAGS = $(simnic_cppflags)
tests_bench_bench_simnic_modes_CFLAGS = $(simnic_cflags)
tests_bench_bench_simnic_modes_LDFLAGS = $(SANITIZER_CFLAGS)
tests_bench_bench_simnic_modes_LDADD = $(simnic_libs)

tests_bench_bench_simnic_rules_SOURCES = tests/bench/bench-simnic-rules.c
tests_bench_bench_simnic_rules_CPPFLAGS = $(simnic_cppflags)
tests_bench_bench_simnic_rules_CFLAGS = $(simnic_cflags)
tests_bench_bench_simnic_rules_LDFLAGS = $(SANITIZER_CFLAGS)
tests_bench_bench_simnic_rules_LDADD = $(simnic_libs)

simnic_eal = --no-huge -m 256 --no-pci --no-telemetry -l 0 \
	--file-prefix=simnic$$$$
simnic_path = $(abs_builddir)/drivers/net/simnic/librte_net_simnic.so

# Each is a target of its own, so that some run side by side, and all of them
# even if one fails.
drivers_programs = driver-match driver-port driver-testpmd driver-restart
drivers_switch = driver-simnic-ovs driver-malformed driver-simnic-count \
	driver-simnic-merge driver-growth driver-load
drivers_bed = driver-telemetry driver-run driver-top
drivers_needs = tests/drivers/test-simnic-match$(EXEEXT) \
	tests/drivers/test-simnic-port$(EXEEXT) $(simnic_plugin) \
	vswitchd/ovs-vswitchd$(EXEEXT)
check-drivers: $(drivers_needs)
	@$(MAKE) --no-print-directory -k $(CHECK_JOBS) --output-sync=target \
		$(drivers_programs) $(drivers_switch) $(drivers_bed)
driver-match: $(drivers_needs)
	tests/drivers/test-simnic-match
driver-port: $(drivers_needs)
	tests/drivers/test-simnic-port $(simnic_eal)
driver-testpmd: $(drivers_needs)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/drivers/test-simnic-testpmd || test $$? = 77
driver-restart: $(drivers_needs)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/drivers/test-restart \
		--daemon=vswitchd/ovs-vswitchd$(EXEEXT) || test $$? = 77
$(drivers_switch): driver-%: $(drivers_needs)
	$(with_ovs_tools) SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/drivers/test-$* \
		--daemon=vswitchd/ovs-vswitchd$(EXEEXT) || test $$? = 77
$(drivers_bed): driver-%: $(drivers_needs)
	$(PYTHON3) $(srcdir)/tests/drivers/test-$* \
		--source=$(OVS_SOURCE) --build=$(OVS_BUILD) \
		--vswitchd=vswitchd/ovs-vswitchd$(EXEEXT) \
		--plugin=$(simnic_path) || test $$? = 77

# The same programs with AddressSanitizer and UndefinedBehaviorSanitizer,
# however the tree was configured.  A plugin cannot have them, but these have
# the driver linked in.
simnic_sanitize = $(CC) $(simnic_cppflags) $(CPPFLAGS) $(simnic_cflags) -g \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
tests/drivers/test-simnic-match-sanitized: $(simnic_headers) \
		$(tests_drivers_test_simnic_match_SOURCES)
	$(AM_V_CCLD)$(simnic_sanitize) -o $@ $(filter %.c,$^) $(simnic_libs)
tests/drivers/test-simnic-port-sanitized: $(simnic_headers) \
		$(tests_drivers_test_simnic_port_SOURCES)
	$(AM_V_CCLD)$(simnic_sanitize) -o $@ $(filter %.c,$^) $(simnic_libs) \
		-lrte_hash
check-drivers-sanitized: tests/drivers/test-simnic-match-sanitized \
	tests/drivers/test-simnic-port-sanitized
	tests/drivers/test-simnic-match-sanitized
	tests/drivers/test-simnic-port-sanitized $(simnic_eal)
CLEANFILES += \
	tests/drivers/test-simnic-match-sanitized \
	tests/drivers/test-simnic-port-sanitized
EXTRA_DIST += tests/bench/rebalance
bench-rebalance: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin) \
	utilities/rebalance-sim$(EXEEXT)
	$(with_ovs_tools) SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/bench/rebalance
# In huge pages with simnic_bench_memory="--in-memory -m 256".
simnic_bench_memory = --no-huge -m 256
bench-drivers: tests/bench/bench-simnic-modes$(EXEEXT) \
	tests/bench/bench-simnic-rules$(EXEEXT) $(simnic_plugin)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/bench/simnic-io
	cd / && LD_LIBRARY_PATH=$(abs_builddir)/drivers/net/simnic \
		$(abs_builddir)/tests/bench/bench-simnic-rules $(simnic_eal) \
		-d librte_net_simnic.so
	cd / && LD_LIBRARY_PATH=$(abs_builddir)/drivers/net/simnic \
		$(abs_builddir)/tests/bench/bench-simnic-modes \
		$(simnic_bench_memory) --no-pci --no-telemetry -l 0 \
		--file-prefix=simnic$$$$ -d librte_net_simnic.so
else
check-drivers:
check-drivers-sanitized:
bench-drivers:
bench-rebalance:
endif
.PHONY: check-drivers check-drivers-sanitized bench-drivers bench-rebalance \
	$(drivers_programs) $(drivers_switch) $(drivers_bed)
