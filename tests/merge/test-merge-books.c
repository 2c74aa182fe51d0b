/* SPDX-License-Identifier: Apache-2.0 */

/* What becomes of merged rules when something changes, and who is told of
 * their packets. */

#include <config.h>
#undef NDEBUG

#include "merge/dp-books.h"

#include "conntrack.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-clean.h"
#include "ct/ct-control.h"
#include "ct/ct-handle.h"
#include "ct/ct-tell.h"
#include "flow/dp-actions.h"
#include "flow/dp-flow.h"
#include "merge/dp-books-entry.h"
#include "merge/dp-books-life.h"
#include "merge/dp-books-policy.h"
#include "merge/dp-trace.h"
#include "ovs/ovs-conntrack-own.h"
#include "tests/dptest.h"
#include "tests/merge/books-lab.h"

/* Makes a rule for connection 0, and runs a packet or two by it. */
static struct dp_flow *
make_busy_rule(struct lab *lab)
{
    ovs_assert(!lab_run_packet(lab, 0, 100));
    ovs_assert(lab_offer(lab, 0) == DP_BOOKS_MADE);
    ovs_assert(lab_run_packet(lab, 0, 101) && lab_run_packet(lab, 0, 102));
    return lab_find_rule(lab, 0);
}

/* The rule that make_busy_rule() made has died of 'cause', and nobody uses it;
 * all it did is booked when it has been taken out; and there can be another
 * one. */
static void
check_death(struct lab *lab, enum dp_books_cause cause)
{
    struct dp_books_stats stats = lab_stats(lab);

    ovs_assert(!lab_find_rule(lab, 0) && !stats.n_rules);
    ovs_assert(stats.n_killed[cause] == 1);
    ovs_assert(!lab_run_packet(lab, 0, 103));
    dp_books_age(lab->books, time_msec());
    lab_check_counts(lab);
    ovs_assert(!lab_stats(lab).n_conns);
    for (size_t i = 0; i < LAB_PLACES; i++) {
        ovs_assert(!ovsrcu_get(struct lab_rule *, &lab->rules[0][i]));
    }
    make_busy_rule(lab);
    lab_uninit(lab);
}

/* Kills. */

static void
kill_by_ct(struct lab *lab, enum ct_death death)
{
    ovs_assert(ct_kill(lab->ct, ct_handle_find(lab->ct,
                                               lab_get_handle(lab, 0)),
                       death));
    ovs_assert(!lab_find_rule(lab, 0));
    lab_replace_conn(lab, 0);
}

/* What the tracker tells of a connection that stays there. */
static const struct {
    bool is_leaving;
    int what;                   /* enum ct_leaving, or enum ct_change. */
    enum dp_books_cause cause;
} tellings[] = {
    { true, CT_LEAVING_CLOSED, DP_BOOKS_CAUSE_CLOSED },
    { true, CT_LEAVING_RESET, DP_BOOKS_CAUSE_RESET },
    { false, CT_CHANGE_LABEL, DP_BOOKS_CAUSE_LABEL },
};

static void
tell(struct lab *lab, size_t i)
{
    struct conn *conn = ct_handle_find(lab->ct, lab_get_handle(lab, 0));

    ct_conn_lock(conn);
    if (tellings[i].is_leaving) {
        ct_tell_leaving(lab->ct, conn, tellings[i].what);
    } else {
        ct_tell_changed(lab->ct, conn, tellings[i].what);
    }
    ct_conn_unlock(conn);
}

