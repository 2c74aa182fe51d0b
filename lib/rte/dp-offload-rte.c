/* SPDX-License-Identifier: Apache-2.0 */

/* Ports of type dpdk, through rte_flow.
 *
 * A rule is tried whole first, if its actions can be expressed: as a transfer
 * rule if it leaves through another port, as an ingress rule if it drops,
 * which needs no embedded switch.  If they can't, or the driver refuses or has
 * no room for it, it marks; if the driver is busy, or it is not known whether
 * it has the rule, nothing is put for now.
 *
 * When a device is stopped, its rules may or may not survive, and the handles
 * of those that do not are void; and the list of rx queues in a rule that
 * marks is that of the time of its creation.  So all rules are taken out
 * before the stop, while the handles are good, and put again afterwards.
 *
 * Rules are at priority 0, the highest, in group 0.  Megaflows of one port may
 * overlap, and then have the same actions, so it does not matter which one a
 * NIC picks.  It does where a merged rule is one of them: as long as there may
 * be such, megaflows are at priority 1, if the NIC has it. */

#include <config.h>
#include "rte/dp-offload-rte.h"

#include <errno.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include "netdev-dpdk.h"
#include "netdev-offload-provider.h"
#include "netdev.h"
#include "rte/dp-rte-actions.h"
#include "rte/dp-rte-format.h"
#include "rte/dp-rte-handle.h"
#include "rte/dp-rte-match.h"
#include "rte/dp-rte-probe.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"

/* The name by which users of Open vSwitch know what drives rte_flow. */
VLOG_DEFINE_THIS_MODULE(netdev_offload_dpdk);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 20);

/* How packets are spread over queues without rules; the driver gets those of
 * them that it knows. */
#define DP_RTE_RSS_TYPES (RTE_ETH_RSS_IP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_TCP)

struct dp_rte_port {
    /* Constant after creation. */
    const struct dp_offload *offload;
    const struct dp_offload_class *class;
    struct netdev *netdev;              /* Counted. */
    odp_port_t port_no;

    /* Changed only while no other call is under way. */
    uint16_t device;
    unsigned int n_rxq;
    uint64_t rss_types;
    uint32_t domain;                    /* Of the embedded switch. */

    struct dp_rte_handles handles;      /* Of rules that run whole. */

    /* Published (atomic). */
    atomic_bool age;                    /* Whole rules get AGE... */
    atomic_bool counter;                /* ...and a counter that stays. */
    atomic_bool integrity;              /* The NIC knows sound headers... */
    atomic_bool checksums;              /* ...and checksums. */
    atomic_bool priorities;             /* It has more than one. */
    atomic_bool tcp_flags;              /* It matches on them. */
};

/* A rule, in all forms that it takes on its way. */
struct dp_rte_rule {
    uint32_t priority;
    struct match match;
    struct ofpbuf actions;
    struct dp_rte_pattern pattern;
    struct dp_rte_actions program;
};

static int
dp_rte_errno(const struct rte_flow_error *error)
{
    int e = rte_errno ? abs(rte_errno) : EIO;

    VLOG_DBG_RL(&rl, "error type %d: %s (%s)", error->type,
                error->message ? error->message : "no message",
                rte_strerror(e));
    return e;
}

static struct rte_flow_attr
dp_rte_attr(const struct dp_rte_rule *rule)
{
    return (struct rte_flow_attr) {
        .priority = rule->priority,
        .ingress = !rule->program.transfer,
        .transfer = rule->program.transfer,
    };
}

/* Returns the priority of rules of 'kind'. */
static uint32_t
dp_rte_priority(const struct dp_rte_port *port, enum dp_offload_kind kind)
{
    bool priorities;

    atomic_read_relaxed(&CONST_CAST(struct dp_rte_port *, port)->priorities,
                        &priorities);
    return (priorities && kind != DP_OFFLOAD_MERGED
            && dp_offload_is_merging(port->offload));
}

/* Ports. */

