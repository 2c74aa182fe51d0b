/* SPDX-License-Identifier: Apache-2.0 */

/* Which connections get merged rules: what is spent on rules in vain stays
 * small, whatever the traffic, and who is worth it gets one. */

#include <config.h>
#undef NDEBUG

#include "merge/dp-books-worth.h"

#include "random.h"
#include "timeval.h"
#include "util.h"
#include "merge/dp-books.h"
#include "merge/dp-books-entry.h"
#include "pipe/dp-sample.h"
#include "tests/dptest.h"
#include "tests/merge/books-lab.h"

/* A world in which traffic is drawn by chance. */

enum {
    N_PASSES = 500,
    SIGHTS = 320000,            /* In a pass: 32 packets each 50 us. */
    MAX_STEADY = 50000,
};

struct world {
    struct dp_books_worth worth;
    bool is_open;               /* Rules may be made. */
    struct dp_sample sample;
    long long int now_us;
    uint32_t next_hash;         /* Of the next short connection. */

    /* Connections that last, with equal shares of the traffic. */
    size_t n_steady;
    double share;               /* All of these together. */
    bool has_rule[MAX_STEADY];
    uint32_t hashes[MAX_STEADY];

    size_t n_steady_made;
    size_t n_short_made[3];     /* In this pass, and those before it. */
    size_t n_slow_made[DP_BOOKS_WORTH_AGE + 1]; /* Likewise, that last. */
};

static void
world_begin(struct world *w, size_t n_steady, double share)
{
    memset(w->has_rule, 0, sizeof w->has_rule);
    for (size_t i = 0; i < n_steady; i++) {
        w->hashes[i] = random_uint32();
    }
    w->n_steady = n_steady;
    w->n_steady_made = 0;
    w->share = share;
}

static struct world *
world_create(size_t n_steady, double share)
{
    struct world *w = xzalloc(sizeof *w);

    random_set_seed(1);
    dp_books_worth_init(&w->worth);
    w->is_open = true;
    world_begin(w, n_steady, share);
    return w;
}

/* A lane sees a packet that went the long way. */
static void
see_packet(struct world *w)
{
    bool is_steady = random_uint32() < w->share * UINT32_MAX;
    size_t i = is_steady ? random_range(w->n_steady) : 0;

    if (is_steady && w->has_rule[i]) {
        return;
    }
    if (dp_sample_count(&w->sample,
                        is_steady ? w->hashes[i] : random_uint32(),
                        w->is_open ? w->worth.seen : UINT32_MAX)) {
        w->is_open = dp_books_worth_made(&w->worth);
        if (is_steady) {
            w->has_rule[i] = true;
            w->n_steady_made++;
            w->n_slow_made[0]++;
        } else {
            w->n_short_made[0]++;
        }
    }
}

/* The rules of a pass are now those of the one before it, and so on. */
static void
move_on(size_t *n_made, size_t n)
{
    memmove(&n_made[1], n_made, (n - 1) * sizeof *n_made);
    n_made[0] = 0;
}

/* Returns how many rules of short connections were made. */
static size_t
run_pass(struct world *w)
{
    size_t n;

    for (int i = 0; i < SIGHTS; i++) {
        see_packet(w);
    }
    w->now_us += 1000 * DP_BOOKS_AGE_MS;
    dp_sample_run(&w->sample, w->now_us);

    /* Short ones are over at once, or it is seen two passes later; others pay
     * much later, but are promising by then. */
    for (size_t i = 0; i < w->n_short_made[0]; i += 2) {
        dp_books_worth_vain(&w->worth, 0);
    }
    for (size_t i = 1; i < w->n_short_made[2]; i += 2) {
        dp_books_worth_vain(&w->worth, 2);
    }
    for (size_t i = 0; i < w->n_slow_made[DP_BOOKS_WORTH_AGE]; i++) {
        dp_books_worth_paid(&w->worth);
    }
    dp_books_worth_end_pass(&w->worth);
    w->is_open = true;
    n = w->n_short_made[0];
    move_on(w->n_short_made, ARRAY_SIZE(w->n_short_made));
    move_on(w->n_slow_made, ARRAY_SIZE(w->n_slow_made));
    return n;
}

