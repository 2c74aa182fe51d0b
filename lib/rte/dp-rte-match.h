/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_MATCH_H
#define DP_RTE_MATCH_H 1

/* dp-rte-match: from a megaflow's match to a pattern of rte_flow
 * ==============================================================
 *
 * Job.  Writes a pattern that a NIC understands.  The pattern matches what the
 * megaflow matches, or less, but never more: each bit of the mask has to be
 * consumed by an item, or be a condition that every packet that arrives at a
 * physical port meets.
 *
 * Thread-safety.  No state. */

#include <rte_flow.h>
#include <stdint.h>
#include "offload/dp-offload.h"

#define DP_RTE_MAX_ITEMS 10

struct dp_rte_pattern {
    struct rte_flow_item items[DP_RTE_MAX_ITEMS];
    unsigned int n;                     /* Without the END item. */
    unsigned int used;                  /* Bytes of 'space'. */

    /* What the items point to. */
    uint64_t space[128];
};

/* Translates 'match' into 'pattern'.  Returns DP_OFFLOAD_WHY_NONE, or which
 * part of the match there is no item for. */
enum dp_offload_why dp_rte_match_translate(const struct match *match,
                                           struct dp_rte_pattern *pattern);

#endif /* dp-rte-match.h */
