/* SPDX-License-Identifier: Apache-2.0 */

/* Ports with AF_XDP sockets, through the XDP program in front of them.
 *
 * A rule is a flow in the program's tables.  It runs whole if its actions can
 * be expressed, and marks otherwise.  The program verifies headers: what it
 * does not understand goes to a socket.
 *
 * A rule that is taken out may still be counted by a CPU that has just found
 * it.  So its removal is complete, and its counter read, when every CPU has
 * left the program since: some ms later, which costs nothing, as many rules
 * wait for that together. */

#include <config.h>
#include "xdp/dp-offload-xdp.h"

#include <errno.h>
#include <string.h>

#include "netdev-offload.h"
#include "netdev-provider.h"
#include "netdev.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"
#include "xdp/dp-xdp-actions.h"
#include "xdp/dp-xdp-groups.h"
#include "xdp/dp-xdp-loader.h"
#include "xdp/dp-xdp-match.h"
#include "xdp/dp-xdp-shared.h"
#include "xdp/dp-xdp-table.h"
#include "xdp/dp-xdp-watch.h"

VLOG_DEFINE_THIS_MODULE(dp_offload_xdp);

/* dp_offload_port_info.table: all ports share their places. */
enum { THE_TABLE = 1 };

struct dp_xdp_rule;

struct xdp_port {
    /* Constant after creation. */
    struct dp_offload *offload;
    const struct dp_offload_class *class;
    odp_port_t port_no;
    struct dp_xdp_loader *loader;       /* Counted, see dp-xdp-shared.h. */
    struct dp_xdp_table *table;         /* Of 'loader'. */
    struct netdev *netdev;              /* Counted; may be null, in tests. */
    struct dp_xdp_watch watch;          /* Of the device. */

    /* Changed only while no other call is under way. */
    uint32_t ifindex;                   /* The device may be another one. */
    uint32_t slot;                      /* 0: the program is not attached. */

    /* One at a time: 'watch'. */
    bool is_no_output;                  /* And the user was told so. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct ovs_list rules;              /* Of struct dp_xdp_rule: all. */
    struct ovs_list leaving;            /* Those that del() took out. */

    /* Published. */
    atomic_uint32_t mtu;                /* Of the device. */
    atomic_count n_group_rules[DP_XDP_MAX_GROUPS];      /* That have it. */
};

/* A rule's handle. */
struct dp_xdp_rule {
    struct ovs_list node;               /* In 'rules' or 'leaving'. */
    uint32_t flow;                      /* In the table; 0: no more. */
    bool in;                            /* Does the program find it? */
    uint32_t can;                       /* Acquired, from the loader. */
    bool has_group;
    uint32_t group;
    uint64_t epoch;                     /* In which it was taken out. */
    struct dp_offload_op *op;           /* That takes it out... */
    unsigned int thread;                /* ...and on which thread. */
};

/* Ports. */

/* Does a rule of 'port' output to a set of ports one of which has changed?
 * The engine sees that of the last one only. */
static bool
outputs_changed(struct xdp_port *port)
{
    for (uint32_t i = 0; i < DP_XDP_MAX_GROUPS; i++) {
        if (atomic_count_get(&port->n_group_rules[i])
            && dp_xdp_group_is_outdated(dp_xdp_loader_groups(port->loader),
                                        i)) {
            return true;
        }
    }
    return false;
}

/* Tells the user if 'device', that of 'port', takes no packets from XDP, and
 * when it does after all: it decides who forwards. */
static void
tell_output(struct xdp_port *port, bool attached,
            const struct dp_xdp_device *device)
{
    bool is_no_output = attached && device->mtu && !device->can_transmit;

    if (!port->netdev || is_no_output == port->is_no_output) {
        return;
    }
    port->is_no_output = is_no_output;
    if (is_no_output) {
        VLOG_INFO("%s: takes no packets that XDP redirects, as far as the "
                  "kernel tells: flows that leave by it are only marked.  A "
                  "veth device needs Linux 6.3 and \"ethtool -K PEER gro off; "
                  "ethtool -K PEER gro on\" while both ends are up",
                  netdev_get_name(port->netdev));
    } else if (attached && device->mtu) {
        VLOG_INFO("%s: takes packets that XDP redirects",
                  netdev_get_name(port->netdev));
    }
}

