/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CREDIT_H
#define DP_CREDIT_H 1

/* dp-credit: packets of a megaflow that did not come by it
 * ========================================================
 *
 * Job.  A merged rule takes packets past the megaflows that it was made of.
 * They count there all the same; but a megaflow's own statistics are its
 * lane's alone to write.  So here is a second set, for whoever keeps the books
 * of merged rules (merge/dp-books.h), and a list of his: what is built on the
 * megaflow, and why nothing more could be built.
 *
 * A megaflow has this from when something is built on it first, until its end.
 * A merged flow that the offload engine knows has one for what NICs tell when
 * it has gone.
 *
 * Thread-safety.  'dependents' and 'refused' are guarded by who keeps it.
 * Counts may be written and read by anyone. */

#include <stdint.h>

#include "openvswitch/list.h"
#include "ovs-atomic.h"

struct dpif_flow_stats;

struct dp_credit {
    struct ovs_list dependents;
    unsigned int refused;       /* His reason, of the last time; 0: none. */

    /* Statistics, as in 'struct dp_flow'. */
    atomic_ullong n_packets;
    atomic_ullong n_bytes;
    atomic_llong used;
    atomic_uint16_t tcp_flags;
};

struct dp_credit *dp_credit_create(void);
void dp_credit_destroy(struct dp_credit *);

/* Books 'n_packets' and 'n_bytes'; the last one was seen at 'used' ms. */
void dp_credit_count(struct dp_credit *, uint64_t n_packets, uint64_t n_bytes,
                     uint16_t tcp_flags, long long int used);

/* Adds to '*stats' what was booked, or forgets that. */
void dp_credit_add_stats(const struct dp_credit *, struct dpif_flow_stats *);
void dp_credit_clear(struct dp_credit *);

#endif /* dp-credit.h */
