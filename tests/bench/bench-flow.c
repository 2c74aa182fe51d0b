/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Does one thing of the packet path often, for tests/bench/instructions to
 * count how many instructions it takes.
 *
 * usage: bench-flow CASE TIMES
 *        bench-flow compiler 0         (prints who has compiled it) */

#include <netinet/in.h>

#include "conntrack.h"
#include "dp-packet.h"
#include "flow.h"
#include "netdev-provider.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "flow/dp-edit.h"
#include "flow/dp-rewrite.h"
#include "flow/dp-emc.h"
#include "flow/dp-flow-table.h"
#include "flow/dp-key.h"
#include "tests/flow/flow-random.h"
#include "tests/pipe/pipe-rig.h"

enum { PORT = 1, BURST = 32 };

static struct flow
describe(bool ipv6, uint8_t proto)
{
    struct flow flow;

    memset(&flow, 0, sizeof flow);
    flow.in_port.odp_port = u32_to_odp(PORT);
    flow.packet_type = htonl(PT_ETH);
    flow.dl_dst = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,02);
    flow.dl_src = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,01);
    flow.dl_type = htons(ipv6 ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    flow.nw_src = htonl(0x0a000001);
    flow.nw_dst = htonl(0x0a010001);
    flow.nw_ttl = 64;
    flow.nw_proto = proto;
    flow.tp_src = htons(1000);
    flow.tp_dst = htons(80);
    return flow;
}

static bool
ends_with(const char *s, const char *end)
{
    return (strlen(s) >= strlen(end)
            && !strcmp(s + strlen(s) - strlen(end), end));
}

/* Makes a burst of packets that differ in the last byte of nw_src. */
static void
make_burst(struct dp_packet packets[BURST], bool ipv6, uint8_t proto)
{
    for (int i = 0; i < BURST; i++) {
        struct flow flow = describe(ipv6, proto);

        flow.nw_src = htonl(0x0a000001 + i);
        flow_to_packet(&flow, &packets[i]);
        dp_packet_set_rss_hash(&packets[i], hash_int(i, 0));
    }
}

static void
bench_extract(struct dp_packet packets[BURST], size_t n)
{
    struct dp_key key;

    for (size_t i = 0; i < n; i++) {
        dp_key_extract_fresh(&key, &packets[i % BURST]);
    }
    ovs_assert(key.n_values);
}

/* The exact-match cache, by first bytes or by keys. */
static void
bench_emc(struct dp_packet packets[BURST], bool by_head, size_t n)
{
    struct dp_flow *flow = random_dp_flow(8);
    struct dp_key keys[BURST];
    struct dp_emc emc;
    size_t n_found = 0;

    dp_emc_init(&emc);
    for (int i = 0; i < BURST; i++) {
        dp_key_extract_fresh(&keys[i], &packets[i]);
        dp_emc_insert(&emc, &keys[i], flow);
    }
    for (size_t i = 0; i < n; i++) {
        struct dp_packet *packet = &packets[i % BURST];

        if (by_head) {
            const struct dp_emc_entry *entry;

            entry = dp_emc_peek(&emc, dp_packet_get_rss_hash(packet));
            n_found += (entry && dp_head_matches(&entry->head, packet,
                                                 u32_to_odp(PORT)));
        } else {
            n_found += dp_emc_find(&emc, &keys[i % BURST]) != NULL;
        }
    }
    ovs_assert(n_found == n);
    dp_emc_uninit(&emc);
    dp_flow_unref(flow);
}

/* The classifier, a burst at a time; its only mask is of nw_src and nw_dst. */
static void
bench_classifier(struct dp_packet packets[BURST], size_t n)
{
    struct dp_cls *cls = dp_cls_create(u32_to_odp(PORT));
    struct dp_key store[BURST], *keys[BURST];
    struct dp_flow *found[BURST];
    struct flow_wildcards wc;
    unsigned int n_tries = 0;
    ovs_u128 ufid = OVS_U128_ZERO;

    flow_wildcards_init_catchall(&wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.nw_src = wc.masks.nw_dst = OVS_BE32_MAX;
    for (int i = 0; i < BURST; i++) {
        struct dp_mask *mask;
        struct flow flow;

        keys[i] = &store[i];
        dp_key_extract_fresh(keys[i], &packets[i]);
        miniflow_expand(&keys[i]->mf, &flow);
        ufid.u32[0] = i + 1;
        mask = dp_cls_share_mask(cls, dp_mask_create(&wc));
        dp_cls_insert(cls, dp_flow_create(&flow, mask, &ufid, 0, NULL, 0));
    }
    for (size_t i = 0; i < n; i += BURST) {
        ovs_assert(!dp_cls_lookup(cls, UINT32_MAX, keys, found, &n_tries));
    }
}

/* A VLAN tag that is pushed and popped. */
static void
bench_vlan(struct dp_packet packets[BURST], size_t n)
{
    const struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN), .vlan_tci = htons(VLAN_CFI | 7),
    };
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (int i = 0; i < BURST; i++) {
        dp_packet_resize(&packets[i], VLAN_HEADER_LEN, 0);
        dp_packet_batch_add(&batch, &packets[i]);
    }
    for (size_t i = 0; i < n; i += BURST) {
        dp_edit_run(&batch, DP_EDIT_PUSH_VLAN, &vlan);
        dp_edit_run(&batch, DP_EDIT_POP_VLAN, NULL);
    }
}

