/* SPDX-License-Identifier: Apache-2.0 */

/* The NIC is one object with one mutex; it is not meant to be fast, but for
 * 'blind' mode, in which it costs a hash insertion. */

#include <config.h>
#include "offload/dp-offload-dummy.h"

#include <errno.h>
#include <pthread.h>

#include "flow.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/thread.h"
#include "random.h"
#include "util.h"

struct dp_dummy_nic {
    struct dp_offload_class class;      /* Constant. */
    atomic_bool hold;
    atomic_count n_held;                /* Threads that wait for that. */

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct dp_dummy_config config;
    struct hmap rules;                  /* 'struct dp_dummy_rule's. */
    struct ovs_list ports;
    uint64_t n_puts;
    uint64_t n_dels;
    uint64_t n_flushes;
};

struct dp_dummy_port {
    struct dp_dummy_nic *nic;
    odp_port_t port_no;

    /* Guarded by the NIC's mutex. */
    struct ovs_list node;
    struct ovs_list late;               /* 'struct dp_dummy_late's. */
    struct ovs_list rules;              /* 'struct dp_dummy_rule's. */
    size_t n_rules;
    bool paused;
    bool kept;                          /* Rules will survive the restart. */
};

struct dp_dummy_rule {
    struct hmap_node node;              /* In NIC's 'rules'. */
    struct ovs_list port_node;          /* In port's 'rules'. */
    struct dp_dummy_port *port;
    ovs_u128 mega_ufid;
    uint32_t mark;
    uint32_t output;
    uint64_t n_packets;
    uint64_t n_bytes;
    uint16_t tcp_flags;
    bool counts_stay;                   /* Its counter outlives it. */
    bool lost;                          /* The NIC has lost it. */
};

enum dp_dummy_op {
    DP_DUMMY_PUT,
    DP_DUMMY_DEL,
    DP_DUMMY_QUERY
};

/* An operation that will be completed later. */
struct dp_dummy_late {
    struct ovs_list node;
    struct dp_offload_op *op;
    enum dp_dummy_op type;
    pthread_t thread;
};

static uint32_t
dp_dummy_hash(odp_port_t port_no, const ovs_u128 *mega_ufid)
{
    return hash_int(odp_to_u32(port_no), mega_ufid->u32[2]);
}

static struct dp_dummy_rule *
dp_dummy_find(struct dp_dummy_nic *nic, odp_port_t port_no,
              const ovs_u128 *mega_ufid)
    OVS_REQUIRES(nic->mutex)
{
    struct dp_dummy_rule *rule;

    HMAP_FOR_EACH_WITH_HASH (rule, node, dp_dummy_hash(port_no, mega_ufid),
                             &nic->rules) {
        if (!rule->lost && rule->port->port_no == port_no
            && ovs_u128_equals(rule->mega_ufid, *mega_ufid)) {
            return rule;
        }
    }
    return NULL;
}

static bool
dp_dummy_fate(unsigned int rate)
{
    return rate && random_range(1000) < rate;
}

/* Stores into '*outputp' the port that 'actions' output to, if that is all
 * that they do, but with 'tags' for pushing some before, and the NIC is able
 * to. */
static bool
dp_dummy_is_whole(const struct ofpbuf *actions, bool tags, uint32_t *outputp)
{
    const struct nlattr *a;
    size_t left;

    *outputp = 0;
    NL_ATTR_FOR_EACH (a, left, actions->data, actions->size) {
        if (*outputp) {
            *outputp = 0;
            break;
        } else if (nl_attr_type(a) == OVS_ACTION_ATTR_OUTPUT) {
            *outputp = nl_attr_get_u32(a);
        } else if (!tags || nl_attr_type(a) != OVS_ACTION_ATTR_PUSH_VLAN) {
            break;
        }
    }
    return *outputp && !(*outputp & 1);
}

/* Would 'port' run the rule of 'op', which has 'actions', whole?  A NIC with
 * 'peers' is able to only if it has the other port, too. */
