/* SPDX-License-Identifier: Apache-2.0 */

/* A NIC runs merged rules whole: what it counts is the contributors', all of
 * it, also what comes after a rule has died. */

#include <config.h>
#undef NDEBUG

#include "merge/dp-books.h"

#include "conntrack.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-clean.h"
#include "flow/dp-flow.h"
#include "tests/dptest.h"
#include "tests/merge/books-lab.h"

static const struct dp_dummy_config whole = {
    .mark_bits = 24, .whole = true, .tags = true, .priorities = true,
};

/* Has the NIC run a rule for connection 0. */
static void
begin(struct lab *lab)
{
    lab_init(lab);
    lab_add_nic(lab, &whole);
    ovs_assert(lab_offer(lab, 0) == DP_BOOKS_MADE);
    lab_wait_whole(lab, 0);
}

static unsigned long long int
count_whole(struct lab *lab)
{
    unsigned long long int n;

    atomic_read_relaxed(&lab->n_whole, &n);
    return n;
}

static void
run_packets(struct lab *lab, int n)
{
    unsigned long long int before = count_whole(lab);

    for (int i = 0; i < n; i++) {
        ovs_assert(lab_run_packet(lab, 0, 100 + i));
    }
    ovs_assert(count_whole(lab) == before + n);
}

/* Has a pass begin and end, or end if it has begun before. */
static void
pass_once(struct lab *lab)
{
    uint32_t n = dp_books_n_passes(lab->books);

    dp_books_age(lab->books, time_msec());
    while (dp_books_n_passes(lab->books) == n) {
        xnanosleep(1000 * 1000);
        dp_books_go_on(lab->books, time_msec());
    }
}

/* Has two passes end: the first may have begun before. */
static void
pass(struct lab *lab)
{
    pass_once(lab);
    pass_once(lab);
}

/* Has a pass begin, as if it was 'now_ms', and wait for the NIC for long. */
static void
begin_slow_pass(struct lab *lab, long long int now_ms)
{
    uint32_t n = dp_books_n_passes(lab->books);

    dp_dummy_nic_hold(lab->nic, true);
    for (int i = 0; i < 3; i++) {
        dp_books_age(lab->books, now_ms);
        dp_books_go_on(lab->books, now_ms);
    }
    ovs_assert(dp_books_n_passes(lab->books) == n);
}

static void
end_slow_pass(struct lab *lab)
{
    dp_dummy_nic_hold(lab->nic, false);
    pass_once(lab);
}

static size_t
n_rules(const struct lab *lab)
{
    struct dp_books_stats stats;

    dp_books_get_stats(lab->books, &stats);
    return stats.n_rules;
}

/* All is quiet: the books tell what lane and NIC have run, apart. */
static void
check_runners(struct lab *lab)
{
    struct dp_books_stats stats = lab_stats(lab);
    unsigned long long int n_merged;

    atomic_read_relaxed(&lab->n_merged, &n_merged);
    ovs_assert(stats.n_packets == n_merged);
    ovs_assert(stats.n_by_lanes == n_merged - count_whole(lab));
}

/* M41: each stage has what the NIC has seen, after a pass, and when a megaflow
 * goes, to the last packet. */
static void
test_counts_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    lab_init(&lab);
    lab_add_nic(&lab, &whole);
    dp_dummy_nic_hold(lab.nic, true);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    for (int i = 0; i < 7; i++) {
        ovs_assert(lab_run_packet(&lab, 0, 100));
    }
    ovs_assert(!count_whole(&lab));
    dp_dummy_nic_hold(lab.nic, false);
    lab_wait_whole(&lab, 0);
    run_packets(&lab, 100);
    pass(&lab);
    lab_check_counts(&lab);
    check_runners(&lab);

    for (size_t stage = 0; stage < LAB_STAGES; stage++) {
        run_packets(&lab, 10);
        lab_replace_megaflow(&lab, stage);
        lab_check_counts(&lab);
        if (stage == LAB_STAGES - 1) {
            lab_replace_megaflow(&lab, stage);      /* To an even port. */
        }
        dp_books_reap(lab.books);
        while (lab_offer(&lab, 0) != DP_BOOKS_MADE) {
            continue;
        }
        lab_wait_whole(&lab, 0);
    }
    check_runners(&lab);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-counts-M36-M41", test_counts_main);

/* M29, M35, M41: a rule has died, and the NIC goes on.  It takes no other rule
 * with the same packets until that has ended, and nothing is lost. */
static void
test_late_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    begin(&lab);
    run_packets(&lab, 10);
    dp_dummy_nic_hold(lab.nic, true);
    ovs_assert(!dp_books_is_urgent(lab.books));
    lab_replace_conn(&lab, 0);
    ovs_assert(!lab_find_rule(&lab, 0) && !n_rules(&lab));
    ovs_assert(dp_books_is_urgent(lab.books));
    run_packets(&lab, 5);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_OVERTAKEN);
    dp_books_reap(lab.books);
    ovs_assert(!dp_books_is_urgent(lab.books));
    run_packets(&lab, 5);
    ovs_assert(lab_offer(&lab, 0) != DP_BOOKS_MADE);

    dp_dummy_nic_hold(lab.nic, false);
    while (lab_offer(&lab, 0) != DP_BOOKS_MADE) {
        continue;
    }

    /* It has left the NIC, so it can be let go. */
    dp_books_reap(lab.books);
    lab_check_counts(&lab);
    lab_wait_whole(&lab, 0);
    run_packets(&lab, 10);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-late-M29-M35-M41", test_late_main);

