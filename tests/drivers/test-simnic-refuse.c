/* SPDX-License-Identifier: Apache-2.0 */

/* What the NIC refuses, as a table: validate and create must say the same,
 * with an errno value, a type, a cause and a message. */

#include "test-simnic-flow.h"

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "simnic-port-rig.h"

/* Which port a rule is for. */
enum where {
    PORT_PLAIN,                 /* No switch; small in everything. */
    PORT_SWITCH,                /* In switch domain 1. */
    PORT_FULL,                  /* Without room for a rule. */
    PORT_GROUP_FULL,            /* Without room in any group. */
    PORT_STOPPED,
    PORT_REMOVED,
    PORT_NO_MARK,               /* Marks and flags were negotiated away. */
    N_PORTS
};

/* What the error is blamed on. */
enum cause { NOTHING, ATTR, ITEM, ACTION };

struct refusal {
    const char *name;
    enum where where;
    struct rte_flow_attr attr;
    struct rte_flow_item items[4];      /* None: "eth". */
    struct rte_flow_action actions[3];  /* None: DROP. */
    int code;
    enum rte_flow_error_type type;
    enum cause cause;
    unsigned int index;                 /* Of the item or action. */
    const char *message;                /* Part of it. */
};

#define A(TYPE, CONF) { .type = RTE_FLOW_ACTION_TYPE_##TYPE, .conf = CONF }
#define I(TYPE) { .type = RTE_FLOW_ITEM_TYPE_##TYPE }
#define E(TYPE) RTE_FLOW_ERROR_TYPE_##TYPE
#define IN .attr = { .ingress = 1 }
#define TRANSFER .attr = { .transfer = 1 }

static const struct rte_flow_action_mark mark_256 = { 256 }, mark_1 = { 1 };
static const struct rte_flow_action_queue queue_1 = { 1 }, queue_0 = { 0 };
static const struct rte_flow_action_jump jump_0 = { 0 }, jump_4 = { 4 };
static const struct rte_flow_action_age no_age = { .timeout = 0 };
static const struct rte_flow_action_port_id original = { .original = 1 };
static const struct rte_flow_action_port_id id_99 = { .id = 99 };
static const struct rte_flow_action_port_id id_big = { .id = 1 << 20 };
static const struct rte_flow_action_ethdev ethdev_99 = { 99 };
static const uint16_t two_queues[2] = { 0, 1 };
static const uint8_t key[40];
static const struct rte_flow_action_rss rss_none = { .queue_num = 0 };
static const struct rte_flow_action_rss rss_bad_queue
    = { .queue_num = 2, .queue = two_queues };
static const struct rte_flow_action_rss rss_xor
    = { .func = RTE_ETH_HASH_FUNCTION_SIMPLE_XOR, .queue_num = 1,
        .queue = two_queues };
static const struct rte_flow_action_rss rss_inner
    = { .level = 2, .queue_num = 1, .queue = two_queues };
static const struct rte_flow_action_rss rss_key
    = { .key_len = 40, .key = key, .queue_num = 1, .queue = two_queues };
static const struct rte_flow_action_rss rss_type
    = { .types = RTE_ETH_RSS_GTPU, .queue_num = 1, .queue = two_queues };
static const struct rte_flow_action_of_push_vlan bad_tpid
    = { RTE_BE16(0x0800) };
static const struct rte_flow_action_raw_encap raw_empty = { .size = 0 };
static const uint8_t raw[200];
static const struct rte_flow_action_raw_encap raw_long
    = { .data = (uint8_t *) (uintptr_t) raw, .size = 200 };
static const struct rte_flow_action_raw_decap raw_nothing = { .size = 0 };
static struct rte_flow_item no_tunnel[] = { I(ETH), I(END) };
static const struct rte_flow_action_vxlan_encap vxlan_bad = { no_tunnel };
static const struct rte_flow_action_set_ttl ttl = { 1 };
static const struct rte_flow_action_meter meter = { 1 };
static const struct rte_flow_item_ipv4 spec_id
    = { .hdr.packet_id = RTE_BE16(1) };
static const struct rte_flow_item_ipv4 mask_dst
    = { .hdr.dst_addr = UINT32_MAX };
