/* SPDX-License-Identifier: Apache-2.0 */

/* Packets that go through the tracker in bursts fare as they would one by one:
 * the same state, metadata, bytes and connections.
 *
 * Conversations take random turns, several of one burst often, each side; a
 * burst may pass twice. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include <stdlib.h>

#include "ct-dpif.h"
#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "random.h"
#include "svec.h"
#include "tests/ct/ct-pass.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

enum { N_TALKS = 24, N_BURSTS = 5000 };
enum { BURSTS, ONE_BY_ONE, N_TRACKERS };

struct rig {
    struct conntrack *cts[N_TRACKERS];
    struct ct_talk talks[N_TALKS];
    long long now;
    unsigned int n_packets, n_translated, n_established, n_invalid;
};

struct burst {
    struct dp_packet *packets[N_TRACKERS][NETDEV_MAX_BURST];
    struct ct_talk *talks[NETDEV_MAX_BURST];    /* NULL: not to be learnt. */
    size_t n;
    struct ct_talk *talk;       /* What the action is for. */
    bool reply;
};

/* Collects packets of one family, the same for both trackers. */
static void
make_burst(struct rig *rig, struct burst *b)
{
    size_t want = 1 + random_range(NETDEV_MAX_BURST);

    for (size_t i = 0; i < N_TALKS; i++) {
        if (rig->now >= rig->talks[i].end) {
            ct_talk_start(&rig->talks[i], rig->now);
        }
    }
    b->n = 0;
    b->talk = &rig->talks[random_range(N_TALKS)];
    b->reply = random_range(3) == 0;
    while (b->n < want) {
        /* Few at a time, so that they meet within the burst. */
        struct ct_talk *t = (random_range(2) ? b->talk
                             : &rig->talks[random_range(N_TALKS)]);
        bool reply = t == b->talk ? b->reply : random_range(2);
        bool is_error = !random_range(16);

        /* Few of those that would be translated to one and the same. */
        if (t->is_ipv6 == b->talk->is_ipv6
            && (t == b->talk || b->talk->nat == CT_TALK_NAT_NONE
                || !random_range(8))) {
            struct dp_packet *p = ct_pass_make_packet(t, reply, is_error);

            b->packets[BURSTS][b->n] = p;
            b->packets[ONE_BY_ONE][b->n] = dp_packet_clone(p);
            b->talks[b->n++] = reply || is_error ? NULL : t;
        }
    }
}

static void
compare_packets(struct rig *rig, const struct burst *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const struct dp_packet *x = b->packets[BURSTS][i];
        const struct dp_packet *y = b->packets[ONE_BY_ONE][i];
        struct ds dx = DS_EMPTY_INITIALIZER, dy = DS_EMPTY_INITIALIZER;

        ct_pass_format(x, &dx);
        ct_pass_format(y, &dy);
        if (strcmp(ds_cstr(&dx), ds_cstr(&dy)) || !dp_packet_equal(x, y)
            || !x->md.conn != !y->md.conn) {
            dptest_fail("packet %"PRIuSIZE" of %"PRIuSIZE": %s in a burst, "
                        "%s alone", i, b->n, ds_cstr(&dx), ds_cstr(&dy));
        }
        rig->n_packets++;
        rig->n_translated += !!(x->md.ct_state & (CS_SRC_NAT | CS_DST_NAT));
        rig->n_established += !!(x->md.ct_state & CS_ESTABLISHED);
        rig->n_invalid += !!(x->md.ct_state & CS_INVALID);
        ds_destroy(&dx);
        ds_destroy(&dy);
    }
}

static void
pass(struct rig *rig, struct burst *b)
{
    struct ct_pass_action a;
    struct dp_packet_batch batch;

    ct_pass_choose(b->talk, b->reply, &a);
    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < b->n; i++) {
        dp_packet_batch_add(&batch, b->packets[BURSTS][i]);
    }
    ct_pass_run(&ct_rivals[CT_RIVAL_OURS], rig->cts[BURSTS], &batch, &a,
                rig->now);
    ovs_assert(dp_packet_batch_size(&batch) == b->n);
    for (size_t i = 0; i < b->n; i++) {
        dp_packet_batch_init_packet(&batch, b->packets[ONE_BY_ONE][i]);
        ct_pass_run(&ct_rivals[CT_RIVAL_OURS], rig->cts[ONE_BY_ONE], &batch,
                    &a, rig->now);
    }
    compare_packets(rig, b);
}

