/* SPDX-License-Identifier: Apache-2.0 */

/* A lane runs packets, while another thread offers traces and keeps the books,
 * and others replace and modify megaflows, kill and mark connections, take
 * ports away, and sweep.
 *
 * No packet may be run by a rule that was built before a change that had been
 * acknowledged when the packet began; the lab looks.  What the megaflows tell,
 * when they go and in the end, is what has been run, packet by packet and byte
 * by byte.  In the end nothing is left.
 *
 *     dptest NAME              a thousand changes
 *     dptest NAME soak N       N
 */

#include <config.h>
#undef NDEBUG

#include "merge/dp-books.h"

#include <sched.h>

#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct-clean.h"
#include "flow/dp-flow.h"
#include "tests/dptest.h"
#include "tests/merge/books-lab.h"

enum { N_CHANGES = 1000, MAX_BYTES = 1500 };

struct churn {
    struct lab lab;
    atomic_uint n_left;         /* Changes. */
    atomic_bool is_over;
};

struct changer {
    struct churn *churn;
    pthread_t thread;
    uint32_t random;
};

/* Each thread has a state of its own, not zero. */
static uint32_t
draw_random(uint32_t *state, uint32_t n)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state % n;
}

static bool
is_over(struct churn *churn)
{
    bool over;

    atomic_read_relaxed(&churn->is_over, &over);
    return over;
}

static void *
lane_main(void *churn_)
{
    struct churn *churn = churn_;
    uint32_t random = 1;

    while (!is_over(churn)) {
        for (int i = 0; i < 64; i++) {
            lab_run_packet(&churn->lab, draw_random(&random, LAB_CONNS),
                           60 + draw_random(&random, MAX_BYTES - 60));
        }
        ovsrcu_quiesce();
    }
    return NULL;
}

/* Offers, and keeps the books. */
static void *
keeper_main(void *churn_)
{
    struct churn *churn = churn_;
    uint32_t random = 2;

    while (!is_over(churn)) {
        for (int i = 0; i < 16; i++) {
            lab_offer(&churn->lab, draw_random(&random, LAB_CONNS));
        }
        if (!draw_random(&random, 4)) {
            dp_books_age(churn->lab.books, time_msec());
        }
        if (dp_books_is_urgent(churn->lab.books)) {
            dp_books_reap(churn->lab.books);
        }
        dp_books_go_on(churn->lab.books, time_msec());
        ovsrcu_quiesce();
    }
    return NULL;
}

/* Makes a change by chance. */
static void
change(struct lab *lab, uint32_t *random)
{
    size_t conn_no = draw_random(random, LAB_CONNS);
    size_t stage = draw_random(random, LAB_STAGES);

    switch (draw_random(random, 16)) {
    case 0: case 1: case 2: case 3:
        lab_replace_megaflow(lab, stage);
        break;
    case 4: case 5: case 6:
        lab_modify_megaflow(lab, stage);
        break;
    case 7: case 8: case 9: case 10: case 11:
        lab_replace_conn(lab, conn_no);
        break;
    case 12: case 13:
        lab_mark_conn(lab, conn_no);
        break;
    case 14:
        /* All rules begin at the one port, and few send to the other. */
        dp_books_port_gone(lab->books, u32_to_odp(draw_random(random, 2)
                                                  ? LAB_IN_PORT
                                                  : LAB_OUT_PORT));
        break;
    case 15:
        if (draw_random(random, 2)) {
            dp_books_carrier_gone(lab->books, &lab->lane);
        } else {
            dp_books_set_max(lab->books, (LAB_CONNS / 2
                                          + draw_random(random, 16)));
        }
        break;
    default:
        OVS_NOT_REACHED();
    }
}

static unsigned long long int
get_count(const atomic_ullong *count)
{
    unsigned long long int value;

    atomic_read_relaxed(CONST_CAST(atomic_ullong *, count), &value);
    return value;
}

/* Waits until there are rules to kill, as far as there may be any. */
static void
wait_for_packets(const struct lab *lab)
{
    unsigned long long int n_packets = get_count(&lab->n_packets);
    unsigned long long int n_merged = get_count(&lab->n_merged);

    while (get_count(&lab->n_merged) < n_merged + 20
           && get_count(&lab->n_packets) < n_packets + 2000) {
        sched_yield();
    }
}

static void *
changer_main(void *changer_)
{
    struct changer *changer = changer_;
    unsigned int left;

    for (;;) {
        atomic_sub_relaxed(&changer->churn->n_left, 1, &left);
        if ((int) left <= 0) {
            return NULL;
        }
        wait_for_packets(&changer->churn->lab);
        change(&changer->churn->lab, &changer->random);
        ovsrcu_quiesce();
    }
}

