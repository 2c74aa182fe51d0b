# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/pmd/dp-affinity.c \
	lib/pmd/dp-affinity.h \
	lib/pmd/dp-pmd-loop.c \
	lib/pmd/dp-pmd.c \
	lib/pmd/dp-pmd.h \
	lib/pmd/dp-port.c \
	lib/pmd/dp-port.h \
	lib/pmd/dp-promisc.c \
	lib/pmd/dp-promisc.h \
	lib/pmd/dp-sched-gain.c \
	lib/pmd/dp-sched-gain.h \
	lib/pmd/dp-sched-log.c \
	lib/pmd/dp-sched-log.h \
	lib/pmd/dp-sched.c \
	lib/pmd/dp-sched.h \
	lib/pmd/dp-sleep.c \
	lib/pmd/dp-sleep.h \
	lib/pmd/dp-topology-lanes.c \
	lib/pmd/dp-topology-sched.c \
	lib/pmd/dp-topology.c \
	lib/pmd/dp-topology.h
