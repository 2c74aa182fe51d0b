/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_BRIDGE_WATCH_H
#define OFPROTO_BRIDGE_WATCH_H 1

/* bridge-watch: what happens to bridges without a word to us
 * ==========================================================
 *
 * Job.  Look at the bridges of a datapath for what Open vSwitch changes and
 * does not tell the revalidators, or changes by half: mirrors (mirror-watch.h)
 * and the buckets of select groups (group-watch.h).  Mend it, and make all
 * flows due.
 *
 * Owns.  What it has seen last.
 *
 * Thread-safety.  Main thread only, like Open vSwitch's functions that change
 * bridges.
 *
 * Cost.  A hash lookup and an allocation for each bridge; what its parts say.
 * Groups are looked at once in a second, if tables have changed. */

#include <stdint.h>

#include "sset.h"

struct udpif;

struct bridge_watch {
    struct sset names;          /* Of bridges... */
    int n_refs;                 /* ...when so many held the backer. */
    uint64_t mirrors;           /* Sum of mirror_watch_fingerprint(). */
    uint64_t versions;          /* Sum of the versions of tables... */
    long long int looked;       /* ...when groups were looked at, in ms. */
};

void bridge_watch_init(struct bridge_watch *);
void bridge_watch_uninit(struct bridge_watch *);

/* Looks at the bridges of 'udpif', and again on the next wake-up if there is
 * reason to. */
void bridge_watch_run(struct bridge_watch *, struct udpif *);

#endif /* ofproto/bridge-watch.h */