/* M33: who flushes waits until the NIC has let go. */
static void
test_flush_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    begin(&lab);
    run_packets(&lab, 10);
    conntrack_flush(lab.ct, NULL);
    lab_check_counts(&lab);
    ovs_assert(!lab_run_packet(&lab, 0, 100));
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-flush-M33", test_flush_main);

/* Returns when all connections will have expired. */
static long long int
get_last_expiry(const struct lab *lab)
{
    long long int last = 0;

    for (size_t i = 0; i < LAB_CONNS; i++) {
        struct ct_view view;

        ovs_assert(ct_handle_view(lab->ct, lab_get_handle(lab, i), &view));
        last = MAX(last, view.expiry);
    }
    return last;
}

/* Waits until the clock is not what it was a while ago. */
static void
await_next_ms(void)
{
    long long int now = time_msec();

    while (time_msec() < now + 2) {
        xnanosleep(1000 * 1000);
    }
}

/* M30: a connection whose packets only the NIC sees lives on; the tracker lets
 * it go only if the NIC was asked after its time was over. */
static void
test_expiry_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    long long int later;
    struct ct_view view;
    struct lab lab;

    begin(&lab);
    later = get_last_expiry(&lab) + 1;
    await_next_ms();

    /* The packets have not been read: a pass that has not ended does not
     * count. */
    run_packets(&lab, 1);
    dp_dummy_nic_hold(lab.nic, true);
    ovs_assert(ct_clean_sweep(lab.ct, later) == LAB_CONNS - 1);
    dp_books_age(lab.books, time_msec());
    dp_books_go_on(lab.books, time_msec());
    ovs_assert(!ct_clean_sweep(lab.ct, later));

    /* Nor is the rule idle, however late it is. */
    for (int i = 0; i < 8; i++) {
        dp_books_age(lab.books, later + 60 * 1000);
    }
    ovs_assert(lab_find_rule(&lab, 0));
    dp_dummy_nic_hold(lab.nic, false);
    pass(&lab);
    ovs_assert(ct_handle_view(lab.ct, lab_get_handle(&lab, 0), &view)
               && view.expiry > later);
    lab_check_counts(&lab);

    /* An idle one goes. */
    later = view.expiry + 1;
    ovs_assert(!ct_clean_sweep(lab.ct, later));
    pass(&lab);
    ovs_assert(ct_clean_sweep(lab.ct, later) == 1);
    ovs_assert(!lab_find_rule(&lab, 0));
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-expiry-M30", test_expiry_main);

/* M30: a pass that a stop has cut off has ended with it; whatever begins after
 * that needs one pass of its own. */
static void
test_stop_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    long long int later;
    struct lab lab;

    begin(&lab);
    for (int i = 0; i < 3; i++) {
        begin_slow_pass(&lab, time_msec());
        dp_dummy_nic_hold(lab.nic, false);
        dp_books_stop(lab.books);
        dp_books_start(lab.books);
        ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
        lab_wait_whole(&lab, 0);
    }
    later = get_last_expiry(&lab) + 1;
    await_next_ms();
    ovs_assert(ct_clean_sweep(lab.ct, later) == LAB_CONNS - 1);
    pass_once(&lab);
    ovs_assert(ct_clean_sweep(lab.ct, later) == 1);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-stop-M30", test_stop_main);

/* M45: how long a NIC takes to tell makes no difference to what a rule has had
 * lately: half of it is forgotten in a pass. */
static void
test_room_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const enum dp_books_verdict verdicts[] = {
        DP_BOOKS_FULL, DP_BOOKS_FULL, DP_BOOKS_EARLY, DP_BOOKS_FULL,
        DP_BOOKS_EARLY, DP_BOOKS_EARLY, DP_BOOKS_EARLY, DP_BOOKS_MADE,
    };
    struct lab lab;

    begin(&lab);
    dp_books_set_max(lab.books, 1);
    run_packets(&lab, 8);
    for (int i = 0; i < 2; i++) {
        begin_slow_pass(&lab, time_msec());
        end_slow_pass(&lab);
    }
    for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
        ovs_assert(lab_offer(&lab, 1) == verdicts[i]);
    }
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-room-M45", test_room_main);

/* A rule is not idle as long as a NIC has not told that it is. */
static void
test_idle_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    begin(&lab);
    run_packets(&lab, 1);
    for (int i = 0; i < 3; i++) {
        pass(&lab);
    }
    run_packets(&lab, 1);
    begin_slow_pass(&lab, time_msec() + 60 * 1000);
    ovs_assert(lab_find_rule(&lab, 0));
    end_slow_pass(&lab);
    ovs_assert(lab_find_rule(&lab, 0));
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-whole-idle", test_idle_main);
