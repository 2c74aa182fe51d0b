/* SPDX-License-Identifier: Apache-2.0 */

/* Late readings come back once, in order, with the key of their flow; and
 * nothing is kept for nobody. */

#include <config.h>
#undef NDEBUG
#include "ctl/dp-late.h"

#include "../dptest.h"
#include "ctl/dp.h"
#include "ctl/dpif-netdev-handle.h"
#include "dpif.h"
#include "dummy.h"
#include "flow.h"
#include "flow/dp-flow.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

static struct dp_flow *
create_flow(unsigned int port_no, ovs_be32 nw_dst)
{
    static const ovs_u128 ufid = { .u32 = { 1, 2, 3, 4 } };
    struct flow_wildcards wc;
    struct flow flow;

    memset(&flow, 0, sizeof flow);
    flow.in_port.odp_port = u32_to_odp(port_no);
    flow.dl_type = htons(ETH_TYPE_IP);
    flow.nw_dst = nw_dst;
    flow_wildcards_init_catchall(&wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.dl_type = OVS_BE16_MAX;
    return dp_flow_create(&flow, dp_mask_create(&wc), &ufid, NON_PMD_CORE_ID,
                          NULL, 0);
}

static void
add(struct dpif *dpif, unsigned int port_no, ovs_be32 nw_dst, uint64_t n)
{
    struct dpif_flow_stats stats = {
        .n_packets = n, .n_bytes = n * 60, .used = 5,
    };
    struct dp_flow *flow = create_flow(port_no, nw_dst);

    dp_late_add(&dpif_netdev_dp(dpif)->late, flow, &stats);
    dp_flow_unref(flow);
}

static void
expect(struct dpif *dpif, unsigned int port_no, ovs_be32 nw_dst, uint64_t n)
{
    struct dpif_flow_stats stats;
    struct ofpbuf key;
    struct flow flow;

    ofpbuf_init(&key, 0);
    ovs_assert(dp_late_take(dpif, &key, &stats));
    ovs_assert(odp_flow_key_to_flow(key.data, key.size, &flow, NULL)
               != ODP_FIT_ERROR);
    ovs_assert(flow.in_port.odp_port == u32_to_odp(port_no));
    ovs_assert(flow.nw_dst == nw_dst);  /* Though the mask has it not. */
    ovs_assert(stats.n_packets == n && stats.n_bytes == n * 60
               && stats.used == 5);
    ofpbuf_uninit(&key);
}

static void
test_late_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif_flow_stats stats;
    struct dpif *dpif;
    struct ofpbuf key;

    dummy_enable("system");
    ovs_assert(!dpif_create_and_open("test", "dummy", &dpif));
    ofpbuf_init(&key, 0);

    add(dpif, 1, htonl(0x0a000001), 3);
    dp_late_want(dpif, true);
    ovs_assert(!dp_late_take(dpif, &key, &stats));

    add(dpif, 1, htonl(0x0a000001), 3);
    add(dpif, 2, htonl(0x0a000002), 4);
    expect(dpif, 1, htonl(0x0a000001), 3);
    add(dpif, 3, htonl(0x0a000003), 5);
    expect(dpif, 2, htonl(0x0a000002), 4);
    expect(dpif, 3, htonl(0x0a000003), 5);
    ovs_assert(!dp_late_take(dpif, &key, &stats));

    add(dpif, 1, htonl(0x0a000001), 6);
    dp_late_want(dpif, false);
    ovs_assert(!dp_late_take(dpif, &key, &stats));

    dp_late_want(dpif, true);
    add(dpif, 1, htonl(0x0a000001), 7);     /* Nobody came for it. */
    ofpbuf_uninit(&key);
    dpif_delete(dpif);
    dpif_close(dpif);
}

DPTEST_REGISTER("late", test_late_main);
