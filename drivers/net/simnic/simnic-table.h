/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_TABLE_H
#define SIMNIC_TABLE_H 1

/* simnic-table: the best rule for a packet
 * ========================================
 *
 * Job.  Hold the rules of one domain (ingress or transfer) of a port and find
 * the best in a group that matches a key: tuple space search.
 *
 * Owns.  The subtables.  Borrows the entries from insert to remove.
 *
 * Invariants.  A subtable holds the entries of one group, one priority and
 * one mask, and is never empty.  Lower priority values win; among equals, the
 * entry that was inserted first.
 *
 * Thread-safety.  None; the port's mutex or its read lock.
 *
 * Cost.  Find: one hash and one probe for each subtable of the group that is
 * not worse than the best match so far.
 *
 * See also.  simnic-flow.h (entries are parts of rules). */

#include "simnic-match.h"

struct simnic_subtable;

struct simnic_entry {
    /* Set by the caller. */
    uint32_t group;
    uint32_t priority;

    /* Set by simnic_table_insert(). */
    uint64_t seq;
    uint64_t hash;
    struct simnic_subtable *subtable;
    struct simnic_entry *next;          /* In its bucket. */
    uint64_t value[SIMNIC_KEY_WORDS];
    struct simnic_match *ranges;        /* Owned; NULL without ranges. */
};

struct simnic_table {
    uint64_t next_seq;
    size_t n;
    struct simnic_group **groups;       /* Sorted by number. */
    size_t n_groups;
};

void simnic_table_init(struct simnic_table *);

/* The table must have no entries. */
void simnic_table_uninit(struct simnic_table *);

/* Adds 'entry', which matches what 'match' does.  Returns 0 or ENOMEM. */
int simnic_table_insert(struct simnic_table *, struct simnic_entry *entry,
                        const struct simnic_match *match);

void simnic_table_remove(struct simnic_table *, struct simnic_entry *);

/* Returns the best entry of 'group' for 'key' that is worse than 'after'
 * (NULL: the best of all), or NULL. */
struct simnic_entry *simnic_table_find(const struct simnic_table *,
                                       uint32_t group,
                                       const struct simnic_key *key,
                                       const struct simnic_entry *after);

/* Number of entries in 'group'. */
size_t simnic_table_count(const struct simnic_table *, uint32_t group);

const struct simnic_mask *simnic_entry_mask(const struct simnic_entry *);

/* True if 'key' matches 'entry'. */
bool simnic_entry_test(const struct simnic_entry *,
                       const struct simnic_key *key);

#endif /* simnic-table.h */
