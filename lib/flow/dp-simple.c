/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-simple.h"

#include "hash.h"
#include "odp-util.h"
#include "util.h"

/* A simple flow's key is 64 bits: port, Ethernet type, fragment bits and the
 * VID and CFI of the outer VLAN.  The fragment bits of a flow that is not IP
 * are 0, and so are those of its packets. */

struct dp_simple_port {
    struct cmap_node node;
    odp_port_t port_no;         /* Constant after creation. */
    unsigned int n_flows;       /* Guarded by the flow table's mutex. */
    unsigned int n_simple;      /* Likewise. */
    atomic_bool enabled;        /* Published: the two are equal, and not 0. */
};

enum { TCI_BITS = VLAN_VID_MASK | VLAN_CFI };

/* Returns the key of packets with these fields. */
uint64_t
dp_simple_key(odp_port_t port_no, ovs_be16 dl_type, uint8_t nw_frag,
              ovs_be16 tci)
{
    return ((uint64_t) odp_to_u32(port_no) << 32
            | (uint64_t) ntohs(dl_type) << 16
            | (nw_frag & FLOW_NW_FRAG_MASK) << 14
            | (ntohs(tci) & TCI_BITS));
}

/* VLAN_CFI is bit 12 and the VID has 12 bits, so that fragment bits fit. */
BUILD_ASSERT_DECL(TCI_BITS < 1 << 14);
BUILD_ASSERT_DECL(FLOW_NW_FRAG_MASK <= 3);

static uint32_t
key_hash(uint64_t key)
{
    return hash_finish(hash_add64(0, key), 8);
}

void
dp_simple_init(struct dp_simple *simple)
{
    cmap_init(&simple->ports);
    cmap_init(&simple->flows);
    atomic_init(&simple->n_enabled, 0);
}

void
dp_simple_uninit(struct dp_simple *simple)
{
    struct dp_simple_port *port;

    CMAP_FOR_EACH (port, node, &simple->ports) {
        cmap_remove(&simple->ports, &port->node,
                    hash_odp_port(port->port_no));
        ovsrcu_postpone(free, port);
    }
    cmap_destroy(&simple->ports);
    cmap_destroy(&simple->flows);
}

static struct dp_simple_port *
find_port(const struct dp_simple *simple, odp_port_t port_no)
{
    struct dp_simple_port *port;

    CMAP_FOR_EACH_WITH_HASH (port, node, hash_odp_port(port_no),
                             &simple->ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

/* Whether 'flow' matches exactly what a simple key holds: packets that have
 * its key and no other packets. */
static bool
flow_is_simple(const struct dp_flow *flow)
{
    struct flow_wildcards wc, most;
    struct flow f;

    miniflow_expand(flow->key, &f);
    dp_mask_expand(flow->mask, &wc);

    if (f.recirc_id || f.packet_type != htonl(PT_ETH)
        || wc.masks.dl_type != OVS_BE16_MAX
        || (wc.masks.vlans[0].tci & htons(TCI_BITS)) != htons(TCI_BITS)
        || (is_ip_any(&f)
            && (wc.masks.nw_frag & FLOW_NW_FRAG_MASK) != FLOW_NW_FRAG_MASK)) {
        return false;
    }

    /* Nothing else may be matched. */
    memset(&most, 0, sizeof most);
    most.masks.recirc_id = UINT32_MAX;
    most.masks.in_port.odp_port = ODPP_NONE;
    most.masks.packet_type = OVS_BE32_MAX;
    most.masks.dl_type = OVS_BE16_MAX;
    most.masks.nw_frag = FLOW_NW_FRAG_MASK;
    most.masks.vlans[0].tci = htons(TCI_BITS);
    if (!f.vlans[0].tci) {
        /* "No VLAN" is one value, however many of its bits are matched. */
        most.masks.vlans[0].tci = OVS_BE16_MAX;
        most.masks.vlans[0].tpid = OVS_BE16_MAX;
    }
    for (size_t i = 0; i < FLOW_U64S; i++) {
        if (flow_u64_value(&wc.masks, i) & ~flow_u64_value(&most.masks, i)) {
            return false;
        }
    }
    return true;
}

static uint64_t
flow_key(const struct dp_flow *flow)
{
    struct flow f;

    miniflow_expand(flow->key, &f);
    return dp_simple_key(flow->in_port, f.dl_type,
                         is_ip_any(&f) ? f.nw_frag : 0, f.vlans[0].tci);
}

/* Takes account of the numbers of flows of 'port', which have changed. */
static void
port_update(struct dp_simple *simple, struct dp_simple_port *port)
{
    bool enabled = port->n_simple && port->n_simple == port->n_flows;
    bool was_enabled;
    uint32_t n;

    atomic_read_relaxed(&port->enabled, &was_enabled);
    if (enabled != was_enabled) {
        atomic_store_relaxed(&port->enabled, enabled);
        atomic_read_relaxed(&simple->n_enabled, &n);
        atomic_store_relaxed(&simple->n_enabled, enabled ? n + 1 : n - 1);
    }
}

/* Takes account of 'flow', which was just added to the flow table. */
void
dp_simple_insert(struct dp_simple *simple, struct dp_flow *flow)
{
    struct dp_simple_port *port = find_port(simple, flow->in_port);

    if (!port) {
        port = xzalloc(sizeof *port);
        port->port_no = flow->in_port;
        atomic_init(&port->enabled, false);
        cmap_insert(&simple->ports, &port->node, hash_odp_port(flow->in_port));
    }
    flow->simple = flow_is_simple(flow);
    port->n_flows++;
    if (flow->simple) {
        port->n_simple++;
        flow->simple_key = flow_key(flow);
        cmap_insert(&simple->flows, &flow->simple_node,
                    key_hash(flow->simple_key));
    }
    port_update(simple, port);
}

/* Takes account of 'flow', which is about to leave the flow table. */
void
dp_simple_remove(struct dp_simple *simple, struct dp_flow *flow)
{
    struct dp_simple_port *port = find_port(simple, flow->in_port);

    port->n_flows--;
    if (flow->simple) {
        port->n_simple--;
        cmap_remove(&simple->flows, &flow->simple_node,
                    key_hash(flow->simple_key));
    }
    port_update(simple, port);
}

/* dp_simple_enabled(), if it is for any port. */
bool
dp_simple_port_enabled(const struct dp_simple *simple, odp_port_t port_no)
{
    struct dp_simple_port *port = find_port(simple, port_no);
    bool enabled = false;

    if (port) {
        atomic_read_relaxed(&port->enabled, &enabled);
    }
    return enabled;
}

/* Returns the flow of packets with 'key', or NULL. */
struct dp_flow *
dp_simple_find(const struct dp_simple *simple, uint64_t key)
{
    struct dp_flow *flow;

    CMAP_FOR_EACH_WITH_HASH (flow, simple_node, key_hash(key),
                             &simple->flows) {
        if (flow->simple_key == key) {
            return flow;
        }
    }
    return NULL;
}