static bool
dp_dummy_can_run(struct dp_dummy_port *port, struct dp_offload_op *op,
                 const struct ofpbuf *actions, uint32_t *outputp)
{
    struct dp_dummy_nic *nic = port->nic;
    struct dp_offload_port_info info;
    bool whole, tags, peers;

    ovs_mutex_lock(&nic->mutex);
    whole = nic->config.whole;
    tags = nic->config.tags;
    peers = nic->config.peers;
    ovs_mutex_unlock(&nic->mutex);

    return (dp_dummy_is_whole(actions, tags, outputp) && whole
            && (!peers || dp_offload_op_peer(op, u32_to_odp(*outputp),
                                             &info)));
}

static int
dp_dummy_open(const struct dp_offload_class *class,
              struct dp_offload *offload OVS_UNUSED,
              odp_port_t port_no, struct netdev *netdev OVS_UNUSED,
              void **portp, struct dp_offload_port_info *info)
{
    struct dp_dummy_nic *nic = CONTAINER_OF(class, struct dp_dummy_nic, class);
    struct dp_dummy_port *port = xzalloc(sizeof *port);

    port->nic = nic;
    port->port_no = port_no;
    ovs_list_init(&port->late);
    ovs_list_init(&port->rules);

    ovs_mutex_lock(&nic->mutex);
    ovs_list_push_back(&nic->ports, &port->node);
    info->mark_bits = nic->config.mark_bits;
    info->whole = nic->config.whole;
    info->priorities = nic->config.priorities;
    info->capacity = nic->config.hidden ? 0 : nic->config.capacity;
    info->table = nic->config.shared;
    info->dp_layer = "dummy";
    ovs_mutex_unlock(&nic->mutex);

    *portp = port;
    return 0;
}

static void
dp_dummy_remove(struct dp_dummy_nic *nic, struct dp_dummy_rule *rule)
    OVS_REQUIRES(nic->mutex)
{
    hmap_remove(&nic->rules, &rule->node);
    ovs_list_remove(&rule->port_node);
    rule->port->n_rules -= !rule->lost;
    free(rule);
}

/* No other port outputs to 'port', which is to stop. */
static void
dp_dummy_check_peer(const struct dp_dummy_nic *nic,
                    const struct dp_dummy_port *port)
    OVS_REQUIRES(nic->mutex)
{
    const struct dp_dummy_rule *rule;

    if (nic->config.peers) {
        HMAP_FOR_EACH (rule, node, &nic->rules) {
            ovs_assert(rule->lost || rule->mark || rule->port == port
                       || rule->output != odp_to_u32(port->port_no));
        }
    }
}

static int
dp_dummy_close(void *port_)
{
    struct dp_dummy_port *port = port_;
    struct dp_dummy_nic *nic = port->nic;
    struct dp_dummy_rule *rule;

    ovs_mutex_lock(&nic->mutex);
    dp_dummy_check_peer(nic, port);
    ovs_assert(ovs_list_is_empty(&port->late));
    LIST_FOR_EACH_SAFE (rule, port_node, &port->rules) {
        dp_dummy_remove(nic, rule);
    }
    ovs_list_remove(&port->node);
    ovs_mutex_unlock(&nic->mutex);

    free(port);
    return 0;
}

/* The NIC loses all rules of 'port'. */
static void
dp_dummy_lose_all(struct dp_dummy_nic *nic, struct dp_dummy_port *port)
    OVS_REQUIRES(nic->mutex)
{
    struct dp_dummy_rule *rule;

    ovs_assert(port->nic == nic);
    LIST_FOR_EACH (rule, port_node, &port->rules) {
        if (!rule->lost) {
            rule->lost = true;
            port->n_rules--;
        }
    }
}

static int
dp_dummy_flush(void *port_)
{
    struct dp_dummy_port *port = port_;
    struct dp_dummy_nic *nic = port->nic;
    unsigned int delay_us;
    bool failed;

    ovs_mutex_lock(&nic->mutex);
    nic->n_flushes++;
    failed = dp_dummy_fate(nic->config.flush_failed);
    if (!failed) {
        dp_dummy_lose_all(nic, port);
    }
    delay_us = nic->config.delay_us;
    ovs_mutex_unlock(&nic->mutex);

    if (delay_us) {
        xnanosleep_no_quiesce(delay_us * UINT64_C(1000));
    }
    return failed ? EIO : 0;
}