/* Finds out whether the NIC has counters that outlive their rules. */
static bool
dp_rte_probe_counter(struct dp_rte_port *port)
{
    struct dp_rte_handle *h = dp_rte_handle_create(&port->handles,
                                                   port->device, false, true);

    if (h) {
        dp_rte_handle_destroy(&port->handles, h, port->device);
    }
    return h != NULL;
}

/* Takes in what may change when a device is configured. */
static void
dp_rte_refresh(struct dp_rte_port *port, struct dp_offload_port_info *info)
{
    int device = netdev_dpdk_get_port_id(port->netdev);
    struct rte_eth_dev_info dev_info;
    struct dp_rte_probe probe;

    if (device >= 0) {
        /* Other "dpdk-devargs" are another device. */
        port->device = device;
    }
    memset(&dev_info, 0, sizeof dev_info);
    port->n_rxq = MAX(netdev_n_rxq(port->netdev), 1);
    port->rss_types = DP_RTE_RSS_TYPES;
    port->domain = RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID;
    if (!rte_eth_dev_info_get(port->device, &dev_info)) {
        port->rss_types &= dev_info.flow_type_rss_offloads;
        port->domain = dev_info.switch_info.domain_id;

        /* Ports of one device, e.g. representors, have one table. */
        info->table = (uintptr_t) dev_info.device;
    }
    probe = (struct dp_rte_probe) {
        .device = port->device,
        .n_rxq = port->n_rxq,
        .rss_types = port->rss_types,
    };
    info->mark_bits = dp_rte_probe_mark(&probe);
    atomic_store_relaxed(&port->age, dp_rte_probe_age(&probe));
    atomic_store_relaxed(&port->counter, dp_rte_probe_counter(port));
    info->verifies = dp_rte_probe_integrity(&probe);
    atomic_store_relaxed(&port->integrity, info->verifies);
    atomic_store_relaxed(&port->checksums, dp_rte_probe_checksums(&probe));
    info->priorities = dp_rte_probe_priorities(&probe);
    atomic_store_relaxed(&port->priorities, info->priorities);
    atomic_store_relaxed(&port->tcp_flags, dp_rte_probe_tcp_flags(&probe));
    info->whole = true;
    info->capacity = 0;
    info->dp_layer = "dpdk";
    info->device = port->device;
    info->domain = port->domain;
}

static bool
dp_rte_is_ours(struct netdev *netdev)
{
    /* Open vSwitch calls tunnel ports supported, too, and can be asked about
     * one only when its dpif layer knows it.  A tunnel port is no device. */
    return (netdev && !strncmp(netdev_get_type(netdev), "dpdk", 4)
            && netdev_dpdk_flow_api_supported(netdev));
}

/* Asks for the delivery of marks.  It is too late for a device that has been
 * configured.  Open vSwitch 3.1's netdev-dpdk does not ask, and finds what we
 * have asked for when it configures the device.  Delivery may cost something
 * per packet, so who does not offload does not ask. */
static bool
dp_rte_prepare(struct netdev *netdev, enum dp_offload_delivery *delivery)
{
    uint64_t features = RTE_ETH_RX_METADATA_USER_MARK;
    struct rte_eth_dev_info dev_info;
    int device, error;

    if (!dp_rte_is_ours(netdev)) {
        return false;
    }
    device = netdev_dpdk_get_port_id(netdev);
    memset(&dev_info, 0, sizeof dev_info);
    if (!netdev_is_flow_api_enabled() || device < 0
        || rte_eth_dev_info_get(device, &dev_info) || dev_info.nb_rx_queues) {
        *delivery = DP_OFFLOAD_DELIVERY_LATE;
        return true;
    }

    error = rte_eth_rx_metadata_negotiate(device, &features);
    if (error == -ENOTSUP) {
        *delivery = DP_OFFLOAD_DELIVERY_PLAIN;
    } else if (error || !(features & RTE_ETH_RX_METADATA_USER_MARK)) {
        *delivery = DP_OFFLOAD_DELIVERY_REFUSED;
        VLOG_WARN("%s: the driver does not deliver marks%s%s",
                  netdev_get_name(netdev), error ? ": " : "",
                  error ? rte_strerror(-error) : "");
    } else {
        *delivery = DP_OFFLOAD_DELIVERY_GRANTED;
    }
    return true;
}

