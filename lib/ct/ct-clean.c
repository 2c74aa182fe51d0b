/* SPDX-License-Identifier: Apache-2.0 */

/* The callbacks of RCU run in a thread of their own, perhaps after the owner
 * has destroyed the tracker: so a batch that waits holds a reference on it.
 *
 * A connection whose end is put off, packet by packet, does not tell the
 * sweeper: it looks too early, and puts down the new time.  One whose end
 * comes nearer does (ct_set_expiry()). */

#include <config.h>
#include "ct/ct-clean.h"

#include "ct/ct.h"
#include "ct/ct-log.h"
#include "ct/ct-tell.h"
#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

/* What has expired is not counted any more a second later. */
#define SWEEP_MS 500

/* What is not asked for this long is forgotten, of what is but a hint. */
#define FORGET_MS 60000
#define KILL_BATCH 64

/* What has gone, and waits for a grace period. */
struct reap {
    struct ct_clean *clean;
    uint32_t dead;              /* List of connections. */
    uint32_t emptied;           /* Overflow buckets of 'current'. */
    struct ct_buckets *old;     /* Replaced: from this one on... */
    struct ct_buckets *current; /* ...to the one before this. */
};

struct ct_clean {
    /* Constant after creation. */
    struct conntrack *ct;
    pthread_t thread;

    /* Published. */
    struct latch exit;
    struct latch wake;
    atomic_bool is_called;      /* 'wake' need not be set. */
    atomic_bool is_reaping;     /* A batch waits; 'reap' is RCU's. */

    /* Owner thread only; of RCU's thread while 'is_reaping'. */
    struct reap reap;
    uint32_t held;              /* List of dead connections with
                                 * references. */
    /* Owner thread only. */
    struct ct_buckets *old;     /* Oldest of those that were replaced since
                                 * the last batch, or NULL. */
    long long next_sweep;       /* ms. */
    long long next_forgetting;  /* ms. */
    long long last_rate;        /* When set-ups were counted last, ms. */
    uint64_t n_setups;          /* Until then. */
};

/* Sweeping. */

/* Puts down when to look at 'conn' again, for which 'due' has passed.  Returns
 * false if it has expired. */
static bool
put_off(struct conn *conn, atomic_uint32_t *place, uint32_t due,
        long long now_ms)
{
    for (;;) {
        long long expiry;
        uint32_t next;

        atomic_read(&conn->expiry, &expiry);
        if (expiry <= now_ms) {
            return false;
        }
        next = ct_due(expiry);
        if (next == due) {
            return true;
        }

        /* Fails if it has died, or hurries: whoever did that has seen to
         * it. */
        if (!atomic_compare_exchange_strong(place, &due, next)) {
            return true;
        }

        /* Once more, in one order with ct_hurry__(). */
        due = next;
    }
}

/* Sweeps the block that begins with 'first'. */
static size_t
sweep_block(struct conntrack *ct, uint32_t first, long long now_ms)
{
    struct ct_slab_columns *columns = ct_slab_columns(&ct->conns, first);
    uint32_t now_s = now_ms / 1000;
    uint32_t expired[KILL_BATCH];
    size_t n = 0, n_killed = 0;

    for (uint32_t i = 0; i < CT_SLAB_BLOCK; i++) {
        uint32_t due;

        atomic_read_relaxed(&columns->due[i], &due);
        if (OVS_LIKELY(due - 1 >= now_s)) {
            continue;           /* Not yet, or 0: nobody. */
        }

        struct conn *conn = ct_table_conn(&ct->table, first + i);

        if (ct_conn_life(conn) == CT_LIVE
            && !put_off(conn, &columns->due[i], due, now_ms)
            && ct_tell_expiry(ct, conn, now_ms)) {
            expired[n++] = first + i;
            if (n == KILL_BATCH) {
                ct_kill_all(ct, expired, n, CT_DEATH_EXPIRED);
                n_killed += n;
                n = 0;
            }
        }
    }
    ct_kill_all(ct, expired, n, CT_DEATH_EXPIRED);
    return n_killed + n;
}

size_t
ct_clean_sweep(struct conntrack *ct, long long now_ms)
{
    uint32_t end = ct_slab_end(&ct->conns);
    size_t n = 0;

    for (uint32_t first = 0; first < end; first += CT_SLAB_BLOCK) {
        n += sweep_block(ct, first, now_ms);
        ovsrcu_quiesce();
    }
    return n;
}

