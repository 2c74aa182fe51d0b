/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_FLOW_H
#define DP_FLOW_H 1

/* dp-flow: one megaflow in one lane
 * =================================
 *
 * Job.  Hold a megaflow as a lane knows it: the unmasked key of the packet
 * that made it, its mask, its masked words for the classifier, its compiled
 * actions and its statistics.
 *
 * Owns.  Key, masked words, actions and credit; a reference to the mask, which
 * it shares with its subtable.
 *
 * Life.  dp_flow_create() gives one reference, which belongs to the flow
 * table.  Caches and the offload engine take their own.  The last reference
 * frees the flow after a grace period, so that a thread that found it under
 * RCU needs no reference until it quiesces.  'dead' is set when the flow
 * leaves its table and never cleared: caches drop a dead flow when they next
 * see it.
 *
 * Thread-safety.  Three kinds of members, see the headings below.  Statistics
 * are written by the owner lane only and read by anyone; a reader may see
 * packets without their bytes for a moment, never bytes without packets.
 * What merged rules did in the flow's place is booked beside them, in
 * dp-credit.h, and is part of what dp_flow_get_stats() tells.
 *
 * Units.  'used' in ms of time_msec(), 0 for "never"; bytes of frames. */

#include "cmap.h"
#include "dpif.h"
#include "flow.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "flow/dp-actions.h"
#include "flow/dp-credit.h"
#include "flow/dp-mask.h"
#include "flow/dp-verify.h"

/* The first cache line has all that a packet needs which a mark has brought
 * here and whose only action is output. */
struct dp_flow {
    /* Published (RCU or atomic). */
    OVSRCU_TYPE(struct dp_actions *) actions;
    atomic_uint32_t output;         /* The only action is output to this port;
                                     * or ODPP_NONE.  Follows 'actions'. */
    atomic_bool dead;
    atomic_bool offered;            /* The offload engine knows it. */

    /* Owner thread only. */
    uint8_t group;                  /* Scratch of one stage (dp-group.c). */

    /* Constant after creation. */
    bool can_be_tcp;                /* Whether TCP flags need to be read. */
    odp_port_t in_port;
    struct dp_verify verify;        /* What a mark leaves to be looked at. */

    /* Statistics. */
    atomic_uint16_t tcp_flags;
    atomic_llong used;
    atomic_ullong n_packets;
    atomic_ullong n_bytes;

    /* Constant after creation. */
    uint16_t tcp_flags_mask;        /* Of a merged flow's packets: these TCP */
    uint16_t tcp_flags_value;       /* flags have these values. */
    bool merged;                    /* Made by dp-merge.h, see
                                     * dp_flow_set_merged(). */
    bool simple;                    /* Whether 'simple_node' is in use. */
    ovs_be16 dl_type;
    uint32_t cls_hash;              /* Of 'values'. */
    struct ovs_refcount ref_cnt;
    uint64_t simple_key;
    struct cmap_node simple_node;   /* Published: in the lane's simple flows
                                     * (dp-simple), by 'simple_key'. */
    struct cmap_node ufid_node;     /* Published: in the lane's table. */
    ovs_u128 ufid;                  /* Names the flow to the upper layers. */
    ovs_u128 mega_ufid;             /* Hash of mask and masked key: equal for
                                     * the same megaflow in every lane. */
    struct miniflow *key;           /* Owned; unmasked. */
    unsigned int lane_id;           /* Core of the lane, or NON_PMD_CORE_ID. */
    atomic_uint32_t generation;     /* Published: how often 'actions' were
                                     * replaced. */
    ATOMIC(struct dp_credit *) credit;  /* Owned, published: NULL if nothing
                                         * was ever built on the flow. */
    uint32_t place;                 /* Guarded by the mutex of its table: in
                                     * the table's array. */
    struct dp_mask *mask;           /* Counted. */
    struct cmap_node cls_node;      /* Published: in its subtable. */
    uint64_t values[];              /* 'mask->n_words' masked words. */
};
BUILD_ASSERT_DECL(offsetof(struct dp_flow, dl_type) <= CACHE_LINE_SIZE);

struct dp_flow *dp_flow_create(const struct flow *, struct dp_mask *,
                               const ovs_u128 *ufid, unsigned int lane_id,
                               const struct nlattr *actions, size_t len);
void dp_flow_set_merged(struct dp_flow *);
void dp_flow_ref(struct dp_flow *);
bool dp_flow_try_ref(struct dp_flow *);
void dp_flow_unref(struct dp_flow *);

