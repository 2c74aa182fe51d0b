/* SPDX-License-Identifier: Apache-2.0 */

/* Rules that are built on connections, while two lanes open, mark, close and
 * force them, time lets them expire, and a third thread flushes.  Whoever sees
 * that a connection is not what its rule says finds the rule dead, and a
 * handle never leads to another connection. */

#include <config.h>
#include <sched.h>
#undef NDEBUG
#include "ct/ct-watch.h"

#include "ct/ct.h"
#include "ct/ct-bypass.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "ovs/ovs-conntrack-own.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

enum {
    N_CONNS = 48,               /* Each has a rule; every third is TCP's. */
    BURST = 32,
};

/* 'word' has the number of times that it was built, and its state.  The tag
 * has both numbers: of the rule, and how many times it was built.  A rule that
 * is told of while it is built is SPOILED until its builder lets go of it:
 * nobody else may build meanwhile, who would find his fields overwritten. */
enum { DEAD, BUILDING, LIVE, SPOILED, STATE_MASK = 3, BUILT_ONE = 4 };

static uint32_t
make_tag(uint32_t n, uint32_t word)
{
    return n | (word & ~STATE_MASK) << 4;       /* N_CONNS < 64. */
}

struct rule {
    atomic_uint32_t word;
    ATOMIC(uint64_t) handle;    /* Both are the builder's while he builds, */
    atomic_uint32_t mark;       /* and valid while LIVE. */
};

struct stress {
    struct ct_listener up;
    struct conntrack *ct;
    struct rule rules[N_CONNS];
    int n_bursts;
    atomic_int n_lanes;
    atomic_count n_committed, n_deleted, n_changed, n_leaving, n_asked;
};

struct lane {
    struct stress *stress;
    pthread_t thread;
    uint32_t random;
    struct ct_handle held;
    struct ct_handle old[N_CONNS];      /* Of long ago. */
    int n_built, n_used, n_stale;
};

static uint32_t
next_random(struct lane *lane, uint32_t n)
{
    lane->random = lane->random * 1664525 + 1013904223;
    return (lane->random >> 8) % n;
}

/* Hooks. */

static struct stress *
stress_of(struct ct_listener *listener)
{
    return CONTAINER_OF(listener, struct stress, up);
}

static uint32_t
killed(uint32_t word)
{
    bool is_built = (word & STATE_MASK) != BUILDING;

    return (word & ~STATE_MASK) | (is_built ? DEAD : SPOILED);
}

/* Slow at times, so that a change that does not wait for it is seen. */
static void
kill_rule(struct stress *stress, uint32_t tag)
{
    uint32_t n = tag % 64;
    struct rule *rule = &stress->rules[n];
    uint32_t word;

    if (n % 4 == 0) {
        sched_yield();
    }
    atomic_read_relaxed(&rule->word, &word);
    while (make_tag(n, word) == tag
           && ((word & STATE_MASK) == BUILDING || (word & STATE_MASK) == LIVE)
           && !atomic_compare_exchange_weak_explicit(
                  &rule->word, &word, killed(word),
                  memory_order_acq_rel, memory_order_relaxed)) {
        continue;
    }
}

static void
committed_cb(struct ct_listener *listener, struct ct_handle handle OVS_UNUSED)
{
    atomic_count_inc(&stress_of(listener)->n_committed);
}

static void
deleted_cb(struct ct_listener *listener, struct ct_handle handle OVS_UNUSED,
           enum ct_death death OVS_UNUSED)
{
    atomic_count_inc(&stress_of(listener)->n_deleted);
}

static void
changed_cb(struct ct_listener *listener, struct ct_handle handle,
           uint32_t tag, enum ct_change change OVS_UNUSED)
{
    ovs_assert(ct_handle_is_valid(stress_of(listener)->ct, handle));
    kill_rule(stress_of(listener), tag);
    atomic_count_inc(&stress_of(listener)->n_changed);
}

static void
leaving_cb(struct ct_listener *listener, struct ct_handle handle,
           uint32_t tag, enum ct_leaving why OVS_UNUSED)
{
    ovs_assert(ct_handle_is_valid(stress_of(listener)->ct, handle));
    kill_rule(stress_of(listener), tag);
    atomic_count_inc(&stress_of(listener)->n_leaving);
}

