/* SPDX-License-Identifier: Apache-2.0 */

/* The state machine against the table of the documentation, statistics that
 * jump, and the map: who replaces, who reaps, who loses. */

#include <config.h>

#include "ofproto/ukey.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ofproto/ukey-map.h"
#include "openvswitch/vlog.h"
#include "tests/dptest.h"
#include "util.h"

static struct udpif_key *
make_ukey(uint32_t id, unsigned pmd_id, uint32_t key_content)
{
    uint32_t key[2] = { 8 | (1 << 16), key_content };   /* An attribute. */
    ovs_u128 ufid = { .u32 = { id, ~id, 0, id * 7 } };
    struct ukey_parms parms = {
        .key = ALIGNED_CAST(const struct nlattr *, key),
        .key_len = sizeof key,
        .mask = ALIGNED_CAST(const struct nlattr *, key),
        .mask_len = sizeof key,
        .actions = ALIGNED_CAST(const struct nlattr *, key),
        .actions_len = sizeof key,
        .ufid = &ufid,
        .ufid_present = true,
        .pmd_id = pmd_id,
        .reval_seq = 1,
    };

    return ukey_create(&parms);
}

/* States. */

/* Rows: from; columns: to; in the order of enum ukey_state. */
static const char *const edge_table[UKEY_N_STATES] = {
    /*                    C V O I e E D */
    [UKEY_CREATED]      = ". x . . . . x",
    [UKEY_VISIBLE]      = ". . x . x x .",
    [UKEY_OPERATIONAL]  = ". . . x x . .",
    [UKEY_INCONSISTENT] = ". . . . x . .",
    [UKEY_EVICTING]     = ". . . x . x .",
    [UKEY_EVICTED]      = ". . . . . . x",
    [UKEY_DELETED]      = ". . . . . . .",
};

/* Brings a new ukey to 'state' by legal edges.  To be called with its mutex
 * held. */
static void
lead_to(struct udpif_key *ukey, enum ukey_state state)
    OVS_REQUIRES(ukey->mutex)
{
    static const enum ukey_state paths[UKEY_N_STATES][6] = {
        [UKEY_CREATED] = { 0 },
        [UKEY_VISIBLE] = { UKEY_VISIBLE },
        [UKEY_OPERATIONAL] = { UKEY_VISIBLE, UKEY_OPERATIONAL },
        [UKEY_INCONSISTENT] = { UKEY_VISIBLE, UKEY_OPERATIONAL,
                                UKEY_INCONSISTENT },
        [UKEY_EVICTING] = { UKEY_VISIBLE, UKEY_EVICTING },
        [UKEY_EVICTED] = { UKEY_VISIBLE, UKEY_EVICTING, UKEY_EVICTED },
        [UKEY_DELETED] = { UKEY_VISIBLE, UKEY_EVICTING, UKEY_EVICTED,
                           UKEY_DELETED },
    };

    for (int i = 0; paths[state][i]; i++) {
        ukey_transition(ukey, paths[state][i]);
    }
    ovs_assert(ukey->state == state);
}

/* Tries to move a ukey from 'src' to 'dst' in a child process.  Returns true
 * if it survives, false if it aborts. */
static bool
try_edge(enum ukey_state src, enum ukey_state dst)
{
    pid_t pid = fork();
    int status;

    ovs_assert(pid >= 0);
    if (!pid) {
        struct udpif_key *ukey = make_ukey(1, 0, 0);

        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
        ovs_mutex_lock(&ukey->mutex);
        lead_to(ukey, src);
        ukey_transition(ukey, dst);
        ovs_assert(ukey->state == dst);
        ovs_assert(strstr(ukey->state_where, "test-ukey.c"));
        _exit(0);
    }
    ovs_assert(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status)) {
        ovs_assert(WTERMSIG(status) == SIGABRT);
        return false;
    }
    return WEXITSTATUS(status) == 0;
}

static void
test_states(void)
{
    for (int src = 0; src < UKEY_N_STATES; src++) {
        for (int dst = 0; dst < UKEY_N_STATES; dst++) {
            bool want = edge_table[src][2 * dst] == 'x';

            if (ukey_edge_is_legal(src, dst) != want
                || try_edge(src, dst) != want) {
                dptest_fail("%s to %s should be %s",
                            ukey_state_to_string(src),
                            ukey_state_to_string(dst),
                            want ? "legal" : "illegal");
            }
        }
    }
    ovs_assert(!ukey_edge_is_legal(UKEY_N_STATES, UKEY_CREATED));
    ovs_assert(!ukey_edge_is_legal(UKEY_CREATED, UKEY_N_STATES));
}

