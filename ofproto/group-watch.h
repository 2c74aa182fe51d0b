/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_GROUP_WATCH_H
#define OFPROTO_GROUP_WATCH_H 1

/* group-watch: do select groups know all their buckets?
 * =====================================================
 *
 * Job.  A select group of Open vSwitch chooses a bucket by a table from hash
 * values to buckets, which is made when the group is constructed.
 * "insert-buckets" and "remove-bucket" construct a group of the buckets in the
 * message, and give it those of the old group afterwards: its table leads to
 * inserted buckets only, or it has none.  This module finds such groups and
 * has their tables made again.
 *
 * Owns.  Nothing.
 *
 * Thread-safety.  Main thread only.  While groups are mended nobody may
 * translate. */

struct hmapx;
struct ofproto_dpif;

/* Adds to 'groups' those of 'bridge' that were modified 'since' (in ms) or
 * later and do not know all their buckets. */
void group_watch_find(const struct ofproto_dpif *bridge, long long int since,
                      struct hmapx *groups);

/* Has the tables of 'groups' made again. */
void group_watch_mend(const struct hmapx *groups);

#endif /* ofproto/group-watch.h */