static bool
expiring_cb(struct ct_listener *listener,
            struct ct_handle handle OVS_UNUSED, uint32_t tag OVS_UNUSED)
{
    return atomic_count_inc(&stress_of(listener)->n_asked) % 2;
}

/* Packets. */

static bool
speaks_tcp(uint32_t n)
{
    return n % 3 == 0;
}

/* A packet of connection 'n', at random. */
static struct dp_packet *
make(struct lane *lane, uint32_t n, bool reply)
{
    static const struct {
        uint16_t flags;
        uint32_t seq[2], ack[2];
    } segments[] = {
        { TCP_SYN, { 1000, 0 }, { 0, 0 } },
        { TCP_SYN | TCP_ACK, { 1000, 2000 }, { 2001, 1001 } },
        { TCP_ACK, { 1001, 2001 }, { 2001, 1001 } },
        { TCP_ACK, { 1001, 2001 }, { 2001, 1001 } },
        { TCP_ACK, { 1001, 2001 }, { 2001, 1001 } },
        { TCP_FIN | TCP_ACK, { 1001, 2001 }, { 2001, 1001 } },
        { TCP_RST | TCP_ACK, { 1001, 2001 }, { 2001, 1001 } },
    };
    struct ct_end client = { 1, 10000 + n }, server = { 2, 80 };
    struct ct_end src = reply ? server : client;
    struct ct_end dst = reply ? client : server;
    uint32_t i;

    if (!speaks_tcp(n)) {
        return ct_frame_udp(false, src, dst, "");
    }
    i = next_random(lane, 4) ? next_random(lane, ARRAY_SIZE(segments)) : reply;
    return ct_frame_tcp(false, src, dst, segments[i].flags,
                        segments[i].seq[reply], segments[i].ack[reply], "");
}

static struct ct_handle
packet(struct lane *lane, uint32_t n)
{
    bool reply = next_random(lane, 2);
    uint32_t mark[2] = { next_random(lane, 3), UINT32_MAX };
    struct ct_sights sights;
    struct ct_frame_action a = {
        .commit = true,
        .force = next_random(lane, 100) == 0,
        .mark = next_random(lane, 10) ? NULL : mark,
        .tp_id = n % 2,
        .sights = &sights,
    };
    struct dp_packet *p = make(lane, n, reply);
    struct conntrack *ct = lane->stress->ct;

    ct_frame_run(ct, p, &a, time_msec());
    dp_packet_delete(p);
    ovs_assert(sights.n == 1);
    if (next_random(lane, 50) == 0) {
        struct conn *conn = ct_handle_find(ct, sights.a[0].conn);

        if (conn) {
            ct_set_expiry(ct, conn, time_msec() + next_random(lane, 3));
        }
    }
    return sights.a[0].conn;
}

/* Rules. */

static bool
view(struct lane *lane, uint32_t n, struct ct_handle handle,
     struct ct_view *v)
{
    bool found = ct_handle_view(lane->stress->ct, handle, v);

    /* Of whichever direction came first. */
    if (found) {
        ovs_assert(v->keys[0].src_port == htons(10000 + n)
                   || v->keys[0].dst_port == htons(10000 + n));
    }
    return found;
}

/* Fills 'rule', which is to have 'tag', for the connection of 'handle'.  Slow
 * at times, so that the connection changes meanwhile.  Returns false if
 * nothing can be built on it. */
static bool
fill(struct lane *lane, struct rule *rule, uint32_t tag,
     struct ct_handle handle)
{
    struct conntrack *ct = lane->stress->ct;
    struct ct_view v;

    if (ct_watch_arm(ct, handle, tag) != CT_ARMED
        || !view(lane, tag % 64, handle, &v) || !v.is_established) {
        return false;
    }
    ct_bypass_begin(ct, handle);
    if (next_random(lane, 16) == 0) {
        sched_yield();
    }
    atomic_store_relaxed(&rule->handle, ((uint64_t) handle.generation << 32
                                         | handle.index));
    atomic_store_relaxed(&rule->mark, v.mark);
    return true;
}