/* M29, M33, M35: the end of a connection.  M6: its mark. */
static void
test_conn_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const struct {
        enum ct_death death;
        enum dp_books_cause cause;
    } deaths[] = {
        { CT_DEATH_EXPIRED, DP_BOOKS_CAUSE_EXPIRED },
        { CT_DEATH_REOPENED, DP_BOOKS_CAUSE_REOPENED },
        { CT_DEATH_FORCED, DP_BOOKS_CAUSE_FORCED },
        { CT_DEATH_FLUSHED, DP_BOOKS_CAUSE_FLUSHED },
    };
    uint16_t zone = LAB_ZONE;
    struct lab lab;

    for (size_t i = 0; i < ARRAY_SIZE(deaths); i++) {
        lab_init(&lab);
        make_busy_rule(&lab);
        kill_by_ct(&lab, deaths[i].death);
        check_death(&lab, deaths[i].cause);
    }

    lab_init(&lab);
    make_busy_rule(&lab);
    ovs_assert(!conntrack_flush(lab.ct, &zone));
    ovs_assert(!lab_find_rule(&lab, 0));
    lab_replace_conn(&lab, 0);
    check_death(&lab, DP_BOOKS_CAUSE_FLUSHED);

    lab_init(&lab);
    make_busy_rule(&lab);
    lab_mark_conn(&lab, 0);
    check_death(&lab, DP_BOOKS_CAUSE_MARK);

    for (size_t i = 0; i < ARRAY_SIZE(tellings); i++) {
        lab_init(&lab);
        make_busy_rule(&lab);
        tell(&lab, i);
        check_death(&lab, tellings[i].cause);
    }
}
DPTEST_REGISTER("merge-kill-conn-M6-M29-M33-M35", test_conn_main);

/* M36: a megaflow of any stage that is replaced or modified.  M37: so no rule
 * outlives the megaflows that hold its recirculation IDs. */
static void
test_flow_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (size_t stage = 0; stage < LAB_STAGES; stage++) {
        struct lab lab;

        lab_init(&lab);
        make_busy_rule(&lab);
        lab_modify_megaflow(&lab, stage);
        check_death(&lab, DP_BOOKS_CAUSE_FLOW);

        /* What the megaflow has told when it went was all. */
        lab_init(&lab);
        make_busy_rule(&lab);
        lab_replace_megaflow(&lab, stage);
        ovs_assert(lab.told[stage].n_packets == 3);
        ovs_assert(lab.told[stage].n_bytes
                   == 303 + (stage == 2 ? 3 * LAB_VLAN_HEADER : 0));
        check_death(&lab, DP_BOOKS_CAUSE_FLOW);
    }
}
DPTEST_REGISTER("merge-kill-flow-M15-M36-M37-M41", test_flow_main);

/* Lets stage 2 of 'lab' send to 'port' in a clone. */
static void
send_in_clone(struct lab *lab, uint32_t port)
{
    struct dp_flow *flow = lab_get_megaflow(lab, 2);
    struct ofpbuf actions;
    size_t ofs;

    ofpbuf_init(&actions, 0);
    ofs = nl_msg_start_nested(&actions, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_u32(&actions, OVS_ACTION_ATTR_OUTPUT, port);
    nl_msg_end_nested(&actions, ofs);
    dp_actions_postpone_free(dp_flow_set_actions(flow, actions.data,
                                                 actions.size));
    ofpbuf_uninit(&actions);
}

/* M40: a port that is gone, on either side; others don't matter.  And the
 * lane, and the switch. */
static void
test_port_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const uint32_t ports[] = { LAB_IN_PORT, LAB_OUT_PORT };
    struct lab lab;

    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        lab_init(&lab);
        make_busy_rule(&lab);
        dp_books_port_gone(lab.books, u32_to_odp(77));
        ovs_assert(lab_find_rule(&lab, 0));
        dp_books_port_gone(lab.books, u32_to_odp(ports[i]));
        check_death(&lab, DP_BOOKS_CAUSE_PORT);
    }

    lab_init(&lab);
    send_in_clone(&lab, 50);
    make_busy_rule(&lab);
    dp_books_port_gone(lab.books, u32_to_odp(LAB_OUT_PORT));
    ovs_assert(lab_find_rule(&lab, 0));
    dp_books_port_gone(lab.books, u32_to_odp(50));
    check_death(&lab, DP_BOOKS_CAUSE_PORT);

    lab_init(&lab);
    make_busy_rule(&lab);
    dp_books_carrier_gone(lab.books, &lab);
    ovs_assert(lab_find_rule(&lab, 0));
    dp_books_carrier_gone(lab.books, &lab.lane);
    ovs_assert(!lab_stats(&lab).n_conns);
    lab_check_counts(&lab);
    check_death(&lab, DP_BOOKS_CAUSE_LANE);

    lab_init(&lab);
    make_busy_rule(&lab);
    dp_books_stop(lab.books);
    lab_check_counts(&lab);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_OFF);
    dp_books_start(lab.books);
    check_death(&lab, DP_BOOKS_CAUSE_STOP);
}
DPTEST_REGISTER("merge-kill-port-M40", test_port_main);

