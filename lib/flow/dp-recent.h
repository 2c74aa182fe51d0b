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
 * packets took lately, and compares the key under its mask.  As megaflows
 * never overlap, one that matches is the one.
 *
 * Owns.  One reference on each flow in it, until it is replaced or swept.
 *
 * Thread-safety.  Private to one lane; whoever runs the lane uses it.
 *
 * Cost.  A hit: two words of the key, the flow's masked words, no hash of the
 * connection, and memory for each megaflow and not for each connection.  What
 * is no hit has cost one comparison in vain. */

#include <string.h>
#include "flow/dp-flow.h"
#include "flow/dp-key.h"

enum {
    DP_RECENT_PLACES = 256,     /* A power of 2. */
    DP_RECENT_PATIENCE = 16,    /* Packets that a flow does not match, until
                                 * the place is another one's. */
};

struct dp_recent_place {
    struct dp_flow *flow;       /* Counted; NULL if the place is free. */
    unsigned int n_misses;      /* Since it is there. */
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

/* Tells that dp_recent_find() did not know 'flow', which 'key' has. */
void dp_recent_offer(struct dp_recent *, const struct dp_key *key,
                     struct dp_flow *flow);

/* Returns the place for keys like 'key'.  Of most packets, the first words of
 * a key are port and hash of the datapath, recirculation and state of the
 * connection, and its mark.  Hashes of the datapath are matched by their
 * lowest bits, so neighbours have places of their own. */
static inline size_t
dp_recent_place(const struct dp_key *key)
{
    uint64_t passes = (key->values[1] ^ key->values[2] << 7
                       ^ key->values[0] >> 32) * UINT64_C(0x9e3779b97f4a7c15);

    return ((passes >> 48) + key->values[0]) & (DP_RECENT_PLACES - 1);
}

/* Returns the flow of 'key' if it is known, or NULL.  Between two calls with
 * one 'plan' nobody may sweep. */
static inline struct dp_flow *
dp_recent_find(const struct dp_recent *recent, const struct dp_key *key,
               struct dp_recent_plan *plan)
{
    struct dp_flow *flow = recent->places[dp_recent_place(key)].flow;
    const struct dp_mask *mask;

    if (OVS_UNLIKELY(!flow || dp_flow_is_dead(flow))) {
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
