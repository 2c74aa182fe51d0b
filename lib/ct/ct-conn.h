/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_CONN_H
#define CT_CONN_H 1

/* ct-conn: a connection
 * =====================
 *
 * Job.  The memory of one connection, two cache lines, and its life.
 *
 * Ownership.  Connections live in a slab (ct-slab.h), never move, and are
 * named by an index.  Between two quiescent states, a thread that has found
 * one may read it, even if it is dead by then: its memory becomes another
 * connection's only after an RCU grace period, and only when nobody holds a
 * reference by handle.
 *
 * Thread-safety.  What does not change while it lives: the key, 'nat',
 * 'tp_id', CT_F_* marked as fixed.  What changes is either atomic, with the
 * writers named below, or guarded by 'lock', which is held for the time of one
 * packet and within which nobody waits for anything else. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "ct/ct-key.h"
#include "ct/ct-spin.h"
#include "ct/ct-tcp.h"
#include "openvswitch/thread.h"
#include "ovs-atomic.h"
#include "packets.h"

/* The life of a connection.  ct-conn.c has the table of legal edges. */
enum ct_life {
    CT_FREE,                    /* On a free list. */
    CT_EMBRYO,                  /* Filled by the thread that has it. */
    CT_LIVE,                    /* In the table, counted. */
    CT_DEAD,                    /* Left the table; readers may have it. */
    CT_N_LIVES
};

/* Bits of 'flags'. */
enum {
    CT_F_LIFE_MASK = 0x7,       /* enum ct_life. */

    /* Fixed. */
    CT_F_SNAT = 1 << 3,         /* Its original direction is translated... */
    CT_F_DNAT = 1 << 4,         /* ...source, or destination. */
    CT_F_RELATED = 1 << 5,      /* Expected by another one. */
    CT_F_FTP = 1 << 6,          /* Its text is read by a helper. */
    CT_F_TFTP = 1 << 7,

    /* Set once, by whoever sees it first. */
    CT_F_SEEN_MORE = 1 << 8,    /* More than one packet, one way (not TCP). */
    CT_F_SEEN_REPLY = 1 << 9,   /* A packet of the other side. */

    /* Switched under 'lock', while it lives, by who offloads it. */
    CT_F_LIBERAL = 1 << 10,     /* Windows are not tested (ct-bypass.h). */
    CT_F_ARMED = 1 << 11,       /* The listener is told before it changes
                                 * (ct-watch.h): it neither dies nor expires
                                 * until that is done. */

    /* Counts changes of mark and label, twice each: odd while one is made. */
    CT_F_MARKS_SHIFT = 16,
    CT_F_MARKS_ONE = 1 << CT_F_MARKS_SHIFT,
};

struct conn {
    /* First line: read for each packet. */
    struct ct_key key;          /* Of the original direction. */
    ATOMIC(long long) expiry;   /* ms; invisible from then on.  Any packet. */
    atomic_uint32_t flags;      /* CT_F_*. */
    atomic_uint32_t generation; /* Rises when the slot is freed. */
    atomic_uint32_t mark;       /* See ct_conn_set_marks(). */
    uint32_t index;             /* Its own. */

    /* Second line. */
    ATOMIC(uint64_t) label[2];  /* Likewise; low half first. */
    struct ct_tcp_peer peers[2];        /* TCP's, guarded by 'lock'. */
    atomic_uint32_t lock;       /* ct_conn_lock(). */
    atomic_uint32_t refs;       /* Handles that pin the slot. */
    uint32_t nat;               /* Index of its struct ct_nat, or 0. */
    uint32_t tp_id;             /* Timeout policy. */
    uint32_t extra;             /* Index of its struct ct_extra, or 0. */
    union {
        uint32_t next;          /* Of a list of free or dead slots. */
        uint32_t tag;           /* The listener's, if CT_F_ARMED; guarded by
                                 * 'lock'. */
    };
};
BUILD_ASSERT_DECL(sizeof(struct conn) == 128);

/* What a translated connection has besides: the key of its replies, as they
 * arrive, but for what all keys of a connection share. */
struct ct_nat {
    uint32_t addrs[8];
    uint32_t ports;
};
BUILD_ASSERT_DECL(sizeof(struct ct_nat) == offsetof(struct ct_key, zone));

/* By how much the sequence numbers of one direction are off behind a segment
 * whose text was replaced. */
struct ct_skew {
    uint32_t seq;               /* Of the segment, as its sender counts. */
    int32_t before, after;      /* Up to it, and behind it. */
};

/* What connections have that have a helper or were expected. */
struct ct_extra {
    struct ct_key parent;       /* Of who announced it, if CT_F_RELATED. */
    struct ct_skew skew[2];     /* TCP's, guarded by 'lock'. */
};

