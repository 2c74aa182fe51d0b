/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_MIRROR_WATCH_H
#define OFPROTO_MIRROR_WATCH_H 1

/* mirror-watch: have the mirrors of a datapath's bridges changed?
 * ===============================================================
 *
 * Job.  Open vSwitch 3.1 changes its mirrors without a word to the
 * revalidators, so that flows that are there already are mirrored, or go on
 * being mirrored, until something else makes them due.  This module boils the
 * mirrors down to a number; who sees it change makes all flows due.  Since 3.5
 * it is always the same.
 *
 * Owns.  Nothing.
 *
 * Thread-safety.  Main thread only, like Open vSwitch's functions that change
 * mirrors.
 *
 * Cost.  A few allocations for each bridge; three hash lookups for each port
 * of a bridge that has mirrors, and none without. */

#include <stdint.h>

struct dpif_backer;

/* Returns a number that says which packets the bridges of 'backer' mirror
 * where: 0 if they have no mirrors. */
uint64_t mirror_watch_fingerprint(const struct dpif_backer *backer);

#endif /* ofproto/mirror-watch.h */
