/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_IDS_H
#define DP_XDP_IDS_H 1

/* dp-xdp-ids: numbers of elements that the XDP program may still look at
 * ======================================================================
 *
 * Job.  Gives out the numbers 1...n - 1 of an array.  One that is taken back
 * rests first, until every CPU has left the program: until the *epoch* in
 * which it was taken back is over.
 *
 * Thread-safety.  Nothing that is done twice at once. */

#include <stdint.h>

struct dp_xdp_ids {
    uint32_t n_free;
    uint32_t n_resting;
    uint32_t *free;             /* The last one is given out next. */

    /* A ring, oldest first, and in which epoch each was taken back. */
    uint32_t size;
    uint32_t head;
    uint32_t *resting;
    uint64_t *epochs;
};

void dp_xdp_ids_init(struct dp_xdp_ids *, uint32_t n);
void dp_xdp_ids_uninit(struct dp_xdp_ids *);

/* Returns a free number, or 0. */
uint32_t dp_xdp_ids_get(struct dp_xdp_ids *);

/* Takes 'id' back, which nobody looks at. */
void dp_xdp_ids_put(struct dp_xdp_ids *, uint32_t id);

/* Takes 'id' back in 'epoch', which must not be less than in the calls
 * before. */
void dp_xdp_ids_rest(struct dp_xdp_ids *, uint32_t id, uint64_t epoch);

/* 'epoch', and all before it, are over. */
void dp_xdp_ids_settle(struct dp_xdp_ids *, uint64_t epoch);

#endif /* dp-xdp-ids.h */