/* M38: what changes between the trace and the rule, at each moment. */

static void
meddle_kill(struct lab *lab)
{
    struct ct_handle handle = lab_get_handle(lab, lab->conn_no);

    ct_kill(lab->ct, ct_handle_find(lab->ct, handle), CT_DEATH_FLUSHED);
}

/* As whoever modifies a megaflow does, before he tells. */
static void
meddle_modify(struct lab *lab)
{
    struct dp_flow *flow = lab_get_megaflow(lab, 2);

    dp_actions_postpone_free(dp_flow_set_actions(flow, NULL, 0));
}

static void
meddle_remove(struct lab *lab)
{
    atomic_store_relaxed(&lab_get_megaflow(lab, 1)->dead, true);
}

static void
test_overtaken_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static void (*const meddles[])(struct lab *) = {
        meddle_kill, meddle_modify, meddle_remove,
    };
    struct dp_trace *trace;
    struct lab lab;

    /* Before it is looked at. */
    for (size_t i = 0; i < ARRAY_SIZE(meddles); i++) {
        lab_init(&lab);
        trace = lab_make_trace(&lab, 0);
        meddles[i](&lab);
        ovs_assert(dp_books_offer(lab.books, trace) == DP_BOOKS_OVERTAKEN);
        ovs_assert(!lab_stats(&lab).n_rules && !lab_stats(&lab).n_conns);
        lab_uninit(&lab);
    }

    /* When the rule has been composed: the lane never sees it. */
    for (size_t i = 0; i < ARRAY_SIZE(meddles); i++) {
        lab_init(&lab);
        lab.meddle_create = meddles[i];
        ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_OVERTAKEN);
        ovs_assert(!lab_stats(&lab).n_rules && !lab_stats(&lab).n_conns);
        ovs_assert(!lab_find_rule(&lab, 0));
        lab_uninit(&lab);
    }

    /* When it is in its place: a connection's end is told at once. */
    lab_init(&lab);
    lab.meddle_insert = meddle_kill;
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    ovs_assert(!lab_find_rule(&lab, 0));
    ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_FLUSHED] == 1);
    dp_books_age(lab.books, time_msec());
    ovs_assert(!lab_stats(&lab).n_conns);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-overtaken-M38", test_overtaken_main);

/* M16, M17: two rules for the same packets.  One that does the same is not
 * made; one that does something else takes the other's place. */
static void
test_known_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_flow *old, *new;
    struct lab lab;

    lab_init(&lab);
    old = make_busy_rule(&lab);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_KNOWN);
    ovs_assert(lab_find_rule(&lab, 0) == old);
    ovs_assert(lab_stats(&lab).n_rules == 1 && lab_stats(&lab).n_conns == 1);

    /* Somebody forgets to tell. */
    meddle_modify(&lab);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    new = lab_find_rule(&lab, 0);
    ovs_assert(new && new != old && dp_flow_is_dead(old));
    ovs_assert(ovs_u128_equals(new->mega_ufid, old->mega_ufid));
    ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_REPLACED] == 1);
    ovs_assert(lab_run_packet(&lab, 0, 100));
    dp_books_age(lab.books, time_msec());
    ovs_assert(lab_find_rule(&lab, 0) == new);
    lab_check_counts(&lab);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-twins-M16-M17", test_known_main);

/* Accounts. */

/* M41, M42: each megaflow gets packets and bytes of its stage, flags and the
 * time of the last packet; it never counts back.  M43: nothing is said of a
 * rule that was never used. */