/* Counts set-ups per second, once per second: all that there are, and have
 * been. */
static void
update_rate(struct ct_clean *clean, long long now_ms)
{
    struct conntrack *ct = clean->ct;
    long long past_ms = now_ms - clean->last_rate;
    uint32_t n_conns;
    uint64_t n;

    if (past_ms < 1000) {
        return;
    }
    atomic_read_relaxed(&ct->n_conns, &n_conns);
    n = n_conns;
    for (int i = 0; i < CT_N_DEATHS; i++) {
        uint64_t n_died;

        atomic_read_relaxed(&ct->n_died[i], &n_died);
        n += n_died;
    }

    /* What is being committed or killed may be missing for a moment. */
    if (n > clean->n_setups) {
        atomic_store_relaxed(&ct->setups_per_s,
                             (n - clean->n_setups) * 1000 / past_ms);
        clean->n_setups = n;
    } else {
        atomic_store_relaxed(&ct->setups_per_s, 0);
    }
    clean->last_rate = now_ms;
}

static void
sweep_if_time(struct ct_clean *clean)
{
    long long now_ms = time_msec();
    uint32_t sweep_ms;

    atomic_read_relaxed(&clean->ct->sweep_ms, &sweep_ms);
    if (now_ms >= clean->next_sweep) {
        size_t n = ct_clean_sweep(clean->ct, now_ms);
        long long took_ms = time_msec() - now_ms;

        VLOG_DBG("conntrack cleanup %"PRIuSIZE" entries in %lld msec", n,
                 took_ms);
        atomic_store_relaxed(&clean->ct->sweep_took_ms, took_ms);
        atomic_store_relaxed(&clean->ct->sweep_late_ms,
                             now_ms - clean->next_sweep);
        update_rate(clean, now_ms);
        clean->next_sweep = now_ms + MIN(sweep_ms, SWEEP_MS);
        ct_expect_expire(&clean->ct->expects, now_ms);
    }
    if (now_ms >= clean->next_forgetting) {
        clean->next_forgetting = now_ms + FORGET_MS;
        ct_ports_expire(&clean->ct->ports);
    }
}

/* Reaping. */

/* Collects indexes for a slab, so that its mutex is taken for many at once. */
struct returns {
    struct ct_slab *slab;
    uint32_t indexes[256];
    size_t n;
};

static void
return_flush(struct returns *returns)
{
    ct_slab_free_batch(returns->slab, returns->indexes, returns->n);
    returns->n = 0;
}

static void
return_index(struct returns *returns, uint32_t index)
{
    returns->indexes[returns->n++] = index;
    if (returns->n == ARRAY_SIZE(returns->indexes)) {
        return_flush(returns);
    }
}

/* Makes 'conn', dead and unseen, free. */
static void
end(struct conn *conn)
{
    uint32_t generation;

    /* Before it is given out again: handles of it are void from now on. */
    atomic_add_explicit(&conn->generation, 1, &generation,
                        memory_order_relaxed);
    atomic_store_relaxed(&conn->flags, CT_DEAD);
    ovs_assert(ct_conn_move(conn, CT_DEAD, CT_FREE));
}

/* Gives back the connections of the list that begins with 'index', but those
 * that are held. */
static void
reap_list(struct ct_clean *clean, uint32_t index)
{
    struct conntrack *ct = clean->ct;
    struct returns conns = { .slab = &ct->conns };
    struct returns nats = { .slab = &ct->nats };
    struct returns extras = { .slab = &ct->extras };

    while (index) {
        struct conn *conn = ct_table_conn(&ct->table, index);
        uint32_t next = conn->next;
        uint32_t refs;

        /* Pairs with ct_release(). */
        atomic_read_explicit(&conn->refs, &refs, memory_order_acquire);
        if (refs) {
            conn->next = clean->held;
            clean->held = index;
        } else {
            if (conn->nat) {
                return_index(&nats, conn->nat);
            }
            if (conn->extra) {
                return_index(&extras, conn->extra);
            }
            end(conn);
            return_index(&conns, index);
        }
        index = next;
    }
    return_flush(&conns);
    return_flush(&nats);
    return_flush(&extras);
}

