/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_EXPECT_H
#define CT_EXPECT_H 1

/* ct-expect: connections that another one has announced
 * =====================================================
 *
 * Job.  Remembers what helpers read: from where to where a data connection
 * will come, and how it is to be translated.  The first packet of such a
 * connection takes the expectation.
 *
 * An expectation ends when its connection is committed, when the one that
 * announced it dies, and after CT_EXPECT_MS.  A connection has no more than
 * CT_EXPECT_MAX.
 *
 * Thread-safety.  Any thread.  'mutex' is innermost; where nobody expects
 * anything, it is not taken.
 *
 * Cost.  Connections that begin want 'mutex', and there may be millions of
 * expectations.  So who goes through them has it for CT_EXPECT_HOLD of them at
 * a time, and lets others have it in between. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conntrack.h"
#include "ct/ct-key.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "ovs-thread.h"

struct conn;

#define CT_EXPECT_MS (300 * 1000)
#define CT_EXPECT_MAX 8
#define CT_EXPECT_HOLD 64

struct ct_expected {
    struct ct_key key;          /* 'src_port' is 0: any. */
    struct ct_key parent;       /* Original direction of who announced it. */
    uint32_t parent_index;      /* Of its connection... */
    uint32_t parent_generation; /* ...as long as it has this one. */
    uint32_t mark;              /* The parent's, when it announced. */
    ovs_u128 label;
    struct nat_action_info_t nat;       /* 'nat_action' 0: none. */
};

struct ct_expect_slot;

struct ct_expects {
    uint64_t seed;              /* Constant. */
    atomic_count n;             /* Read without 'mutex'. */
    atomic_count n_waiting;     /* Threads that wait for 'mutex'. */
    atomic_count n_turns;       /* How often somebody had it. */

    struct ovs_mutex mutex;
    struct hmap by_key OVS_GUARDED;
    struct hmap by_parent OVS_GUARDED;
    struct ovs_list by_age OVS_GUARDED; /* Oldest first. */

    /* For dumps: an expectation has the same slot all its life. */
    struct ct_expect_slot *slots OVS_GUARDED;
    size_t allocated_slots OVS_GUARDED;
    uint32_t n_slots OVS_GUARDED;       /* That ever were used. */
    uint32_t free_slot OVS_GUARDED;     /* First of the free ones. */
};

void ct_expects_init(struct ct_expects *, const struct ct_secret *);
void ct_expects_destroy(struct ct_expects *);

/* Adds a copy, unless the same is expected already or its parent expects too
 * much. */
void ct_expect_add(struct ct_expects *, const struct ct_expected *,
                   long long now_ms);

/* Copies to '*out' what is expected for a packet with 'key', if anything. */
bool ct_expect_find(struct ct_expects *, const struct ct_key *key,
                    long long now_ms, struct ct_expected *out);

/* Ends 'expected', of which the caller has a copy. */
void ct_expect_take(struct ct_expects *, const struct ct_expected *);

/* 'conn' has died. */
void ct_expect_forget(struct ct_expects *, const struct conn *);

/* Ends what is too old. */
void ct_expect_expire(struct ct_expects *, long long now_ms);

/* A dump begins at the position that ct_expect_dump() returns.
 * ct_expect_dump_next() copies to '*out' the next one, or returns false if
 * there is none.  What is there all the time comes once, in no certain order;
 * what comes or goes meanwhile, perhaps.  A dump takes no more steps than
 * there were expectations at any one time before it began, and may be left at
 * any point. */
uint32_t ct_expect_dump(struct ct_expects *);
bool ct_expect_dump_next(struct ct_expects *, uint32_t *position,
                         struct ct_expected *out);

#endif /* ct-expect.h */