static const struct rte_flow_item_ipv4 high
    = { .hdr.dst_addr = RTE_BE32(9) }, low = { .hdr.dst_addr = RTE_BE32(5) };

static const struct refusal refusals[] = {
    /* Attributes. */
    { "egress", 0, .attr = { .egress = 1 }, .code = ENOTSUP,
      .type = E(ATTR_EGRESS), .cause = ATTR, .message = "egress" },
    { "no direction", 0, .attr = { .group = 0 }, .code = ENOTSUP,
      .type = E(ATTR_INGRESS), .cause = ATTR, .message = "must be" },
    { "group", 0, .attr = { .ingress = 1, .group = 4 }, .code = ENOTSUP,
      .type = E(ATTR_GROUP), .cause = ATTR, .message = "fewer groups" },
    { "priority", 0, .attr = { .ingress = 1, .priority = 2 }, .code = ENOTSUP,
      .type = E(ATTR_PRIORITY), .cause = ATTR, .message = "priorities" },
    { "transfer without switch", 0, TRANSFER, .code = ENOTSUP,
      .type = E(ACTION), .cause = ACTION, .message = "no embedded switch" },

    /* Pattern. */
    { "item", 0, IN, .items = { I(ETH), I(MPLS) }, .code = ENOTSUP,
      .type = E(ITEM), .cause = ITEM, .index = 1, .message = "matched" },
    { "item order", 0, IN, .items = { I(ETH), I(UDP), I(IPV4) },
      .code = ENOTSUP, .type = E(ITEM), .cause = ITEM, .index = 2,
      .message = "cannot follow" },
    { "mask", 0, IN,
      .items = { I(ETH), { .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &spec_id,
                           .mask = &spec_id } },
      .code = ENOTSUP, .type = E(ITEM_MASK), .cause = ITEM, .index = 1,
      .message = "" },
    { "mask without spec", 0, IN,
      .items = { I(ETH), { .type = RTE_FLOW_ITEM_TYPE_IPV4,
                           .mask = &mask_dst } },
      .code = EINVAL, .type = E(ITEM_MASK), .cause = ITEM, .index = 1,
      .message = "without a value" },
    { "empty range", 0, IN,
      .items = { I(ETH), { .type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &high,
                           .last = &low, .mask = &mask_dst } },
      .code = EINVAL, .type = E(ITEM_LAST), .cause = ITEM, .index = 1,
      .message = "" },

    /* Actions of the host's side. */
    { "MARK", 0, IN, .actions = { A(MARK, NULL) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "MARK without" },
    { "MARK too wide", 0, IN, .actions = { A(MARK, &mark_256) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "too wide" },
    { "two MARKs", 0, IN, .actions = { A(MARK, &mark_1), A(MARK, &mark_1) },
      .code = EINVAL, .type = E(ACTION), .cause = ACTION, .index = 1,
      .message = "two marks" },
    { "MARK, not negotiated", PORT_NO_MARK, IN,
      .actions = { A(MARK, &mark_1) }, .code = ENOTSUP, .type = E(ACTION),
      .cause = ACTION, .message = "negotiated" },
    { "FLAG, not negotiated", PORT_NO_MARK, IN, .actions = { A(FLAG, NULL) },
      .code = ENOTSUP, .type = E(ACTION), .cause = ACTION,
      .message = "negotiated" },
    { "MARK in transfer", PORT_SWITCH, TRANSFER,
      .actions = { A(MARK, &mark_1) }, .code = ENOTSUP, .type = E(ACTION),
      .cause = ACTION, .message = "transfer" },
    { "QUEUE in transfer", PORT_SWITCH, TRANSFER,
      .actions = { A(QUEUE, &queue_0) }, .code = ENOTSUP, .type = E(ACTION),
      .cause = ACTION, .message = "transfer" },
    { "QUEUE", 0, IN, .actions = { A(QUEUE, &queue_1) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "no such queue" },
    { "RSS", 0, IN, .actions = { A(RSS, NULL) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "RSS without" },
    { "RSS, no queues", 0, IN, .actions = { A(RSS, &rss_none) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "number of queues" },
    { "RSS, bad queue", 0, IN, .actions = { A(RSS, &rss_bad_queue) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "no such queue" },
    { "RSS, function", 0, IN, .actions = { A(RSS, &rss_xor) },
      .code = ENOTSUP, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "Toeplitz" },
    { "RSS, level", 0, IN, .actions = { A(RSS, &rss_inner) },
      .code = ENOTSUP, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "outermost" },
    { "RSS, key", 0, IN, .actions = { A(RSS, &rss_key) }, .code = ENOTSUP,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "key" },
    { "RSS, type", 0, IN, .actions = { A(RSS, &rss_type) }, .code = ENOTSUP,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "hashed" },

    /* Other actions. */
    { "no actions", 0, IN, .actions = { A(VOID, NULL) }, .code = EINVAL,
      .type = E(ACTION_NUM), .cause = ACTION, .message = "without actions" },
    { "two fates", 0, IN, .actions = { A(DROP, NULL), A(PASSTHRU, NULL) },
      .code = EINVAL, .type = E(ACTION), .cause = ACTION, .index = 1,
      .message = "one fate" },
    { "two COUNTs", 0, IN, .actions = { A(COUNT, NULL), A(COUNT, NULL) },
      .code = ENOTSUP, .type = E(ACTION), .cause = ACTION, .index = 1,
      .message = "one counter" },
    { "AGE", 0, IN, .actions = { A(AGE, &no_age) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "timeout" },
    { "JUMP", 0, IN, .actions = { A(JUMP, NULL) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "JUMP without" },
    { "JUMP back", 0, IN, .actions = { A(JUMP, &jump_0) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "higher group" },
    { "JUMP too far", 0, IN, .actions = { A(JUMP, &jump_4) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "lacks" },
    { "INDIRECT", 0, IN, .actions = { A(INDIRECT, &jump_4) }, .code = ENOENT,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "indirect" },
    { "METER", 0, IN, .actions = { A(METER, &meter) }, .code = ENOTSUP,
      .type = E(ACTION), .cause = ACTION, .message = "not supported" },

    /* Ports. */
    { "PORT_ID, ingress", PORT_SWITCH, IN, .actions = { A(PORT_ID, &id_99) },
      .code = ENOTSUP, .type = E(ACTION), .cause = ACTION,
      .message = "transfer rule" },
    { "PORT_ID", PORT_SWITCH, TRANSFER, .actions = { A(PORT_ID, &id_99) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "no such port" },
    { "PORT_ID, too big", PORT_SWITCH, TRANSFER,
      .actions = { A(PORT_ID, &id_big) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "no such port" },
    { "PORT_ID, original", PORT_SWITCH, TRANSFER,
      .actions = { A(PORT_ID, &original) }, .code = ENOTSUP,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "needs an id" },
    { "REPRESENTED_PORT", PORT_SWITCH, TRANSFER,
      .actions = { A(REPRESENTED_PORT, &ethdev_99) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "no such port" },
    { "REPRESENTED_PORT without port", PORT_SWITCH, TRANSFER,
      .actions = { A(REPRESENTED_PORT, NULL) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "needs a port" },

    /* Changes. */
    { "SET_TTL", 0, IN, .actions = { A(SET_TTL, NULL) }, .code = EINVAL,
      .type = E(ACTION_CONF), .cause = ACTION, .message = "configuration" },
    { "SET_IPV6_SRC", 0, IN, .actions = { A(SET_IPV6_SRC, NULL) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "configuration" },
    { "change after the fate", 0, IN,
      .actions = { A(QUEUE, &queue_0), A(SET_TTL, &ttl) }, .code = ENOTSUP,
      .type = E(ACTION), .cause = ACTION, .index = 1,
      .message = "follow the fate" },
    { "OF_PUSH_VLAN", 0, IN, .actions = { A(OF_PUSH_VLAN, &bad_tpid) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "TPID" },
    { "RAW_ENCAP, empty", 0, IN, .actions = { A(RAW_ENCAP, &raw_empty) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "bad header" },
    { "RAW_ENCAP, long", 0, IN, .actions = { A(RAW_ENCAP, &raw_long) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "bad header" },
    { "RAW_DECAP", 0, IN, .actions = { A(RAW_DECAP, &raw_nothing) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "bad size" },
    { "VXLAN_ENCAP", 0, IN, .actions = { A(VXLAN_ENCAP, &vxlan_bad) },
      .code = EINVAL, .type = E(ACTION_CONF), .cause = ACTION,
      .message = "bad header" },

    /* The port's state. */
    { "full", PORT_FULL, IN, .code = ENOSPC, .type = E(UNSPECIFIED),
      .message = "the NIC is full" },
    { "group full", PORT_GROUP_FULL, IN, .code = ENOSPC,
      .type = E(UNSPECIFIED), .message = "the group is full" },
    { "stopped", PORT_STOPPED, IN, .code = EBUSY, .type = E(STATE),
      .message = "the port is stopped" },
    { "removed", PORT_REMOVED, IN, .code = EIO, .type = E(UNSPECIFIED),
      .message = "" },                  /* ethdev replaces ours. */
};

static uint16_t port_of[N_PORTS];

static void
check_error(const struct refusal *c, const char *verb, int code,
            const void *cause)
{
    if (code != c->code || error.type != c->type || error.cause != cause
        || !error.message || !strstr(error.message, c->message)) {
        printf("%s, %s: code %d, type %d, cause %p (expected %d, %d, %p): "
               "%s\n", c->name, verb, code, error.type, error.cause, c->code,
               c->type, cause, error.message ? error.message : "-");
        CHECK(!"refusal");
    }
}

static void
check_refusal(const struct refusal *c)
{
    static const struct rte_flow_item eth[] = { I(ETH), I(END) };
    static const struct rte_flow_action drop[] = { A(DROP, NULL),
                                                   A(END, NULL) };
    const struct rte_flow_item *items = c->items[0].type ? c->items : eth;
    const struct rte_flow_action *actions = (c->actions[0].type
                                             || c->actions[0].conf
                                             || strstr(c->name, "no actions")
                                             ? c->actions : drop);
    const void *const causes[] = {
        [NOTHING] = NULL,
        [ATTR] = &c->attr,
        [ITEM] = &items[c->index],
        [ACTION] = &actions[c->index],
    };
    uint16_t port = port_of[c->where];

    memset(&error, 0, sizeof error);
    check_error(c, "validate",
                -rte_flow_validate(port, &c->attr, items, actions, &error),
                causes[c->cause]);
    memset(&error, 0, sizeof error);
    CHECK(!rte_flow_create(port, &c->attr, items, actions, &error));
    check_error(c, "create", rte_errno, causes[c->cause]);
}

static uint16_t
open_unmarked(void)
{
    uint16_t port = add_port("net_simnic6", "mode=gen");
    uint64_t features = RTE_ETH_RX_METADATA_TUNNEL_ID;

    CHECK(!rte_eth_rx_metadata_negotiate(port, &features));
    CHECK(!features);
    CHECK(!start_port(port, 1, 0));
    return port;
}

void
test_refusal_table(void)
{
    port_of[PORT_PLAIN] = open_port("net_simnic0", "mark-bits=8,groups=4,"
                                    "priorities=2");
    port_of[PORT_SWITCH] = open_port("net_simnic1", "switch=1");
    port_of[PORT_FULL] = open_port("net_simnic2", "capacity=0");
    port_of[PORT_GROUP_FULL] = open_port("net_simnic3", "group-capacity=0");
    port_of[PORT_STOPPED] = open_port("net_simnic4", "mode=gen");
    port_of[PORT_REMOVED] = open_port("net_simnic5", "removal-ms=1");
    port_of[PORT_NO_MARK] = open_unmarked();
    CHECK(!rte_eth_dev_stop(port_of[PORT_STOPPED]));
    CHECK(wait_until_removed(port_of[PORT_REMOVED]));

    for (size_t i = 0; i < RTE_DIM(refusals); i++) {
        check_refusal(&refusals[i]);
    }
    for (unsigned int i = 0; i < N_PORTS; i++) {
        close_port(port_of[i]);
    }
}