/* Runs two rewrites in turn, so that each changes what it sets. */
static void
bench_rewrites(struct dp_packet packets[BURST],
               const struct dp_rewrite rewrites[2], size_t n)
{
    struct dp_key key;

    for (int i = 0; i < BURST; i++) {
        dp_key_extract_fresh(&key, &packets[i]);
    }
    for (size_t i = 0; i < n; i++) {
        dp_rewrite_packet(&rewrites[i / BURST & 1], &packets[i % BURST]);
    }
}

/* What a router does. */
static void
bench_route(struct dp_packet packets[BURST], size_t n)
{
    struct dp_rewrite rewrites[2];

    for (int i = 0; i < 2; i++) {
        const struct ovs_key_ethernet eth = {
            .eth_dst = { .ea = { 2, 0, 0, 0, 0, i } },
        };
        const struct ovs_key_ipv4 ipv4[2] = {
            { .ipv4_ttl = i }, { .ipv4_ttl = UINT8_MAX },
        };

        dp_rewrite_init(&rewrites[i]);
        dp_rewrite_add(&rewrites[i], DP_EDIT_SET_ALL_ETH, &eth);
        dp_rewrite_add(&rewrites[i], DP_EDIT_SET_IPV4, ipv4);
    }
    bench_rewrites(packets, rewrites, n);
}

/* What address translation does: an address and a port. */
static void
bench_translate(struct dp_packet packets[BURST], bool tcp, size_t n)
{
    struct dp_rewrite rewrites[2];

    for (int i = 0; i < 2; i++) {
        const struct ovs_key_ipv4 ipv4[2] = {
            { .ipv4_dst = htonl(i) }, { .ipv4_dst = OVS_BE32_MAX },
        };
        const struct ovs_key_udp ports[2] = {
            { .udp_dst = htons(i) }, { .udp_dst = OVS_BE16_MAX },
        };

        dp_rewrite_init(&rewrites[i]);
        dp_rewrite_add(&rewrites[i], DP_EDIT_SET_IPV4, ipv4);
        dp_rewrite_add(&rewrites[i], tcp ? DP_EDIT_SET_TCP : DP_EDIT_SET_UDP,
                       ports);
    }
    bench_rewrites(packets, rewrites, n);
}

/* Routing, and translation of an address, of IPv6. */
static void
bench_route6(struct dp_packet packets[BURST], bool address, size_t n)
{
    struct ovs_key_ethernet eth[2];
    struct ovs_key_ipv6 ipv6[2];
    struct dp_packet_batch batch;
    struct dp_key key;

    memset(eth, 0xff, sizeof eth);
    memset(ipv6, 0, sizeof ipv6);
    ipv6[1].ipv6_hlimit = 0xff;
    if (address) {
        ipv6[1].ipv6_dst = in6addr_exact;
    }
    dp_packet_batch_init(&batch);
    for (int i = 0; i < BURST; i++) {
        dp_key_extract_fresh(&key, &packets[i]);
        dp_packet_batch_add(&batch, &packets[i]);
    }
    for (size_t i = 0; i < n; i += BURST) {
        ipv6[0].ipv6_hlimit = i / BURST;
        memcpy(&ipv6[0].ipv6_dst, &i, address ? sizeof i : 0);
        dp_edit_run(&batch, DP_EDIT_SET_ETH, eth);
        dp_edit_run(&batch, DP_EDIT_SET_IPV6, ipv6);
    }
}

/* The whole pipe. */

enum { OUT_PORT = 2 };

static unsigned int n_flows;    /* That the upcall makes. */
static bool tracks;             /* Does it send packets to the tracker? */

/* Writes the actions of 'flow'. */
static void
put_actions_of(const struct flow *flow, struct ofpbuf *actions)
{
    if (tracks && !flow->recirc_id) {
        size_t ofs = nl_msg_start_nested(actions, OVS_ACTION_ATTR_CT);

        nl_msg_put_flag(actions, OVS_CT_ATTR_COMMIT);
        nl_msg_end_nested(actions, ofs);
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, 1);
    } else {
        nl_msg_put_odp_port(actions, OVS_ACTION_ATTR_OUTPUT,
                            u32_to_odp(OUT_PORT));
    }
}