static int
dp_rte_open(const struct dp_offload_class *class,
            struct dp_offload *offload, odp_port_t port_no,
            struct netdev *netdev, void **portp,
            struct dp_offload_port_info *info)
{
    struct dp_rte_port *port;
    int device;

    /* Who does not offload is spared the questions that follow, of which some
     * drivers make much.  Ports are offered again when it is switched on. */
    if (!netdev_is_flow_api_enabled() || !dp_rte_is_ours(netdev)) {
        return EOPNOTSUPP;
    }
    device = netdev_dpdk_get_port_id(netdev);
    if (device < 0 || !rte_eth_dev_is_valid_port(device)) {
        return EOPNOTSUPP;
    }

    port = xzalloc(sizeof *port);
    port->offload = offload;
    port->class = class;
    port->netdev = netdev_ref(netdev);
    port->port_no = port_no;
    port->device = device;
    dp_rte_handles_init(&port->handles);
    atomic_init(&port->age, false);
    atomic_init(&port->counter, false);
    atomic_init(&port->integrity, false);
    atomic_init(&port->checksums, false);
    atomic_init(&port->priorities, false);
    atomic_init(&port->tcp_flags, false);

    dp_rte_refresh(port, info);
    *portp = port;
    return 0;
}

static int
dp_rte_flush(void *port_)
{
    struct dp_rte_port *port = port_;
    struct rte_flow_error error;

    int e;

    memset(&error, 0, sizeof error);
    rte_errno = 0;
    e = rte_flow_flush(port->device, &error) ? dp_rte_errno(&error) : 0;
    dp_rte_handles_void(&port->handles, !e);
    return e;
}

static void
dp_rte_settle(void *port_)
{
    struct dp_rte_port *port = port_;

    dp_rte_handles_settle(&port->handles, port->device);
}

static void
dp_rte_forget(void *port_, void *handle, enum dp_offload_level level)
{
    struct dp_rte_port *port = port_;

    if (level == DP_OFFLOAD_WHOLE) {
        dp_rte_handle_forget(&port->handles, handle);
    }
}

static int
dp_rte_close(void *port_)
{
    struct dp_rte_port *port = port_;
    int error = dp_rte_flush(port);

    dp_rte_handles_uninit(&port->handles, port->device);
    netdev_close(port->netdev);
    free(port);
    return error;
}

static enum dp_offload_restart
dp_rte_restart(void *port, struct dp_offload_port_info *info)
{
    dp_rte_refresh(port, info);
    return DP_OFFLOAD_LOST;
}

/* Rules. */

/* Whose actions are translated: of a rule of 'port', for 'op', or if that is
 * null for somebody who only looks. */
struct dp_rte_asker {
    const struct dp_rte_port *port;
    struct dp_offload_op *op;
};

static bool
dp_rte_find_peer(void *asker_, odp_port_t port_no, uint16_t *device)
{
    const struct dp_rte_asker *asker = asker_;
    const struct dp_rte_port *port = asker->port;
    struct dp_offload_port_info info;
    bool found;

    found = (asker->op
             ? dp_offload_op_peer(asker->op, port_no, &info)
             : dp_offload_peer(port->offload, port->class, port_no, &info));
    if (!found || port->domain == RTE_ETH_DEV_SWITCH_DOMAIN_ID_INVALID
        || info.domain != port->domain) {
        return false;
    }
    *device = info.device;
    return true;
}

