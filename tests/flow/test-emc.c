/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-emc.h"

#include <math.h>

#include "ovs-rcu.h"
#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* The cache may forget, but what it says is what was inserted last for the
 * key, and never a dead flow.  It keeps no reference longer than one sweep. */

enum { N_KEYS = 300, N_FLOWS = 16 };

static void
test_emc_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_key *keys = xmalloc(N_KEYS * sizeof *keys);
    struct dp_flow *last[N_KEYS] = { NULL };
    struct dp_flow *flows[N_FLOWS];
    size_t n_hits = 0;
    struct dp_emc emc;

    dp_emc_init(&emc);
    for (size_t i = 0; i < N_KEYS; i++) {
        struct flow described = random_flow(200);
        struct dp_packet packet;

        flow_to_packet(&described, &packet);
        dp_key_extract_fresh(&keys[i], &packet);
        keys[i].plain = NULL;   /* The packet will be gone. */
        dp_packet_uninit(&packet);

        /* Let many keys share a place. */
        keys[i].hash &= 0x8000700f;
        for (size_t j = 0; j < i; j++) {
            if (!memcmp(&keys[i].mf, &keys[j].mf,
                        sizeof keys[i].mf + keys[i].n_values * 8)) {
                i--;            /* No two keys are equal. */
                break;
            }
        }
    }
    for (size_t i = 0; i < N_FLOWS; i++) {
        flows[i] = random_dp_flow(8);
    }
    for (int i = 0; i < 100000; i++) {
        size_t k = random_range(N_KEYS);

        if (random_range(4) == 0) {
            last[k] = flows[random_range(N_FLOWS)];
            dp_emc_insert(&emc, &keys[k], last[k]);
            ovs_assert(dp_emc_find(&emc, &keys[k]) == last[k]);
        } else {
            struct dp_flow *found = dp_emc_find(&emc, &keys[k]);

            ovs_assert(!found || found == last[k]);
            n_hits += found != NULL;
        }
    }
    ovs_assert(n_hits > 1000);

    /* Dead flows are not found, and after a sweep not referred to. */
    for (size_t i = 0; i < N_FLOWS; i++) {
        atomic_store_relaxed(&flows[i]->dead, true);
    }
    for (size_t k = 0; k < N_KEYS; k++) {
        ovs_assert(!dp_emc_find(&emc, &keys[k]));
    }
    dp_emc_sweep(&emc, DP_EMC_ENTRIES);
    for (size_t i = 0; i < N_FLOWS; i++) {
        ovs_assert(ovs_refcount_read(&flows[i]->ref_cnt) == 1);
        dp_flow_unref(flows[i]);
    }
    dp_emc_uninit(&emc);
    free(keys);
}
DPTEST_REGISTER("emc", test_emc_main);

/* However rarely insertion is asked for, it is as often as that. */
static void
test_emc_rarely_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static const uint32_t invs[] = {
        1, 2, 3, 100, 1u << 31, 3u << 30, UINT32_MAX,
    };
    enum { N = 20000 };
    struct dp_emc emc;

    dp_emc_init(&emc);
    for (size_t i = 0; i < ARRAY_SIZE(invs); i++) {
        double sum = 0;

        for (int j = 0; j < N; j++) {
            dp_emc_set_insert_inv(&emc, invs[i]);
            sum += emc.n_skip + 1;
        }
        if (fabs(sum / N / invs[i] - 1) > .04) {
            dptest_fail("one in %.0f instead of %"PRIu32, sum / N, invs[i]);
        }
    }
    dp_emc_uninit(&emc);
}
DPTEST_REGISTER("emc-rarely", test_emc_rarely_main);