/* That is what the device of 'port' can do.  Rules that are put from now on
 * know it. */
static void
device_seen(void *port_, uint32_t ifindex, const struct dp_xdp_device *device)
{
    struct xdp_port *port = port_;

    atomic_store_relaxed(&port->mtu, device->mtu);
    dp_xdp_set_output(port->loader, ifindex,
                      device->can_transmit ? device->mtu : 0);
    tell_output(port, dp_xdp_find_slot(port->loader, ifindex) != 0, device);
}

/* That is more than before, or less.  The device, its sockets and its program
 * are as they were, so the port goes on; but its rules, and those to it, may
 * run whole now, or may not any more. */
static void
device_changed(void *port_, const struct dp_xdp_device *before,
               const struct dp_xdp_device *now)
{
    struct xdp_port *port = port_;

    ovsrcu_quiesce_end();
    dp_offload_output_changed(port->offload, port->port_no);
    if (now->mtu != before->mtu) {
        dp_offload_input_changed(port->offload, port->port_no);
    }
    ovsrcu_quiesce_start();
}

/* The engine tells rules that the last of their outputs has changed; if it is
 * another one of a set, they hear it here. */
static void
devices_looked(void *port_)
{
    struct xdp_port *port = port_;

    if (outputs_changed(port)) {
        ovsrcu_quiesce_end();
        dp_offload_input_changed(port->offload, port->port_no);
        ovsrcu_quiesce_start();
    }
}

/* Looks at the device of 'port', which may be another one than before. */
static void
refresh(struct xdp_port *port, struct dp_offload_port_info *info)
{
    if (port->netdev) {
        int ifindex = netdev_get_ifindex(port->netdev);

        port->ifindex = MAX(ifindex, 0);
    }
    port->slot = dp_xdp_find_slot(port->loader, port->ifindex);
    dp_xdp_watch_look(dp_xdp_loader_watches(port->loader), &port->watch,
                      port->ifindex);
    dp_xdp_loader_look(port->loader);
    info->mark_bits = 24;
    info->whole = true;
    info->verifies = true;
    info->capacity = DP_XDP_MAX_FLOWS - 1;
    info->table = THE_TABLE;
    info->dp_layer = "xdp";
    info->device = port->slot;
}

int
dp_offload_xdp_open(const struct dp_offload_class *class,
                    struct dp_offload *offload, odp_port_t port_no,
                    struct netdev *netdev, uint32_t ifindex, void **portp,
                    struct dp_offload_port_info *info)
{
    struct dp_xdp_loader *loader;
    struct xdp_port *port;
    char *why = NULL;

    if (dp_xdp_shared_ref(&loader, &why)) {
        free(why);
        return EOPNOTSUPP;
    }
    if (!dp_xdp_find_slot(loader, ifindex)) {
        dp_xdp_shared_unref();
        return EOPNOTSUPP;
    }
    port = xzalloc(sizeof *port);
    port->offload = offload;
    port->class = class;
    port->port_no = port_no;
    port->loader = loader;
    port->table = dp_xdp_loader_table(loader);
    port->netdev = netdev ? netdev_ref(netdev) : NULL;
    port->ifindex = ifindex;
    ovs_mutex_init(&port->mutex);
    ovs_list_init(&port->rules);
    ovs_list_init(&port->leaving);
    port->watch.seen = device_seen;
    port->watch.changed = device_changed;
    port->watch.looked = devices_looked;
    port->watch.aux = port;
    dp_xdp_watch_start(dp_xdp_loader_watches(loader), &port->watch);
    refresh(port, info);
    VLOG_DBG("%s: port %"PRIu32", slot %"PRIu32,
             netdev ? netdev_get_name(netdev) : "", odp_to_u32(port_no),
             port->slot);
    *portp = port;
    return 0;
}

static int
xdp_open(const struct dp_offload_class *class,
         struct dp_offload *offload, odp_port_t port_no,
         struct netdev *netdev, void **portp,
         struct dp_offload_port_info *info)
{
    const char *type;
    int ifindex;

