# SPDX-License-Identifier: Apache-2.0

# Upcalls, revalidators and ukeys: takes the place of Open vSwitch's
# ofproto-dpif-upcall.
noinst_LIBRARIES += ofproto/libmarkofproto.a
ofproto_libmarkofproto_a_SOURCES = \
	ofproto/bridge-watch.c \
	ofproto/bridge-watch.h \
	ofproto/detrace.c \
	ofproto/detrace.h \
	ofproto/dp-ops.c \
	ofproto/dp-ops.h \
	ofproto/flow-limit.c \
	ofproto/flow-limit.h \
	ofproto/group-watch.c \
	ofproto/group-watch.h \
	ofproto/mirror-watch.c \
	ofproto/mirror-watch.h \
	ofproto/revalidate.c \
	ofproto/revalidate.h \
	ofproto/revalidator.c \
	ofproto/revalidator.h \
	ofproto/slow-path.c \
	ofproto/slow-path.h \
	ofproto/sweep.c \
	ofproto/sweep.h \
	ofproto/trace-live.c \
	ofproto/trace-live.h \
	ofproto/udpif.c \
	ofproto/udpif.h \
	ofproto/ukey-map.c \
	ofproto/ukey-map.h \
	ofproto/ukey.c \
	ofproto/ukey.h \
	ofproto/upcall-commands.c \
	ofproto/upcall-commands.h \
	ofproto/upcall-log.c \
	ofproto/upcall-log.h \
	ofproto/upcall-sample.c \
	ofproto/upcall-sample.h \
	ofproto/upcall.c \
	ofproto/upcall.h