static void
test_credit_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const long long int now = time_msec();
    struct dpif_flow_stats stats;
    struct lab lab;
    struct ds s = DS_EMPTY_INITIALIZER;
    struct dp_flow **flows;
    size_t n;

    lab_init(&lab);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    dp_books_age(lab.books, time_msec());
    for (size_t i = 0; i < LAB_STAGES; i++) {
        dp_flow_get_stats(lab_get_megaflow(&lab, i), &stats);
        ovs_assert(!stats.n_packets && !stats.used && !stats.tcp_flags);
    }

    dp_flow_count(lab_find_rule(&lab, 0), 3, 300, 0x18, now);
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < LAB_STAGES; i++) {
            dp_flow_get_stats(lab_get_megaflow(&lab, i), &stats);
            ovs_assert(stats.n_packets == (pass ? 3 : 0));
            ovs_assert(!pass || (stats.n_bytes == 300 + 12 * (i == 2)
                                 && stats.used == now
                                 && stats.tcp_flags == 0x18));
        }
        dp_books_age(lab.books, time_msec());
    }

    /* Read while the lane counts: packets are there, bytes not yet. */
    dp_flow_count(lab_find_rule(&lab, 0), 1, 0, 0, now + 1);
    dp_books_age(lab.books, time_msec());
    dp_flow_get_stats(lab_get_megaflow(&lab, 2), &stats);
    ovs_assert(stats.n_packets == 3 && stats.n_bytes == 312);
    dp_flow_count(lab_find_rule(&lab, 0), 0, 60, 0, now + 1);
    dp_books_age(lab.books, time_msec());
    dp_flow_get_stats(lab_get_megaflow(&lab, 2), &stats);
    ovs_assert(stats.n_packets == 4 && stats.n_bytes == 376);

    dp_flow_count(lab_find_rule(&lab, 0), 2, 1000, 0, now + 1);
    dp_books_age(lab.books, time_msec());
    dp_flow_count(lab_find_rule(&lab, 0), 0, 500, 0, now + 1);
    dp_books_age(lab.books, time_msec());
    dp_flow_get_stats(lab_get_megaflow(&lab, 2), &stats);
    ovs_assert(stats.n_packets == 6 && stats.n_bytes == 376 + 1508);

    /* Zeroed in between. */
    dp_flow_clear_stats(lab_get_megaflow(&lab, 0));
    dp_flow_count(lab_find_rule(&lab, 0), 1, 60, 0, now + 2);
    dp_books_age(lab.books, time_msec());
    dp_flow_get_stats(lab_get_megaflow(&lab, 0), &stats);
    ovs_assert(stats.n_packets == 1 && stats.n_bytes == 60);
    ovs_assert(lab_stats(&lab).n_packets == 7
               && lab_stats(&lab).n_bytes == 1920);

    flows = dp_books_list(lab.books, &n);
    ovs_assert(n == 1 && flows[0] == lab_find_rule(&lab, 0));
    dp_books_format_contributors(lab.books, flows[0], &s);
    ovs_assert(strstr(ds_cstr(&s), "megaflows:ufid:00000000-")
               && strstr(ds_cstr(&s), "connections:"));
    dp_flow_unref(flows[0]);
    free(flows);
    ds_destroy(&s);

    /* The lab has not seen these packets. */
    lab_replace_megaflow(&lab, 0);
    memset(lab.told, 0, sizeof lab.told);
    for (size_t i = 0; i < LAB_STAGES; i++) {
        dp_flow_clear_stats(lab_get_megaflow(&lab, i));
    }
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-credit-M41-M42-M43", test_credit_main);

static long long int
expiry_of(struct lab *lab, size_t conn_no)
{
    struct ct_view view;

    ovs_assert(ct_handle_view(lab->ct, lab_get_handle(lab, conn_no), &view));
    return view.expiry;
}

/* M30, M31: a busy connection lives on, from its last packet and not from when
 * that was noticed; an idle one does not.  The tracker asks before it lets one
 * go that was not looked at since. */