/* Short connections only, more than can be told apart: rules are made for them
 * in few passes. */
static void
test_short(void)
{
    struct world *w = world_create(0, 0);
    size_t n_passes = 0, n_rules = 0;

    for (int i = 0; i < N_PASSES; i++) {
        size_t n = run_pass(w);

        n_passes += i >= 2 * DP_BOOKS_WORTH_MAX_PAUSE && n;
        n_rules += n;
    }
    printf("short: %"PRIuSIZE" passes, %"PRIuSIZE" rules\n", n_passes,
           n_rules);
    ovs_assert(n_passes < N_PASSES / 6);
    free(w);
}

/* Those that last get their rules soon, at first and after short ones. */
static void
test_steady(void)
{
    struct world *w = world_create(MAX_STEADY, 1);

    for (int i = 0; i < 6; i++) {
        run_pass(w);
    }
    ovs_assert(w->n_steady_made > .99 * MAX_STEADY);

    world_begin(w, 0, 0);
    for (int i = 0; i < 4 * DP_BOOKS_WORTH_MAX_PAUSE; i++) {
        run_pass(w);
    }
    world_begin(w, MAX_STEADY, 1);
    for (int i = 0; i < DP_BOOKS_WORTH_MAX_PAUSE + 20; i++) {
        run_pass(w);
    }
    printf("steady: %"PRIuSIZE" rules\n", w->n_steady_made);
    ovs_assert(w->n_steady_made > .99 * MAX_STEADY);
    free(w);
}

/* So do many that last among few short ones: that it takes a while until they
 * pay says nothing against them. */
static void
test_slow(void)
{
    struct world *w = world_create(MAX_STEADY, .95);

    for (int i = 0; i < 40; i++) {
        run_pass(w);
    }
    printf("slow: %"PRIuSIZE" rules\n", w->n_steady_made);
    ovs_assert(w->n_steady_made > .99 * MAX_STEADY);
    free(w);
}

/* Busy ones get theirs among many short ones, in a second or two. */
static void
test_mixed(void)
{
    struct world *w = world_create(0, 0);

    for (int i = 0; i < 4; i++) {
        run_pass(w);
    }
    ovs_assert(dp_books_worth_is_strict(&w->worth));
    world_begin(w, 100, .1);
    for (int i = 0; i < 4; i++) {
        run_pass(w);
    }
    printf("mixed: %"PRIuSIZE" rules\n", w->n_steady_made);
    ovs_assert(w->n_steady_made > 90);
    free(w);
}

static void
test_worth_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    test_short();
    test_steady();
    test_slow();
    test_mixed();
}
DPTEST_REGISTER("merge-worth-traffic", test_worth_main);

/* Step by step. */

static void
end_pass(struct dp_books_worth *worth, size_t n_paid, size_t n_vain,
         uint32_t seen)
{
    for (size_t i = 0; i < n_paid; i++) {
        dp_books_worth_paid(worth);
    }
    for (size_t i = 0; i < n_vain; i++) {
        dp_books_worth_vain(worth, DP_BOOKS_WORTH_AGE + i);
    }
    dp_books_worth_end_pass(worth);
    ovs_assert(worth->seen == seen);
    ovs_assert(dp_books_worth_is_strict(worth)
               == (seen > DP_BOOKS_WORTH_MIN_SEEN));
}

static void
end_passes(struct dp_books_worth *worth, int n, uint32_t seen)
{
    for (int i = 0; i < n; i++) {
        end_pass(worth, 0, 0, seen);
    }
}

/* 'worth' asks for the most, and has just said so.  It asks for less after
 * 'pause' passes, and then for less and less. */
static void
relax(struct dp_books_worth *worth, int pause)
{
    end_passes(worth, pause - 1, 512);
    end_passes(worth, 4, 128);
    end_passes(worth, 4, 32);
    end_passes(worth, 4, 8);
    end_pass(worth, 0, 0, 4);
}