/* Threads that come late only go forward from VISIBLE. */
static void
test_late_comers(void)
{
    for (int state = UKEY_VISIBLE; state < UKEY_DELETED; state++) {
        struct udpif_key *ukey = make_ukey(1, 0, 0);

        ovs_mutex_lock(&ukey->mutex);
        lead_to(ukey, state);
        ukey_saw_flow(ukey);
        ovs_assert(ukey->state == (state == UKEY_VISIBLE ? UKEY_OPERATIONAL
                                   : state));
        ovs_mutex_unlock(&ukey->mutex);
        ukey_free__(ukey);

        ukey = make_ukey(1, 0, 0);
        ovs_mutex_lock(&ukey->mutex);
        lead_to(ukey, state);
        ukey_refused(ukey);
        ovs_assert(ukey->state == (state == UKEY_VISIBLE ? UKEY_EVICTED
                                   : state));
        ovs_mutex_unlock(&ukey->mutex);
        ukey_free__(ukey);
    }
}

/* Statistics. */

static void
check_take(struct udpif_key *ukey, uint64_t packets, uint64_t bytes,
           const char *layer, uint64_t want_packets, uint64_t want_bytes)
    OVS_REQUIRES(ukey->mutex)
{
    struct dpif_flow_stats now = { .n_packets = packets, .n_bytes = bytes };
    struct dpif_flow_stats delta;

    /* What was in 'delta' does not matter (c36bba351). */
    memset(&delta, 0x5a, sizeof delta);
    ukey_take_stats(ukey, &now, layer, &delta);
    ovs_assert(delta.used == now.used && delta.tcp_flags == now.tcp_flags);
    if (delta.n_packets != want_packets || delta.n_bytes != want_bytes) {
        dptest_fail("%"PRIu64" packets, %"PRIu64" bytes in %s: got "
                    "%"PRIu64" and %"PRIu64", want %"PRIu64" and %"PRIu64,
                    packets, bytes, layer ? layer : "?", delta.n_packets,
                    delta.n_bytes, want_packets, want_bytes);
    }
}

static void
test_stats(void)
{
    struct udpif_key *ukey = make_ukey(1, 0, 0);

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    ovs_mutex_lock(&ukey->mutex);
    check_take(ukey, 10, 1000, "ovs", 10, 1000);
    check_take(ukey, 10, 1000, "ovs", 0, 0);
    check_take(ukey, 15, 1500, NULL, 5, 500);

    /* The userspace datapath adds up: hardware goes on where it stood. */
    check_take(ukey, 20, 2000, "dpdk", 5, 500);
    check_take(ukey, 30, 3000, "ovs", 10, 1000);

    /* TC counts from zero, even if it is soon beyond where we were. */
    check_take(ukey, 40, 4000, "tc", 40, 4000);
    check_take(ukey, 41, 4100, "tc", 1, 100);
    check_take(ukey, 2, 200, "ovs", 2, 200);

    /* Backwards for no reason: nothing, and the new base counts. */
    check_take(ukey, 1, 100, "ovs", 0, 0);
    check_take(ukey, 4, 400, "ovs", 3, 300);
    check_take(ukey, 5, 300, "ovs", 0, 0);
    check_take(ukey, 6, 400, "ovs", 1, 100);

    /* Last statistics that are already known count nothing (6c24851f4). */
    struct dpif_flow_stats known = ukey->stats;
    check_take(ukey, known.n_packets, known.n_bytes, NULL, 0, 0);
    ovs_mutex_unlock(&ukey->mutex);
    ukey_free__(ukey);
}

static void
test_last_used(void)
{
    struct udpif_key *ukey = make_ukey(1, 0, 0);
    struct dpif_flow_stats stats = { .used = 0 };

    ovs_mutex_lock(&ukey->mutex);
    ukey->stats.n_packets = 5;
    ukey->stats.used = 700;
    ukey->created = 600;

    stats.n_packets = 5;
    ovs_assert(ukey_last_used(ukey, &stats, true, 1000) == 700);
    ovs_assert(ukey_last_used(ukey, &stats, false, 1000) == 600);
    stats.n_packets = 6;
    ovs_assert(ukey_last_used(ukey, &stats, true, 1000) == 1000);
    stats.used = 900;
    ovs_assert(ukey_last_used(ukey, &stats, true, 1000) == 900);
    ukey->stats.used = 0;
    stats.used = 0;
    stats.n_packets = 5;
    ovs_assert(ukey_last_used(ukey, &stats, true, 1000) == 600);
    ovs_mutex_unlock(&ukey->mutex);
    ukey_free__(ukey);
}