static void
test_expiry_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    long long int now, before, timeout;
    struct dp_flow *rule;
    struct lab lab;

    lab_init(&lab);
    rule = make_busy_rule(&lab);
    dp_books_age(lab.books, time_msec());

    now = time_msec();
    before = expiry_of(&lab, 0);
    dp_flow_count(rule, 1, 60, 0, now + 1000);
    dp_books_age(lab.books, now + 5000);
    timeout = expiry_of(&lab, 0) - (now + 1000);
    ovs_assert(expiry_of(&lab, 0) > before && timeout > 10000);

    /* The others, which nobody refreshes, go. */
    ovs_assert(ct_clean_sweep(lab.ct, now + 15000) == LAB_CONNS - 1);

    /* Nothing: no news. */
    before = expiry_of(&lab, 0);
    dp_books_age(lab.books, now + 8000);
    ovs_assert(expiry_of(&lab, 0) == before);

    /* Its time is over, but for a packet that nobody has looked at yet. */
    dp_flow_count(rule, 1, 60, 0, before - 1);
    ovs_assert(!ct_clean_sweep(lab.ct, before + 2000)
               && lab_find_rule(&lab, 0));
    dp_books_age(lab.books, before + 2000);
    ovs_assert(expiry_of(&lab, 0) == before - 1 + timeout);

    /* The next time there is none. */
    before = expiry_of(&lab, 0);
    ovs_assert(!ct_clean_sweep(lab.ct, before + 2000)
               && lab_find_rule(&lab, 0));
    ovs_assert(!ct_clean_sweep(lab.ct, before + 4000)
               && lab_find_rule(&lab, 0));
    dp_books_age(lab.books, now);
    ovs_assert(lab_find_rule(&lab, 0));
    ovs_assert(ct_clean_sweep(lab.ct, before + 6000) == 1);
    ovs_assert(!lab_find_rule(&lab, 0));
    ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_EXPIRED] == 1);
    dp_books_stop(lab.books);

    /* The lab has not seen these packets. */
    memset(lab.told, 0, sizeof lab.told);
    atomic_store_relaxed(&lab.n_packets, 5);
    atomic_store_relaxed(&lab.n_bytes, 100 + 101 + 102 + 2 * 60);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-expiry-M30-M31", test_expiry_main);

/* M33: a timeout policy that changes is good for what comes later.  Of other
 * settings no rule depends. */
static void
test_settings_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct timeout_policy tp = { .policy.id = 3 };
    struct lab lab;

    lab_init(&lab);
    make_busy_rule(&lab);
    timeout_policy_update(lab.ct, &tp);
    ovs_assert(lab_stats(&lab).n_packets == 2);
    zone_limit_update(lab.ct, LAB_ZONE, 100);
    zone_limit_delete(lab.ct, LAB_ZONE);
    conntrack_set_tcp_seq_chk(lab.ct, false);
    ovs_assert(lab_run_packet(&lab, 0, 60));
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-settings-M33", test_settings_main);

static uint32_t
flags_of(struct lab *lab)
{
    const struct conn *conn = ct_handle_find(lab->ct, lab_get_handle(lab, 0));

    return ct_conn_flags(conn) & (CT_F_ARMED | CT_F_LIBERAL);
}

/* M27: windows are not looked at from before the first packet is hidden until
 * after the last, whichever rule hides them; and the tracker tells as long as
 * there is a rule to kill. */
static void
test_bypass_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    lab_init(&lab);
    ovs_assert(!flags_of(&lab));
    make_busy_rule(&lab);
    ovs_assert(flags_of(&lab) == (CT_F_ARMED | CT_F_LIBERAL));

    /* A second one, while the first is dead and has not gone. */
    lab_mark_conn(&lab, 0);
    ovs_assert(flags_of(&lab) == CT_F_LIBERAL);
    make_busy_rule(&lab);
    ovs_assert(flags_of(&lab) == (CT_F_ARMED | CT_F_LIBERAL));
    dp_books_age(lab.books, time_msec());
    ovs_assert(flags_of(&lab) == (CT_F_ARMED | CT_F_LIBERAL));

    /* That of other causes, too. */
    lab_modify_megaflow(&lab, 1);
    ovs_assert(flags_of(&lab) == (CT_F_ARMED | CT_F_LIBERAL));
    dp_books_age(lab.books, time_msec());
    ovs_assert(!flags_of(&lab));

    /* Nor are they left behind by what comes to nothing. */
    lab.is_foreign = true;
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_FOREIGN);
    ovs_assert(!flags_of(&lab));
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-bypass-M27", test_bypass_main);