    if (!netdev || !netdev_is_flow_api_enabled()) {
        return EOPNOTSUPP;
    }
    type = netdev_get_type(netdev);
    if (strcmp(type, "afxdp") && strcmp(type, "afxdp-nonpmd")) {
        return EOPNOTSUPP;
    }
    ifindex = netdev_get_ifindex(netdev);
    return (ifindex > 0
            ? dp_offload_xdp_open(class, offload, port_no, netdev, ifindex,
                                  portp, info)
            : EOPNOTSUPP);
}

/* Rules. */

/* The program does not find 'rule' any more. */
static void
take_out(struct xdp_port *port, struct dp_xdp_rule *rule)
{
    if (rule->in) {
        rule->epoch = dp_xdp_table_del(port->table, rule->flow);
        rule->in = false;
    }
}

/* Nobody looks at 'rule' any more, which was taken out: gives away what it
 * has. */
static void
settle_rule(struct xdp_port *port, struct dp_xdp_rule *rule)
{
    ovs_assert(!rule->in);
    if (rule->flow) {
        dp_xdp_table_forget(port->table, rule->flow);
        rule->flow = 0;
    }
    if (rule->has_group) {
        dp_xdp_groups_unref(dp_xdp_loader_groups(port->loader), rule->group);
        atomic_count_dec(&port->n_group_rules[rule->group]);
        rule->has_group = false;
    }
    dp_xdp_loader_release(port->loader, rule->can);
    rule->can = 0;
}

/* All rules leave, and all CPUs leave the program. */
static int
xdp_flush(void *port_)
{
    struct xdp_port *port = port_;
    struct dp_xdp_rule *rule;
    uint64_t last = 0;

    ovs_mutex_lock(&port->mutex);
    LIST_FOR_EACH (rule, node, &port->rules) {
        take_out(port, rule);
        last = MAX(last, rule->epoch);
    }
    ovs_mutex_unlock(&port->mutex);

    while (!dp_xdp_table_is_over(port->table, last)) {
        dp_xdp_loader_wake(port->loader);
        xnanosleep(1000 * 1000);
    }
    return 0;
}

static void
xdp_settle(void *port_)
{
    struct xdp_port *port = port_;
    struct dp_xdp_rule *rule;

    ovs_mutex_lock(&port->mutex);
    LIST_FOR_EACH (rule, node, &port->rules) {
        if (!rule->in) {
            settle_rule(port, rule);
        }
    }
    ovs_mutex_unlock(&port->mutex);
}

static void
xdp_forget(void *port_, void *rule_,
           enum dp_offload_level level OVS_UNUSED)
{
    struct xdp_port *port = port_;
    struct dp_xdp_rule *rule = rule_;

    ovs_mutex_lock(&port->mutex);
    ovs_list_remove(&rule->node);
    ovs_mutex_unlock(&port->mutex);
    settle_rule(port, rule);
    free(rule);
}

static int
xdp_close(void *port_)
{
    struct xdp_port *port = port_;
    struct dp_xdp_rule *rule;

    dp_xdp_watch_stop(dp_xdp_loader_watches(port->loader), &port->watch);
    xdp_flush(port);
    LIST_FOR_EACH_POP (rule, node, &port->rules) {
        settle_rule(port, rule);
        free(rule);
    }
    ovs_assert(ovs_list_is_empty(&port->leaving));
    ovs_mutex_destroy(&port->mutex);
    netdev_close(port->netdev);
    dp_xdp_shared_unref();
    free(port);
    return 0;
}

static enum dp_offload_restart
xdp_restart(void *port, struct dp_offload_port_info *info)
{
    refresh(port, info);
    return DP_OFFLOAD_LOST;
}

/* Whose actions are translated: of a rule of 'port', for 'op', or if that is
 * null for somebody who only looks. */
struct asker {
    const struct xdp_port *port;
    struct dp_offload_op *op;
};

/* An output must be able to transmit whatever the port can receive: the kernel
 * drops what is too long for it. */
static bool
find_port(void *asker_, odp_port_t port_no, struct dp_xdp_member *member)
{
    const struct asker *asker = asker_;
    const struct xdp_port *port = asker->port;
    struct dp_offload_port_info info;
    uint32_t mtu;
    bool found;

    found = (asker->op
             ? dp_offload_op_peer(asker->op, port_no, &info)
             : dp_offload_peer(port->offload, port->class, port_no, &info));
    if (!found) {
        return false;
    }
    atomic_read_relaxed(&CONST_CAST(struct xdp_port *, port)->mtu, &mtu);
    member->slot = info.device;
    member->ifindex = dp_xdp_find_output(port->loader, info.device, mtu);
    return member->ifindex != 0;
}