/* Reads what anybody may read. */
static void *
reader_main(void *churn_)
{
    struct churn *churn = churn_;

    while (!is_over(churn)) {
        struct dp_books_stats stats;
        size_t n;
        struct dp_flow **flows = dp_books_list(churn->lab.books, &n);

        for (size_t i = 0; i < n; i++) {
            dp_flow_unref(flows[i]);
        }
        free(flows);
        dp_books_get_stats(churn->lab.books, &stats);
        ovsrcu_quiesce();
    }
    return NULL;
}

static uint64_t
sum_of(const uint64_t *values, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += values[i];
    }
    return sum;
}

/* Each rule that was to live has died, once, and each cause has occurred that
 * this test is about. */
static void
check_stats(struct churn *churn)
{
    static const enum dp_books_cause causes[] = {
        DP_BOOKS_CAUSE_FLOW, DP_BOOKS_CAUSE_FLUSHED, DP_BOOKS_CAUSE_MARK,
        DP_BOOKS_CAUSE_PORT, DP_BOOKS_CAUSE_LANE, DP_BOOKS_CAUSE_ROOM,
    };
    struct dp_books_stats stats;
    const uint64_t n_packets = get_count(&churn->lab.n_packets);
    const uint64_t n_merged = get_count(&churn->lab.n_merged);

    dp_books_get_stats(churn->lab.books, &stats);
    for (int i = 0; i < DP_BOOKS_N_VERDICTS; i++) {
        printf("%10"PRIu64" %s\n", stats.n_verdicts[i],
               dp_books_verdict_text(i));
    }
    for (int i = 0; i < DP_BOOKS_N_CAUSES; i++) {
        printf("%10"PRIu64" %s\n", stats.n_killed[i], dp_books_cause_text(i));
    }
    printf("%10"PRIu64" packets, %"PRIu64" by merged rules\n", n_packets,
           n_merged);
    printf("%10llu in the NIC\n", get_count(&churn->lab.n_whole));

    ovs_assert(!stats.n_rules && !stats.n_conns);
    ovs_assert(sum_of(stats.n_killed, DP_BOOKS_N_CAUSES)
               == get_count(&churn->lab.n_inserted));
    ovs_assert(!sum_of(stats.n_refused, DP_MERGE_N_WHYS));
    ovs_assert(stats.n_packets == n_merged && n_merged);
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
        ovs_assert(stats.n_killed[causes[i]]);
    }
}

static void
churn_run(struct churn *churn)
{
    struct changer changers[2];
    pthread_t others[3];

    others[0] = ovs_thread_create("lane", lane_main, churn);
    others[1] = ovs_thread_create("keeper", keeper_main, churn);
    others[2] = ovs_thread_create("reader", reader_main, churn);
    for (size_t i = 0; i < ARRAY_SIZE(changers); i++) {
        changers[i].churn = churn;
        changers[i].random = 4711 + i;
        changers[i].thread = ovs_thread_create("changer", changer_main,
                                               &changers[i]);
    }
    ovsrcu_quiesce_start();
    for (size_t i = 0; i < ARRAY_SIZE(changers); i++) {
        xpthread_join(changers[i].thread, NULL);
    }
    atomic_store_relaxed(&churn->is_over, true);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        xpthread_join(others[i], NULL);
    }
    ovsrcu_quiesce_end();
}

static void
test_churn(int argc, char *argv[], const struct dp_dummy_config *nic)
{
    struct churn *churn = xzalloc(sizeof *churn);
    unsigned int n = (argc > 2 && !strcmp(argv[1], "soak") ? atoi(argv[2])
                      : N_CHANGES);

    lab_init(&churn->lab);
    if (nic) {
        lab_add_nic(&churn->lab, nic);
    }
    atomic_init(&churn->n_left, n);
    atomic_init(&churn->is_over, false);
    churn_run(churn);
    dp_books_stop(churn->lab.books);
    lab_check_counts(&churn->lab);
    check_stats(churn);
    ovs_assert(!nic || get_count(&churn->lab.n_whole));
    lab_uninit(&churn->lab);
    free(churn);
}

static void
test_churn_main(int argc, char *argv[])
{
    test_churn(argc, argv, NULL);
}

/* The NIC runs rules whole, refuses, fails, and is late. */
static void
test_churn_whole_main(int argc, char *argv[])
{
    static const struct dp_dummy_config nic = {
        .mark_bits = 24, .whole = true, .tags = true, .priorities = true,
        .whole_capacity = LAB_CONNS - 1, .put_refused = 50, .put_busy = 50,
        .del_failed = 50, .late = 100,
    };

    test_churn(argc, argv, &nic);
}
DPTEST_REGISTER("merge-whole-churn-M29-M33-M34-M36-M41-M45",
                test_churn_whole_main);
DPTEST_REGISTER("merge-churn-M29-M33-M34-M36-M38-M40-M41", test_churn_main);