static void
test_steps_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_books_worth worth;

    dp_books_worth_init(&worth);
    end_pass(&worth, 0, 0, 4);

    /* Some in vain don't matter, nor do many among more. */
    end_pass(&worth, 0, 63, 4);
    end_pass(&worth, 64, 64, 4);
    end_pass(&worth, 64, 65, 512);

    /* They were made before; then there is a pause. */
    end_pass(&worth, 0, 1000, 512);
    end_passes(&worth, 7, 512);
    end_passes(&worth, 4, 128);
    end_passes(&worth, 1, 32);

    /* Now few are too many, and the pause is longer. */
    end_pass(&worth, 0, 7, 32);
    end_pass(&worth, 8, 8, 32);
    end_pass(&worth, 7, 8, 512);
    relax(&worth, 16);

    /* It is remembered for a while that it was in vain, but not for ever. */
    end_passes(&worth, 4, 4);
    end_pass(&worth, 0, 64, 512);
    relax(&worth, 32);
    end_passes(&worth, 64, 4);
    end_pass(&worth, 0, 64, 512);
    relax(&worth, 8);

    /* The pause has a limit. */
    for (int pause = 16; pause < 1000; pause *= 2) {
        end_pass(&worth, 0, 64, 512);
        relax(&worth, MIN(pause, 64));
    }

    /* So has the number of rules. */
    for (int i = 0; i < 10000; i++) {
        ovs_assert(dp_books_worth_made(&worth));
    }
    end_pass(&worth, 0, 64, 512);
    for (int i = 1; i <= DP_BOOKS_WORTH_TRIES; i++) {
        ovs_assert(dp_books_worth_made(&worth) == (i < DP_BOOKS_WORTH_TRIES));
    }
    end_pass(&worth, 0, 0, 512);
    ovs_assert(dp_books_worth_made(&worth));

    /* What is in vain early waits for others of its age. */
    dp_books_worth_init(&worth);
    for (int age = 0; age < DP_BOOKS_WORTH_AGE; age++) {
        for (int i = 0; i < 32; i++) {
            dp_books_worth_vain(&worth, age);
        }
    }
    end_pass(&worth, 0, 0, 4);
    end_pass(&worth, 0, 0, 4);
    end_pass(&worth, 64, 0, 4);
    end_pass(&worth, 64, 1, 512);

    /* A promise that is broken outweighs another one. */
    dp_books_worth_init(&worth);
    dp_books_worth_broken(&worth);
    end_pass(&worth, 65, 64, 4);
    dp_books_worth_broken(&worth);
    end_pass(&worth, 64, 64, 512);

    ovs_assert(dp_books_worth_is_over(0, 1));
    ovs_assert(!dp_books_worth_is_over(100, 200));
    ovs_assert(dp_books_worth_is_over(100, 201));
}
DPTEST_REGISTER("merge-worth-steps", test_steps_main);

/* What the books say of rules. */

static void
run_packets(struct lab *lab, size_t conn_no, int n)
{
    for (int i = 0; i < n; i++) {
        ovs_assert(lab_run_packet(lab, conn_no, 60));
    }
}

/* Makes 'n' rules for each of 'n_conns' connections, which end when they have
 * had 'n_packets'. */
static void
make_rules(struct lab *lab, size_t n_conns, int n, int n_packets)
{
    for (size_t i = 0; i < n_conns; i++) {
        for (int j = 0; j < n; j++) {
            ovs_assert(lab_offer(lab, i) == DP_BOOKS_MADE);
            run_packets(lab, i, n_packets);
            lab_replace_conn(lab, i);
        }
    }
}

/* Lets as many passes go by as it takes to know of rules that have ended. */
static void
age_all(struct lab *lab, long long int now)
{
    for (int i = 0; i <= DP_BOOKS_WORTH_AGE; i++) {
        dp_books_age(lab->books, now);
    }
}

