/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG

#include <bpf/bpf.h>
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "dp-packet.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "random.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-random.h"
#include "tests/xdp/xdp-rig.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-actions.h"
#include "xdp/dp-xdp-groups.h"
#include "xdp/dp-xdp-match.h"
#include "xdp/dp-xdp-object.h"
#include "xdp/dp-xdp-table.h"

/* Packets come as if from "lo"; there are three ports to go out, none of which
 * exists.  Nothing is attached to anything. */
#define IN_PORT u32_to_odp(1)
#define N_OUT 3

struct rig {
    struct dp_xdp_loader *loader;
    struct dp_xdp_table *table;
    uint32_t lo;
    struct dp_xdp_port *in;
    struct dp_xdp_port *out[N_OUT];
    struct dp_xdp_member members[N_OUT];
};

static struct dp_xdp_port *
attach(struct dp_xdp_loader *loader, uint32_t ifindex)
{
    struct dp_xdp_port *port;
    char *why;

    if (dp_xdp_attach(loader, ifindex, DP_XDP_NOWHERE, &port, &why)) {
        dptest_fail("%s", why);
    }
    return port;
}

static void
rig_init(struct rig *rig, uint32_t can)
{
    char *why = NULL;

    odp_execute_init();
    flow_limit_vlans(FLOW_MAX_VLAN_HEADERS);
    rig->loader = xdp_rig_load();
    rig->table = dp_xdp_loader_table(rig->loader);
    rig->lo = xdp_rig_ifindex("lo");
    if (dp_xdp_loader_switch(rig->loader, can, &why)) {
        dptest_fail("%s", why);
    }
    rig->in = attach(rig->loader, rig->lo);
    for (int i = 0; i < N_OUT; i++) {
        rig->out[i] = attach(rig->loader, 1000000 + i);
        rig->members[i].slot = dp_xdp_port_slot(rig->out[i]);
        rig->members[i].ifindex = rig->lo;
        ovs_assert(!bpf_map_update_elem(
                       dp_xdp_loader_maps(rig->loader)->devs_fd,
                       &rig->members[i].slot, &rig->lo, 0));
    }
}

static void
rig_uninit(struct rig *rig)
{
    struct dp_xdp_table_size size = dp_xdp_table_get_size(rig->table);

    ovs_assert(!size.n_flows && !size.n_masks);
    dp_xdp_table_check(rig->table);
    for (int i = 0; i < N_OUT; i++) {
        dp_xdp_detach(rig->out[i]);
    }
    dp_xdp_detach(rig->in);
    dp_xdp_loader_destroy(rig->loader);
}

static bool
find_port(void *rig_, odp_port_t port_no, struct dp_xdp_member *member)
{
    const struct rig *rig = rig_;
    uint32_t i = odp_to_u32(port_no) - 2;

    if (i >= N_OUT) {
        return false;
    }
    *member = rig->members[i];
    return true;
}

/* Can the program be expected to understand 'packet', which is sound? */
static bool
is_plain(const struct dp_packet *packet, const struct flow *flow)
{
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);

    return (!eth_type_vlan(flow->dl_type) && flow->nw_proto != IPPROTO_IGMP
            && ntohs(flow->dl_type) >= ETH_TYPE_MIN
            && (flow->dl_type != htons(ETH_TYPE_IPV6)
                || ip6->ip6_nxt != IPPROTO_DSTOPTS));
}

/* Does the megaflow say how many tags there are? */
static bool
says_tags(const struct match *match)
{
    return (match->wc.masks.vlans[0].tci & match->wc.masks.vlans[1].tci
            & htons(VLAN_CFI));
}

/* Puts a flow.  If all places rest, waits until some do not: tests are faster
 * than epochs go by. */
static uint32_t
put_flow(struct rig *rig, const struct dp_xdp_match *m,
         const struct dp_xdp_action *action)
{
    uint32_t flow;
    int error;

    while ((error = dp_xdp_table_put(rig->table, &m->key, &m->mask, action,
                                     &flow)) == EBUSY) {
        dp_xdp_loader_wake(rig->loader);
        sched_yield();
    }
    ovs_assert(!error);
    return flow;
}

