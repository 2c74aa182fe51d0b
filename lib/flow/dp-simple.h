/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SIMPLE_H
#define DP_SIMPLE_H 1

/* dp-simple: lookup for ports whose megaflows match hardly anything
 * =================================================================
 *
 * Job.  Where all megaflows of a port match only the port, the Ethernet type,
 * the outer VLAN and the fragment bits, as with "in_port=1,actions=2", find a
 * packet's megaflow from these few header fields, without full extraction.
 *
 * Owns.  Nothing: it is a view of the flow table of the same lane.  A port's
 * entry counts its flows and those of them that are simple; the lookup is on
 * while the two are equal.
 *
 * Thread-safety.  Writers hold the lane's flow table mutex.  Readers need only
 * RCU; they may miss a flow that was just added, and then do full lookup.
 *
 * Cost.  One hash of 64 bits and one cmap lookup per packet, or once for its
 * neighbours that have the same key.  A load and a branch for each burst where
 * the lookup is off for all ports; else a cmap lookup to find out. */

#include "cmap.h"
#include "ovs-atomic.h"
#include "flow/dp-flow.h"

struct dp_simple {
    struct cmap ports;          /* Published: 'struct dp_simple_port's. */
    struct cmap flows;          /* Published: simple flows, by their key. */
    atomic_uint32_t n_enabled;  /* Published: ports whose lookup is on. */
};

void dp_simple_init(struct dp_simple *);
void dp_simple_uninit(struct dp_simple *);
void dp_simple_insert(struct dp_simple *, struct dp_flow *);
void dp_simple_remove(struct dp_simple *, struct dp_flow *);
bool dp_simple_port_enabled(const struct dp_simple *, odp_port_t);
uint64_t dp_simple_key(odp_port_t, ovs_be16 dl_type, uint8_t nw_frag,
                       ovs_be16 vlan_tci);
struct dp_flow *dp_simple_find(const struct dp_simple *, uint64_t key);

/* Returns whether dp_simple_find() can answer for packets of 'port_no'. */
static inline bool
dp_simple_enabled(const struct dp_simple *simple, odp_port_t port_no)
{
    uint32_t n;

    atomic_read_relaxed(&CONST_CAST(struct dp_simple *, simple)->n_enabled,
                        &n);
    return n && dp_simple_port_enabled(simple, port_no);
}

#endif /* dp-simple.h */
