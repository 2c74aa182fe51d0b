/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RECENT_H
#define DP_RECENT_H 1

/* dp-recent: megaflows that packets took when they came back
 * ==========================================================
 *
 * Job.  Packets that come back to the pipe, from the connection tracker above
 * all, belong to many connections and take few megaflows.  A cache by whole
 * keys would need an entry for each connection and pass.  This one remembers
 * megaflows: by what earlier passes say of a packet it finds one that such
 * packets took lately, and compares the packet's bytes (dp-raw.h), or what was
 * extracted of them, under its mask.  As megaflows never overlap, one that
 * matches is the one.
 *
 * Owns.  One reference on each flow in it, until it is replaced or swept.
 *
 * Thread-safety.  Private to one lane; whoever runs the lane uses it.
 *
 * Cost.  A hit: the first line of metadata, the flow's masked words, no hash
 * of the connection and mostly no extraction; and memory for each megaflow and
 * not for each connection.  What is no hit has cost two comparisons in
 * vain. */

#include <string.h>
#include "flow/dp-flow.h"
#include "flow/dp-key.h"
#include "flow/dp-raw.h"

enum {
    DP_RECENT_PLACES = 256,     /* A power of 2. */
    DP_RECENT_PATIENCE = 16,    /* Packets that a flow does not match, until
                                 * the place is another one's. */
};

struct dp_recent_place {
    struct dp_flow *flow;       /* Counted; NULL if the place is free. */
    unsigned int n_misses;      /* Since it is there. */
    struct dp_raw raw;          /* Which packets are of 'flow'. */
};

struct dp_recent {
    struct dp_recent_place places[DP_RECENT_PLACES];
};

/* The mask that was used last, ready for keys that look the same. */
struct dp_recent_plan {
    const struct dp_mask *mask; /* NULL: none yet. */
    struct dp_mask_plan plan;
};

static inline void
dp_recent_plan_init(struct dp_recent_plan *plan)
{
    plan->mask = NULL;
    memset(&plan->plan.map, 0, sizeof plan->plan.map);
}

void dp_recent_init(struct dp_recent *);
void dp_recent_flush(struct dp_recent *);
void dp_recent_sweep(struct dp_recent *);

/* Tells that 'packet' is of 'flow', which neither dp_recent_find_raw() nor
 * dp_recent_find() knew. */
void dp_recent_offer(struct dp_recent *, struct dp_packet *packet,
                     struct dp_flow *flow);

/* Returns the index of the place for packets with 'passes'.  Hashes of the
 * datapath are matched by their lowest bits, so neighbours have places of
 * their own. */
static inline size_t
dp_recent_index(const struct dp_raw_passes *passes)
{
    uint64_t x = (passes->round >> 32 ^ passes->ct << 7 ^ passes->ct >> 32
                  ^ (uint64_t) odp_to_u32(passes->in_port) << 24);

    return ((x * UINT64_C(0x9e3779b97f4a7c15) >> 48) + passes->round)
           & (DP_RECENT_PLACES - 1);
}

/* Returns the flow of 'packet' if that can be told from its bytes, or NULL.
 * If so, sets its offsets, and stores its TCP flags, in host byte order. */
static inline struct dp_flow *
dp_recent_find_raw(const struct dp_recent *recent, struct dp_packet *packet,
                   uint16_t *tcp_flags)
{
    struct dp_raw_passes passes = dp_raw_read_passes(&packet->md);
    const struct dp_recent_place *place
        = &recent->places[dp_recent_index(&passes)];

    return (dp_raw_matches(&place->raw, &passes, packet, tcp_flags)
            && OVS_LIKELY(!dp_flow_is_dead(place->flow)) ? place->flow : NULL);
}

/* Returns the flow of 'packet', of which 'key' was extracted, if it is known,
 * or NULL.  Between two calls with one 'plan' nobody may sweep. */
static inline struct dp_flow *
dp_recent_find(const struct dp_recent *recent, const struct dp_packet *packet,
               const struct dp_key *key, struct dp_recent_plan *plan)
{
    struct dp_raw_passes passes = dp_raw_read_passes(&packet->md);
    struct dp_flow *flow = recent->places[dp_recent_index(&passes)].flow;
    const struct dp_mask *mask;

    if (OVS_UNLIKELY(!flow || dp_flow_is_dead(flow)
                     || flow->in_port != packet->md.in_port.odp_port)) {
        return NULL;
    }
    mask = flow->mask;
    if (mask != plan->mask || !dp_mask_plan_fits(&plan->plan, key)) {
        dp_mask_make_plan(mask, &key->mf.map, &plan->plan);
        plan->mask = mask;
    }
    return (dp_mask_plan_finds(&plan->plan, mask->n_words, key, flow->values)
            ? flow : NULL);
}

#endif /* dp-recent.h */