/* Can all 'outputs' of a rule of 'port' still take its packets? */
static bool
outputs_hold(const struct xdp_port *port, const struct dp_xdp_actions *actions)
{
    uint32_t mtu;

    atomic_read_relaxed(&CONST_CAST(struct xdp_port *, port)->mtu, &mtu);
    for (size_t i = 0; i < actions->n_outputs; i++) {
        const struct dp_xdp_member *member = &actions->outputs[i];

        if (dp_xdp_find_output(port->loader, member->slot, mtu)
            != member->ifindex) {
            return false;
        }
    }
    return true;
}

/* Has 'rule' acquire what it takes to do 'actions' to packets of 'match'.
 * Returns 0 or a positive errno value: EAGAIN, too, if an output has changed
 * since they were translated, before there was a set to be outdated. */
static int
acquire(struct xdp_port *port, struct dp_xdp_rule *rule,
        const struct dp_xdp_match *match, struct dp_xdp_actions *actions)
{
    uint32_t can = match->can | actions->can;
    int error = dp_xdp_loader_acquire(port->loader, can);

    if (error) {
        return error;
    }
    rule->can = can;
    if (actions->action.fate == DP_XDP_GROUP) {
        error = dp_xdp_groups_ref(dp_xdp_loader_groups(port->loader),
                                  actions->outputs, actions->n_outputs,
                                  &rule->group);
        if (error) {
            return error;
        }
        atomic_count_inc(&port->n_group_rules[rule->group]);
        rule->has_group = true;
        actions->action.out = rule->group;
        if (!outputs_hold(port, actions)) {
            return EAGAIN;
        }
    }
    return 0;
}

/* Puts a rule for 'op'.  Returns 0 or a positive errno value. */
static int
put_rule(struct xdp_port *port, struct dp_offload_op *op,
         const struct dp_xdp_match *match, struct dp_xdp_actions *actions)
{
    struct dp_xdp_rule *rule = xzalloc(sizeof *rule);
    int error = acquire(port, rule, match, actions);

    if (!error) {
        error = dp_xdp_table_put(port->table, &match->key, &match->mask,
                                 &actions->action, &rule->flow);
        if (error == EBUSY) {
            dp_xdp_loader_wake(port->loader);
        }
    }
    if (error) {
        rule->flow = 0;
        settle_rule(port, rule);
        free(rule);
        return error;
    }
    rule->in = true;
    ovs_mutex_lock(&port->mutex);
    ovs_list_push_back(&port->rules, &rule->node);
    ovs_mutex_unlock(&port->mutex);
    op->handle = rule;
    return 0;
}

/* Puts a rule that runs whole, if that is possible.  Returns 0 or a positive
 * errno value, and in '*why' why it can't. */
static int
put_whole(struct xdp_port *port, struct dp_offload_op *op,
          const struct ofpbuf *netlink, const struct dp_xdp_match *match,
          enum dp_offload_why *why)
{
    struct asker asker = { .port = port, .op = op };
    struct dp_xdp_actions actions;
    int error;

    *why = dp_xdp_actions_translate(netlink, match, find_port, &asker,
                                    &actions);
    if (*why) {
        return EOPNOTSUPP;
    }
    error = put_rule(port, op, match, &actions);
    *why = (!error ? DP_OFFLOAD_WHY_NONE
            : dp_offload_is_full(error) ? DP_OFFLOAD_WHY_A_FULL
            : DP_OFFLOAD_WHY_A_REFUSED);
    return error;
}

