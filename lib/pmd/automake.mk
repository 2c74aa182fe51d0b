# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/pmd/dp-sched-gain.c \
	lib/pmd/dp-sched-gain.h \
	lib/pmd/dp-sched-log.c \
	lib/pmd/dp-sched-log.h \
	lib/pmd/dp-sched.c \
	lib/pmd/dp-sched.h