static inline void
ct_nat_set_reply(struct ct_nat *nat, const struct ct_key *reply)
{
    memcpy(nat, reply, sizeof *nat);
}

/* Stores the key of the replies of 'conn', which has 'nat'.  Writes words. */
static inline void
ct_nat_get_reply(const struct ct_nat *nat, const struct conn *conn,
                 struct ct_key *reply)
{
    const uint64_t ports = (uint64_t) UINT32_MAX << CT_KEY_PORTS;

    memcpy(&reply->words[0], &nat->addrs[0], sizeof reply->words[0]);
    memcpy(&reply->words[1], &nat->addrs[2], sizeof reply->words[1]);
    memcpy(&reply->words[2], &nat->addrs[4], sizeof reply->words[2]);
    memcpy(&reply->words[3], &nat->addrs[6], sizeof reply->words[3]);
    reply->words[4] = ((conn->key.words[4] & ~ports)
                       | (uint64_t) nat->ports << CT_KEY_PORTS);
}

/* Who sees CT_LIVE sees all that the embryo was given. */
static inline enum ct_life
ct_conn_life(const struct conn *conn)
{
    uint32_t flags;

    atomic_read_explicit(&CONST_CAST(struct conn *, conn)->flags, &flags,
                         memory_order_acquire);
    return flags & CT_F_LIFE_MASK;
}

static inline uint32_t
ct_conn_flags(const struct conn *conn)
{
    uint32_t flags;

    atomic_read_relaxed(&CONST_CAST(struct conn *, conn)->flags, &flags);
    return flags;
}

static inline bool
ct_conn_has_helper(const struct conn *conn)
{
    return ct_conn_flags(conn) & (CT_F_FTP | CT_F_TFTP);
}

/* Sets 'flags' of 'conn', an embryo or one whose lock the caller has, besides
 * those that it has. */
static inline void
ct_conn_set_flags(struct conn *conn, uint32_t flags)
{
    uint32_t orig;

    atomic_or_relaxed(&conn->flags, flags, &orig);
}

/* Clears 'flags' of 'conn', whose lock the caller has.  Returns those that it
 * had before. */
static inline uint32_t
ct_conn_clear_flags(struct conn *conn, uint32_t flags)
{
    uint32_t orig;

    atomic_and_explicit(&conn->flags, ~flags, &orig, memory_order_release);
    return orig;
}

/* Mark and label change together, under 'lock', and packets read them without:
 * who sees that the count has changed meanwhile reads again. */
void ct_conn_set_marks(struct conn *, uint32_t mark, ovs_u128 label);
void ct_conn_read_marks_again__(const struct conn *, uint32_t *mark,
                                ovs_u128 *label);

static inline bool
ct_conn_try_marks__(const struct conn *conn_, uint32_t *mark, ovs_u128 *label)
{
    struct conn *conn = CONST_CAST(struct conn *, conn_);
    uint32_t before, after;

    atomic_read_explicit(&conn->flags, &before, memory_order_acquire);
    atomic_read_relaxed(&conn->mark, mark);
    atomic_read_relaxed(&conn->label[0], &label->u64.lo);
    atomic_read_relaxed(&conn->label[1], &label->u64.hi);
    atomic_thread_fence(memory_order_acquire);
    atomic_read_relaxed(&conn->flags, &after);
    return (!(before & CT_F_MARKS_ONE)
            && before >> CT_F_MARKS_SHIFT == after >> CT_F_MARKS_SHIFT);
}

static inline void
ct_conn_get_marks(const struct conn *conn, uint32_t *mark, ovs_u128 *label)
{
    if (OVS_UNLIKELY(!ct_conn_try_marks__(conn, mark, label))) {
        ct_conn_read_marks_again__(conn, mark, label);
    }
}

/* Moves 'conn' from one life to another.  Returns false if it was not, or no
 * longer, in 'from': another thread was faster; or if it would die, but is
 * armed.  Aborts on an edge that is not legal. */
bool ct_conn_move(struct conn *, enum ct_life from, enum ct_life to);

/* Is 'conn' there for packets at 'now_ms'?  One that is armed does not go by
 * itself. */
static inline bool
ct_conn_is_visible(const struct conn *conn, long long now_ms)
{
    long long expiry;
    uint32_t flags;

    atomic_read_relaxed(&CONST_CAST(struct conn *, conn)->expiry, &expiry);
    atomic_read_explicit(&CONST_CAST(struct conn *, conn)->flags, &flags,
                         memory_order_acquire);
    return ((flags & CT_F_LIFE_MASK) == CT_LIVE
            && (now_ms < expiry || flags & CT_F_ARMED));
}

static inline void
ct_conn_lock(struct conn *conn)
{
    ct_spin_lock(&conn->lock);
}

static inline void
ct_conn_unlock(struct conn *conn)
{
    ct_spin_unlock(&conn->lock);
}

#endif /* ct-conn.h */