static void
put_one(struct xdp_port *port, struct dp_offload_op *op,
        const struct match *match, const struct ofpbuf *netlink)
{
    struct dp_xdp_actions actions;
    struct dp_xdp_match m;
    enum dp_offload_why why;

    op->why = (port->slot
               ? dp_xdp_match_translate(match, port->slot, &m)
               : DP_OFFLOAD_WHY_REFUSED);
    if (op->why) {
        op->error = EOPNOTSUPP;
        return;
    }
    op->error = put_whole(port, op, netlink, &m, &why);
    if (!op->error) {
        op->level = DP_OFFLOAD_WHOLE;
        op->counts_stay = true;
        return;
    } else if (dp_offload_is_busy(op->error) || op->error == EMLINK) {
        /* A program is being loaded, or places wait for an epoch to be over.
         * A rule that marks would stay one.  It takes the same mask. */
        return;
    } else if (!op->mark) {
        op->error = EOPNOTSUPP;
        op->why = DP_OFFLOAD_WHY_NO_MARK;
        return;
    }

    dp_xdp_actions_mark(op->mark, &actions);
    op->error = put_rule(port, op, &m, &actions);
    if (!op->error) {
        op->level = DP_OFFLOAD_MARKED;
        op->why = why;
        op->halved = (why == DP_OFFLOAD_WHY_A_FULL
                      || why == DP_OFFLOAD_WHY_A_REFUSED);
    }
}

static void
xdp_put(void *port, struct dp_offload_op *ops[], size_t n)
{
    struct match *match = xmalloc(sizeof *match);
    struct ofpbuf actions;

    ofpbuf_init(&actions, 1024);
    for (size_t i = 0; i < n; i++) {
        ofpbuf_clear(&actions);
        if (dp_offload_op_describe(ops[i], match, &actions)) {
            put_one(port, ops[i], match, &actions);
            if (ops[i]->error == EMLINK) {
                ops[i]->error = ENOSPC;
                ops[i]->why = DP_OFFLOAD_WHY_MASKS;
            }
        } else {
            ops[i]->error = ENOENT;
        }
    }
    ofpbuf_uninit(&actions);
    free(match);
}

static bool
xdp_plan(void *port_, struct dp_offload_op *op, const struct match *match,
         const struct ofpbuf *netlink)
{
    struct xdp_port *port = port_;
    struct asker asker = { .port = port, .op = op };
    const struct dp_xdp_rule *rule = op->handle;
    struct dp_xdp_actions actions;
    struct dp_xdp_match m;

    op->stale = rule->has_group
                && dp_xdp_group_is_outdated(
                    dp_xdp_loader_groups(port->loader), rule->group);
    op->why = dp_xdp_match_translate(match, port->slot, &m);
    if (!op->why) {
        op->why = dp_xdp_actions_translate(netlink, &m, find_port, &asker,
                                           &actions);
    }
    return !op->why;
}

static void
read_rule(const struct xdp_port *port, const struct dp_xdp_rule *rule,
          struct dp_offload_op *op)
{
    struct dp_xdp_stats stats;

    dp_xdp_table_read(port->table, rule->flow, &stats);
    op->n_packets = stats.n_packets;
    op->n_bytes = stats.n_bytes;
    op->tcp_flags = ntohs((OVS_FORCE ovs_be16) stats.tcp_flags);
    op->counted = true;
}

static void
xdp_query(void *port, struct dp_offload_op *ops[], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct dp_xdp_rule *rule = ops[i]->handle;

        if (rule->flow) {
            read_rule(port, rule, ops[i]);
            ops[i]->error = 0;
        } else {
            ops[i]->error = ENOENT;
        }
    }
}

static void
xdp_del(void *port_, struct dp_offload_op *ops[], size_t n)
{
    struct xdp_port *port = port_;

    ovs_mutex_lock(&port->mutex);
    for (size_t i = 0; i < n; i++) {
        struct dp_xdp_rule *rule = ops[i]->handle;

        take_out(port, rule);
        rule->op = ops[i];
        rule->thread = ovsthread_id_self();
        ovs_list_remove(&rule->node);
        ovs_list_push_back(&port->leaving, &rule->node);
        ops[i]->error = EINPROGRESS;
    }
    ovs_mutex_unlock(&port->mutex);
    dp_xdp_loader_wake(port->loader);
}