static size_t
dp_dummy_count_whole(const struct dp_dummy_nic *nic OVS_UNUSED,
                     const struct dp_dummy_port *port)
    OVS_REQUIRES(nic->mutex)
{
    const struct dp_dummy_rule *rule;
    size_t n = 0;

    LIST_FOR_EACH (rule, port_node, &port->rules) {
        n += !rule->lost && !rule->mark;
    }
    return n;
}

static void
dp_dummy_do_put(struct dp_dummy_nic *nic, struct dp_dummy_port *port,
                struct dp_offload_op *op, bool whole, uint32_t output)
    OVS_REQUIRES(nic->mutex)
{
    const struct dp_dummy_config *config = &nic->config;
    struct dp_dummy_rule *rule;

    ovs_assert(!dp_dummy_find(nic, port->port_no, &op->mega_ufid));
    ovs_assert(op->mark || config->whole);
    ovs_assert(op->kind != DP_OFFLOAD_MERGED || config->priorities);
    ovs_assert(!(op->mark >> config->mark_bits));
    if (!config->blind) {
        HMAP_FOR_EACH (rule, node, &nic->rules) {
            /* Packets of two megaflows with one mark. */
            ovs_assert(rule->lost || !op->mark
                       || rule->mark != op->mark);
        }
    }

    if (whole && config->whole_capacity
        && dp_dummy_count_whole(nic, port) >= config->whole_capacity) {
        whole = false;
        op->why = DP_OFFLOAD_WHY_A_FULL;
        op->halved = true;
    }

    nic->n_puts++;
    if (config->capacity
        && ((config->shared ? hmap_count(&nic->rules) : port->n_rules)
            >= config->capacity)) {
        op->error = ENOSPC;
    } else if (!whole && !op->mark) {
        op->error = EOPNOTSUPP;
        op->why = DP_OFFLOAD_WHY_NO_MARK;
    } else if (dp_dummy_fate(config->put_refused)) {
        op->error = config->put_error ? config->put_error : EINVAL;
    } else if (dp_dummy_fate(config->put_busy)) {
        op->error = EAGAIN;
    } else {
        rule = xzalloc(sizeof *rule);
        rule->port = port;
        rule->mega_ufid = op->mega_ufid;
        rule->mark = whole ? 0 : op->mark;
        rule->output = output;
        rule->counts_stay = config->counts_stay;
        hmap_insert(&nic->rules, &rule->node,
                    dp_dummy_hash(port->port_no, &op->mega_ufid));
        ovs_list_push_back(&port->rules, &rule->port_node);
        port->n_rules++;
        op->sound = !whole && config->sound;
        op->counts_stay = rule->counts_stay;
        if (dp_dummy_fate(config->put_unsure)) {
            op->error = ETIMEDOUT;
            return;
        }
        op->handle = rule;
        op->level = whole ? DP_OFFLOAD_WHOLE : DP_OFFLOAD_MARKED;
        op->error = 0;
    }
}

static void
dp_dummy_do_del(struct dp_dummy_nic *nic, struct dp_dummy_port *port,
                struct dp_offload_op *op)
    OVS_REQUIRES(nic->mutex)
{
    struct dp_dummy_rule *rule = op->handle;

    nic->n_dels++;
    ovs_assert(rule->port == port && !rule->lost);
    ovs_assert(rule == dp_dummy_find(nic, port->port_no, &op->mega_ufid));
    if (dp_dummy_fate(nic->config.del_failed)) {
        op->error = EIO;
        return;
    }
    op->counted = true;
    op->n_packets = rule->n_packets;
    op->n_bytes = rule->n_bytes;
    op->tcp_flags = rule->tcp_flags;
    op->error = 0;
    dp_dummy_remove(nic, rule);
}