static void
build(struct lane *lane, uint32_t n, struct ct_handle handle)
{
    struct rule *rule = &lane->stress->rules[n];
    uint32_t word, expected;
    bool is_filled;

    atomic_read_relaxed(&rule->word, &word);
    if (word & STATE_MASK
        || !atomic_compare_exchange_strong(&rule->word, &word,
                                           word + BUILT_ONE + BUILDING)) {
        return;
    }
    word += BUILT_ONE;
    is_filled = fill(lane, rule, make_tag(n, word), handle);
    expected = word + BUILDING;
    if (is_filled && atomic_compare_exchange_strong(&rule->word, &expected,
                                                    word + LIVE)) {
        lane->n_built++;
    } else {
        /* It is his alone, so nobody has changed it, but to SPOILED. */
        atomic_store_explicit(&rule->word, word, memory_order_release);
    }
}

/* Is the connection of 'handle' established, with 'mark'? */
static bool
is_as_viewed(struct lane *lane, uint32_t n, struct ct_handle handle,
             uint32_t mark)
{
    struct ct_view v;

    return (view(lane, n, handle, &v) && v.is_established
            && v.mark == mark);
}

/* Is it there, with 'mark', for those who take no lock? */
static bool
is_as_packets_see(struct lane *lane, struct ct_handle handle, uint32_t mark)
{
    struct conn *conn = ct_handle_find(lane->stress->ct, handle);
    uint32_t its_mark;
    ovs_u128 label;

    if (!conn || !ct_conn_is_visible(conn, time_msec())) {
        return false;
    }
    ct_conn_get_marks(conn, &its_mark, &label);
    return its_mark == mark;
}

/* A packet that takes the rule instead of the long way. */
static void
use(struct lane *lane, uint32_t n)
{
    struct rule *rule = &lane->stress->rules[n];
    struct ct_activity act = {
        .reply = next_random(lane, 2), .packets = 1, .bytes = 60,
    };
    uint32_t word, again, mark;
    uint64_t handle;
    bool holds;

    atomic_read_explicit(&rule->word, &word, memory_order_acquire);
    if ((word & STATE_MASK) != LIVE) {
        return;
    }
    atomic_read_relaxed(&rule->handle, &handle);
    atomic_read_relaxed(&rule->mark, &mark);
    act.conn = (struct ct_handle) { handle, handle >> 32 };
    holds = (next_random(lane, 2)
             ? is_as_viewed(lane, n, act.conn, mark)
             : is_as_packets_see(lane, act.conn, mark));
    atomic_thread_fence(memory_order_acquire);
    atomic_read_explicit(&rule->word, &again, memory_order_acquire);
    if (again != word) {
        lane->n_stale++;
        return;
    }

    /* It is alive, so the connection was what it says, just now. */
    ovs_assert(holds);
    lane->n_used++;
    if (next_random(lane, 4) == 0) {
        act.used_ms = time_msec();
        ct_bypass_refresh(lane->stress->ct, &act, act.used_ms);
    } else if (next_random(lane, 100) == 0) {
        kill_rule(lane->stress, make_tag(n, word));
        ct_bypass_end(lane->stress->ct, act.conn);
        ct_watch_disarm(lane->stress->ct, act.conn, make_tag(n, word));
    }
}

/* A handle of long ago leads to its connection, or nowhere. */
static void
remember(struct lane *lane, uint32_t n, struct ct_handle handle)
{
    struct ct_view v;

    view(lane, n, lane->old[n], &v);
    if (next_random(lane, 100) == 0) {
        lane->old[n] = handle;
    }
}

/* Keeps one handle for some bursts. */
static void
hold(struct lane *lane, struct ct_handle handle)
{
    struct conntrack *ct = lane->stress->ct;

    if (!lane->held.index) {
        if (ct_handle_get(ct, handle)) {
            lane->held = handle;
        }
    } else if (next_random(lane, 10) == 0) {
        const struct conn *conn = ct_table_conn(&ct->table, lane->held.index);

        ovs_assert(ct_handle_equal(ct_handle_of(conn), lane->held));
        ovs_assert(ct_conn_life(conn) >= CT_LIVE);
        ct_handle_put(ct, lane->held);
        lane->held.index = 0;
    }
}

