/* SPDX-License-Identifier: Apache-2.0 */

/* dpif-netdev-ct, called as Open vSwitch calls it: through a dpif. */

#include <config.h>
#undef NDEBUG
#include "ctl/dpif-netdev-ct.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "../dptest.h"
#include "dp-packet.h"
#include "dpif.h"
#include "dummy.h"
#include "flow.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "ovs/ovs-conntrack.h"
#include "ovs/ovs-flow-compose.h"

static void
check_settings(struct dpif *dpif)
{
    enum ct_features features = 0;
    uint32_t n = 1;
    bool enabled;

    ovs_assert(!ct_dpif_set_maxconns(dpif, 1234));
    ovs_assert(!ct_dpif_get_maxconns(dpif, &n) && n == 1234);
    ovs_assert(!ct_dpif_get_nconns(dpif, &n) && n == 0);
    ovs_assert(!ct_dpif_set_tcp_seq_chk(dpif, false));
    ovs_assert(!ct_dpif_get_tcp_seq_chk(dpif, &enabled) && !enabled);
    ovs_assert(!ct_dpif_set_tcp_seq_chk(dpif, true));
    ovs_assert(!ct_dpif_get_tcp_seq_chk(dpif, &enabled) && enabled);
    ovs_assert(!ct_dpif_get_features(dpif, &features));
    ovs_assert(features & CONNTRACK_F_ZERO_SNAT);
}

/* Asserts that a query for the zones in 'query' is answered with
 * 'expect'. */
static void
expect_limits(struct dpif *dpif, const char *query, const char *expect)
{
    struct ovs_list in = OVS_LIST_INITIALIZER(&in);
    struct ovs_list out = OVS_LIST_INITIALIZER(&out);
    struct ds s = DS_EMPTY_INITIALIZER;
    const struct ct_dpif_zone_limit *zl;
    uint32_t default_limit = 99;

    for (; *query; query++) {
        ct_dpif_push_zone_limit(&in, *query - '0', 0, 0);
    }
    ovs_assert(!dpif_netdev_ct_get_limits(dpif, &default_limit, &in, &out));
    ds_put_format(&s, "default limit=%"PRIu32, default_limit);
    LIST_FOR_EACH (zl, node, &out) {
        ds_put_format(&s, "\nzone=%d,limit=%"PRIu32",count=%"PRIu32,
                      (int) zl->zone, zl->limit, zl->count);
    }
    if (strcmp(ds_cstr(&s), expect)) {
        dptest_fail("got limits '%s', not '%s'", ds_cstr(&s), expect);
    }
    ds_destroy(&s);
    ct_dpif_free_zone_limits(&in);
    ct_dpif_free_zone_limits(&out);
}

static void
check_limits(struct dpif *dpif)
{
    struct ovs_list zones = OVS_LIST_INITIALIZER(&zones);
    uint32_t ten = 10;

    expect_limits(dpif, "", "default limit=0");
    ct_dpif_push_zone_limit(&zones, 0, 5, 0);
    ct_dpif_push_zone_limit(&zones, 3, 3, 0);
    ovs_assert(!dpif_netdev_ct_set_limits(dpif, &ten, &zones));
    expect_limits(dpif, "", "default limit=10"
                  "\nzone=0,limit=5,count=0"
                  "\nzone=3,limit=3,count=0");
    expect_limits(dpif, "013", "default limit=10"
                  "\nzone=0,limit=5,count=0"
                  "\nzone=1,limit=10,count=0"
                  "\nzone=3,limit=3,count=0");
    ct_dpif_free_zone_limits(&zones);

    ct_dpif_push_zone_limit(&zones, 0, 0, 0);
    ovs_assert(!dpif_netdev_ct_del_limits(dpif, &zones));
    expect_limits(dpif, "", "default limit=10\nzone=3,limit=3,count=0");
    ct_dpif_free_zone_limits(&zones);
}

/* Returns the sum of the ids of all policies that a dump shows. */
static uint32_t
dump_policies(struct dpif *dpif)
{
    struct ct_dpif_timeout_policy tp;
    uint32_t sum = 0;
    void *state;

    ovs_assert(!ct_dpif_timeout_policy_dump_start(dpif, &state));
    while (!ct_dpif_timeout_policy_dump_next(dpif, state, &tp)) {
        sum += tp.id;
    }
    ovs_assert(!ct_dpif_timeout_policy_dump_done(dpif, state));
    return sum;
}

static void
check_timeouts(struct dpif *dpif)
{
    struct ct_dpif_timeout_policy tp = { .id = 5 };
    bool is_generic = false;
    char *name;

    ovs_assert(!dump_policies(dpif));
    ovs_assert(ct_dpif_get_timeout_policy(dpif, 5, &tp) == ENOENT);
    ovs_assert(ct_dpif_set_timeout_policy_attr_by_name(&tp, "udp_first", 77));
    ovs_assert(!ct_dpif_set_timeout_policy(dpif, &tp));
    tp.id = 40;
    ovs_assert(!ct_dpif_set_timeout_policy(dpif, &tp));
    ovs_assert(dump_policies(dpif) == 45);

    memset(&tp, 0, sizeof tp);
    ovs_assert(!ct_dpif_get_timeout_policy(dpif, 5, &tp));
    ovs_assert(tp.id == 5 && tp.attrs[CT_DPIF_TP_ATTR_UDP_FIRST] == 77);
    ovs_assert(!ct_dpif_del_timeout_policy(dpif, 5));
    ovs_assert(ct_dpif_del_timeout_policy(dpif, 5));
    ovs_assert(dump_policies(dpif) == 40);
    ovs_assert(!ct_dpif_get_timeout_policy(dpif, DEFAULT_TP_ID, &tp));

    ovs_assert(!ct_dpif_get_timeout_policy_name(dpif, 40, 0x0800, IPPROTO_TCP,
                                                &name, &is_generic));
    ovs_assert(!strcmp(name, "40") && is_generic);
    free(name);
}

