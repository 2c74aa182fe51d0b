/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-flow-table.h"

#include "ovs-rcu.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"
#include "flow/dp-simple.h"
#include "flow/dp-smc.h"

/* Random insertions, removals and lookups against an array.  Whatever answers
 * (classifier, simple lookup, signature cache), the flow that it names matches
 * the packet, and it names one if there is one. */

enum { MAX_FLOWS = 64, N_VALUES = 4 };

struct model {
    struct dp_flow_table table;
    struct dp_simple simple;
    struct dp_smc smc;
    struct dp_flow *flows[MAX_FLOWS];
    size_t n;
};

static bool
model_has(const struct model *m, const struct flow *flow)
{
    for (size_t i = 0; i < m->n; i++) {
        if (naive_match(m->flows[i], flow)) {
            return true;
        }
    }
    return false;
}

static void
model_insert(struct model *m)
{
    struct dp_flow *f = random_dp_flow(N_VALUES);

    if (m->n == MAX_FLOWS) {
        dp_flow_unref(f);
        return;
    }
    f->mask = dp_flow_table_share_mask(&m->table, f->in_port, f->mask);
    ovs_mutex_lock(&m->table.mutex);
    dp_flow_table_insert(&m->table, f);
    dp_simple_insert(&m->simple, f);
    ovs_mutex_unlock(&m->table.mutex);
    m->flows[m->n++] = f;
}

static void
model_remove(struct model *m, size_t i)
{
    struct dp_flow *f = m->flows[i];

    ovs_mutex_lock(&m->table.mutex);
    ovs_assert(dp_flow_table_find(&m->table, &f->ufid) == f);
    dp_simple_remove(&m->simple, f);
    dp_flow_table_remove(&m->table, f);
    ovs_assert(!dp_flow_table_find(&m->table, &f->ufid));
    ovs_mutex_unlock(&m->table.mutex);
    m->flows[i] = m->flows[--m->n];
}

static void
check_burst(struct model *m)
{
    odp_port_t in_port = u32_to_odp(1 + random_range(2));
    struct dp_flow *found[32] = { NULL };
    struct dp_packet packets[32];
    struct dp_key store[32], *keys[32];
    struct flow flows[32];
    unsigned int n_tries = 0;
    uint32_t missed;
    struct dp_cls *cls;
    uint32_t want = random_uint32();
    int i;

    for (i = 0; i < 32; i++) {
        struct flow described = random_flow(N_VALUES);

        described.in_port.odp_port = in_port;
        flow_to_packet(&described, &packets[i]);
        dp_key_extract_fresh(&store[i], &packets[i]);
        flow_extract(&packets[i], &flows[i]);
        keys[i] = &store[i];
    }
    cls = dp_flow_table_cls(&m->table, in_port);
    missed = cls ? dp_cls_lookup(cls, want, keys, found, &n_tries) : want;
    for (i = 0; i < 32; i++) {
        bool exists = model_has(m, &flows[i]);
        struct dp_flow *by_key, *by_smc, *by_simple;

        if (!(want & (UINT32_C(1) << i))) {
            ovs_assert(!found[i]);
        } else if (missed & (UINT32_C(1) << i)) {
            ovs_assert(!exists);
        } else {
            ovs_assert(exists && naive_match(found[i], &flows[i]));
            ovs_assert(dp_flow_matches(found[i], in_port, keys[i]));
            dp_smc_insert(&m->smc, &m->table, keys[i], found[i]);
        }

        by_key = dp_flow_table_find_key(&m->table, &flows[i]);
        ovs_assert(!by_key == !exists);
        ovs_assert(!by_key || naive_match(by_key, &flows[i]));

        by_smc = dp_smc_find(&m->smc, &m->table, in_port, keys[i]);
        ovs_assert(!by_smc || naive_match(by_smc, &flows[i]));
        ovs_assert(!by_smc || dp_smc_guess(&m->smc, &m->table, keys[i]));

        if (dp_simple_enabled(&m->simple, in_port)) {
            ovs_be16 dl_type = 0, tci = 0;
            uint8_t frag = 0;

            parse_tcp_flags(&packets[i], &dl_type, &frag, &tci);
            by_simple = dp_simple_find(&m->simple,
                                       dp_simple_key(in_port, dl_type, frag,
                                                     tci));
            ovs_assert(!by_simple == !exists);
            ovs_assert(!by_simple || naive_match(by_simple, &flows[i]));
        }
        dp_packet_uninit(&packets[i]);
    }
}