struct rule {
    struct match match;
    uint32_t flow;
};

#define N_RULES 24

/* Puts 'rules', each of which marks with its place in the array from 1 on;
 * those that can't be expressed have flow 0. */
static void
put_rules(struct rig *rig, struct rule rules[])
{
    for (uint32_t i = 0; i < N_RULES; i++) {
        struct dp_xdp_actions actions;
        struct dp_packet packet;
        struct dp_xdp_match m;
        struct flow flow;

        xdp_random_packet(&packet, IN_PORT, true, &flow);
        dp_packet_uninit(&packet);
        xdp_random_match(&flow, &rules[i].match);
        rules[i].flow = 0;
        if (dp_xdp_match_translate(&rules[i].match, dp_xdp_port_slot(rig->in),
                                   &m)) {
            continue;
        }
        dp_xdp_actions_mark(i + 1, &actions);
        rules[i].flow = put_flow(rig, &m, &actions.action);
    }
    dp_xdp_table_check(rig->table);
}

static void
del_rules(struct rig *rig, struct rule rules[])
{
    for (uint32_t i = 0; i < N_RULES; i++) {
        if (rules[i].flow) {
            dp_xdp_table_del(rig->table, rules[i].flow);
            dp_xdp_table_forget(rig->table, rules[i].flow);
        }
    }
    dp_xdp_loader_wake(rig->loader);
}

/* Runs a random packet, and looks whether it was found in a rule that it is
 * of, and in one if it is of one.  Returns true if it was. */
static bool
check_packet(struct rig *rig, const struct rule rules[])
{
    bool sound = random_range(3);
    struct dp_packet packet;
    struct xdp_run run;
    struct flow flow;

    xdp_random_packet(&packet, IN_PORT, sound, &flow);
    if (dp_packet_size(&packet) < ETH_HEADER_LEN) {
        dp_packet_uninit(&packet);
        return false;
    }
    xdp_rig_run(rig->loader, rig->lo, dp_packet_data(&packet),
                dp_packet_size(&packet), 1, &run);
    ovs_assert(run.verdict == XDP_PASS && run.has_meta
               && run.magic == dp_xdp_loader_magic(rig->loader));
    ovs_assert(run.size == dp_packet_size(&packet)
               && !memcmp(run.data, dp_packet_data(&packet), run.size));

    if (run.mark) {
        const struct match *match = &rules[run.mark - 1].match;

        ovs_assert(rules[run.mark - 1].flow);
        ovs_assert(flow_equal_except(&flow, &match->flow, &match->wc));
    } else if (sound && is_plain(&packet, &flow)) {
        for (uint32_t i = 0; i < N_RULES; i++) {
            const struct match *match = &rules[i].match;

            ovs_assert(!rules[i].flow || !says_tags(match)
                       || !flow_equal_except(&flow, &match->flow,
                                             &match->wc));
        }
    }
    dp_packet_uninit(&packet);
    return run.mark;
}

/* Random rules and random packets: what the program finds is what the
 * megaflows say. */