/* After the grace period. */
static void
reap_cb(struct reap *reap)
{
    struct ct_clean *clean = reap->clean;
    struct conntrack *ct = clean->ct;
    uint32_t held = clean->held;

    clean->held = 0;
    reap_list(clean, held);
    reap_list(clean, reap->dead);
    if (reap->emptied) {
        ct_buckets_reuse(reap->current, reap->emptied);
    }
    if (reap->old) {
        ct_buckets_destroy(reap->old, reap->current);
    }
    atomic_store_explicit(&clean->is_reaping, false, memory_order_release);
    ct_unref(ct);
}

static uint32_t
pop_dead(struct conntrack *ct)
{
    uint32_t head;

    atomic_read_relaxed(&ct->dead, &head);
    while (!atomic_compare_exchange_weak_explicit(
               &ct->dead, &head, 0, memory_order_acquire,
               memory_order_relaxed)) {
        continue;
    }
    return head;
}

/* Sends what has gone on its way, unless a batch is on it. */
static void
start_reaping(struct ct_clean *clean)
{
    struct reap *reap = &clean->reap;
    bool is_reaping;

    atomic_read_explicit(&clean->is_reaping, &is_reaping,
                         memory_order_acquire);
    if (is_reaping) {
        return;
    }
    reap->clean = clean;
    reap->dead = pop_dead(clean->ct);
    reap->current = ct_table_buckets(&clean->ct->table);
    reap->emptied = ct_buckets_take_emptied(reap->current);
    reap->old = clean->old;
    clean->old = NULL;
    if (reap->dead || reap->emptied || reap->old || clean->held) {
        ovs_refcount_ref(&clean->ct->ref_cnt);
        atomic_store_relaxed(&clean->is_reaping, true);
        ovsrcu_postpone(reap_cb, reap);
    }
}

/* The thread. */

/* Makes the table larger, if it should be. */
static void
grow(struct ct_clean *clean)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct conntrack *ct = clean->ct;
    struct ct_buckets *old;

    if (!ct_table_is_crowded(&ct->table)) {
        return;
    }
    old = ct_table_grow(&ct->table);
    if (!old) {
        VLOG_WARN_RL(&rl, "no memory for a larger table of connections");
    } else if (!clean->old) {
        clean->old = old;
    }
}

static void *
clean_main(void *clean_)
{
    struct ct_clean *clean = clean_;
    struct conntrack *ct = clean->ct;

    while (!latch_is_set(&clean->exit)) {
        /* Before looking, so that who wakes us later is heard. */
        latch_poll(&clean->wake);
        atomic_store(&clean->is_called, false);

        ct_slab_stock(&ct->conns);
        if (ct_slab_end(&ct->nats)) {
            ct_slab_stock(&ct->nats);   /* Not if nothing is translated. */
        }
        grow(clean);
        sweep_if_time(clean);
        start_reaping(clean);

        poll_timer_wait_until(clean->next_sweep);
        latch_wait(&clean->exit);
        latch_wait(&clean->wake);
        poll_block();
    }
    return NULL;
}

void
ct_clean_start(struct conntrack *ct)
{
    struct ct_clean *clean = xzalloc(sizeof *clean);

    clean->ct = ct;
    latch_init(&clean->exit);
    latch_init(&clean->wake);
    atomic_init(&clean->is_called, false);
    atomic_init(&clean->is_reaping, false);
    clean->last_rate = time_msec();
    clean->next_sweep = clean->last_rate + SWEEP_MS;
    ct->clean = clean;
    clean->thread = ovs_thread_create("ct_clean", clean_main, clean);
}

void
ct_clean_stop(struct ct_clean *clean)
{
    latch_set(&clean->exit);
    xpthread_join(clean->thread, NULL);
}

void
ct_clean_destroy(struct ct_clean *clean)
{
    if (clean->old) {
        ct_buckets_destroy(clean->old,
                           ct_table_buckets(&clean->ct->table));
    }
    latch_destroy(&clean->exit);
    latch_destroy(&clean->wake);
    free(clean);
}

void
ct_clean_wake(struct ct_clean *clean)
{
    bool is_called = false;

    atomic_read_relaxed(&clean->is_called, &is_called);
    if (!is_called && atomic_compare_exchange_strong(&clean->is_called,
                                                     &is_called, true)) {
        latch_set(&clean->wake);
    }
}
