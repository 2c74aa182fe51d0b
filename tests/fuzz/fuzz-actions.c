/* SPDX-License-Identifier: Apache-2.0 */

/* A compiled list has all attributes of the list that it was made of, in
 * their order, and tells what its steps need; and DPDK's rte_flow gets a
 * program that it can hold, or none.
 *
 * Input: what the flow's packets are, and actions for them. */

#include <config.h>
#undef NDEBUG

#include <netinet/in.h>

#include "flow.h"
#include "flow/dp-actions.h"
#include "flow/dp-rewrite.h"
#include "netlink.h"
#include "odp-util.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "rte/dp-rte-actions.h"
#include "rte/dp-rte-format.h"
#include "openvswitch/dynamic-string.h"
#include "tests/fuzz/fuzz-attrs.h"
#include "util.h"

static void
take_flow(struct fuzz_input *in, struct flow *flow)
{
    static const uint16_t types[] = {
        ETH_TYPE_IP, ETH_TYPE_IPV6, ETH_TYPE_ARP, ETH_TYPE_MPLS, ETH_TYPE_NSH,
    };
    static const uint8_t protos[] = {
        IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ICMP, IPPROTO_ICMPV6,
    };

    memset(flow, 0, sizeof *flow);
    flow->packet_type = htonl(PT_ETH);
    flow->dl_type = htons(types[fuzz_range(in, ARRAY_SIZE(types))]);
    flow->nw_proto = protos[fuzz_range(in, ARRAY_SIZE(protos))];
    if (flow->nw_proto == IPPROTO_ICMPV6) {
        flow->tp_src = htons(ND_NEIGHBOR_SOLICIT);
    }
    if (fuzz_u8(in) & 1) {
        flow->vlans[0].tci = htons(VLAN_CFI);
    }
}

static const struct nlattr *
after(const struct nlattr *a)
{
    return ALIGNED_CAST(const struct nlattr *,
                        (const char *) a + NLA_ALIGN(a->nla_len));
}

/* Returns what is behind the edits from 'a' to 'end' that are the rewrite of
 * 'step'. */
static const struct nlattr *
after_rewrite(const struct dp_step *step, const struct nlattr *a,
              const struct nlattr *end)
{
    struct dp_rewrite rewrite;
    const void *arg;

    dp_rewrite_init(&rewrite);
    while (a < end) {
        enum dp_edit edit = dp_edit_compile(a, &arg);

        if (!dp_rewrite_add(&rewrite, edit, arg)) {
            break;
        }
        a = after(a);
    }
    rewrite.keeps_conn = step->rewrite->keeps_conn;
    ovs_assert(rewrite.sets_ipv4);
    ovs_assert(!memcmp(&rewrite, step->rewrite, sizeof rewrite));
    return a;
}

/* Returns what is behind the attributes from 'a' to 'end' that are 'step'. */
static const struct nlattr *
after_step(const struct dp_step *step, const struct nlattr *a,
           const struct nlattr *end)
{
    if (step->type == DP_STEP_REWRITE) {
        return after_rewrite(step, a, end);
    } else if (step->type != DP_STEP_EDIT) {
        ovs_assert(step->attr == a);
    } else {
        ovs_assert(step->edit != DP_EDIT_NONE);
    }
    return after(a);
}

static void
check_compiled(const struct ofpbuf *buf)
{
    struct dp_actions *actions = dp_actions_create(buf->data, buf->size);
    const struct nlattr *a = actions->nla;
    const struct nlattr *end
        = ALIGNED_CAST(const struct nlattr *,
                       (const char *) actions->nla + buf->size);

    ovs_assert(actions->nla_len == buf->size);
    ovs_assert(!buf->size || !memcmp(actions->nla, buf->data, buf->size));
    ovs_assert(!actions->n_steps == !buf->size);
    for (size_t i = 0; i < actions->n_steps; i++) {
        const struct dp_step *step = &actions->steps[i];
        bool last = i == actions->n_steps - 1;

        a = after_step(step, a, end);
        ovs_assert(step->last == last);
        ovs_assert(!last || a == end);
        ovs_assert(actions->parse || (step->type != DP_STEP_EDIT
                                      && step->type != DP_STEP_REWRITE));
        ovs_assert(actions->metadata || step->type != DP_STEP_NESTED);
    }
    for (size_t i = 0; i < actions->n_steps; i++) {
        const struct dp_step *step = &actions->steps[i];

        ovs_assert(step->type != DP_STEP_REWRITE
                   || (step->rewrite->keeps_conn
                       == (actions->edited_output != ODPP_NONE)));
    }
    ovs_assert(actions->output == ODPP_NONE
               || (actions->n_steps == 1
                   && actions->steps[0].type == DP_STEP_OUTPUT));
    dp_actions_free(actions);
}

static bool
find_port(void *aux OVS_UNUSED, odp_port_t port_no, uint16_t *device)
{
    *device = odp_to_u32(port_no) & 7;
    return odp_to_u32(port_no) != 3;
}

static void
check_rte(const struct ofpbuf *buf)
{
    static const struct rte_flow_attr attr = { .ingress = 1 };
    static const struct rte_flow_item none = {
        .type = RTE_FLOW_ITEM_TYPE_END
    };
    struct dp_rte_actions *program = xmalloc(sizeof *program);
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (!dp_rte_actions_whole(buf, find_port, NULL, true, program)) {
        dp_rte_format_rule(0, &attr, &none, program->actions, &ds);
        ovs_assert(ds.length);
    }
    ds_destroy(&ds);
    free(program);
}

static void
fuzz_actions(struct fuzz_input *in)
{
    struct ofpbuf buf;
    struct flow flow;

    ofpbuf_init(&buf, 256);
    take_flow(in, &flow);
    fuzz_attrs_put(in, &flow, &buf);
    check_compiled(&buf);
    check_rte(&buf);
    ofpbuf_uninit(&buf);
}
FUZZ_REGISTER("actions", fuzz_actions);
