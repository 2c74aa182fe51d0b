/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_MIRROR_WATCH_H
#define OFPROTO_MIRROR_WATCH_H 1

/* mirror-watch: have the mirrors of a bridge changed?
 * ===================================================
 *
 * Job.  Open vSwitch changes its mirrors without a word to the revalidators,
 * so that flows that are there already are not mirrored, or go on being
 * mirrored, until something else makes them due.  This module boils the
 * mirrors down to a number; who sees it change makes all flows due.  Since 3.5
 * only those that are removed go without a word, and the number is that of the
 * ports that mirrors select.
 *
 * Owns.  Nothing.
 *
 * Thread-safety.  Main thread only.
 *
 * Cost.  Three hash lookups for each port of a bridge that has mirrors, none
 * without. */

#include <stdint.h>

struct ofproto_dpif;

/* Returns a number that says which packets 'bridge' mirrors where: 0 if it has
 * no mirrors. */
uint64_t mirror_watch_fingerprint(const struct ofproto_dpif *bridge);

#endif /* ofproto/mirror-watch.h */
