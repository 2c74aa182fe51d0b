# SPDX-License-Identifier: Apache-2.0

tests_dptest_SOURCES += \
	tests/pmd/fake-netdev.c \
	tests/pmd/fake-netdev.h \
	tests/pmd/test-affinity.c \
	tests/pmd/test-promisc.c \
	tests/pmd/test-sched-gain.c \
	tests/pmd/test-sched-log.c \
	tests/pmd/test-sched.c \
	tests/pmd/test-sleep.c \
	tests/pmd/test-topology-lanes.c \
	tests/pmd/test-topology.c \
	tests/pmd/topology-rig.c \
	tests/pmd/topology-rig.h