static void
check_fragments(struct dpif *dpif)
{
    struct dpif_ipf_status status;
    struct ipf_dump_ctx *ctx;
    char *line;

    ovs_assert(!ct_dpif_ipf_get_status(dpif, &status));
    ovs_assert(status.v4.enabled && status.v6.enabled && !status.nfrag);
    ovs_assert(!ct_dpif_ipf_set_enabled(dpif, true, false));
    ovs_assert(!ct_dpif_ipf_set_min_frag(dpif, false, 1000));
    ovs_assert(!ct_dpif_ipf_set_max_nfrags(dpif, 500));
    ovs_assert(!ct_dpif_ipf_get_status(dpif, &status));
    ovs_assert(status.v4.enabled && !status.v6.enabled);
    ovs_assert(status.v4.min_frag_size == 1000 && status.nfrag_max == 500);

    ovs_assert(!ct_dpif_ipf_dump_start(dpif, &ctx));
    ovs_assert(ct_dpif_ipf_dump_next(dpif, ctx, &line));
    ovs_assert(!ct_dpif_ipf_dump_done(dpif, ctx));
}

/* Commits a UDP connection from port 'src' in 'zone'. */
static void
commit(struct dpif *dpif, uint16_t src, uint16_t zone)
{
    struct flow flow = {
        .dl_type = htons(ETH_TYPE_IP),
        .nw_proto = IPPROTO_UDP,
        .nw_src = htonl(0x0a000001),
        .nw_dst = htonl(0x0a000002),
        .nw_ttl = 64,
        .tp_src = htons(src),
        .tp_dst = htons(53),
    };
    struct dp_packet *packet = dp_packet_new(0);
    struct dp_packet_batch batch;
    struct {
        struct miniflow mf;
        uint64_t buf[FLOW_U64S];
    } buffer;

    ovs_flow_compose(packet, &flow, 64);
    pkt_metadata_init(&packet->md, u32_to_odp(1));
    dp_packet_batch_init_packet(&batch, packet);
    miniflow_extract(packet, &buffer.mf);
    ovs_conntrack_execute(dpif_netdev_conntrack(dpif), &batch, &buffer.mf,
                          false, true, zone, NULL, NULL, NULL, NULL,
                          time_msec(), DEFAULT_TP_ID);
    dp_packet_delete_batch(&batch, true);
}

/* Returns the sum of the source ports of all connections that a dump shows,
 * and stores the last one's tuple. */
static int
dump_connections(struct dpif *dpif, const uint16_t *zone,
                 struct ct_dpif_tuple *last)
{
    struct ct_dpif_dump_state *state;
    struct ct_dpif_entry entry;
    int n_buckets;
    int sum = 0;

    ovs_assert(!ct_dpif_dump_start(dpif, &state, zone, &n_buckets));
    while (!ct_dpif_dump_next(state, &entry)) {
        sum += ntohs(entry.tuple_orig.src_port);
        *last = entry.tuple_orig;
        ct_dpif_entry_uninit(&entry);
    }
    ovs_assert(!ct_dpif_dump_done(state));
    return sum;
}

static void
check_connections(struct dpif *dpif)
{
    struct ct_dpif_tuple tuple, other;
    uint16_t zone = 7;
    uint32_t n;

    commit(dpif, 1000, 0);
    commit(dpif, 2000, 7);
    commit(dpif, 4000, 7);
    ovs_assert(!ct_dpif_get_nconns(dpif, &n) && n == 3);
    ovs_assert(dump_connections(dpif, NULL, &tuple) == 7000);
    ovs_assert(dump_connections(dpif, &zone, &tuple) == 6000);

    /* One, one zone, all. */
    ovs_assert(!dpif->dpif_class->ct_flush(dpif, &zone, &tuple));
    ovs_assert(dump_connections(dpif, &zone, &other)
               == 6000 - ntohs(tuple.src_port));
    ovs_assert(!ct_dpif_get_nconns(dpif, &n) && n == 2);
    ovs_assert(!dpif->dpif_class->ct_flush(dpif, &zone, NULL));
    ovs_assert(dump_connections(dpif, NULL, &tuple) == 1000);
    ovs_assert(!dpif->dpif_class->ct_flush(dpif, NULL, NULL));
    ovs_assert(dump_connections(dpif, NULL, &tuple) == 0);
}

static void
test_netdev_ct_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dpif *dpif;
    int error;

    dummy_enable("");
    error = dpif_create_and_open("dptest-ct", "dummy", &dpif);
    if (error) {
        dptest_fail("no dummy datapath (%s)", ovs_strerror(error));
    }
    check_settings(dpif);
    check_limits(dpif);
    check_timeouts(dpif);
    check_fragments(dpif);
    check_connections(dpif);
    ovs_assert(!dpif_delete(dpif));
    dpif_close(dpif);
}

DPTEST_REGISTER("netdev-ct", test_netdev_ct_main);
