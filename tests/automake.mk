# SPDX-License-Identifier: Apache-2.0

# Unit tests: one program, one file per module.
check_PROGRAMS += tests/dptest
tests_dptest_SOURCES = \
	tests/dptest.c \
	tests/dptest.h \
	tests/test-dptest.c
tests_dptest_LDADD = $(markpath_libs) $(ovs_libs)
tests_dptest_DEPENDENCIES = \
	lib/libmarkpath.a \
	ofproto/libmarkofproto.a \
	$(OVS_ARCHIVES)

check-unit: tests/dptest$(EXEEXT) check-rules
	tests/dptest all
.PHONY: check-unit