/* Judges the only rule, which lives, as if it was 'age' passes old and had its
 * last packet just now. */
static void
judge_first(struct lab *lab, int age)
{
    struct dp_books *books = lab->books;
    struct dp_books_entry *entry
        = CONTAINER_OF(ovs_list_front(&books->entries), struct dp_books_entry,
                       node);

    ovs_mutex_lock(&books->keeper);
    ovs_mutex_lock(&books->mutex);
    entry->used = entry->born + age * DP_BOOKS_AGE_MS;
    dp_books_judge(books, entry, entry->used);
    ovs_mutex_unlock(&books->mutex);
    ovs_mutex_unlock(&books->keeper);
}

static void
test_books_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    long long int now = time_msec();
    struct lab lab;

    /* Connections that end: in vain, or not. */
    lab_init(&lab);
    ovs_assert(dp_books_get_min_seen(lab.books) == 4);
    make_rules(&lab, 8, 8, DP_BOOKS_WORTH_PACKETS);
    dp_books_age(lab.books, now);
    make_rules(&lab, 7, 9, DP_BOOKS_WORTH_PACKETS - 1);
    age_all(&lab, now);
    ovs_assert(dp_books_get_min_seen(lab.books) == 4);
    make_rules(&lab, 8, 8, DP_BOOKS_WORTH_PACKETS - 1);
    age_all(&lab, now);
    ovs_assert(dp_books_get_min_seen(lab.books) == DP_BOOKS_WORTH_MAX_SEEN);

    /* A rule that lives and is in vain dies then, and no other. */
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    ovs_assert(lab_offer(&lab, 1) == DP_BOOKS_MADE);
    ovs_assert(lab_offer(&lab, 2) == DP_BOOKS_MADE);
    run_packets(&lab, 1, DP_BOOKS_WORTH_PACKETS);
    for (int i = 0; i < 3; i++) {
        run_packets(&lab, 2, 1);
        now += 10 * DP_BOOKS_AGE_MS;
        dp_books_age(lab.books, now);
        ovs_assert(!lab_find_rule(&lab, 0) == (i >= 1));
    }
    ovs_assert(lab_find_rule(&lab, 1) && lab_find_rule(&lab, 2));
    ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_VAIN] == 1);

    /* Somebody has switched it off and on. */
    dp_books_stop(lab.books);
    dp_books_start(lab.books);
    ovs_assert(dp_books_get_min_seen(lab.books) == 4);

    /* A rule is counted once. */
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    run_packets(&lab, 0, DP_BOOKS_WORTH_PACKETS);
    dp_books_account_all(lab.books);
    judge_first(&lab, 0);
    judge_first(&lab, 0);
    ovs_assert(lab.books->worth.n_paid == 1);
    lab_replace_conn(&lab, 0);

    /* So is one that goes on at a good pace, and no other. */
    dp_books_age(lab.books, now);
    for (int pace = 2; pace <= 8; pace += 6) {
        ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
        for (int age = 0; age <= DP_BOOKS_WORTH_AGE + 1; age++) {
            run_packets(&lab, 0, pace);
            dp_books_account_all(lab.books);
            judge_first(&lab, age);
            ovs_assert(lab.books->worth.n_paid
                       == (pace == 8 && age >= DP_BOOKS_WORTH_AGE));
        }
        lab_replace_conn(&lab, 0);
        dp_books_reap(lab.books);
        ovs_assert(lab.books->worth.n_broken == (pace == 8));
    }

    /* What ends for other reasons tells nothing. */
    for (int i = 0; i < 100; i++) {
        ovs_assert(lab_offer(&lab, i % 8) == DP_BOOKS_MADE);
        run_packets(&lab, i % 8, 1);
        if (i % 8 == 7) {
            lab_modify_megaflow(&lab, 2);
            lab_modify_megaflow(&lab, 2);
        }
    }
    age_all(&lab, now);
    ovs_assert(dp_books_get_min_seen(lab.books) == 4);
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-worth-books-M45", test_books_main);