/* A connection is in so many rules at most. */
static void
test_many_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    lab_init(&lab);
    for (int i = 0; i < DP_BOOKS_CONN_RULES; i++) {
        make_busy_rule(&lab);
        lab_modify_megaflow(&lab, 2);
    }
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_FULL);
    ovs_assert(lab_offer(&lab, 1) == DP_BOOKS_MADE);
    dp_books_age(lab.books, time_msec());
    ovs_assert(lab_stats(&lab).n_conns == 1);
    make_busy_rule(&lab);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-many", test_many_main);

/* Policy. */

static void
test_policy_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_books_policy *policy = xmalloc(sizeof *policy);
    const uint32_t other = 5 + DP_BOOKS_POLICY_CELLS;
    unsigned int n_tries = 0;

    dp_books_policy_init(policy);
    for (uint32_t i = 1; i <= 1000; i++) {
        ovs_assert(dp_books_policy_see(policy, 5) == i);
        n_tries += dp_books_policy_is_try(i);
    }
    ovs_assert(n_tries == 10);

    /* One that wants the same cell comes through in the end. */
    for (int i = 0; i < 9; i++) {
        ovs_assert(dp_books_policy_see(policy, other) == 1);
    }
    ovs_assert(dp_books_policy_see(policy, 5) == 2);
    ovs_assert(dp_books_policy_see(policy, other) == 1);
    ovs_assert(dp_books_policy_see(policy, other) == 1);
    ovs_assert(dp_books_policy_see(policy, other) == 2);

    dp_books_policy_forget(policy, 5);
    ovs_assert(dp_books_policy_see(policy, other) == 3);
    dp_books_policy_age(policy);
    ovs_assert(dp_books_policy_see(policy, other) == 2);
    dp_books_policy_forget(policy, other);
    ovs_assert(dp_books_policy_see(policy, 5) == 1);

    ovs_assert(dp_books_policy_gives_way(0, 1));
    ovs_assert(!dp_books_policy_gives_way(1, 1));
    ovs_assert(dp_books_policy_gives_way(1, 2));
    free(policy);
}
DPTEST_REGISTER("merge-policy-M45", test_policy_main);

/* M45: what has no place, or can't be merged, is not tried with each trace.
 * Busy rules stay; idle ones make room. */
