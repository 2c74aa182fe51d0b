/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of flows: nobody has what another has, it is zero, and most of it
 * goes back. */

#include <config.h>
#undef NDEBUG
#include "flow/dp-slab.h"

#include <errno.h>
#include <sys/mman.h>
#include "flow/dp-pages.h"
#include "openvswitch/util.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "random.h"
#include "tests/dptest.h"
#include "util.h"

enum { N_THREADS = 3, N_HELD = DPTEST_MANY(20000), N_ROUNDS = 6 };

#ifdef __SANITIZE_THREAD__
#define HAS_SHADOW true
#else
#define HAS_SHADOW false
#endif

struct held {
    unsigned char *p;
    size_t size;
};

static bool
is_all(const unsigned char *p, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

static struct held
take(unsigned char owner)
{
    struct held held = { .size = 1 + random_range(1200) };

    held.p = dp_slab_alloc(held.size);
    ovs_assert(!((uintptr_t) held.p % CACHE_LINE_SIZE));
    ovs_assert(is_all(held.p, held.size, 0));
    memset(held.p, owner, held.size);
    return held;
}

static void
give_back(struct held *held, unsigned char owner)
{
    ovs_assert(is_all(held->p, held->size, owner));
    dp_slab_free(held->p, held->size);
}

/* Takes much and gives back some, turn by turn, and all in the end. */
static void *
churn_main(void *owner_)
{
    const unsigned char *owner = owner_;
    struct held *held = xmalloc(N_HELD * sizeof *held);
    size_t n = 0;

    for (int round = 0; round < N_ROUNDS; round++) {
        size_t keep = random_range(N_HELD);

        while (n < N_HELD) {
            held[n++] = take(*owner);
        }
        while (n > keep) {
            size_t i = random_range(n);

            give_back(&held[i], *owner);
            held[i] = held[--n];
        }
        ovsrcu_quiesce();
    }
    while (n) {
        give_back(&held[--n], *owner);
    }
    free(held);
    return NULL;
}

static void
test_churn_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static unsigned char owners[N_THREADS] = { 1, 2, 3 };
    pthread_t threads[N_THREADS];

    for (size_t i = 0; i < N_THREADS; i++) {
        threads[i] = ovs_thread_create("churn", churn_main, &owners[i]);
    }
    ovsrcu_quiesce_start();
    for (size_t i = 0; i < N_THREADS; i++) {
        xpthread_join(threads[i], NULL);
    }
    ovsrcu_quiesce_end();
}
DPTEST_REGISTER("slab-churn", test_churn_main);

/* Returns how many bytes of memory this process has. */
static size_t
get_resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long long int n;

    ovs_assert(f && fscanf(f, "%*u %llu", &n) == 1);
    fclose(f);
    return n * get_page_size();
}

/* Returns how many bytes the mapping that 'p' is in has of 'what', a line of
 * /proc/self/smaps. */
static unsigned long long int
count_bytes(const void *p, const char *what)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    unsigned long long int begin, end, n = 0;
    bool is_its = false;
    char line[256];

    ovs_assert(f);
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%llx-%llx ", &begin, &end) == 2) {
            is_its = begin <= (uintptr_t) p && (uintptr_t) p < end;
        } else if (is_its && !strncmp(line, what, strlen(what))) {
            n = strtoull(line + strlen(what), NULL, 10) * 1024;
        }
    }
    fclose(f);
    return n;
}

/* Some objects need little memory; that of many goes back when they do. */
static void
test_return_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { SIZE = 320, N = 100000, TOTAL = SIZE * N };
    void **held = xzalloc(N * sizeof *held);
    size_t before = get_resident();

    if (!DP_SLAB_MAX || HAS_SHADOW) {
        dptest_skip("a sanitizer has memory of its own");
    }
    held[0] = dp_slab_alloc(SIZE);
    ovs_assert(count_bytes(held[0], "Rss:") < DP_PAGES_HUGE / 2);
    for (size_t i = 1; i < N; i++) {
        held[i] = dp_slab_alloc(SIZE);
        if (!(i % 1000)) {
            ovsrcu_quiesce();
        }
    }
    ovs_assert(get_resident() - before > TOTAL / 2);
    for (size_t i = 0; i < N; i++) {
        dp_slab_free(held[i], SIZE);
    }
    ovs_assert(get_resident() - before < TOTAL / 2);
    free(held);
}

DPTEST_REGISTER("slab-return", test_return_main);

static unsigned long long int
map_and_count_huge(void)
{
    void *p = dp_pages_map(DP_PAGES_HUGE, 0, DP_PAGES_ANY_NODE);
    unsigned long long int n;

    ovs_assert(p && !((uintptr_t) p % DP_PAGES_HUGE));
    dp_pages_touch(p, DP_PAGES_HUGE);
    n = count_bytes(p, "AnonHugePages:");
    dp_pages_unmap(p, DP_PAGES_HUGE);
    return n;
}

/* Daemons are started with --mlockall: then pages come when they are mapped,
 * and must be huge nevertheless. */
static void
test_locked_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    if (!map_and_count_huge()) {
        dptest_skip("no huge pages here");
    }
    if (mlockall(MCL_FUTURE)) {
        dptest_skip("mlockall: %s", ovs_strerror(errno));
    }
    ovs_assert(map_and_count_huge());
    munlockall();
}
DPTEST_REGISTER("pages-locked", test_locked_main);