static void
dp_rte_log(const struct dp_rte_port *port, const struct rte_flow_attr *attr,
           const struct dp_rte_rule *rule, bool ok)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (!VLOG_DROP_DBG(&rl)) {
        dp_rte_format_rule(port->device, attr, rule->pattern.items,
                           rule->program.actions, &ds);
        VLOG_DBG("%s: %s: %s", netdev_get_name(port->netdev),
                 ok ? "created" : "refused", ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

/* Asks the NIC for what 'rule' says.  Returns 0 or a positive errno value. */
static int
dp_rte_create(const struct dp_rte_port *port, const struct dp_rte_rule *rule,
              void **handlep)
{
    struct rte_flow_attr attr = dp_rte_attr(rule);
    struct rte_flow_error error;
    struct rte_flow *handle;
    int e = 0;

    memset(&error, 0, sizeof error);
    rte_errno = 0;
    handle = netdev_dpdk_rte_flow_create(port->netdev, &attr,
                                         rule->pattern.items,
                                         rule->program.actions, &error);
    if (!handle) {
        e = dp_rte_errno(&error);
    }
    if (VLOG_IS_DBG_ENABLED()) {
        dp_rte_log(port, &attr, rule, !e);
    }
    *handlep = handle;
    return e;
}

/* The tracker, which a merged rule's packets pass by, has to see those that
 * open or close a connection, and finds those invalid whose checksums are
 * wrong.  Returns NONE, or why the NIC can't see to that. */
static enum dp_offload_why
dp_rte_may_bypass(struct dp_rte_port *port, const struct match *match)
{
    bool tcp_flags, checksums;

    atomic_read_relaxed(&port->tcp_flags, &tcp_flags);
    atomic_read_relaxed(&port->checksums, &checksums);
    return (!tcp_flags && match->flow.nw_proto == IPPROTO_TCP
            ? DP_OFFLOAD_WHY_A_TCP_FLAGS
            : !checksums ? DP_OFFLOAD_WHY_A_CHECKSUMS
            : DP_OFFLOAD_WHY_NONE);
}

/* Packets of a whole rule are gone before software sees them, so the NIC has
 * to make sure that they are what they seem.  Returns NONE, or why it can't,
 * and must.  A rule that only marks does not need it: dp_rx_run() looks,
 * unless it is told that the NIC has. */
static enum dp_offload_why
dp_rte_demand_sound(struct dp_rte_port *port, enum dp_offload_kind kind,
                    const struct match *match, struct dp_rte_pattern *pattern)
{
    bool merged = kind == DP_OFFLOAD_MERGED;
    bool integrity, checksums;

    if (!dp_rte_match_is_gullible(pattern)) {
        return merged ? DP_OFFLOAD_WHY_A_CHECKSUMS : DP_OFFLOAD_WHY_NONE;
    }
    atomic_read_relaxed(&port->integrity, &integrity);
    atomic_read_relaxed(&port->checksums, &checksums);
    if (integrity) {
        dp_rte_match_add_integrity(pattern, merged && checksums);
    }
    return (merged ? dp_rte_may_bypass(port, match)
            : integrity || !dp_offload_must_verify(port->offload)
            ? DP_OFFLOAD_WHY_NONE : DP_OFFLOAD_WHY_A_INTEGRITY);
}

/* Asks the NIC to run 'rule', of 'op', whole, with a counter that outlives it
 * if 'counter'.  Returns 0 or a positive errno value. */
static int
dp_rte_create_counted(struct dp_rte_port *port, struct dp_rte_rule *rule,
                      bool counter, struct dp_offload_op *op)
{
    struct dp_rte_handle *h;
    void *flow;
    int error;

    h = dp_rte_handle_create(&port->handles, port->device,
                             rule->program.transfer, counter);
    if (!h) {
        return rte_errno ? abs(rte_errno) : ENOTSUP;
    }
    if (h->counter) {
        dp_rte_actions_set_counter(&rule->program, h->counter);
    }
    error = dp_rte_create(port, rule, &flow);
    if (error) {
        if (dp_offload_is_unsure(error)) {
            /* The rule may be there, and need the counter. */
            h->unsure = true;
            dp_rte_handle_forget(&port->handles, h);
        } else {
            dp_rte_handle_destroy(&port->handles, h, port->device);
        }
        return error;
    }
    h->flow = flow;
    op->handle = h;
    op->counts_stay = h->counter != NULL;
    return 0;
}

/* Asks the NIC to run 'rule' whole.  Returns 0 or a positive errno value, and
 * in '*why' why it can't. */
static int
dp_rte_create_whole(struct dp_rte_port *port, struct dp_rte_rule *rule,
                    struct dp_offload_op *op, enum dp_offload_why *why)
{
    struct dp_rte_asker asker = { .port = port, .op = op };
    bool age, counter, full = false;
    int error;

    *why = dp_rte_demand_sound(port, op->kind, &rule->match, &rule->pattern);
    if (*why) {
        return EOPNOTSUPP;
    }
    atomic_read_relaxed(&port->age, &age);
    atomic_read_relaxed(&port->counter, &counter);
    for (;;) {
        *why = dp_rte_actions_whole(&rule->actions, dp_rte_find_peer, &asker,
                                    age, &rule->program);
        if (*why) {
            return EOPNOTSUPP;
        }
        error = dp_rte_create_counted(port, rule, counter, op);
        if (!error || dp_offload_is_busy(error)
            || dp_offload_is_unsure(error) || (!age && !counter)) {
            break;
        }

        /* Some NICs know these only in some kinds of rules, or in few: first
         * without AGE, then without the other, too. */
        full |= dp_offload_is_full(error);
        counter &= age;
        age = false;
    }
    if (!error && !full && !age) {
        atomic_store_relaxed(&port->age, false);
    }
    if (!error && !full && !counter) {
        atomic_store_relaxed(&port->counter, false);
    }
    *why = (!error ? DP_OFFLOAD_WHY_NONE
            : dp_offload_is_full(error) ? DP_OFFLOAD_WHY_A_FULL
            : DP_OFFLOAD_WHY_A_REFUSED);
    return error;
}

/* A lane looks at the TCP flags of packets that a merged rule has marked, so a
 * NIC that does not know flags may mark those that close a connection, too.
 * (It does not run the rule whole.) */
static void
dp_rte_spare_tcp_flags(const struct dp_rte_port *port, struct match *match)
{
    bool tcp_flags;

    atomic_read_relaxed(&CONST_CAST(struct dp_rte_port *, port)->tcp_flags,
                        &tcp_flags);
    if (!tcp_flags) {
        match_set_tcp_flags_masked(match, htons(0), htons(0));
    }
}

/* Translates the match of 'rule', of 'kind'. */
static enum dp_offload_why
dp_rte_translate(const struct dp_rte_port *port, enum dp_offload_kind kind,
                 struct dp_rte_rule *rule)
{
    if (kind == DP_OFFLOAD_MERGED) {
        dp_rte_spare_tcp_flags(port, &rule->match);
    }
    rule->priority = dp_rte_priority(port, kind);
    return dp_rte_match_translate(&rule->match, &rule->pattern);
}

/* Asks the NIC to mark packets of 'rule': sound ones only, where that spares
 * lanes a look at them.  Returns 0 or a positive errno value. */
static int
dp_rte_create_mark(const struct dp_rte_port *port, struct dp_rte_rule *rule,
                   struct dp_offload_op *op)
{
    dp_rte_actions_mark(op->mark, port->n_rxq, port->rss_types,
                        &rule->program);
    op->sound = dp_rte_match_is_sound(&rule->pattern);
    if (op->sound) {
        int error = dp_rte_create(port, rule, &op->handle);

        if (!error || dp_offload_is_busy(error)
            || dp_offload_is_unsure(error)) {
            return error;
        }
        op->sound = false;
    }
    dp_rte_match_remove_integrity(&rule->pattern);
    return dp_rte_create(port, rule, &op->handle);
}

/* Has packets of the rule of 'op' marked, which does not run whole because of
 * 'why'. */
static void
dp_rte_put_mark(const struct dp_rte_port *port, struct dp_rte_rule *rule,
                struct dp_offload_op *op, enum dp_offload_why why)
{
    op->error = dp_rte_create_mark(port, rule, op);
    if (!op->error) {
        op->level = DP_OFFLOAD_MARKED;
        op->why = why;
        op->halved = (why == DP_OFFLOAD_WHY_A_FULL
                      || why == DP_OFFLOAD_WHY_A_REFUSED);
    }
}

static void
dp_rte_put_one(struct dp_rte_port *port, struct dp_rte_rule *rule,
               struct dp_offload_op *op)
{
    enum dp_offload_why why;

    ofpbuf_clear(&rule->actions);
    if (!dp_offload_op_describe(op, &rule->match, &rule->actions)) {
        op->error = ENOENT;
        return;
    }
    op->why = dp_rte_translate(port, op->kind, rule);
    if (op->why) {
        op->error = EOPNOTSUPP;
        return;
    }

    op->error = dp_rte_create_whole(port, rule, op, &why);
    if (!op->error) {
        op->level = DP_OFFLOAD_WHOLE;
        return;
    } else if (dp_offload_is_busy(op->error)
               || dp_offload_is_unsure(op->error)) {
        /* A rule that marks would stay one.  The engine tries again. */
        return;
    } else if (!op->mark) {
        op->error = EOPNOTSUPP;
        op->why = DP_OFFLOAD_WHY_NO_MARK;
        return;
    }
    dp_rte_put_mark(port, rule, op, why);
}

static void
dp_rte_put(void *port, struct dp_offload_op *ops[], size_t n)
{
    struct dp_rte_rule *rule = xmalloc(sizeof *rule);

    ofpbuf_init(&rule->actions, 1024);
    for (size_t i = 0; i < n; i++) {
        dp_rte_put_one(port, rule, ops[i]);
    }
    ofpbuf_uninit(&rule->actions);
    free(rule);
}

/* Reads the counter of the rule of 'op'. */
static int
dp_rte_query_count(const struct dp_rte_port *port, struct dp_offload_op *op)
{
    const struct dp_rte_handle *h = op->handle;
    struct rte_flow_query_count query;
    struct rte_flow_error error;

    if (!h->counter && !h->flow) {
        return ENOENT;
    }
    memset(&query, 0, sizeof query);
    memset(&error, 0, sizeof error);
    rte_errno = 0;
    if (h->counter
        ? dp_rte_handle_query(h, port->device, &query, &error)
        : netdev_dpdk_rte_flow_query_count(port->netdev, h->flow, &query,
                                           &error)) {
        return dp_rte_errno(&error);
    }
    op->counted = query.hits_set;
    op->n_packets = query.hits;
    op->n_bytes = query.bytes_set ? query.bytes : 0;
    return 0;
}

/* Reads when the last packet of the rule of 'op' was, if that is known. */
static void
dp_rte_query_idle(struct dp_rte_port *port, struct dp_offload_op *op)
{
    const struct dp_rte_handle *h = op->handle;
    bool age;

    atomic_read_relaxed(&port->age, &age);
    op->idle_ms = (age && h->flow
                   ? dp_rte_handle_query_idle(h, port->device) : 0);
}

static void
dp_rte_query(void *port, struct dp_offload_op *ops[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dp_rte_query_idle(port, ops[i]);
        ops[i]->error = dp_rte_query_count(port, ops[i]);
    }
}

/* Takes a rule out of the NIC.  Returns 0 or a positive errno value. */
static int
dp_rte_destroy(struct dp_rte_port *port, struct rte_flow *flow)
{
    struct rte_flow_error error;
    int e;

    memset(&error, 0, sizeof error);
    rte_errno = 0;
    e = (netdev_dpdk_rte_flow_destroy(port->netdev, flow, &error)
         ? dp_rte_errno(&error) : 0);

    /* A driver that does not know the handle has not confirmed that there is
     * no rule. */
    return e == ENOENT ? EIO : e;
}

static void
dp_rte_del_whole(struct dp_rte_port *port, struct dp_offload_op *op)
{
    struct dp_rte_handle *h = op->handle;

    dp_rte_query_idle(port, op);
    if (!h->counter) {
        /* What comes between this and the removal is lost. */
        dp_rte_query_count(port, op);
    }
    op->error = dp_rte_destroy(port, h->flow);
    if (h->counter) {
        dp_rte_query_count(port, op);
    }
    if (!op->error) {
        dp_rte_handle_destroy(&port->handles, h, port->device);
    }
}

static void
dp_rte_del(void *port, struct dp_offload_op *ops[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct dp_offload_op *op = ops[i];

        if (op->level == DP_OFFLOAD_WHOLE) {
            dp_rte_del_whole(port, op);
        } else {
            op->error = dp_rte_destroy(port, op->handle);
        }
    }
}

static bool
dp_rte_plan(void *port, struct dp_offload_op *op, const struct match *match,
            const struct ofpbuf *actions)
{
    struct dp_rte_rule *rule = xmalloc(sizeof *rule);
    struct dp_rte_asker asker = { .port = port, .op = op };

    op->why = dp_rte_match_translate(match, &rule->pattern);
    if (!op->why) {
        op->why = dp_rte_actions_whole(actions, dp_rte_find_peer, &asker,
                                       false, &rule->program);
    }
    if (!op->why) {
        op->why = dp_rte_demand_sound(port, op->kind, match, &rule->pattern);
    }
    free(rule);
    return !op->why;
}

static void
dp_rte_format(void *port_, const struct match *match,
              const struct ofpbuf *actions, enum dp_offload_kind kind,
              enum dp_offload_level level, uint32_t mark, struct ds *ds)
{
    struct dp_rte_port *port = port_;
    struct dp_rte_rule *rule = xmalloc(sizeof *rule);
    struct dp_rte_asker asker = { .port = port };
    bool known, age;

    rule->match = *match;
    known = !dp_rte_translate(port, kind, rule);
    if (known && level == DP_OFFLOAD_MARKED) {
        dp_rte_demand_sound(port, kind, match, &rule->pattern);
        if (!dp_rte_match_is_sound(&rule->pattern)) {
            dp_rte_match_remove_integrity(&rule->pattern);
        }
        dp_rte_actions_mark(mark, port->n_rxq, port->rss_types,
                            &rule->program);
    } else if (known) {
        atomic_read_relaxed(&port->age, &age);
        dp_rte_demand_sound(port, kind, match, &rule->pattern);
        known = !dp_rte_actions_whole(actions, dp_rte_find_peer, &asker, age,
                                      &rule->program);
    }
    if (known) {
        struct rte_flow_attr attr = dp_rte_attr(rule);

        dp_rte_format_rule(port->device, &attr, rule->pattern.items,
                           rule->program.actions, ds);
    }
    free(rule);
}

const struct dp_offload_class dp_offload_rte_class = {
    .name = "rte_flow",
    .prepare = dp_rte_prepare,
    .open = dp_rte_open,
    .close = dp_rte_close,
    .put = dp_rte_put,
    .del = dp_rte_del,
    .query = dp_rte_query,
    .plan = dp_rte_plan,
    .flush = dp_rte_flush,
    .settle = dp_rte_settle,
    .forget = dp_rte_forget,
    .pause = dp_rte_flush,
    .restart = dp_rte_restart,
    .format = dp_rte_format,
};

/* Open vSwitch registers this flow API for its netdevs of type dpdk.  The
 * userspace datapath does not need it, since the engine drives rte_flow
 * itself; so it suits no netdev. */
static int
dp_rte_init_flow_api(struct netdev *netdev OVS_UNUSED)
{
    return EOPNOTSUPP;
}

const struct netdev_flow_api netdev_offload_dpdk = {
    .type = (char *) "dpdk_flow_api",
    .init_flow_api = dp_rte_init_flow_api,
};
