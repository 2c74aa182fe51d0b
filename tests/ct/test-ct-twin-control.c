/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

/* What users set, with Open vSwitch's tracker and ours: how long connections
 * live, by the timeout policy of the action that committed them, and how many
 * there may be.  Policies and limits change at random meanwhile. */

#include "conntrack.h"

#include <stdlib.h>

#include "conntrack-tp.h"
#include "ct-dpif.h"
#include "dp-packet.h"
#include "flow.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "random.h"
#include "timeval.h"
#include "tests/ct/ct-frame.h"
#include "tests/ct/ct-pass.h"
#include "tests/ct/ct-rival.h"
#include "tests/ct/ct-script.h"
#include "tests/ct/ct-talk.h"
#include "tests/ct/ct-theirs.h"
#include "tests/dptest.h"
#include "util.h"

enum { N_TALKS = DPTEST_MANY(1500), MAX_TURNS = 40, N_POLICIES = 4,
       UNKNOWN_POLICY = 9, MAX_ENDS = 8 };

/* Both trackers. */
struct pair {
    struct conntrack *ct[CT_N_RIVALS];
    long long now;              /* Of packets, ms. */
};

static void
open_pair(struct pair *pair)
{
    pair->now = time_msec();
    atomic_store(&ct_theirs_now_ms, pair->now);
    for (int i = 0; i < CT_N_RIVALS; i++) {
        pair->ct[i] = ct_rivals[i].init();
    }
}

static void
close_pair(struct pair *pair)
{
    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].destroy(pair->ct[i]);
    }
}

static void
flush(struct pair *pair, const uint16_t *zone)
{
    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].flush(pair->ct[i], zone);
    }
}

/* Sends clones of 'p', which it frees, through both.  Stores their states. */
static void
send_both(struct pair *pair, struct dp_packet *p, bool commit, uint16_t zone,
          uint32_t tp_id, uint8_t states[CT_N_RIVALS])
{
    const struct eth_header *eth = dp_packet_data(p);

    for (int i = 0; i < CT_N_RIVALS; i++) {
        struct dp_packet *clone = dp_packet_clone(p);
        struct dp_packet_batch batch;

        dp_packet_batch_init_packet(&batch, clone);
        ct_rivals[i].execute(pair->ct[i], &batch, eth->eth_type, false, commit,
                             zone, NULL, NULL, OVS_CT_NO_PORTS NULL, NULL,
                             pair->now, tp_id);
        states[i] = clone->md.ct_state;
        dp_packet_delete(clone);
    }
    dp_packet_delete(p);
}

/* Timeout policies. */

/* Changes policy 'id', or deletes it. */
static void
change_policy(struct pair *pair, uint32_t id)
{
    struct timeout_policy tp = { .policy.id = id };

    if (!random_range(8)) {
        int ours = timeout_policy_delete(pair->ct[CT_RIVAL_OURS], id);

        ovs_assert(ours == theirs_timeout_policy_delete(
                               pair->ct[CT_RIVAL_THEIRS], id));
        return;
    }
    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        tp.policy.attrs[i] = 30 + random_range(1000);
        tp.policy.present |= random_range(4) ? 1u << i : 0;
    }
    ovs_assert(!timeout_policy_update(pair->ct[CT_RIVAL_OURS], &tp));
    ovs_assert(!theirs_timeout_policy_update(pair->ct[CT_RIVAL_THEIRS], &tp));
}

/* In how many seconds connections end, the first to end first. */
struct ends {
    long long s[MAX_ENDS];
    size_t n;
};

