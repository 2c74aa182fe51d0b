# SPDX-License-Identifier: Apache-2.0

lib_libmarkpath_a_SOURCES += \
	lib/ovs/ovs-afxdp.h \
	lib/ovs/ovs-conntrack.h \
	lib/ovs/ovs-conntrack-own.h \
	lib/ovs/ovs-daemon.h \
	lib/ovs/ovs-dpctl.h \
	lib/ovs/ovs-flow-compose.h \
	lib/ovs/ovs-group-format.h \
	lib/ovs/ovs-ipv6.h \
	lib/ovs/ovs-learn.h \
	lib/ovs/ovs-long-dump.h \
	lib/ovs/ovs-mirror.h \
	lib/ovs/ovs-odp-format.h \
	lib/ovs/ovs-offload-delay.h \
	lib/ovs/ovs-packet-offload.h \
	lib/ovs/ovs-pmd-sleep.h \
	lib/ovs/ovs-recirc-depth.h \
	lib/ovs/ovs-version.h