static void
dp_dummy_do_query(struct dp_dummy_nic *nic,
                  struct dp_dummy_port *port, struct dp_offload_op *op)
    OVS_REQUIRES(nic->mutex)
{
    struct dp_dummy_rule *rule = op->handle;

    ovs_assert(rule->port == port);
    ovs_assert(rule->counts_stay || !(rule->lost || port->paused));
    op->counted = true;
    op->idle_ms = nic->config.idle_ms;
    op->n_packets = rule->n_packets;
    op->n_bytes = rule->n_bytes;
    op->tcp_flags = rule->tcp_flags;
    rule->tcp_flags = 0;
    op->error = 0;
}

/* Does 'op', without delay. */
static void
dp_dummy_do(struct dp_dummy_port *port, struct dp_offload_op *op,
            enum dp_dummy_op type)
{
    struct dp_dummy_nic *nic = port->nic;
    struct ofpbuf actions;
    struct match match;
    uint32_t output = 0;
    bool whole = false;
    bool blind;

    ovs_mutex_lock(&nic->mutex);
    blind = nic->config.blind;
    ovs_mutex_unlock(&nic->mutex);

    if (type == DP_DUMMY_PUT && !blind) {
        ofpbuf_init(&actions, 64);
        if (!dp_offload_op_describe(op, &match, &actions)) {
            op->error = ENOENT;
            ofpbuf_uninit(&actions);
            return;
        }
        whole = dp_dummy_can_run(port, op, &actions, &output);
        ofpbuf_uninit(&actions);
    }

    ovs_mutex_lock(&nic->mutex);
    ovs_assert(!port->paused || type == DP_DUMMY_QUERY);
    switch (type) {
    case DP_DUMMY_PUT:
        dp_dummy_do_put(nic, port, op, whole, output);
        break;
    case DP_DUMMY_DEL:
        dp_dummy_do_del(nic, port, op);
        break;
    case DP_DUMMY_QUERY:
        dp_dummy_do_query(nic, port, op);
        break;
    }
    ovs_mutex_unlock(&nic->mutex);
}

static void
dp_dummy_wait_hold(struct dp_dummy_nic *nic)
{
    bool hold;

    atomic_count_inc(&nic->n_held);
    atomic_read_explicit(&nic->hold, &hold, memory_order_acquire);
    while (hold) {
        xnanosleep_no_quiesce(1000 * 1000);
        atomic_read_explicit(&nic->hold, &hold, memory_order_acquire);
    }
    atomic_count_dec(&nic->n_held);
}

static void
dp_dummy_batch(struct dp_dummy_port *port, struct dp_offload_op *ops[],
               size_t n, enum dp_dummy_op type)
{
    struct dp_dummy_nic *nic = port->nic;

    for (size_t i = 0; i < n; i++) {
        unsigned int delay_us;
        bool late;

        ovs_mutex_lock(&nic->mutex);
        delay_us = nic->config.delay_us;
        late = dp_dummy_fate(nic->config.late);
        if (late) {
            struct dp_dummy_late *l = xmalloc(sizeof *l);

            l->op = ops[i];
            l->type = type;
            l->thread = pthread_self();
            ovs_list_push_back(&port->late, &l->node);
            ops[i]->error = EINPROGRESS;
        }
        ovs_mutex_unlock(&nic->mutex);

        if (delay_us) {
            xnanosleep_no_quiesce(delay_us * UINT64_C(1000));
        }
        dp_dummy_wait_hold(nic);
        if (!late) {
            dp_dummy_do(port, ops[i], type);
        }
    }
}

static void
dp_dummy_put(void *port, struct dp_offload_op *ops[], size_t n)
{
    dp_dummy_batch(port, ops, n, DP_DUMMY_PUT);
}

static void
dp_dummy_del(void *port, struct dp_offload_op *ops[], size_t n)
{
    dp_dummy_batch(port, ops, n, DP_DUMMY_DEL);
}

static void
dp_dummy_query(void *port, struct dp_offload_op *ops[], size_t n)
{
    dp_dummy_batch(port, ops, n, DP_DUMMY_QUERY);
}

