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
    ofpbuf_uninit(&buf);
}
DPTEST_REGISTER("actions", test_actions_main);

