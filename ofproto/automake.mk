# SPDX-License-Identifier: Apache-2.0
#
# Upcalls, revalidators and ukeys.

noinst_LIBRARIES += ofproto/libmarkofproto.a
ofproto_libmarkofproto_a_SOURCES =
