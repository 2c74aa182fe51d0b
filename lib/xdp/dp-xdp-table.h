/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_TABLE_H
#define DP_XDP_TABLE_H 1

/* dp-xdp-table: the flows that the XDP program finds
 * ==================================================
 *
 * Job.  Puts flows into the maps that the program reads, takes them out, and
 * reads their counters.  xdp/dp-xdp-abi.h has the layout.  The maps are memory
 * here; no call of this module asks the kernel for anything.
 *
 * Owns.  What is in the maps, and a copy of the books.  The program writes
 * counters, and nothing else.
 *
 * Order.  The program runs on other CPUs all the while, and must not see
 * anything half done.  So an element is written before the store that leads to
 * it, and not again while anybody may look at it: from when it is taken out
 * until the *epoch* of that moment is over, which is for the caller to find
 * out.  dp_xdp_table_epoch_begin() ends an epoch; when every CPU has left the
 * program since, it is over, and dp_xdp_table_epoch_over() says so.
 *
 * Thread-safety.  Any thread; a mutex, taken inside, and held for a few
 * hundred ns.  Counters are read without it.
 *
 * Errors.  ENOSPC: no place for a flow.  EMLINK: a mask too many for its port.
 * EBUSY: there is no place now, but there are some that only wait for an epoch
 * to be over. */

#include <stdbool.h>
#include <stdint.h>

struct dp_xdp_action;
struct dp_xdp_constants;
struct dp_xdp_key;
struct dp_xdp_maps;
struct dp_xdp_stats;
struct dp_xdp_table;
struct ds;

struct dp_xdp_table_size {
    unsigned int n_flows;
    unsigned int n_masks;
    unsigned int n_resting;     /* Flows, masks and lists taken out, that the
                                 * program may still look at. */
};

/* The maps, which are zero, and the constants are borrowed. */
struct dp_xdp_table *dp_xdp_table_create(const struct dp_xdp_maps *,
                                         const struct dp_xdp_constants *);
void dp_xdp_table_destroy(struct dp_xdp_table *);

/* Puts a flow for packets that are 'key' under 'mask'; the in-port is in the
 * key, and exact.  Stores its number in '*flowp'.  Returns 0 or a positive
 * errno value. */
int dp_xdp_table_put(struct dp_xdp_table *, const struct dp_xdp_key *key,
                     const struct dp_xdp_key *mask,
                     const struct dp_xdp_action *, uint32_t *flowp);

/* Takes 'flow' out.  Packets that are under way may still be counted, until
 * dp_xdp_table_is_over() of what this returns. */
uint64_t dp_xdp_table_del(struct dp_xdp_table *, uint32_t flow);

/* Is 'epoch' over? */
bool dp_xdp_table_is_over(const struct dp_xdp_table *, uint64_t epoch);

/* Gives the place of 'flow' away, which was taken out, when nobody looks at it
 * any more. */
void dp_xdp_table_forget(struct dp_xdp_table *, uint32_t flow);

/* What the program has counted since 'flow' was put, until it is forgotten:
 * for those that do not mark.  TCP flags are those since the last reading; one
 * may be told again if a packet comes at this moment, none is lost. */
void dp_xdp_table_read(struct dp_xdp_table *, uint32_t flow,
                       struct dp_xdp_stats *);

/* Are there flows of packets from the port with 'slot'? */
bool dp_xdp_table_has_flows(const struct dp_xdp_table *, uint32_t slot);

/* What is done to the table from now on is not seen by programs; see
 * dp_xdp_maps_part(). */
int dp_xdp_table_leave(struct dp_xdp_table *, struct dp_xdp_maps *);

/* Ends the epoch, and begins the next one.  Returns its number, or 0 if there
 * is nothing that waits for its being over. */
uint64_t dp_xdp_table_epoch_begin(struct dp_xdp_table *);

/* Every CPU has left the program since 'epoch' was ended. */
void dp_xdp_table_epoch_over(struct dp_xdp_table *, uint64_t epoch);

struct dp_xdp_table_size dp_xdp_table_get_size(const struct dp_xdp_table *);

/* Aborts if maps and books differ. */
void dp_xdp_table_check(const struct dp_xdp_table *);

#endif /* dp-xdp-table.h */
