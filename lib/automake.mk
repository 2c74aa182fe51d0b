# SPDX-License-Identifier: Apache-2.0
#
# The datapath.  Each room lists its own files.

noinst_LIBRARIES += lib/libmarkpath.a
lib_libmarkpath_a_SOURCES =

include lib/ovs/automake.mk
include lib/flow/automake.mk
include lib/ct/automake.mk
include lib/offload/automake.mk
include lib/rebalance/automake.mk
include lib/rte/automake.mk
include lib/xdp/automake.mk
include lib/merge/automake.mk
include lib/afxdp/automake.mk
include lib/pipe/automake.mk
include lib/pmd/automake.mk
include lib/ctl/automake.mk