static void
test_flow_table_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct model m;

    memset(&m, 0, sizeof m);
    dp_flow_table_init(&m.table);
    dp_simple_init(&m.simple);
    dp_smc_init(&m.smc);
    for (int i = 0; i < 4000; i++) {
        switch (random_range(4)) {
        case 0:
        case 1:
            model_insert(&m);
            break;
        case 2:
            if (m.n) {
                model_remove(&m, random_range(m.n));
            }
            break;
        case 3:
            check_burst(&m);
            break;
        }
        if (!random_range(100)) {
            while (m.n) {
                model_remove(&m, 0);
            }
        }
        dp_flow_table_rank(&m.table);
        ovsrcu_quiesce();
    }
    while (m.n) {
        model_remove(&m, 0);
    }
    dp_flow_table_uninit(&m.table);
    dp_simple_uninit(&m.simple);
    dp_smc_uninit(&m.smc);
}
DPTEST_REGISTER("flow-table", test_flow_table_main);

/* Adds a flow for the packets of one TTL or one TOS, whichever is not 0. */
static struct dp_flow *
insert_flow(struct dp_flow_table *table, uint8_t ttl, uint8_t tos)
{
    ovs_u128 ufid = { .u32 = { ttl, tos, 0, 0 } };
    struct flow_wildcards wc;
    struct dp_flow *dp_flow;
    struct flow flow;

    memset(&wc, 0, sizeof wc);
    memset(&flow, 0, sizeof flow);
    flow.in_port.odp_port = u32_to_odp(1);
    wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    flow.dl_type = htons(ETH_TYPE_IP);
    wc.masks.dl_type = OVS_BE16_MAX;
    flow.nw_ttl = ttl;
    wc.masks.nw_ttl = ttl ? UINT8_MAX : 0;
    flow.nw_tos = tos;
    wc.masks.nw_tos = tos ? UINT8_MAX : 0;
    dp_flow = dp_flow_create(&flow, dp_mask_create(&wc), &ufid, 0, NULL, 0);
    dp_flow_table_lock(table);
    dp_flow_table_insert(table, dp_flow);
    dp_flow_table_unlock(table);
    return dp_flow;
}

/* Walking.  Flows of a TOS stay, those of a TTL come and go. */

enum { N_STAY = 255 };

struct changer {
    struct dp_flow_table *table;
    struct dp_flow *flows[UINT8_MAX + 1];       /* By TTL. */
    atomic_bool exit;
};

/* Inserts the flow of a TTL, or removes it if it is there. */
static void
change(struct changer *changer, uint8_t ttl)
{
    struct dp_flow *flow = changer->flows[ttl];

    if (flow) {
        dp_flow_table_lock(changer->table);
        dp_flow_table_remove(changer->table, flow);
        dp_flow_table_unlock(changer->table);
        changer->flows[ttl] = NULL;
    } else {
        changer->flows[ttl] = insert_flow(changer->table, ttl, 0);
    }
}

static void *
changer_main(void *changer_)
{
    struct changer *changer = changer_;
    uint8_t ttl = 0;
    bool exit;

    do {
        ttl += 7;
        change(changer, MAX(ttl, 1));
        dp_flow_table_give_way(changer->table);
        ovsrcu_quiesce();
        atomic_read_relaxed(&changer->exit, &exit);
    } while (!exit);
    return NULL;
}

/* Walks in steps of 'max', with 'n_changes' between them, and checks that the
 * flows that stay are met. */
static void
walk(struct dp_flow_table *table, size_t max, struct changer *changer,
     int n_changes)
{
    bool met[N_STAY + 1] = { false };
    size_t position = SIZE_MAX, left = N_STAY + UINT8_MAX;
    int n_met = 0;

    while (position) {
        struct dp_flow *flows[N_STAY];
        size_t n;

        dp_flow_table_lock(table);
        n = dp_flow_table_next(table, &position, flows, max);
        for (size_t i = 0; i < n; i++) {
            uint32_t tos = flows[i]->ufid.u32[1];

            ovs_assert(dp_flow_table_find(table, &flows[i]->ufid)
                       == flows[i]);
            n_met += tos && !met[tos];
            met[tos] = true;
        }
        dp_flow_table_unlock(table);
        dp_flow_table_give_way(table);
        ovs_assert(position <= left && (!position || n == max));
        left = position;
        for (int i = 0; i < n_changes; i++) {
            change(changer, 1 + random_range(UINT8_MAX));
        }
    }
    ovs_assert(n_met == N_STAY);
}

/* A walk meets all that are there all the time, whoever comes and goes, and
 * ends. */
