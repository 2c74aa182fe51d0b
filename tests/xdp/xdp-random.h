/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XDP_RANDOM_H
#define XDP_RANDOM_H 1

/* xdp-random: packets and megaflows for the XDP program, made by chance
 * ===================================================================== */

#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"

/* Makes a packet of few values, with all that the program knows: up to three
 * tags, IPv4, IPv6, their fragments, TCP, UDP, SCTP, ICMP, ICMPv6, IGMP, and
 * what it does not.  Stores what Open vSwitch extracts from it, as from
 * 'port_no', in '*flow'.  The caller uninitialises it.  If 'sound' is false,
 * something may be wrong with it. */
void xdp_random_packet(struct dp_packet *, odp_port_t port_no, bool sound,
                       struct flow *flow);

/* Makes a megaflow that 'flow' is of, with any mask that may come from an
 * upcall, and some that may not. */
void xdp_random_match(const struct flow *flow, struct match *);

/* Appends actions that change packets of 'flow' to 'actions'. */
void xdp_random_changes(const struct flow *flow, struct ofpbuf *actions);

#endif /* xdp-random.h */
