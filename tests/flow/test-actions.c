/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-actions.h"

#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "tests/dptest.h"

static struct dp_actions *
compile(const struct ofpbuf *buf)
{
    struct dp_actions *actions = dp_actions_create(buf->data, buf->size);

    ovs_assert(actions->nla_len == buf->size);
    ovs_assert(!buf->size || actions->nla != buf->data);
    ovs_assert(!memcmp(actions->nla, buf->data, buf->size));
    return actions;
}

static void
put_set(struct ofpbuf *buf, enum ovs_key_attr type, size_t size)
{
    size_t start = nl_msg_start_nested(buf, OVS_ACTION_ATTR_SET);

    nl_msg_put_unspec_zero(buf, type, size);
    nl_msg_end_nested(buf, start);
}

static void
check_types(const struct dp_actions *actions,
            const enum dp_step_type types[], size_t n)
{
    ovs_assert(actions->n_steps == n);
    for (size_t i = 0; i < n; i++) {
        ovs_assert(actions->steps[i].type == types[i]);
        ovs_assert(actions->steps[i].last == (i == n - 1));
    }
}

static void
test_actions_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_actions *actions;
    struct ofpbuf buf;

    ofpbuf_init(&buf, 0);
    actions = dp_actions_create(NULL, 0);       /* Drop. */
    ovs_assert(!actions->n_steps && !actions->nla_len);
    dp_actions_free(actions);

    nl_msg_put_odp_port(&buf, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(7));
    actions = compile(&buf);
    ovs_assert(actions->n_steps == 1);
    ovs_assert(actions->steps[0].type == DP_STEP_OUTPUT);
    ovs_assert(actions->steps[0].port == u32_to_odp(7));
    ovs_assert(actions->steps[0].last);
    dp_actions_free(actions);

    /* What needs no datapath may nest what does. */
    nl_msg_put_flag(&buf, OVS_ACTION_ATTR_POP_NSH);
    nl_msg_put_u32(&buf, OVS_ACTION_ATTR_METER, 3);
    nl_msg_put_flag(&buf, OVS_ACTION_ATTR_CLONE);
    nl_msg_put_u32(&buf, OVS_ACTION_ATTR_RECIRC, 9);
    actions = compile(&buf);
    ovs_assert(actions->n_steps == 5);
    ovs_assert(actions->steps[0].type == DP_STEP_OUTPUT);
    ovs_assert(!actions->steps[0].last);
    ovs_assert(actions->steps[1].type == DP_STEP_LEAF);
    ovs_assert(nl_attr_type(actions->steps[1].attr)
               == OVS_ACTION_ATTR_POP_NSH);
    ovs_assert(actions->steps[2].type == DP_STEP_METER);
    ovs_assert(actions->steps[2].arg == 3);
    ovs_assert(actions->steps[3].type == DP_STEP_NESTED);
    ovs_assert(actions->steps[4].type == DP_STEP_RECIRC);
    ovs_assert(actions->steps[4].arg == 9 && actions->steps[4].last);
    dp_actions_free(actions);

    /* A drop ends the list, and has no need of metadata. */
    ofpbuf_clear(&buf);
    nl_msg_put_flag(&buf, OVS_ACTION_ATTR_POP_NSH);
    nl_msg_put_u32(&buf, OVS_ACTION_ATTR_DROP, 0);
    nl_msg_put_u32(&buf, OVS_ACTION_ATTR_RECIRC, 9);
    actions = compile(&buf);
    ovs_assert(actions->n_steps == 2);
    ovs_assert(actions->steps[0].type == DP_STEP_LEAF);
    ovs_assert(actions->steps[1].type == DP_STEP_DROP);
    ovs_assert(actions->steps[1].last && actions->metadata);
    dp_actions_free(actions);

    ofpbuf_clear(&buf);
    nl_msg_put_u32(&buf, OVS_ACTION_ATTR_DROP, 0);
    actions = compile(&buf);
    ovs_assert(actions->n_steps == 1 && !actions->metadata
               && !actions->parse);
    dp_actions_free(actions);

    /* Edits are joined, once for each header and as long as they follow each
     * other, if one is of IPv4. */
    ofpbuf_clear(&buf);
    put_set(&buf, OVS_KEY_ATTR_ETHERNET, sizeof(struct ovs_key_ethernet));
    put_set(&buf, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp));
    put_set(&buf, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4));
    put_set(&buf, OVS_KEY_ATTR_IPV4, sizeof(struct ovs_key_ipv4));
    nl_msg_put_flag(&buf, OVS_ACTION_ATTR_POP_VLAN);
    put_set(&buf, OVS_KEY_ATTR_ETHERNET, sizeof(struct ovs_key_ethernet));
    put_set(&buf, OVS_KEY_ATTR_TCP, sizeof(struct ovs_key_tcp));
    nl_msg_put_odp_port(&buf, OVS_ACTION_ATTR_OUTPUT, u32_to_odp(7));
    actions = compile(&buf);
    check_types(actions, (const enum dp_step_type[]) {
                    DP_STEP_REWRITE, DP_STEP_REWRITE, DP_STEP_EDIT,
                    DP_STEP_EDIT, DP_STEP_EDIT, DP_STEP_OUTPUT }, 6);
    ovs_assert(actions->parse && !actions->metadata);
    ovs_assert(actions->edited_output == u32_to_odp(7));
    dp_actions_free(actions);
    ofpbuf_uninit(&buf);
}
DPTEST_REGISTER("actions", test_actions_main);