static void
send_burst(struct rig *rig)
{
    int n_passes = random_range(4) ? 1 : 2;
    struct burst b;

    make_burst(rig, &b);
    while (n_passes--) {
        pass(rig, &b);
    }
    for (size_t i = 0; i < b.n; i++) {
        if (b.talks[i]) {
            ct_talk_learn(b.talks[i], b.packets[BURSTS][i]);
        }
        for (int j = 0; j < N_TRACKERS; j++) {
            dp_packet_delete(b.packets[j][i]);
        }
    }
}

static void
dump(struct conntrack *ct, struct svec *lines)
{
    struct conntrack_dump state;
    struct ct_dpif_entry entry;
    int n_buckets;

    svec_init(lines);
    conntrack_dump_start(ct, &state, NULL, &n_buckets);
    while (!conntrack_dump_next(&state, &entry)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        entry.bkt = entry.timeout = 0;
        ct_dpif_format_entry(&entry, &ds, true, true);
        svec_add_nocopy(lines, ds_steal_cstr(&ds));
        ct_dpif_entry_uninit(&entry);
    }
    conntrack_dump_done(&state);
    svec_sort(lines);
}

static void
compare_dumps(struct rig *rig)
{
    struct svec lines[N_TRACKERS];

    for (int i = 0; i < N_TRACKERS; i++) {
        dump(rig->cts[i], &lines[i]);
    }
    ovs_assert(svec_equal(&lines[0], &lines[1]));
    for (int i = 0; i < N_TRACKERS; i++) {
        svec_destroy(&lines[i]);
    }
}

/* Now and then, something happens that is no packet. */
static void
event(struct rig *rig)
{
    uint16_t zone = random_range(CT_TALK_ZONES);

    switch (random_range(300)) {
    case 0:
        for (int i = 0; i < N_TRACKERS; i++) {
            conntrack_flush(rig->cts[i], &zone);
        }
        break;
    case 1:
        rig->now += 29000 + random_range(35000);
        break;
    case 2: case 3: case 4: case 5:
        ct_talk_start(&rig->talks[random_range(N_TALKS)], rig->now);
        break;
    default:
        rig->now += random_range(50);
    }
}

static void
test_burst_main(int argc, char *argv[])
{
    int n_bursts = argc > 2 ? atoi(argv[2]) : N_BURSTS;
    /* Far ahead of the sweeper, which has a clock of its own. */
    struct rig rig = { .now = time_msec() + 3600 * 1000 };

    random_set_seed(argc > 3 ? atoi(argv[3]) : 1);
    for (int i = 0; i < N_TRACKERS; i++) {
        rig.cts[i] = conntrack_init();
        /* So that both choose the same addresses and ports. */
        rig.cts[i]->secret = rig.cts[0]->secret;
    }
    for (size_t i = 0; i < N_TALKS; i++) {
        ct_talk_start(&rig.talks[i], rig.now);
    }
    for (int i = 0; i < n_bursts; i++) {
        send_burst(&rig);
        event(&rig);
        if (i % 64 == 0) {
            compare_dumps(&rig);
        }
        ovsrcu_quiesce();
    }
    printf("%u packets, %u established, %u translated, %u invalid\n",
           rig.n_packets, rig.n_established, rig.n_translated, rig.n_invalid);
    ovs_assert(rig.n_established > rig.n_packets / 20);
    ovs_assert(rig.n_translated > rig.n_packets / 100);
    for (int i = 0; i < N_TRACKERS; i++) {
        conntrack_destroy(rig.cts[i]);
    }
}
DPTEST_REGISTER("ct-burst", test_burst_main);