/* Map. */

/* Moves 'ukey', VISIBLE, to EVICTED. */
static void
evict(struct udpif_key *ukey)
{
    ovs_mutex_lock(&ukey->mutex);
    ukey_transition(ukey, UKEY_EVICTING);
    ukey_transition(ukey, UKEY_EVICTED);
    ovs_mutex_unlock(&ukey->mutex);
}

static void
test_map(void)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct ukey_map *map = xmalloc(sizeof *map);
    struct udpif_key *a, *b, *c;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    ukey_map_init(map);

    a = make_ukey(1, 3, 0);
    ovs_assert(ukey_map_install(map, a) == UKEY_INSTALLED);
    ovs_assert(a->state == UKEY_VISIBLE);
    ovs_assert(ukey_map_find(map, &a->ufid, 3) == a);

    /* No dump has seen it: the one in progress may (8f0e86f84). */
    ovs_assert(!a->dump_seq);

    /* Another lane has its own ukey of the same flow (5f2ccb1c0). */
    ovs_assert(!ukey_map_find(map, &a->ufid, 4));
    b = make_ukey(1, 4, 0);
    ovs_assert(ukey_map_install(map, b) == UKEY_INSTALLED);
    ovs_assert(ukey_map_find(map, &b->ufid, 4) == b);
    ovs_assert(ukey_map_find(map, &b->ufid, 3) == a);

    /* A live ukey is not replaced; one that is in use is not waited for. */
    c = make_ukey(1, 3, 0);
    ovs_assert(ukey_map_install(map, c) == UKEY_DUPLICATE);
    ovs_mutex_lock(&a->mutex);
    ovs_assert(ukey_map_install(map, c) == UKEY_BUSY);
    ovs_assert(!ukey_map_reap(map, a));
    ovs_mutex_unlock(&a->mutex);
    ovs_assert(c->state == UKEY_CREATED);
    ukey_discard(c);

    /* Nor is one reaped that is alive. */
    ovs_assert(!ukey_map_reap(map, a));

    /* Same UFID and lane, other key. */
    c = make_ukey(1, 3, 99);
    ovs_assert(ukey_map_install(map, c) == UKEY_CONFLICT);
    ukey_discard(c);

    /* EVICTED: the successor takes the place and the dump. */
    evict(a);
    a->dump_seq = 1234;
    c = make_ukey(1, 3, 0);
    ovs_assert(ukey_map_install(map, c) == UKEY_REPLACED);
    ovs_assert(c->state == UKEY_VISIBLE && c->dump_seq == 1234);
    ovs_assert(ukey_map_find(map, &c->ufid, 3) == c);
    ovs_assert(a->state == UKEY_DELETED);

    /* The sweep that saw 'a' EVICTED comes too late: no double free. */
    ovs_assert(!ukey_map_reap(map, a));
    ovs_assert(ukey_map_find(map, &c->ufid, 3) == c);

    /* The other way round: reaped once, and only once. */
    evict(c);
    ovs_assert(ukey_map_reap(map, c));
    ovs_assert(!ukey_map_reap(map, c));
    ovs_assert(!ukey_map_find(map, &c->ufid, 3));

    ovs_assert(ukey_map_count(map) == 1);
    ukey_map_check(map);
    ukey_map_uninit(map);
    free(map);
}

/* Names of unit tests hold numbers of tests/ofproto/elsewhere.rst. */

static void
test_ukey_states(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_states();
    test_late_comers();
}
DPTEST_REGISTER("ukey-states-bug04-bug11-bug12", test_ukey_states);

static void
test_ukey_stats(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_stats();
    test_last_used();
}
DPTEST_REGISTER("ukey-stats-bug28-bug33-bug35-bug38", test_ukey_stats);

static void
test_ukey_map(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_map();
}
DPTEST_REGISTER("ukey-map-bug06-bug09-bug10-bug19-bug32", test_ukey_map);
