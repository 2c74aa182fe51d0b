/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CLS_H
#define DP_CLS_H 1

/* dp-cls: tuple-space classifier
 * ==============================
 *
 * Job.  Find the megaflow of a packet among the megaflows of one ingress port.
 * One subtable per mask holds the megaflows with that mask in a hash table
 * over their masked words; a lookup tries subtables, the busiest first, until
 * one answers.  Megaflows never overlap, so the first answer is the answer.
 * (V. Srinivasan, S. Suri, G. Varghese, "Packet Classification using Tuple
 * Space Search", SIGCOMM 1999.)
 *
 * Owns.  Subtables.  Flows belong to the flow table, which removes them here
 * before it gives up its reference.
 *
 * Thread-safety
 * =============
 *
 *              insert  remove  rank  lookup  find
 *     insert     X        X      X     -      -    X: the table's 'mutex'.
 *     remove     X        X      X     -      -    -: nothing needed.
 *     rank       X        X      X     -      -    lookup: the owner only,
 *     lookup     -        -      -     X      -    as it counts hits.
 *     find       -        -      -     -      -    lookup, find: under RCU.
 *
 * Cost.  Per burst and subtable: gather the masked words of every packet that
 * is still without a flow, hash, one cmap_find_batch(), compare. */

#include "cmap.h"
#include "flow/dp-flow.h"
#include "pvector.h"

struct dp_cls {
    odp_port_t in_port;         /* Constant after creation. */
    struct cmap_node node;      /* In the lane's map of classifiers. */
    struct cmap subtables;      /* Published: by mask. */
    struct pvector ranking;     /* Published: busiest first. */
};

struct dp_cls *dp_cls_create(odp_port_t in_port);
void dp_cls_destroy(struct dp_cls *);

void dp_cls_insert(struct dp_cls *, struct dp_flow *);
void dp_cls_remove(struct dp_cls *, struct dp_flow *);
bool dp_cls_is_empty(const struct dp_cls *);
size_t dp_cls_n_subtables(const struct dp_cls *);
struct dp_mask *dp_cls_share_mask(const struct dp_cls *, struct dp_mask *);

/* Looks up the packets 'want' (a bitmap of indexes into 'keys' and 'flows',
 * at most 32) and sets 'flows' for those that it finds.  Returns the bitmap of
 * those that it did not.  Adds the number of subtables tried for the packets
 * found to '*n_tries'. */
uint32_t dp_cls_lookup(const struct dp_cls *, uint32_t want,
                       struct dp_key *const keys[], struct dp_flow *flows[],
                       unsigned int *n_tries);
struct dp_flow *dp_cls_find(const struct dp_cls *, struct dp_key *);

void dp_cls_rank(struct dp_cls *);

#endif /* dp-cls.h */