static int
compare_ends(const void *a_, const void *b_)
{
    const long long *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Open vSwitch 3.5 looks at each of 65,536 zones unless told of one. */
static void
get_ends(struct pair *pair, int i, uint16_t zone, struct ends *ends)
{
    struct conntrack_dump dump;
    struct ct_dpif_entry entry;
    int n_buckets;

    ends->n = 0;
    ct_rivals[i].dump_start(pair->ct[i], &dump, &zone, &n_buckets);
    while (!ct_rivals[i].dump_next(&dump, &entry)) {
        ovs_assert(ends->n < MAX_ENDS);
        ends->s[ends->n++] = entry.timeout;
        ct_dpif_entry_uninit(&entry);
    }
    ct_rivals[i].dump_done(&dump);
    qsort(ends->s, ends->n, sizeof *ends->s, compare_ends);
}

/* Asserts that the connections of both, if any, have the same time left.
 * Returns false if that of one is over soon. */
static bool
compare_time_left(struct pair *pair, const struct ct_talk *t)
{
    struct ends ours, theirs;
    long long now = time_msec();
    long long late;             /* Ours has a clock that goes on, in s. */

    atomic_store(&ct_theirs_now_ms, now);
    get_ends(pair, CT_RIVAL_THEIRS, t->zone, &theirs);
    get_ends(pair, CT_RIVAL_OURS, t->zone, &ours);
    late = DIV_ROUND_UP(time_msec() - now, 1000);
    ovs_assert(ours.n == theirs.n);
    for (size_t i = 0; i < ours.n; i++) {
        if (ours.s[i] > theirs.s[i] || ours.s[i] < theirs.s[i] - late) {
            dptest_fail("protocol %d: %lld s left, theirs %lld", t->proto,
                        ours.s[i], theirs.s[i]);
        }
    }
    return !ours.n || ours.s[0] > (pair->now - now) / 1000 + 10;
}

static struct dp_packet *
make_segment(const struct ct_talk *t, const struct ct_segment *s)
{
    struct dp_packet *p = dp_packet_new(512);
    struct flow flow;

    ct_talk_put_segment(p, t, s);
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

/* Lets two hosts talk.  Returns how many packets were the same to both. */
static size_t
talk(struct pair *pair)
{
    struct ct_script script = { .n = MAX_TURNS };
    struct ct_talk t;
    size_t i;

    ct_talk_start(&t, pair->now);
    if (t.proto == IPPROTO_TCP) {
        ct_script_make(&script, &t);
    }
    for (i = 0; i < script.n; i++) {
        struct dp_packet *p
            = (t.proto == IPPROTO_TCP
               ? make_segment(&t, &script.segments[i])
               : ct_pass_make_packet(&t, random_range(2), false));
        uint32_t tp_id = (random_range(8) ? random_range(N_POLICIES)
                          : UNKNOWN_POLICY);
        uint8_t states[CT_N_RIVALS];

        send_both(pair, p, random_range(2), t.zone, tp_id, states);
        if (states[0] != states[1]) {
            break;              /* Of that ct-twin takes care. */
        }
        if (!compare_time_left(pair, &t)) {
            break;
        }
        if (!random_range(4)) {
            change_policy(pair, 1 + random_range(N_POLICIES - 1));
        }
        pair->now += random_range(4000);
    }
    flush(pair, NULL);
    return i;
}

static void
test_ct_twin_policies_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct pair pair;
    size_t n = 0;

    random_set_seed(1);
    open_pair(&pair);
    for (int i = 0; i < N_TALKS; i++) {
        n += talk(&pair);
        ovsrcu_quiesce();
    }
    close_pair(&pair);
    ovs_assert(n > N_TALKS * 5);
}
DPTEST_REGISTER("ct-twin-policies", test_ct_twin_policies_main);

/* Limits. */

enum { N_ZONES = 4, N_CLIENTS = 50, N_TURNS = 40000, DEFAULT_MAX = 3000000 };

static void
set_limit(struct pair *pair, int32_t zone, uint32_t limit)
{
    ovs_assert(!zone_limit_update(pair->ct[CT_RIVAL_OURS], zone, limit));
    ovs_assert(!theirs_zone_limit_update(pair->ct[CT_RIVAL_THEIRS], zone,
                                         limit));
}

static void
delete_limit(struct pair *pair, int32_t zone)
{
    ovs_assert(!zone_limit_delete(pair->ct[CT_RIVAL_OURS], zone));
    ovs_assert(!theirs_zone_limit_delete(pair->ct[CT_RIVAL_THEIRS], zone));
}

static void
set_max(struct pair *pair, uint32_t max)
{
    ovs_assert(!conntrack_set_maxconns(pair->ct[CT_RIVAL_OURS], max));
    ovs_assert(!theirs_conntrack_set_maxconns(pair->ct[CT_RIVAL_THEIRS],
                                              max));
}

static void
compare_counts(struct pair *pair)
{
    uint32_t counts[CT_N_RIVALS];

    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].get_nconns(pair->ct[i], &counts[i]);
    }
    ovs_assert(counts[CT_RIVAL_OURS] == counts[CT_RIVAL_THEIRS]);
    for (int32_t zone = 0; zone < N_ZONES; zone++) {
        __typeof__(zone_limit_get(NULL, 0)) ours, theirs;

        ours = zone_limit_get(pair->ct[CT_RIVAL_OURS], zone);
        theirs = theirs_zone_limit_get(pair->ct[CT_RIVAL_THEIRS], zone);
        ovs_assert(ours.zone == theirs.zone && ours.limit == theirs.limit);
        ovs_assert(ours.zone != zone
                   || !memcmp(&ours.count, &theirs.count, sizeof ours.count));
    }
}

/* Something happens in 'zone'.  Theirs counts what has come since there is a
 * limit, so a zone that gets one is empty.  Without a limit of its own, theirs
 * of some versions counts zones together: so there is no default. */
static void
change_limits(struct pair *pair, uint16_t zone)
{
    switch (random_range(5)) {
    case 0:
        flush(pair, &zone);
        set_limit(pair, zone, random_range(N_CLIENTS));
        break;
    case 1:
        delete_limit(pair, zone);
        break;
    case 2:
        flush(pair, &zone);
        break;
    case 3:
        set_max(pair, random_range(2) ? random_range(N_ZONES * N_CLIENTS)
                      : DEFAULT_MAX);
        break;
    case 4:
        compare_counts(pair);
        break;
    }
}

static void
test_ct_twin_limits_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_refused = 0;
    struct pair pair;

    random_set_seed(1);
    open_pair(&pair);
    for (int i = 0; i < N_TURNS; i++) {
        struct ct_end client = { 1 + random_range(N_CLIENTS), 1000 };
        struct ct_end server = { 1000, 53 };
        uint16_t zone = random_range(N_ZONES);
        uint8_t states[CT_N_RIVALS];
        uint32_t before, after;

        conntrack_get_nconns(pair.ct[CT_RIVAL_OURS], &before);
        send_both(&pair, ct_frame_udp(false, client, server, ""), true, zone,
                  0, states);
        conntrack_get_nconns(pair.ct[CT_RIVAL_OURS], &after);
        n_refused += states[0] == (CS_TRACKED | CS_NEW) && after == before;
        send_both(&pair, ct_frame_udp(false, server, client, ""), false, zone,
                  0, states);
        ovs_assert(states[0] == states[1]);     /* Is there one? */
        if (!random_range(16)) {
            change_limits(&pair, zone);
            ovsrcu_quiesce();
        }
    }
    compare_counts(&pair);
    close_pair(&pair);
    ovs_assert(n_refused > N_TURNS / 20);
}
DPTEST_REGISTER("ct-twin-limits", test_ct_twin_limits_main);
