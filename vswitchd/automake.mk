# SPDX-License-Identifier: Apache-2.0

sbin_PROGRAMS += vswitchd/ovs-vswitchd
vswitchd_ovs_vswitchd_SOURCES = vswitchd/main.c
vswitchd_ovs_vswitchd_LDADD = \
	$(markpath_libs) \
	$(OVS_BUILD)/vswitchd/bridge.o \
	$(OVS_BUILD)/vswitchd/system-stats.o \
	$(ovs_libs)
vswitchd_ovs_vswitchd_DEPENDENCIES = \
	lib/libmarkpath.a \
	ofproto/libmarkofproto.a \
	$(OVS_BUILD)/vswitchd/bridge.o \
	$(OVS_ARCHIVES)

dist_man_MANS += vswitchd/ovs-vswitchd.8
