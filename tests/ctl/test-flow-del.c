/* SPDX-License-Identifier: Apache-2.0 */

/* A flow is deleted and put again while its lane is busy with its packets, and
 * each packet is counted once: by a flow, whose deletion tells, or by the
 * upcall callback. */

#include <config.h>
#undef NDEBUG
#include "ctl/dpif-netdev-flow.h"

#include <errno.h>

#include "../dptest.h"
#include "dp-packet.h"
#include "dpif.h"
#include "dummy.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "ovs/ovs-flow-compose.h"

/* How long it runs at least, in ms. */
#define TEST_MS 1500
#define RECIRC_ID 7

struct traffic {
    struct dpif *dpif;
    struct flow flow;
    atomic_bool stop;
    uint64_t n_sent;            /* Sender only, until it is joined. */
    atomic_uint64_t n_missed;   /* Written by the sender: it makes upcalls. */
};

static int
upcall_cb(const struct dp_packet *packet OVS_UNUSED,
          const struct flow *flow OVS_UNUSED, ovs_u128 *ufid OVS_UNUSED,
          unsigned pmd_id OVS_UNUSED, enum dpif_upcall_type type OVS_UNUSED,
          const struct nlattr *userdata OVS_UNUSED,
          struct ofpbuf *actions OVS_UNUSED,
          struct flow_wildcards *wc OVS_UNUSED,
          struct ofpbuf *put_actions OVS_UNUSED, void *traffic_)
{
    struct traffic *traffic = traffic_;
    uint64_t n;

    atomic_read_relaxed(&traffic->n_missed, &n);
    atomic_store_relaxed(&traffic->n_missed, n + 1);
    return ENOSPC;              /* No actions, no flow. */
}

/* Sends packets through the main lane, each looked up once. */
static void *
sender(void *traffic_)
{
    struct traffic *t = traffic_;
    struct ofpbuf actions;
    bool stop;

    ofpbuf_init(&actions, 0);
    nl_msg_put_u32(&actions, OVS_ACTION_ATTR_RECIRC, RECIRC_ID);
    do {
        struct dp_packet *packet = dp_packet_new(0);
        struct dpif_execute execute = {
            .actions = actions.data,
            .actions_len = actions.size,
            .packet = packet,
            .flow = &t->flow,
        };

        ovs_flow_compose(packet, &t->flow, 64);
        packet->md.in_port = t->flow.in_port;
        ovs_assert(!dpif_execute(t->dpif, &execute));
        dp_packet_delete(packet);
        t->n_sent++;
        if (!(t->n_sent % 64)) {
            ovsrcu_quiesce();
        }
        atomic_read_relaxed(&t->stop, &stop);
    } while (!stop);
    ofpbuf_uninit(&actions);
    return NULL;
}

/* Puts the flow and deletes it until the time is over and packets have met it
 * and missed it.  Returns what the deletions said that it had counted. */
static uint64_t
churn(struct traffic *t, int *n_rounds)
{
    struct flow_wildcards wc;
    struct flow flow = t->flow;
    struct ofpbuf key, mask;
    uint64_t n_counted = 0, n_missed = 0;
    struct odp_flow_key_parms parms = { .flow = &flow, .mask = &wc.masks };
    ovs_u128 ufid = { .u32 = { 1, 2, 3, 4 } };
    long long int end = time_msec() + TEST_MS;

    flow.recirc_id = RECIRC_ID;
    parms.support.recirc = true;
    flow_wildcards_init_catchall(&wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    ofpbuf_init(&key, 0);
    ofpbuf_init(&mask, 0);
    odp_flow_key_from_flow(&parms, &key);
    parms.key_buf = &key;
    odp_flow_key_from_mask(&parms, &mask);

    for (*n_rounds = 0; time_msec() < end || !n_counted || !n_missed;
         ++*n_rounds) {
        struct dpif_flow_stats stats;

        ovs_assert(!dpif_flow_put(t->dpif, DPIF_FP_CREATE, key.data, key.size,
                                  mask.data, mask.size, NULL, 0, &ufid,
                                  PMD_ID_NULL, NULL));
        ovs_assert(!dpif_flow_del(t->dpif, key.data, key.size, &ufid,
                                  PMD_ID_NULL, &stats));
        n_counted += stats.n_packets;
        atomic_read_relaxed(&t->n_missed, &n_missed);
        ovsrcu_quiesce();
    }
    ofpbuf_uninit(&key);
    ofpbuf_uninit(&mask);
    return n_counted;
}

static void
test_flow_del_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct traffic t = { .n_sent = 0 };
    uint64_t n_counted, n_missed;
    pthread_t thread;
    int n_rounds;

    dummy_enable("system");
    ovs_assert(!dpif_create_and_open("test", "dummy", &t.dpif));
    dpif_register_upcall_cb(t.dpif, upcall_cb, &t);
    dpif_enable_upcall(t.dpif);
    t.flow.packet_type = htonl(PT_ETH);
    t.flow.in_port.odp_port = u32_to_odp(1);
    t.flow.dl_type = htons(0x1234);
    atomic_init(&t.stop, false);
    atomic_init(&t.n_missed, 0);

    thread = ovs_thread_create("sender", sender, &t);
    n_counted = churn(&t, &n_rounds);
    atomic_store_relaxed(&t.stop, true);
    ovsrcu_quiesce_start();
    xpthread_join(thread, NULL);
    ovsrcu_quiesce_end();

    atomic_read_relaxed(&t.n_missed, &n_missed);
    if (n_counted + n_missed != t.n_sent) {
        dptest_fail("%"PRIu64" packets, but %"PRIu64" counted by flows and "
                    "%"PRIu64" by upcalls, in %d rounds",
                    t.n_sent, n_counted, n_missed, n_rounds);
    }

    dpif_disable_upcall(t.dpif);
    dpif_register_upcall_cb(t.dpif, NULL, NULL);
    dpif_delete(t.dpif);
    dpif_close(t.dpif);
}

DPTEST_REGISTER("flow-del", test_flow_del_main);
