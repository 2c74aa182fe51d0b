# SPDX-License-Identifier: Apache-2.0

# net_simnic: its matcher, its ports from a program of ours, and its ports
# from dpdk-testpmd.  Needs neither root nor huge pages.
EXTRA_DIST += \
	tests/bench/simnic-io \
	tests/drivers/test-simnic-ovs \
	tests/drivers/test-simnic-testpmd \
	tests/drivers/testpmd.py

if DPDK_NETDEV
check_PROGRAMS += \
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
	tests/drivers/simnic-util.c \
	tests/drivers/simnic-util.h \
	tests/drivers/test-simnic-flow.c \
	tests/drivers/test-simnic-flow.h \
	tests/drivers/test-simnic-port.c
tests_drivers_test_simnic_port_CPPFLAGS = $(simnic_cppflags)
tests_drivers_test_simnic_port_CFLAGS = $(simnic_cflags) $(SANITIZER_CFLAGS)
tests_drivers_test_simnic_port_LDFLAGS = $(SANITIZER_CFLAGS)
tests_drivers_test_simnic_port_LDADD = $(simnic_libs) -lrte_hash

tests_bench_bench_simnic_rules_SOURCES = tests/bench/bench-simnic-rules.c
tests_bench_bench_simnic_rules_CPPFLAGS = $(simnic_cppflags)
tests_bench_bench_simnic_rules_CFLAGS = $(simnic_cflags)
tests_bench_bench_simnic_rules_LDFLAGS = $(SANITIZER_CFLAGS)
tests_bench_bench_simnic_rules_LDADD = $(simnic_libs)

simnic_eal = --no-huge -m 256 --no-pci --no-telemetry -l 0 \
	--file-prefix=simnic$$$$
simnic_path = $(abs_builddir)/drivers/net/simnic/librte_net_simnic.so

check-drivers: tests/drivers/test-simnic-match$(EXEEXT) \
	tests/drivers/test-simnic-port$(EXEEXT) $(simnic_plugin)
	tests/drivers/test-simnic-match
	tests/drivers/test-simnic-port $(simnic_eal)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/drivers/test-simnic-testpmd
EXTRA_DIST += tests/bench/rebalance
bench-rebalance: vswitchd/ovs-vswitchd$(EXEEXT) $(simnic_plugin) \
	utilities/rebalance-sim$(EXEEXT)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) $(srcdir)/tests/bench/rebalance
bench-drivers: tests/bench/bench-simnic-rules$(EXEEXT) $(simnic_plugin)
	SIMNIC_PLUGIN=$(simnic_path) $(PYTHON3) \
		$(srcdir)/tests/bench/simnic-io
	cd / && LD_LIBRARY_PATH=$(abs_builddir)/drivers/net/simnic \
		$(abs_builddir)/tests/bench/bench-simnic-rules $(simnic_eal) \
		-d librte_net_simnic.so
else
check-drivers:
bench-drivers:
bench-rebalance:
endif
.PHONY: check-drivers bench-drivers bench-rebalance
