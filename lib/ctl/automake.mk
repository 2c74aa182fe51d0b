# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/ctl/dp-config.c \
	lib/ctl/dp-config.h \
	lib/ctl/dpif-netdev-ct.c \
	lib/ctl/dpif-netdev-ct.h
