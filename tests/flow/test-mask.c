/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-mask.h"

#include "tests/dptest.h"
#include "tests/flow/flow-random.h"

/* A mask applied to a packet's key gives the same words as applied to the flow
 * that describes the packet; expansion gives the mask back. */
static void
test_mask_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int i = 0; i < 20000; i++) {
        struct flow described = random_flow(8), flow;
        struct flow_wildcards wc = random_mask(&described), back;
        uint64_t from_key[FLOW_U64S], from_flow[FLOW_U64S];
        struct dp_mask *mask = dp_mask_create(&wc);
        struct dp_mask *other;
        struct dp_packet packet;
        struct dp_key key;

        flow_to_packet(&described, &packet);
        dp_key_extract_fresh(&key, &packet);
        flow_extract(&packet, &flow);
        dp_mask_gather(mask, &key, from_key);
        dp_mask_apply(mask, &flow, from_flow);
        ovs_assert(!memcmp(from_key, from_flow,
                           mask->n_words * sizeof from_key[0]));

        dp_mask_expand(mask, &back);
        ovs_assert(!memcmp(&back, &wc, sizeof wc));
        other = dp_mask_create(&back);
        ovs_assert(dp_mask_equal(mask, other));
        dp_mask_unref(other);

        back.masks.nw_tos ^= 1;
        other = dp_mask_create(&back);
        ovs_assert(!dp_mask_equal(mask, other));
        dp_mask_unref(other);
        dp_mask_unref(mask);
        dp_packet_uninit(&packet);
    }
}
DPTEST_REGISTER("mask", test_mask_main);