/* Answers with a megaflow of the port, or of nw_src too. */
static int
upcall(const struct dp_packet *packet OVS_UNUSED,
       const struct flow *flow, ovs_u128 *ufid,
       unsigned pmd_id OVS_UNUSED, enum dpif_upcall_type type OVS_UNUSED,
       const struct nlattr *userdata OVS_UNUSED, struct ofpbuf *actions,
       struct flow_wildcards *wc, struct ofpbuf *put_actions OVS_UNUSED,
       void *aux OVS_UNUSED)
{
    *ufid = (ovs_u128) { .u32 = { ntohl(flow->nw_src), 1, flow->recirc_id } };
    flow_wildcards_init_catchall(wc);
    wc->masks.recirc_id = UINT32_MAX;
    if (tracks && flow->recirc_id) {
        wc->masks.ct_state = CS_TRACKED | CS_NEW;
    }
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    wc->masks.nw_proto = UINT8_MAX;     /* Not for simple match. */
    if (n_flows > 1) {
        wc->masks.nw_src = OVS_BE32_MAX;
    }
    put_actions_of(flow, actions);
    return 0;
}

/* Netdevs of type "keep", which leave the packets that they are sent to the
 * caller. */

static struct netdev *
keep_alloc(void)
{
    return xzalloc(sizeof(struct netdev));
}

static int
keep_construct(struct netdev *netdev OVS_UNUSED)
{
    return 0;
}

static void
keep_destruct(struct netdev *netdev OVS_UNUSED)
{
}

static void
keep_dealloc(struct netdev *netdev)
{
    free(netdev);
}

static int
keep_send(struct netdev *netdev OVS_UNUSED, int qid OVS_UNUSED,
          struct dp_packet_batch *batch OVS_UNUSED,
          bool concurrent OVS_UNUSED)
{
    return 0;
}

static int
keep_update_flags(struct netdev *netdev OVS_UNUSED,
                  enum netdev_flags off OVS_UNUSED,
                  enum netdev_flags on OVS_UNUSED, enum netdev_flags *old)
{
    *old = 0;
    return 0;
}

static const struct netdev_class keep_class = {
    .type = "keep",
    .alloc = keep_alloc,
    .construct = keep_construct,
    .destruct = keep_destruct,
    .dealloc = keep_dealloc,
    .send = keep_send,
    .update_flags = keep_update_flags,
};

/* Sends 'n' packets, in bursts of 'size', from the port to the netdev that
 * they leave by. */
static void
run_pipe(struct pipe_rig *rig, struct dp_packet packets[BURST], size_t size,
         size_t n)
{
    struct dp_packet_batch batch;

    for (size_t i = 0; i < n; i += size) {
        dp_packet_batch_init(&batch);
        for (size_t j = 0; j < size; j++) {
            dp_packet_batch_add(&batch, &packets[j]);
        }
        pipe_rig_receive(rig, &batch, PORT);
    }
}

static void
end_pipe(struct pipe_rig *rig)
{
    dp_lane_flush_flows(&rig->lane);
    conntrack_destroy(rig->shared.conntrack);
    pipe_rig_uninit(rig);
}

static void
init_pipe(struct pipe_rig *rig)
{
    ovs_assert(!netdev_register_provider(&keep_class));
    pipe_rig_init(rig, upcall, NULL);
    rig->shared.conntrack = conntrack_init();
    atomic_store_relaxed(&rig->shared.emc_insert_inv, 1);   /* All. */
    pipe_rig_add_port(rig, OUT_PORT, keep_class.type);
}

/* In one flow or one for each packet, or through the tracker and the tables
 * once more. */
static void
bench_pipe(struct dp_packet packets[BURST], size_t size, bool one, bool ct,
           size_t n)
{
    struct pipe_rig rig;

    n_flows = one ? 1 : BURST;
    tracks = ct;
    init_pipe(&rig);
    run_pipe(&rig, packets, size, n);
    end_pipe(&rig);
}

/* Puts a merged flow for packets like 'flow' into 'lane', which sets their
 * destination to 'dst', if that is nonzero.  Returns it. */
