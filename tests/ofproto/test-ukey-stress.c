/* SPDX-License-Identifier: Apache-2.0 */

/* Everyone at once on a few flows: threads that miss and install, threads
 * that evict, a thread that sweeps, a thread that purges.  No flow is in a
 * datapath here; what is tested is that each ukey is given to RCU exactly
 * once, that one live ukey at most stands for a flow, and that nothing waits
 * for ever.  Run it under the sanitizers for more. */

#include <config.h>

#include "ofproto/ukey-map.h"

#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "random.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

#define N_FLOWS 64
#define N_LANES 2

/* How long it runs, in ms, unless the first argument says otherwise. */
#define DEFAULT_MS 1500

struct stress {
    struct ukey_map map;
    atomic_bool stop;

    /* What became of all ukeys. */
    atomic_count n_created;
    atomic_count n_discarded;
    atomic_count n_replaced;    /* By a successor. */
    atomic_count n_reaped;
};

static struct udpif_key *
make_random_ukey(void)
{
    uint32_t id = random_range(N_FLOWS);
    uint32_t key[2] = { 8 | (1 << 16), id };
    ovs_u128 ufid = { .u32 = { id } };
    struct ukey_parms parms = {
        .key = ALIGNED_CAST(const struct nlattr *, key),
        .key_len = sizeof key,
        .actions = ALIGNED_CAST(const struct nlattr *, key),
        .actions_len = sizeof key,
        .ufid = &ufid,
        .pmd_id = random_range(N_LANES),
    };

    return ukey_create(&parms);
}

static bool
stopped(struct stress *s)
{
    bool stop;

    atomic_read_relaxed(&s->stop, &stop);
    return stop;
}

/* A lane or a handler. */
static void *
misser(void *s_)
{
    struct stress *s = s_;

    while (!stopped(s)) {
        struct udpif_key *ukey = make_random_ukey();
        enum ukey_install result;

        atomic_count_inc(&s->n_created);
        result = ukey_map_install(&s->map, ukey);
        if (!ukey_install_ok(result)) {
            ovs_assert(result != UKEY_CONFLICT);
            ukey_discard(ukey);
            atomic_count_inc(&s->n_discarded);
        } else {
            if (result == UKEY_REPLACED) {
                atomic_count_inc(&s->n_replaced);
            }
            ovs_mutex_lock(&ukey->mutex);
            if (random_range(4)) {
                ukey_saw_flow(ukey);
            } else {
                ukey_refused(ukey);
            }
            ovs_mutex_unlock(&ukey->mutex);
        }
        ovsrcu_quiesce();
    }
    return NULL;
}

/* Makes the flow of 'ukey' go, as dp_ops_push() does. */
static bool
evict(struct udpif_key *ukey, bool wait)
{
    bool mine;

    if (wait) {
        ovs_mutex_lock(&ukey->mutex);
    } else if (ovs_mutex_trylock(&ukey->mutex)) {
        return false;
    }
    mine = ukey_state_is_live(ukey->state);
    if (mine) {
        ukey_transition(ukey, UKEY_EVICTING);
    }
    ovs_mutex_unlock(&ukey->mutex);

    if (mine) {
        ovs_mutex_lock(&ukey->mutex);
        ukey_transition(ukey, (random_range(8) ? UKEY_EVICTED
                               : UKEY_INCONSISTENT));
        ovs_mutex_unlock(&ukey->mutex);
    }
    return mine;
}

/* A revalidator that dumps. */
static void *
dumper(void *s_)
{
    struct stress *s = s_;

    while (!stopped(s)) {
        ovs_u128 ufid = { .u32 = { random_range(N_FLOWS) } };
        struct udpif_key *ukey = ukey_map_find(&s->map, &ufid,
                                               random_range(N_LANES));
        if (ukey) {
            evict(ukey, false);
        }
        ovsrcu_quiesce();
    }
    return NULL;
}

/* A revalidator that sweeps, or main that purges: 'wait' is the difference. */
static void
sweep_all(struct stress *s, bool wait)
{
    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        struct udpif_key *ukey;

        CMAP_FOR_EACH (ukey, node, &s->map.slots[i].cmap) {
            if (wait || !random_range(16)) {
                evict(ukey, wait);
            }
            if (ukey_map_reap(&s->map, ukey)) {
                atomic_count_inc(&s->n_reaped);
            }
        }
        ovsrcu_quiesce();
    }
}

static void *
sweeper(void *s_)
{
    struct stress *s = s_;

    for (unsigned int i = 0; !stopped(s); i++) {
        sweep_all(s, i % 16 == 0);
    }
    return NULL;
}

static void
test_ukey_stress_main(int argc, char *argv[])
{
    struct stress *s = xzalloc(sizeof *s);
    long long int ms = argc > 1 && atoi(argv[1]) ? atoi(argv[1]) : DEFAULT_MS;
    pthread_t threads[6];
    unsigned int gone;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    ukey_map_init(&s->map);
    threads[0] = ovs_thread_create("misser", misser, s);
    threads[1] = ovs_thread_create("misser", misser, s);
    threads[2] = ovs_thread_create("dumper", dumper, s);
    threads[3] = ovs_thread_create("dumper", dumper, s);
    threads[4] = ovs_thread_create("sweeper", sweeper, s);
    threads[5] = ovs_thread_create("sweeper", sweeper, s);

    ovsrcu_quiesce_start();
    xnanosleep(ms * 1000000ULL);
    atomic_store_relaxed(&s->stop, true);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        xpthread_join(threads[i], NULL);
    }
    ovsrcu_quiesce_end();

    ukey_map_check(&s->map);
    gone = (atomic_count_get(&s->n_discarded) + atomic_count_get(&s->n_reaped)
            + atomic_count_get(&s->n_replaced));
    ovs_assert(ukey_map_count(&s->map) <= N_FLOWS * N_LANES);
    if (atomic_count_get(&s->n_created) != gone + ukey_map_count(&s->map)) {
        dptest_fail("%u ukeys made, but %u gone and %"PRIuSIZE" left",
                    atomic_count_get(&s->n_created), gone,
                    ukey_map_count(&s->map));
    }
    ovs_assert(atomic_count_get(&s->n_replaced));
    ovs_assert(atomic_count_get(&s->n_reaped));
    ukey_map_uninit(&s->map);
    ovsrcu_quiesce();
    free(s);
}
DPTEST_REGISTER("ukey-stress", test_ukey_stress_main);