static void *
lane_main(void *lane_)
{
    struct lane *lane = lane_;
    int orig;

    for (int i = 0; (i < lane->stress->n_bursts
                     || atomic_count_get(&lane->stress->n_asked) < 10); i++) {
        struct ct_handle handle = { 0, 0 };

        for (int j = 0; j < BURST; j++) {
            uint32_t n = next_random(lane, N_CONNS);

            handle = packet(lane, n);
            if (handle.index && next_random(lane, 2)) {
                build(lane, n, handle);
            }
            remember(lane, n, handle);
            use(lane, next_random(lane, N_CONNS));
        }
        hold(lane, handle);
        ovsrcu_quiesce();
    }
    if (lane->held.index) {
        ct_handle_put(lane->stress->ct, lane->held);
    }
    atomic_sub(&lane->stress->n_lanes, 1, &orig);
    return NULL;
}

/* The third thread. */

static int
count_lanes(struct stress *stress)
{
    int n;

    atomic_read(&stress->n_lanes, &n);
    return n;
}

/* No rule that was there before is there after a flush. */
static void
flush(struct stress *stress, const uint16_t *zone)
{
    uint32_t before[N_CONNS], after;

    for (int i = 0; i < N_CONNS; i++) {
        atomic_read(&stress->rules[i].word, &before[i]);
    }
    ovs_assert(!conntrack_flush(stress->ct, zone));
    for (int i = 0; i < N_CONNS; i++) {
        atomic_read(&stress->rules[i].word, &after);
        ovs_assert((before[i] & STATE_MASK) != LIVE || after != before[i]);
    }
}

static void
set_policy(struct stress *stress)
{
    struct timeout_policy tp = { .policy.id = 1 };

    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        tp.policy.attrs[i] = 3600;
        tp.policy.present |= 1u << i;
    }
    timeout_policy_update(stress->ct, &tp);
}

static void
control(struct stress *stress)
{
    uint16_t zone = 0;

    for (unsigned int i = 0; count_lanes(stress); i++) {
        flush(stress, i % 2 ? NULL : &zone);
        set_policy(stress);
        zone_limit_update(stress->ct, 0, 100 + i % 10);
        ovsrcu_quiesce();
        xnanosleep(1000 * 1000);
    }
}

static void
run(int n_bursts)
{
    struct stress *stress = xzalloc(sizeof *stress);
    struct lane lanes[2];
    uint32_t n;

    stress->up = (struct ct_listener) {
        .committed = committed_cb,
        .deleted = deleted_cb,
        .changed = changed_cb,
        .leaving = leaving_cb,
        .expiring = expiring_cb,
    };
    stress->ct = conntrack_init();
    conntrack_set_sweep_interval(stress->ct, 2);
    stress->n_bursts = n_bursts;
    atomic_init(&stress->n_lanes, 2);
    ct_watch_start(stress->ct, &stress->up);
    set_policy(stress);
    for (int i = 0; i < 2; i++) {
        lanes[i] = (struct lane) { .stress = stress, .random = i };
        lanes[i].thread = ovs_thread_create("lane", lane_main, &lanes[i]);
    }
    control(stress);
    for (int i = 0; i < 2; i++) {
        xpthread_join(lanes[i].thread, NULL);
        printf("lane %d: %d built, %d used, %d stale\n", i, lanes[i].n_built,
               lanes[i].n_used, lanes[i].n_stale);
        ovs_assert(lanes[i].n_built && lanes[i].n_used);
    }
    flush(stress, NULL);
    conntrack_get_nconns(stress->ct, &n);
    printf("%u committed, %u changed, %u left, %u times asked\n",
           atomic_count_get(&stress->n_committed),
           atomic_count_get(&stress->n_changed),
           atomic_count_get(&stress->n_leaving),
           atomic_count_get(&stress->n_asked));
    ovs_assert(!n && (atomic_count_get(&stress->n_committed)
                      == atomic_count_get(&stress->n_deleted)));
    ovs_assert(atomic_count_get(&stress->n_changed)
               && atomic_count_get(&stress->n_leaving));
    ct_watch_stop(stress->ct);
    conntrack_destroy(stress->ct);
    free(stress);
}

static void
test_rules_main(int argc, char *argv[])
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_WARN);
    run(argc > 2 && !strcmp(argv[1], "long") ? atoi(argv[2]) : 4000);
}
DPTEST_REGISTER("ct-rules", test_rules_main);