static void
test_walk_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_flow *flows[N_STAY];
    struct dp_flow_table table;
    struct changer changer = { .table = &table };
    size_t position = SIZE_MAX;
    pthread_t thread;

    random_set_seed(1);
    dp_flow_table_init(&table);
    dp_flow_table_lock(&table);
    ovs_assert(!dp_flow_table_next(&table, &position, flows, 1) && !position);
    dp_flow_table_unlock(&table);

    /* Those that stay are all over the array. */
    for (int i = 0; i < N_STAY; i++) {
        change(&changer, 1 + random_range(UINT8_MAX));
        flows[i] = insert_flow(&table, 0, i + 1);
    }
    for (int i = 0; i < DPTEST_MANY(1000); i++) {
        walk(&table, 1 + random_range(N_STAY), &changer, random_range(20));
        ovsrcu_quiesce();
    }

    atomic_init(&changer.exit, false);
    thread = ovs_thread_create("changer", changer_main, &changer);
    for (int i = 0; i < 100; i++) {
        walk(&table, 1 + i % 10, NULL, 0);
        ovsrcu_quiesce();
    }
    atomic_store_relaxed(&changer.exit, true);
    ovsrcu_quiesce_start();
    xpthread_join(thread, NULL);
    ovsrcu_quiesce_end();

    for (int i = 1; i <= UINT8_MAX; i++) {
        if (changer.flows[i]) {
            change(&changer, i);
        }
    }
    dp_flow_table_lock(&table);
    for (int i = 0; i < N_STAY; i++) {
        dp_flow_table_remove(&table, flows[i]);
    }
    dp_flow_table_unlock(&table);
    dp_flow_table_uninit(&table);
}
DPTEST_REGISTER("flow-table-walk", test_walk_main);

/* Subtables are ranked by what packets find there.  Others who look up do not
 * count: they run beside the lane that does. */
static void
test_rank_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_flow *flows[2], *found;
    struct dp_flow_table table;
    struct dp_cls *cls;

    dp_flow_table_init(&table);
    flows[0] = insert_flow(&table, 64, 0);
    flows[1] = insert_flow(&table, 0, 4);
    cls = dp_flow_table_cls(&table, u32_to_odp(1));
    for (int busy = 0; busy < 2; busy++) {
        struct flow packets[2];
        struct dp_key key, *keys[] = { &key };
        unsigned int n_tries = 0;

        for (int i = 0; i < 2; i++) {
            memset(&packets[i], 0, sizeof packets[i]);
            packets[i].in_port.odp_port = u32_to_odp(1);
            packets[i].dl_type = htons(ETH_TYPE_IP);
            packets[i].nw_ttl = i ? 1 : 64;
            packets[i].nw_tos = i ? 4 : 0;
        }
        dp_key_from_flow(&key, &packets[busy]);
        for (int i = 0; i < 100; i++) {
            ovs_assert(!dp_cls_lookup(cls, 1, keys, &found, &n_tries)
                       && found == flows[busy]);
        }
        for (int i = 0; i < 10000; i++) {
            ovs_assert(dp_flow_table_find_key(&table, &packets[!busy])
                       == flows[!busy]);
        }
        dp_flow_table_rank(&table);
        n_tries = 0;
        ovs_assert(!dp_cls_lookup(cls, 1, keys, &found, &n_tries)
                   && n_tries == 1);
    }
    ovs_mutex_lock(&table.mutex);
    for (int i = 0; i < 2; i++) {
        dp_flow_table_remove(&table, flows[i]);
    }
    ovs_mutex_unlock(&table.mutex);
    dp_flow_table_uninit(&table);
}
DPTEST_REGISTER("flow-table-rank", test_rank_main);

/* A port whose flows are all simple gets simple lookup, and loses it with the
 * first flow that is not. */
static void
test_simple_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct flow flow = random_flow(1);
    odp_port_t in_port = flow.in_port.odp_port;
    struct dp_flow *simple_flow, *other_flow;
    struct dp_simple simple;
    struct flow_wildcards wc;
    uint32_t n_enabled;
    ovs_u128 ufid = { .u32 = { 1, 2, 3, 4 } };

    dp_simple_init(&simple);
    memset(&wc, 0, sizeof wc);
    wc.masks.in_port.odp_port = u32_to_odp(UINT32_MAX);
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.packet_type = OVS_BE32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
    wc.masks.vlans[0].tci = htons(VLAN_CFI | VLAN_VID_MASK);
    simple_flow = dp_flow_create(&flow, dp_mask_create(&wc), &ufid, 0, NULL,
                                 0);
    ovs_assert(!dp_simple_enabled(&simple, in_port));
    dp_simple_insert(&simple, simple_flow);
    ovs_assert(dp_simple_enabled(&simple, in_port));

    wc.masks.nw_ttl = 0xff;
    other_flow = dp_flow_create(&flow, dp_mask_create(&wc), &ufid, 0, NULL,
                                0);
    dp_simple_insert(&simple, other_flow);
    ovs_assert(!dp_simple_enabled(&simple, in_port));
    dp_simple_remove(&simple, other_flow);
    ovs_assert(dp_simple_enabled(&simple, in_port));
    dp_simple_remove(&simple, simple_flow);
    ovs_assert(!dp_simple_enabled(&simple, in_port));
    atomic_read(&simple.n_enabled, &n_enabled);
    ovs_assert(!n_enabled);             /* Nobody needs to ask. */

    dp_flow_unref(simple_flow);
    dp_flow_unref(other_flow);
    dp_simple_uninit(&simple);
}
DPTEST_REGISTER("simple", test_simple_main);