static void
xdp_poll(void *port_)
{
    struct xdp_port *port = port_;
    struct ovs_list done = OVS_LIST_INITIALIZER(&done);
    unsigned int thread = ovsthread_id_self();
    struct dp_xdp_rule *rule;

    ovs_mutex_lock(&port->mutex);
    LIST_FOR_EACH_SAFE (rule, node, &port->leaving) {
        if (rule->thread == thread
            && dp_xdp_table_is_over(port->table, rule->epoch)) {
            ovs_list_remove(&rule->node);
            ovs_list_push_back(&done, &rule->node);
        }
    }
    ovs_mutex_unlock(&port->mutex);

    LIST_FOR_EACH_POP (rule, node, &done) {
        struct dp_offload_op *op = rule->op;

        if (op->level == DP_OFFLOAD_WHOLE) {
            read_rule(port, rule, op);
        }
        settle_rule(port, rule);
        free(rule);
        op->error = 0;
        dp_offload_op_complete(op);
    }
}

static void
xdp_format(void *port_, const struct match *match,
           const struct ofpbuf *netlink, enum dp_offload_kind kind OVS_UNUSED,
           enum dp_offload_level level, uint32_t mark, struct ds *ds)
{
    struct xdp_port *port = port_;
    struct asker asker = { .port = port };
    struct dp_xdp_actions actions;
    struct dp_xdp_match m;

    if (dp_xdp_match_translate(match, port->slot, &m)) {
        return;
    }
    if (level == DP_OFFLOAD_MARKED) {
        dp_xdp_actions_mark(mark, &actions);
    } else if (dp_xdp_actions_translate(netlink, &m, find_port, &asker,
                                        &actions)) {
        return;
    }
    ds_put_format(ds, "from slot %"PRIu32, port->slot);
    dp_xdp_actions_format(&actions, ds);
}

static void
put_integer(struct json *json, const char *name, uint64_t value)
{
    json_object_put(json, name, json_integer_create(value));
}

/* Names of what a program can do, by bit. */
static const char *const can_names[] = {
    "flows", "IPv6", "sets", "tags", "groups", "cache",
};

static char *
format_can(uint32_t can)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < ARRAY_SIZE(can_names); i++) {
        if (can & (1u << i)) {
            ds_put_format(&ds, "%s ", can_names[i]);
        }
    }
    ds_chomp(&ds, ' ');
    return ds.length ? ds_steal_cstr(&ds) : xstrdup("sockets only");
}

static struct json *
xdp_show(void *port_)
{
    const struct xdp_port *port = port_;
    struct json *json = json_object_create();

    put_integer(json, "slot", port->slot);
    return json;
}

/* The program, its maps and counters are those of all ports. */
static struct json *
xdp_show_shared(void *port_)
{
    static const char *const names[DP_XDP_N_COUNTS] = {
        [DP_XDP_COUNT_RX] = "packets",
        [DP_XDP_COUNT_NO_PORT] = "packets_of_no_port",
        [DP_XDP_COUNT_NO_META] = "packets_without_room_for_a_mark",
        [DP_XDP_COUNT_CACHE] = "cache_hits",
        [DP_XDP_COUNT_INDEX] = "index_hits",
        [DP_XDP_COUNT_MISS] = "misses",
        [DP_XDP_COUNT_PARSE] = "packets_not_understood",
        [DP_XDP_COUNT_NO_ROOM] = "packets_without_room_for_a_tag",
        [DP_XDP_COUNT_NO_OUTPUT] = "drops_for_want_of_the_output",
    };
    const struct xdp_port *port = port_;
    struct dp_xdp_table_size size = dp_xdp_table_get_size(port->table);
    struct json *json = json_object_create();
    char *can = format_can(dp_xdp_loader_can(port->loader));

    json_object_put_string(json, "program", can);
    free(can);
    put_integer(json, "flows", size.n_flows);
    put_integer(json, "masks", size.n_masks);
    put_integer(json, "places_at_rest", size.n_resting);
    for (int i = 0; i < DP_XDP_N_COUNTS; i++) {
        put_integer(json, names[i], dp_xdp_loader_count(port->loader, i));
    }
    return json;
}

const struct dp_offload_class dp_offload_xdp_class = {
    .name = "xdp",
    .open = xdp_open,
    .close = xdp_close,
    .flush = xdp_flush,
    .settle = xdp_settle,
    .put = xdp_put,
    .del = xdp_del,
    .query = xdp_query,
    .forget = xdp_forget,
    .plan = xdp_plan,
    .poll = xdp_poll,
    .pause = xdp_flush,
    .restart = xdp_restart,
    .format = xdp_format,
    .show = xdp_show,
    .show_shared = xdp_show_shared,
};