struct dp_actions *dp_flow_set_actions(struct dp_flow *,
                                       const struct nlattr *, size_t len);
void dp_flow_get_stats(const struct dp_flow *, struct dpif_flow_stats *);
void dp_flow_clear_stats(struct dp_flow *);
void dp_flow_get_match(const struct dp_flow *, struct match *);
struct dp_credit *dp_flow_ensure_credit(struct dp_flow *);

/* Asks for the memory that a dump reads. */
static inline void
dp_flow_prefetch(const struct dp_flow *flow)
{
    const char *p = (const char *) flow;

    for (size_t i = 0; i < sizeof *flow; i += CACHE_LINE_SIZE) {
        OVS_PREFETCH(p + i);
    }
}

static inline bool
dp_flow_is_dead(const struct dp_flow *flow)
{
    bool dead;

    atomic_read_relaxed(&CONST_CAST(struct dp_flow *, flow)->dead, &dead);
    return dead;
}

static inline const struct dp_actions *
dp_flow_get_actions(const struct dp_flow *flow)
{
    return ovsrcu_get(struct dp_actions *, &flow->actions);
}

/* Returns a number that rises after each replacement of the actions.  Whoever
 * reads it first and then the actions, and builds on them, finds a higher one
 * if they were replaced meanwhile, or later. */
static inline uint32_t
dp_flow_get_generation(const struct dp_flow *flow)
{
    uint32_t generation;

    atomic_read_explicit(&CONST_CAST(struct dp_flow *, flow)->generation,
                         &generation, memory_order_acquire);
    return generation;
}

/* Does the offload engine know the flow, or did it? */
static inline bool
dp_flow_is_offered(const struct dp_flow *flow)
{
    bool offered;

    atomic_read_relaxed(&CONST_CAST(struct dp_flow *, flow)->offered,
                        &offered);
    return offered;
}

/* Returns the flow's credit, or NULL if nothing was ever built on it. */
static inline struct dp_credit *
dp_flow_get_credit(const struct dp_flow *flow)
{
    struct dp_credit *credit;

    atomic_read_explicit(&CONST_CAST(struct dp_flow *, flow)->credit, &credit,
                         memory_order_acquire);
    return credit;
}

/* Returns the port if the flow's only action is output to one, or ODPP_NONE.
 * Without looking at the actions: that saves a cache line. */
static inline odp_port_t
dp_flow_get_output(const struct dp_flow *flow)
{
    uint32_t port_no;

    atomic_read_relaxed(&CONST_CAST(struct dp_flow *, flow)->output, &port_no);
    return u32_to_odp(port_no);
}

/* Returns how many packets the owner lane has counted: never less than before,
 * and without what is booked beside them. */
static inline uint64_t
dp_flow_get_n_counted(const struct dp_flow *flow)
{
    unsigned long long int n;

    atomic_read_relaxed(&CONST_CAST(struct dp_flow *, flow)->n_packets, &n);
    return n;
}

/* Books 'n_packets' and 'n_bytes', last seen at 'now' ms, to 'flow'.  Only
 * the owner lane may call this. */
static inline void
dp_flow_count(struct dp_flow *flow, unsigned int n_packets,
              unsigned int n_bytes, uint16_t tcp_flags, long long int now)
{
    unsigned long long int count;
    uint16_t flags;

    atomic_store_relaxed(&flow->used, now);
    atomic_read_relaxed(&flow->n_packets, &count);
    atomic_store_relaxed(&flow->n_packets, count + n_packets);
    atomic_read_relaxed(&flow->n_bytes, &count);
    atomic_store_explicit(&flow->n_bytes, count + n_bytes,
                          memory_order_release);
    if (tcp_flags) {
        atomic_read_relaxed(&flow->tcp_flags, &flags);
        if (tcp_flags & ~flags) {
            atomic_store_relaxed(&flow->tcp_flags, flags | tcp_flags);
        }
    }
}

/* Returns whether 'key', of a packet from 'in_port', lies in the megaflow
 * 'flow'. */
static inline bool
dp_flow_matches(const struct dp_flow *flow, odp_port_t in_port,
                const struct dp_key *key)
{
    uint64_t values[FLOW_U64S];
    uint64_t differ = flow->in_port != in_port;

    dp_mask_gather(flow->mask, key, values);
    for (size_t i = 0; i < flow->mask->n_words; i++) {
        differ |= values[i] ^ flow->values[i];
    }
    return !differ;
}

#endif /* dp-flow.h */