static void
dp_dummy_poll(void *port_)
{
    struct dp_dummy_port *port = port_;
    struct ovs_list mine = OVS_LIST_INITIALIZER(&mine);
    struct dp_dummy_late *l;

    ovs_mutex_lock(&port->nic->mutex);
    LIST_FOR_EACH_SAFE (l, node, &port->late) {
        if (pthread_equal(l->thread, pthread_self())) {
            ovs_list_remove(&l->node);
            ovs_list_push_back(&mine, &l->node);
        }
    }
    ovs_mutex_unlock(&port->nic->mutex);

    LIST_FOR_EACH_POP (l, node, &mine) {
        dp_dummy_do(port, l->op, l->type);
        dp_offload_op_complete(l->op);
        free(l);
    }
}

static void
dp_dummy_forget(void *port_, void *handle,
                enum dp_offload_level level OVS_UNUSED)
{
    struct dp_dummy_port *port = port_;
    struct dp_dummy_nic *nic = port->nic;
    struct dp_dummy_rule *rule = handle;

    ovs_mutex_lock(&nic->mutex);
    ovs_assert(rule->port == port);
    if (rule->lost) {
        dp_dummy_remove(nic, rule);
    }
    /* Otherwise the engine has given up, and close() will see to it. */
    ovs_mutex_unlock(&nic->mutex);
}

static bool
dp_dummy_plan(void *port, struct dp_offload_op *op,
              const struct match *match OVS_UNUSED,
              const struct ofpbuf *actions)
{
    uint32_t output;
    bool whole = dp_dummy_can_run(port, op, actions, &output);

    op->why = whole ? DP_OFFLOAD_WHY_NONE : DP_OFFLOAD_WHY_A_OUTPUT;
    return whole;
}

static int
dp_dummy_pause(void *port_)
{
    struct dp_dummy_port *port = port_;
    bool failed;

    ovs_mutex_lock(&port->nic->mutex);
    dp_dummy_check_peer(port->nic, port);
    ovs_assert(!port->paused && ovs_list_is_empty(&port->late));
    port->paused = true;
    failed = (port->nic->config.restart == DP_OFFLOAD_LOST
              && dp_dummy_fate(port->nic->config.flush_failed));
    port->kept = failed && dp_dummy_fate(port->nic->config.kept);
    ovs_mutex_unlock(&port->nic->mutex);

    return failed ? EIO : 0;
}

static enum dp_offload_restart
dp_dummy_restart(void *port_, struct dp_offload_port_info *info)
{
    struct dp_dummy_port *port = port_;
    struct dp_dummy_nic *nic = port->nic;
    enum dp_offload_restart restart;

    ovs_mutex_lock(&nic->mutex);
    ovs_assert(port->paused);
    port->paused = false;
    restart = nic->config.restart;
    info->whole = nic->config.whole;
    info->priorities = nic->config.priorities;
    info->capacity = nic->config.hidden ? 0 : nic->config.capacity;
    if (restart == DP_OFFLOAD_LOST && !port->kept) {
        dp_dummy_lose_all(nic, port);
    }
    ovs_mutex_unlock(&nic->mutex);

    return restart;
}

static void
dp_dummy_format(void *port OVS_UNUSED, const struct match *match OVS_UNUSED,
                const struct ofpbuf *actions,
                enum dp_offload_kind kind OVS_UNUSED,
                enum dp_offload_level level, uint32_t mark, struct ds *ds)
{
    uint32_t output;

    dp_dummy_is_whole(actions, true, &output);
    if (level == DP_OFFLOAD_WHOLE) {
        ds_put_format(ds, "dummy output %"PRIu32, output);
    } else {
        ds_put_format(ds, "dummy mark %"PRIu32, mark);
    }
}

/* Control. */

struct dp_dummy_nic *
dp_dummy_nic_create(const struct dp_dummy_config *config)
{
    struct dp_dummy_nic *nic = xzalloc(sizeof *nic);

    nic->class = (struct dp_offload_class) {
        .name = "dummy",
        .open = dp_dummy_open,
        .close = dp_dummy_close,
        .flush = dp_dummy_flush,
        .put = dp_dummy_put,
        .del = dp_dummy_del,
        .query = dp_dummy_query,
        .forget = dp_dummy_forget,
        .plan = dp_dummy_plan,
        .poll = dp_dummy_poll,
        .pause = dp_dummy_pause,
        .restart = dp_dummy_restart,
        .format = dp_dummy_format,
    };
    nic->config = *config;
    hmap_init(&nic->rules);
    ovs_list_init(&nic->ports);
    atomic_init(&nic->hold, false);
    atomic_count_init(&nic->n_held, 0);
    ovs_mutex_init(&nic->mutex);
    return nic;
}

