# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/ct/ct-keys.h \
	tests/ct/ct-frame.c \
	tests/ct/ct-frame.h \
	tests/ct/ct-pass.c \
	tests/ct/ct-pass.h \
	tests/ct/ct-rival.c \
	tests/ct/ct-rival.h \
	tests/ct/ct-script.c \
	tests/ct/ct-script.h \
	tests/ct/ct-talk.c \
	tests/ct/ct-talk.h \
	tests/ct/ct-theirs.h \
	tests/ct/test-ct-burst.c \
	tests/ct/test-ct-conn.c \
	tests/ct/test-ct-core.c \
	tests/ct/test-ct-differences.c \
	tests/ct/test-ct-expect.c \
	tests/ct/test-ct-frag.c \
	tests/ct/test-ct-ftp.c \
	tests/ct/test-ct-helper.c \
	tests/ct/test-ct-lanes.c \
	tests/ct/test-ct-memory.c \
	tests/ct/test-ct-nat.c \
	tests/ct/test-ct-packet.c \
	tests/ct/test-ct-relearn.c \
	tests/ct/test-ct-rivals.c \
	tests/ct/test-ct-rules.c \
	tests/ct/test-ct-slab.c \
	tests/ct/test-ct-stress.c \
	tests/ct/test-ct-table.c \
	tests/ct/test-ct-tcp.c \
	tests/ct/test-ct-twin.c \
	tests/ct/test-ct-twin-control.c \
	tests/ct/test-ct-twin-helper.c \
	tests/ct/test-ct-twin-nat.c \
	tests/ct/test-ct-watch.c

# Open vSwitch's own tracker, under other names, with a clock of the test.
ct_theirs = tests/ct/ct-theirs.$(OBJEXT)
CT_THEIRS_MEMBERS = conntrack.o conntrack-icmp.o conntrack-other.o \
	conntrack-tcp.o conntrack-tp.o
$(ct_theirs): $(OVS_ARCHIVES)
	$(AM_V_GEN)rm -rf $@.d && $(MKDIR_P) $@.d && cd $@.d && \
	$(AR) x $(OVS_BUILD)/lib/.libs/libopenvswitch.a $(CT_THEIRS_MEMBERS) && \
	$(LD) -r -o all.o $(CT_THEIRS_MEMBERS) && \
	nm -g --defined-only -P all.o \
		| sed 's/^\([^ ]*\) .*/\1 theirs_\1/' >symbols && \
	echo 'time_msec theirs_time_msec' >>symbols && \
	objcopy --redefine-syms=symbols all.o $(abs_builddir)/$@ && \
	cd $(abs_builddir) && rm -r $@.d

# The twin for long: conversations, and the captures that check-twin fetches,
# if they are there.
CT_SOAK_PACKETS = 10000000
ct_soak_captures = $${XDG_CACHE_HOME:-$$HOME/.cache}/markpath/captures
check-ct-soak: tests/dptest$(EXEEXT)
	@captures="$(ct_soak_captures)"; chunk=500000; status=0; \
	test -e "$$captures" || echo "SKIPPED: no real captures"; \
	for seed in `seq $$(($(CT_SOAK_PACKETS) / $$chunk))`; do \
	    if test $$(($$seed % 2)) = 0 && test -e "$$captures"; then \
	        set captures $$chunk $$seed "$$captures"; \
	    else \
	        set check $$chunk $$seed; \
	    fi; \
	    tests/dptest ct-twin "$$@" || status=1; \
	done; exit $$status
.PHONY: check-ct-soak

# Open vSwitch's own test of connection tracking, with its tracker and ours.
check_PROGRAMS += tests/ovstest-ct
tests_ovstest_ct_SOURCES =
tests_ovstest_ct_LDADD = \
	$(OVS_BUILD)/tests/ovstest.o \
	$(OVS_BUILD)/tests/test-conntrack.o \
	$(markpath_libs) \
	$(ovs_libs)
tests_ovstest_ct_DEPENDENCIES = \
	lib/libmarkpath.a \
	ofproto/libmarkofproto.a \
	$(OVS_ARCHIVES)
EXTRA_DIST += tests/ct/compare-ovstest
check-ovstest: tests/ovstest-ct$(EXEEXT)
	@PYTHONDONTWRITEBYTECODE=yes $(PYTHON3) \
		$(srcdir)/tests/ct/compare-ovstest --release=$(OVS_RELEASE) \
		--theirs=$(OVS_BUILD)/tests/ovstest \
		--ours=tests/ovstest-ct$(EXEEXT)
.PHONY: check-ovstest

# What both cost, beside each other.
CT_CONNECTIONS = 1000000
CT_ROUNDS = 5
check_PROGRAMS += tests/bench/bench-ct
tests_bench_bench_ct_SOURCES = \
	tests/bench/bench-ct.c \
	tests/ct/ct-rival.c \
	tests/ct/ct-rival.h
tests_bench_bench_ct_LDADD = lib/libmarkpath.a $(ct_theirs) $(ovs_libs)
tests_bench_bench_ct_DEPENDENCIES = \
	$(ct_theirs) \
	lib/libmarkpath.a \
	$(OVS_ARCHIVES)
bench-ct: tests/bench/bench-ct$(EXEEXT)
	tests/bench/bench-ct $(CT_CONNECTIONS) $(CT_ROUNDS)
.PHONY: bench-ct
