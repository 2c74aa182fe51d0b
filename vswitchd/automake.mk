# SPDX-License-Identifier: Apache-2.0

# Not in sbin: there the name belongs to Open vSwitch, or to update-alternatives.
markpathdir = $(prefix)/lib/markpath
markpath_PROGRAMS = vswitchd/ovs-vswitchd
vswitchd_ovs_vswitchd_SOURCES = \
	vswitchd/bpdu-guard.c \
	vswitchd/bpdu-guard.h \
	vswitchd/dpctl-guard.c \
	vswitchd/dpctl-guard.h \
	vswitchd/encap-guard.c \
	vswitchd/encap-guard.h \
	vswitchd/execute-guard.c \
	vswitchd/execute-guard.h \
	vswitchd/main.c \
	vswitchd/standby.c \
	vswitchd/standby.h
# Calls from the library that come to us first.
vswitchd_ovs_vswitchd_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=commit_odp_actions \
	-Wl,--wrap=odp_execute_actions \
	-Wl,--wrap=ovs_get_program_version \
	-Wl,--wrap=ovsdb_idl_is_lock_contended \
	-Wl,--wrap=rstp_port_received_bpdu \
	-Wl,--wrap=unixctl_command_register
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

dist_man_MANS += vswitchd/markpath.8