static void
test_xdp_match(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_found = 0, n_rules = 0;
    struct rule rules[N_RULES];
    struct rig rig;

    rig_init(&rig, DP_XDP_CAN_ALL);
    for (int round = 0; round < 150; round++) {
        put_rules(&rig, rules);
        for (int i = 0; i < 200; i++) {
            n_found += check_packet(&rig, rules);
        }
        for (uint32_t i = 0; i < N_RULES; i++) {
            n_rules += rules[i].flow != 0;
        }
        del_rules(&rig, rules);
    }
    /* The test would be worth nothing if hardly anything was found. */
    ovs_assert(n_found > 3000 && n_rules > 1500);
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-match", test_xdp_match);

/* Actions. */

/* Copies the packet that is to be output to the packet that 'dp' is. */
static void
capture(void *dp, struct dp_packet_batch *batch,
        const struct nlattr *action OVS_UNUSED, bool should_steal OVS_UNUSED)
{
    struct dp_packet *packet = batch->packets[0];
    struct dp_packet *copy = dp;

    dp_packet_clear(copy);
    dp_packet_put(copy, dp_packet_data(packet), dp_packet_size(packet));
}

/* What leaves if software runs 'actions'.  Nobody has told it anything about
 * the checksums of the packet, which it could leave to a port then. */
static void
execute(const struct dp_packet *packet, const struct ofpbuf *actions,
        struct dp_packet *sent)
{
    struct dp_packet *copy
        = dp_packet_clone_data_with_headroom(dp_packet_data(packet),
                                             dp_packet_size(packet), 64);
    struct dp_packet_batch batch;
    struct flow ignored;

    flow_extract(copy, &ignored);
    dp_packet_batch_init_packet(&batch, copy);
    odp_execute_actions(sent, &batch, false, actions->data, actions->size,
                        capture);
    dp_packet_delete(copy);
}

/* Appends 0 to 3 outputs, in any order. */
static unsigned int
put_outputs(struct ofpbuf *actions)
{
    unsigned int n = random_range(N_OUT + 1);
    unsigned int first = random_range(N_OUT);

    for (unsigned int i = 0; i < n; i++) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT,
                       2 + (first + i) % N_OUT);
    }
    return n;
}

/* Software has ways of its own with those that have. */
static bool
has_extension(const struct dp_packet *packet, const struct dp_xdp_match *m)
{
    const struct ovs_16aligned_ip6_hdr *ip6 = dp_packet_l3(packet);

    return (m->key.dl_type == htons(ETH_TYPE_IPV6)
            && ip6->ip6_nxt == IPPROTO_FRAGMENT);
}

/* Fails unless 'id' has counted 'packet', whose key is 'flow', or has left
 * that to software, which gets it.  TCP flags are told once. */
static void
check_count(const struct rig *rig, uint32_t id, const struct dp_packet *packet,
            const struct flow *flow, const struct xdp_run *run)
{
    bool counts = run->verdict != XDP_PASS;
    struct dp_xdp_stats stats;

    dp_xdp_table_read(rig->table, id, &stats);
    ovs_assert(stats.n_packets == counts);
    ovs_assert(stats.n_bytes == (counts ? dp_packet_size(packet) : 0));
    ovs_assert(stats.tcp_flags
               == (counts && flow->nw_proto == IPPROTO_TCP
                   ? (OVS_FORCE uint16_t) flow->tcp_flags : 0));
    dp_xdp_table_read(rig->table, id, &stats);
    ovs_assert(stats.n_packets == counts && !stats.tcp_flags);
}

/* Has the program do 'actions' to 'packet', the only one of its flow, and
 * compares with software.  Returns what has become of it. */
static uint32_t
check_actions(struct rig *rig, const struct dp_packet *packet,
              const struct flow *key, const struct ofpbuf *actions,
              const struct dp_xdp_match *m, struct dp_xdp_actions *a)
{
    struct xdp_run run;
    struct dp_packet sent;
    uint32_t flow;

    if (a->n_outputs > 1) {
        ovs_assert(!dp_xdp_groups_ref(dp_xdp_loader_groups(rig->loader),
                                      a->outputs, a->n_outputs,
                                      &a->action.out));
    }
    flow = put_flow(rig, m, &a->action);
    xdp_rig_run(rig->loader, rig->lo, dp_packet_data(packet),
                dp_packet_size(packet), 1, &run);
    check_count(rig, flow, packet, key, &run);
    if (!a->n_outputs) {
        ovs_assert(run.verdict == XDP_DROP);
    } else if (has_extension(packet, m)) {
        ovs_assert(run.verdict == XDP_REDIRECT || run.verdict == XDP_PASS);
    } else {
        ovs_assert(run.verdict == XDP_REDIRECT);
        dp_packet_init(&sent, 0);
        execute(packet, actions, &sent);
        ovs_assert(run.size == dp_packet_size(&sent));
        ovs_assert(!memcmp(run.data, dp_packet_data(&sent), run.size));
        dp_packet_uninit(&sent);
    }
    dp_xdp_table_del(rig->table, flow);
    dp_xdp_table_forget(rig->table, flow);
    if (a->n_outputs > 1) {
        dp_xdp_groups_unref(dp_xdp_loader_groups(rig->loader), a->action.out);
    }
    return run.verdict;
}

