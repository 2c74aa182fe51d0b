/* SPDX-License-Identifier: Apache-2.0 */

/* dp-bond: maps, counters of several lanes, life and death under traffic. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-bond.h"

#include <errno.h>

#include "../dptest.h"
#include "odp-util.h"
#include "ovs-thread.h"
#include "util.h"

static void
fill(odp_port_t members[BOND_BUCKETS], uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < BOND_BUCKETS; i++) {
        members[i] = u32_to_odp(first + i % n);
    }
}

static void
check_basics(void)
{
    struct dp_bonds *bonds = dp_bonds_create();
    odp_port_t members[BOND_BUCKETS];
    uint64_t n_bytes[BOND_BUCKETS];
    struct dp_bond_tally *tally;
    struct dp_bond *bond;

    n_bytes[7] = 1;
    ovs_assert(dp_bond_get_stats(bonds, 5, n_bytes) == ENOENT && !n_bytes[7]);
    ovs_assert(dp_bond_del(bonds, 5) == ENOENT);
    ovs_assert(!dp_bonds_find(bonds, 5));

    fill(members, 10, 2);
    members[9] = ODPP_NONE;
    dp_bond_put(bonds, 5, members);
    fill(members, 20, 2);
    dp_bond_put(bonds, 6, members);

    bond = dp_bonds_find(bonds, 5);
    ovs_assert(bond && bond->id == 5);
    ovs_assert(dp_bond_choose(bond, 0) == u32_to_odp(10));
    ovs_assert(dp_bond_choose(bond, 1) == u32_to_odp(11));
    ovs_assert(dp_bond_choose(bond, 9) == ODPP_NONE);
    ovs_assert(dp_bond_choose(bond, 0xabcd0001) == u32_to_odp(11));

    /* Two lanes, the main one among them. */
    tally = dp_bond_tally(bond, 3);
    ovs_assert(tally == dp_bond_tally(bond, 3));
    dp_bond_count(tally, 0x100, 60);
    dp_bond_count(tally, 0x001, 70);
    dp_bond_count(dp_bond_tally(bond, UINT32_MAX), 0, 5);
    ovs_assert(!dp_bond_get_stats(bonds, 5, n_bytes));
    ovs_assert(n_bytes[0] == 65 && n_bytes[1] == 70 && n_bytes[2] == 0);
    ovs_assert(!dp_bond_get_stats(bonds, 6, n_bytes) && !n_bytes[0]);

    /* Another map, the same counters. */
    fill(members, 30, 1);
    dp_bond_put(bonds, 5, members);
    ovs_assert(dp_bonds_find(bonds, 5) == bond);
    ovs_assert(dp_bond_choose(bond, 9) == u32_to_odp(30));
    ovs_assert(!dp_bond_get_stats(bonds, 5, n_bytes) && n_bytes[0] == 65);

    /* A bond that comes back starts from nothing. */
    ovs_assert(!dp_bond_del(bonds, 5));
    ovs_assert(!dp_bonds_find(bonds, 5) && dp_bonds_find(bonds, 6));
    dp_bond_put(bonds, 5, members);
    ovs_assert(!dp_bond_get_stats(bonds, 5, n_bytes) && !n_bytes[0]);
    dp_bonds_destroy(bonds);
    dp_bonds_destroy(NULL);
}

/* Lanes send while the main thread changes maps and adds and deletes bonds. */

enum { N_LANES = 3, N_PACKETS = 20000 };

struct lane {
    struct dp_bonds *bonds;
    unsigned int core_id;
    uint64_t sent;              /* Bytes on bond 1. */
};

static void *
send_packets(void *lane_)
{
    struct lane *lane = lane_;

    for (uint32_t i = 0; i < N_PACKETS; i++) {
        for (uint32_t id = 1; id <= 2; id++) {
            struct dp_bond *bond = dp_bonds_find(lane->bonds, id);

            if (bond) {
                uint32_t port = odp_to_u32(dp_bond_choose(bond, i));

                ovs_assert(port >= 10 && port < 14);
                dp_bond_count(dp_bond_tally(bond, lane->core_id), i, 3);
                lane->sent += id == 1 ? 3 : 0;
            }
        }
        if (i % 64 == 0) {
            ovsrcu_quiesce();
        }
    }
    return NULL;
}

static void
check_threads(void)
{
    struct dp_bonds *bonds = dp_bonds_create();
    uint64_t n_bytes[BOND_BUCKETS], last = 0, total, sent = 0;
    odp_port_t members[BOND_BUCKETS];
    struct lane lanes[N_LANES];
    pthread_t threads[N_LANES];

    fill(members, 10, 2);
    dp_bond_put(bonds, 1, members);
    for (int i = 0; i < N_LANES; i++) {
        lanes[i] = (struct lane) { .bonds = bonds, .core_id = i };
        threads[i] = ovs_thread_create("lane", send_packets, &lanes[i]);
    }
    for (int i = 0; i < 300; i++) {
        fill(members, 10 + i % 3, 2);
        dp_bond_put(bonds, 1, members);
        dp_bond_put(bonds, 2, members);
        ovs_assert(!dp_bond_get_stats(bonds, 1, n_bytes));
        total = 0;
        for (int j = 0; j < BOND_BUCKETS; j++) {
            total += n_bytes[j];
        }
        ovs_assert(total >= last);
        last = total;
        ovs_assert(!dp_bond_del(bonds, 2));
        ovsrcu_quiesce();
    }
    for (int i = 0; i < N_LANES; i++) {
        xpthread_join(threads[i], NULL);
        sent += lanes[i].sent;
    }
    ovs_assert(!dp_bond_get_stats(bonds, 1, n_bytes));
    total = 0;
    for (int j = 0; j < BOND_BUCKETS; j++) {
        total += n_bytes[j];
    }
    ovs_assert(total == sent && sent == 3 * N_LANES * N_PACKETS);
    dp_bonds_destroy(bonds);
}

static void
test_bond_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_basics();
    check_threads();
}

DPTEST_REGISTER("bond", test_bond_main);