static struct dp_flow *
add_merged(struct dp_lane *lane, const struct flow *flow, ovs_be32 dst)
{
    const struct ovs_key_ipv4 ipv4[2] = {
        { .ipv4_dst = dst }, { .ipv4_dst = OVS_BE32_MAX },
    };
    const struct ovs_key_udp udp[2] = {
        { .udp_dst = flow->tp_dst }, { .udp_dst = OVS_BE16_MAX },
    };
    ovs_u128 ufid = { .u32 = { ntohl(flow->nw_src), ntohl(flow->nw_dst) } };
    struct flow_wildcards wc;
    struct dp_flow *merged;
    struct ofpbuf actions;

    ofpbuf_init(&actions, 128);
    if (dst) {
        size_t ofs = nl_msg_start_nested(&actions,
                                         OVS_ACTION_ATTR_SET_MASKED);

        nl_msg_put_unspec(&actions, OVS_KEY_ATTR_IPV4, ipv4, sizeof ipv4);
        nl_msg_end_nested(&actions, ofs);
        ofs = nl_msg_start_nested(&actions, OVS_ACTION_ATTR_SET_MASKED);
        nl_msg_put_unspec(&actions, OVS_KEY_ATTR_UDP, udp, sizeof udp);
        nl_msg_end_nested(&actions, ofs);
    }
    nl_msg_put_odp_port(&actions, OVS_ACTION_ATTR_OUTPUT,
                        u32_to_odp(OUT_PORT));
    flow_wildcards_init_for_packet(&wc, flow);
    merged = dp_flow_create(flow, dp_mask_create(&wc), &ufid, 0,
                            actions.data, actions.size);
    dp_flow_set_merged(merged);
    dp_tuples_insert(&lane->merged, merged);
    ofpbuf_uninit(&actions);
    return merged;
}

/* By merged flows, one for each packet; or with two addresses as destination,
 * of which each is translated into the other. */
static void
bench_merged(struct dp_packet packets[BURST], bool translate, size_t n)
{
    const ovs_be32 dsts[2] = { htonl(0x0a010001), htonl(0x0a010002) };
    struct dp_flow *merged[2 * BURST];
    size_t n_merged = 0;
    struct pipe_rig rig;

    init_pipe(&rig);
    for (int i = 0; i < BURST; i++) {
        for (int j = 0; j <= translate; j++) {
            struct flow flow;

            flow_extract(&packets[i], &flow);
            flow.in_port.odp_port = u32_to_odp(PORT);
            flow.nw_dst = dsts[j];
            merged[n_merged++] = add_merged(&rig.lane, &flow,
                                            translate ? dsts[!j] : 0);
        }
        *dp_packet_ol_flags_ptr(&packets[i])
            |= DP_PACKET_OL_RX_IP_CKSUM_GOOD | DP_PACKET_OL_RX_L4_CKSUM_GOOD;
    }
    run_pipe(&rig, packets, BURST, n);
    while (n_merged) {
        dp_tuples_remove(&rig.lane.merged, merged[--n_merged]);
        dp_flow_unref(merged[n_merged]);
    }
    end_pipe(&rig);
}

int
main(int argc, char *argv[])
{
    struct dp_packet packets[BURST];
    const char *name;
    size_t n;

    if (argc != 3) {
        ovs_fatal(0, "usage: bench-flow CASE TIMES");
    }
    name = argv[1];
    if (!strcmp(name, "compiler")) {
#ifdef __clang__
        printf("clang %d\n", __clang_major__);
#else
        printf("gcc %d\n", __GNUC__);
#endif
        return 0;
    }
    random_set_seed(1);
    n = strtoul(argv[2], NULL, 10) / BURST * BURST;
    flow_limit_vlans(1);
    make_burst(packets, ends_with(name, "6"),
               ends_with(name, "-tcp") ? IPPROTO_TCP : IPPROTO_UDP);
    if (!strncmp(name, "extract-", 8)) {
        bench_extract(packets, n);
    } else if (!strcmp(name, "emc-head") || !strcmp(name, "emc-key")) {
        bench_emc(packets, !strcmp(name, "emc-head"), n);
    } else if (!strcmp(name, "classifier")) {
        bench_classifier(packets, n);
    } else if (!strcmp(name, "vlan")) {
        bench_vlan(packets, n);
    } else if (!strcmp(name, "route")) {
        bench_route(packets, n);
    } else if (!strcmp(name, "pipe-1") || !strcmp(name, "pipe-32")) {
        bench_pipe(packets, BURST, !strcmp(name, "pipe-1"), false, n);
    } else if (!strcmp(name, "pipe-single")) {
        bench_pipe(packets, 1, true, false, n);
    } else if (!strcmp(name, "pipe-ct") || !strcmp(name, "pipe-ct-tcp")) {
        bench_pipe(packets, BURST, true, true, n);
    } else if (!strcmp(name, "merged") || !strcmp(name, "merged-nat")) {
        bench_merged(packets, !strcmp(name, "merged-nat"), n);
    } else if (!strncmp(name, "translate-", 10)) {
        bench_translate(packets, ends_with(name, "-tcp"), n);
    } else if (!strcmp(name, "route6") || !strcmp(name, "translate6")) {
        bench_route6(packets, !strcmp(name, "translate6"), n);
    } else {
        ovs_fatal(0, "%s: unknown case", name);
    }
    return 0;
}