void
dp_dummy_nic_destroy(struct dp_dummy_nic *nic)
{
    if (nic) {
        ovs_assert(ovs_list_is_empty(&nic->ports));
        ovs_assert(hmap_is_empty(&nic->rules));
        hmap_destroy(&nic->rules);
        ovs_mutex_destroy(&nic->mutex);
        free(nic);
    }
}

const struct dp_offload_class *
dp_dummy_nic_class(const struct dp_dummy_nic *nic)
{
    return &nic->class;
}

void
dp_dummy_nic_set_config(struct dp_dummy_nic *nic,
                        const struct dp_dummy_config *config)
{
    ovs_mutex_lock(&nic->mutex);
    nic->config = *config;
    ovs_mutex_unlock(&nic->mutex);
}

void
dp_dummy_nic_hold(struct dp_dummy_nic *nic, bool hold)
{
    atomic_store_explicit(&nic->hold, hold, memory_order_release);
}

unsigned int
dp_dummy_nic_n_held(struct dp_dummy_nic *nic)
{
    return atomic_count_get(&nic->n_held);
}

size_t
dp_dummy_nic_count(struct dp_dummy_nic *nic, odp_port_t port_no)
{
    const struct dp_dummy_port *port;
    size_t n = 0;

    ovs_mutex_lock(&nic->mutex);
    LIST_FOR_EACH (port, node, &nic->ports) {
        if (port->port_no == port_no) {
            n += port->n_rules;
        }
    }
    ovs_mutex_unlock(&nic->mutex);

    return n;
}

bool
dp_dummy_nic_find(struct dp_dummy_nic *nic, odp_port_t port_no,
                  const ovs_u128 *mega_ufid, uint32_t *markp,
                  uint32_t *outputp)
{
    const struct dp_dummy_rule *rule;

    ovs_mutex_lock(&nic->mutex);
    rule = dp_dummy_find(nic, port_no, mega_ufid);
    *markp = rule ? rule->mark : 0;
    *outputp = rule ? rule->output : 0;
    ovs_mutex_unlock(&nic->mutex);

    return rule != NULL;
}

bool
dp_dummy_nic_hit(struct dp_dummy_nic *nic, odp_port_t port_no,
                 const ovs_u128 *mega_ufid, uint64_t n_packets,
                 uint64_t n_bytes, uint16_t tcp_flags)
{
    struct dp_dummy_rule *rule;
    bool hit;

    ovs_mutex_lock(&nic->mutex);
    rule = dp_dummy_find(nic, port_no, mega_ufid);
    hit = rule && !rule->mark && !rule->port->paused;
    if (hit) {
        rule->n_packets += n_packets;
        rule->n_bytes += n_bytes;
        rule->tcp_flags |= tcp_flags;
    }
    ovs_mutex_unlock(&nic->mutex);

    return hit;
}

uint64_t
dp_dummy_nic_n_puts(struct dp_dummy_nic *nic)
{
    uint64_t n;

    ovs_mutex_lock(&nic->mutex);
    n = nic->n_puts;
    ovs_mutex_unlock(&nic->mutex);

    return n;
}

uint64_t
dp_dummy_nic_n_dels(struct dp_dummy_nic *nic)
{
    uint64_t n;

    ovs_mutex_lock(&nic->mutex);
    n = nic->n_dels;
    ovs_mutex_unlock(&nic->mutex);

    return n;
}

uint64_t
dp_dummy_nic_n_flushes(struct dp_dummy_nic *nic)
{
    uint64_t n;

    ovs_mutex_lock(&nic->mutex);
    n = nic->n_flushes;
    ovs_mutex_unlock(&nic->mutex);

    return n;
}