static void
test_xdp_actions(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    unsigned int n_checked = 0, n_set = 0, n_tag = 0, n_left = 0;
    struct rig rig;

    rig_init(&rig, DP_XDP_CAN_ALL);
    for (int i = 0; i < 20000; i++) {
        struct dp_xdp_actions a;
        struct dp_packet packet;
        struct dp_xdp_match m;
        struct ofpbuf actions;
        struct match match;
        struct flow flow;

        xdp_random_packet(&packet, IN_PORT, true, &flow);
        ofpbuf_init(&actions, 0);
        memset(&match, 0, sizeof match);
        match.flow = flow;
        match.wc.masks.dl_type = OVS_BE16_MAX;
        for (int j = 0; j < FLOW_MAX_VLAN_HEADERS; j++) {
            match.wc.masks.vlans[j].tci = htons(VLAN_CFI);
        }
        if (is_ip_any(&flow)) {
            match.wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
            match.wc.masks.nw_proto = UINT8_MAX;
        }
        xdp_random_changes(&flow, &actions);
        put_outputs(&actions);
        if (is_plain(&packet, &flow)
            && !dp_xdp_match_translate(&match, dp_xdp_port_slot(rig.in), &m)
            && !dp_xdp_actions_translate(&actions, &m, find_port, &rig, &a)) {
            n_left += check_actions(&rig, &packet, &flow, &actions, &m, &a)
                      == XDP_PASS;
            n_checked++;
            n_set += (a.can & DP_XDP_CAN_SET) != 0;
            n_tag += (a.can & DP_XDP_CAN_TAG) != 0;
        }
        ofpbuf_uninit(&actions);
        dp_packet_uninit(&packet);
    }
    ovs_assert(n_checked > 10000 && n_set > 2000 && n_tag > 2000
               && n_left > 50);
    rig_uninit(&rig);
}
DPTEST_REGISTER("xdp-actions", test_xdp_actions);

/* Users are told of tags if it is for them that there is no rule. */
static void
test_xdp_match_tags(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_match m;
    struct match match;

    /* One more tag than vlan-limit has software look at. */
    match_init_catchall(&match);
    match_set_dl_vlan(&match, htons(200), 0);
    match_set_dl_type(&match, htons(ETH_TYPE_VLAN_8021Q));
    ovs_assert(dp_xdp_match_translate(&match, 0, &m)
               == DP_OFFLOAD_WHY_M_VLAN);

    /* A frame without a type. */
    match_init_catchall(&match);
    match_set_dl_type(&match, htons(FLOW_DL_TYPE_NONE));
    ovs_assert(dp_xdp_match_translate(&match, 0, &m)
               == DP_OFFLOAD_WHY_M_ETH);
}
DPTEST_REGISTER("xdp-match-tags", test_xdp_match_tags);

/* What the kernel has to look at to verify a program stays far below what it
 * is willing to. */
static void
test_xdp_budget(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_xdp_loader *loader = xdp_rig_load();

    for (uint32_t can = 0; can <= DP_XDP_CAN_ALL; can = can * 2 + 1) {
        long long int start = time_usec();
        char *why;

        if (dp_xdp_loader_switch(loader, can, &why)) {
            dptest_fail("%s", why);
        }
        ovs_assert(dp_xdp_loader_can(loader) == can);
        printf("can %#"PRIx32": %"PRIu32" instructions, %.1f ms\n", can,
               dp_xdp_loader_verified(loader),
               (time_usec() - start) / 1000.0);
        ovs_assert(dp_xdp_loader_verified(loader) < 200000);
    }
    dp_xdp_loader_destroy(loader);
}
DPTEST_REGISTER("xdp-budget", test_xdp_budget);