static void
test_room_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;
    uint64_t n_full;

    lab_init(&lab);
    dp_books_set_max(lab.books, 2);
    for (size_t i = 0; i < 2; i++) {
        ovs_assert(lab_offer(&lab, i) == DP_BOOKS_MADE);
        for (int j = 0; j < 1000; j++) {
            ovs_assert(lab_run_packet(&lab, i, 60));
        }
    }
    dp_books_age(lab.books, time_msec());
    for (int i = 1; i <= 100; i++) {
        ovs_assert(lab_offer(&lab, 2) == (IS_POW2(i) ? DP_BOOKS_FULL
                                          : DP_BOOKS_EARLY));
    }
    n_full = lab_stats(&lab).n_verdicts[DP_BOOKS_FULL];
    ovs_assert(n_full == 7);
    ovs_assert(lab_find_rule(&lab, 0) && lab_find_rule(&lab, 1));

    /* One of them stops. */
    for (int pass = 0; pass < 12; pass++) {
        for (int j = 0; j < 1000; j++) {
            ovs_assert(lab_run_packet(&lab, 1, 60));
        }
        dp_books_age(lab.books, time_msec());
    }
    ovs_assert(lab_offer(&lab, 3) == DP_BOOKS_MADE);
    ovs_assert(!lab_find_rule(&lab, 0) && lab_find_rule(&lab, 1)
               && lab_find_rule(&lab, 3));
    ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_ROOM] == 1);

    /* There are to be fewer. */
    dp_books_set_max(lab.books, 1);
    dp_books_age(lab.books, time_msec());
    ovs_assert(lab_stats(&lab).n_rules == 1);
    dp_books_set_max(lab.books, 0);
    dp_books_age(lab.books, time_msec());
    ovs_assert(!lab_stats(&lab).n_rules && !lab_stats(&lab).n_conns);

    /* The carrier has no place, or does not know how. */
    dp_books_set_max(lab.books, 10);
    lab.is_full = true;
    ovs_assert(lab_offer(&lab, 4) == DP_BOOKS_FULL);
    lab.is_full = false;
    ovs_assert(!lab_stats(&lab).n_rules);
    dp_books_reap(lab.books);
    lab.is_foreign = true;
    ovs_assert(lab_offer(&lab, 4) == DP_BOOKS_FOREIGN);
    ovs_assert(!lab_stats(&lab).n_rules && !lab_stats(&lab).n_conns);
    lab.is_foreign = false;
    ovs_assert(lab_offer(&lab, 4) == DP_BOOKS_EARLY);
    ovs_assert(lab_offer(&lab, 4) == DP_BOOKS_MADE);

    /* After 16 passes, half is forgotten. */
    lab.is_foreign = true;
    for (int i = 1; i <= 14; i++) {
        ovs_assert(lab_offer(&lab, 5) == (IS_POW2(i) ? DP_BOOKS_FOREIGN
                                          : DP_BOOKS_EARLY));
    }
    for (int i = 0; i < 16; i++) {
        dp_books_age(lab.books, time_msec());
    }
    lab.is_foreign = false;
    ovs_assert(lab_offer(&lab, 5) == DP_BOOKS_MADE);            /* The 8th. */

    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-room-M45", test_room_main);

/* A rule that is not used dies of itself.  Not so because the switch stood
 * still, and its packets, too, while the clock went on. */
static void
test_idle_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    long long int now = time_msec();
    struct lab lab;

    lab_init(&lab);
    make_busy_rule(&lab);
    for (int i = 1; i <= 30; i++) {
        ovs_assert(lab_find_rule(&lab, 0));
        dp_books_age(lab.books, now + i * 9 * DP_BOOKS_AGE_MS);
        ovs_assert(lab_find_rule(&lab, 0));
        ovs_assert(lab_run_packet(&lab, 0, 60));
        dp_books_age(lab.books, now + i * 1000000);
        dp_books_age(lab.books, now + i * 1000000 + DP_BOOKS_AGE_MS);
        ovs_assert(lab_run_packet(&lab, 0, 60));
    }
    now += 31 * 1000000;
    for (int i = 1; i <= 4; i++) {
        dp_books_age(lab.books, now);
        ovs_assert(lab_find_rule(&lab, 0));
        now += DP_BOOKS_AGE_MS;
    }
    dp_books_age(lab.books, now);
    ovs_assert(!lab_stats(&lab).n_rules);
    ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_IDLE] == 1);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-idle", test_idle_main);

/* Life. */

static void
test_life_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const bool legal[DP_BOOKS_N_LIVES][DP_BOOKS_N_LIVES] = {
        [DP_BOOKS_BUILDING] = { [DP_BOOKS_LIVE] = true,
                                [DP_BOOKS_DEAD] = true },
        [DP_BOOKS_LIVE] = { [DP_BOOKS_DEAD] = true },
        [DP_BOOKS_DEAD] = { [DP_BOOKS_PARTING] = true },
        [DP_BOOKS_PARTING] = { [DP_BOOKS_GONE] = true },
    };

    for (int src = 0; src < DP_BOOKS_N_LIVES; src++) {
        ovs_assert(strcmp(dp_books_life_name(src), "<unknown>"));
        for (int dst = 0; dst < DP_BOOKS_N_LIVES; dst++) {
            ovs_assert(dp_books_life_edge_is_legal(src, dst)
                       == legal[src][dst]);
        }
    }
    for (int i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        ovs_assert(*dp_books_cause_text(i));
    }
    for (int i = 0; i < DP_BOOKS_N_VERDICTS; i++) {
        ovs_assert(*dp_books_verdict_text(i));
    }
}
DPTEST_REGISTER("merge-life", test_life_main);
