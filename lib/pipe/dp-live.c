/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-live.h"

#include "bitmap.h"
#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/poll-loop.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "seq.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "flow/dp-flow.h"
#include "flow/dp-header.h"
#include "flow/dp-key.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-exec.h"
#include "pipe/dp-lane.h"

struct dp_live {
    /* Constant after creation. */
    struct dp_live_filter filter;       /* 'ports' is owned. */
    unsigned int n;                     /* Packets that are wanted. */
    struct seq *seq;                    /* Changes with 'n_finished'. */

    atomic_uint n_left;                 /* Packets to be found yet. */
    atomic_ullong n_seen;
    atomic_uint n_finished;

    struct ovs_mutex mutex;
    struct ovs_list finished OVS_GUARDED;   /* 'struct dp_live_packet's. */
};

static const struct {
    const char *name;
    const char *text;
} hows[] = {
#define DP_LIVE_HOW(ENUM, NAME, TEXT) [DP_LIVE_BY_##ENUM] = { #NAME, TEXT },
    DP_LIVE_HOWS
#undef DP_LIVE_HOW
};

/* What a lane counts when it has found a megaflow, and what that means.  What
 * is found without being counted here was among the merged flows. */
static const struct {
    enum pmd_stat_type stat;
    enum dp_live_how how;
} counters[] = {
    { PMD_STAT_PHWOL_HIT, DP_LIVE_BY_MARK },
    { PMD_STAT_SIMPLE_HIT, DP_LIVE_BY_SIMPLE },
    { PMD_STAT_EXACT_HIT, DP_LIVE_BY_EMC },
    { PMD_STAT_SMC_HIT, DP_LIVE_BY_SMC },
    { PMD_STAT_MASKED_HIT, DP_LIVE_BY_CLASSIFIER },
};

const char *
dp_live_how_name(enum dp_live_how how)
{
    return hows[how].name;
}

const char *
dp_live_how_text(enum dp_live_how how)
{
    return hows[how].text;
}

struct dp_live *
dp_live_create(const struct dp_live_filter *filter, unsigned int n)
    OVS_NO_THREAD_SAFETY_ANALYSIS       /* Nobody else knows it yet. */
{
    struct dp_live *live = xzalloc(sizeof *live);

    ovs_assert(n && n <= DP_LIVE_PACKETS_MAX);
    live->filter = *filter;
    live->n = n;
    live->seq = seq_create();
    atomic_init(&live->n_left, n);
    atomic_init(&live->n_seen, 0);
    atomic_init(&live->n_finished, 0);
    ovs_mutex_init(&live->mutex);
    ovs_list_init(&live->finished);
    return live;
}

void
dp_live_start(struct dp_shared *shared, struct dp_live *live)
{
    ovsrcu_set(&shared->live, live);
}

void
dp_live_stop(struct dp_shared *shared)
{
    ovsrcu_set(&shared->live, NULL);
}

static void
live_free(struct dp_live *live)
{
    struct dp_live_packet *p;

    while ((p = dp_live_take(live)) != NULL) {
        free(p);
    }
    ovs_mutex_destroy(&live->mutex);
    seq_destroy(live->seq);
    free(live->filter.ports);
    free(live);
}

void
dp_live_destroy(struct dp_live *live)
{
    if (live) {
        ovsrcu_postpone(live_free, live);
    }
}

/* Atomic operations want no "const". */

bool
dp_live_is_done(const struct dp_live *live)
{
    unsigned int n;

    atomic_read_explicit(&CONST_CAST(struct dp_live *, live)->n_finished, &n,
                         memory_order_acquire);
    return n == live->n;
}

void
dp_live_wait(const struct dp_live *live)
{
    uint64_t seqno = seq_read(live->seq);

    if (dp_live_is_done(live)) {
        poll_immediate_wake();
    } else {
        seq_wait(live->seq, seqno);
    }
}

unsigned long long int
dp_live_n_seen(const struct dp_live *live)
{
    unsigned long long int n;

    atomic_read_relaxed(&CONST_CAST(struct dp_live *, live)->n_seen, &n);
    return n;
}

struct dp_live_packet *
dp_live_take(struct dp_live *live)
{
    struct dp_live_packet *p = NULL;

    ovs_mutex_lock(&live->mutex);
    if (!ovs_list_is_empty(&live->finished)) {
        p = CONTAINER_OF(ovs_list_pop_front(&live->finished),
                         struct dp_live_packet, node);
    }
    ovs_mutex_unlock(&live->mutex);
    return p;
}

/* Takes one of the packets that are wanted.  Returns false if there is none
 * any more. */
static bool
take_place(struct dp_live *live)
{
    unsigned int n;

    atomic_read_relaxed(&live->n_left, &n);
    while (n) {
        if (atomic_compare_exchange_weak(&live->n_left, &n, n - 1)) {
            return true;
        }
    }
    return false;
}

/* May packets from 'in_port' be wanted? */
static bool
wants_port(const struct dp_live *live, odp_port_t in_port)
{
    unsigned int n_left;

    atomic_read_relaxed(&CONST_CAST(struct dp_live *, live)->n_left, &n_left);
    return (n_left
            && (!live->filter.ports
                || (odp_to_u32(in_port) < DP_LIVE_PORTS
                    && bitmap_is_set(live->filter.ports,
                                     odp_to_u32(in_port)))));
}

/* What is too short to be a packet looks like nothing. */
static void
look_at(struct dp_packet *packet, odp_port_t in_port, struct flow *look)
{
    if (dp_header_is_short(packet)) {
        memset(look, 0, sizeof *look);
        look->in_port.odp_port = in_port;
        look->packet_type = packet->packet_type;
    } else {
        pkt_metadata_init(&packet->md, in_port);
        flow_extract(packet, look);
    }
}

struct dp_live_packet *
dp_live_claim(struct dp_live *live, struct dp_lane *lane,
              struct dp_packet *packet, odp_port_t in_port)
{
    unsigned long long int n_seen;
    struct dp_live_packet *p;
    struct flow look;

    if (!wants_port(live, in_port)) {
        return NULL;
    }
    atomic_add_relaxed(&live->n_seen, 1, &n_seen);
    look_at(packet, in_port, &look);
    if (!flow_equal_except(&look, &live->filter.match.flow,
                           &live->filter.match.wc)
        || !take_place(live)) {
        return NULL;
    }

    p = xmalloc(sizeof *p);
    memset(p, 0, offsetof(struct dp_live_packet, events));
    p->core_id = lane->core_id;
    p->in_port = in_port;
    p->size = dp_packet_size(packet);
    p->has_mark = dp_packet_has_flow_mark(packet, &p->mark);
    p->when = lane->now;
    p->looks[p->n_looks++] = look;
    p->nested = p->recent = false;
    p->missed = 0;
    return p;
}

void
dp_live_finish(struct dp_live *live, struct dp_live_packet *p)
{
    unsigned int n;

    ovs_mutex_lock(&live->mutex);
    ovs_list_push_back(&live->finished, &p->node);
    ovs_mutex_unlock(&live->mutex);

    /* Pairs with the acquire in dp_live_is_done(). */
    atomic_add_explicit(&live->n_finished, 1, &n, memory_order_release);
    seq_change(live->seq);
}

/* Returns a new event, or NULL if there is no room. */
static struct dp_live_event *
add(struct dp_live_packet *p, enum dp_live_type type)
{
    struct dp_live_event *event;

    if (p->n_events >= DP_LIVE_EVENTS) {
        p->is_cut = true;
        return NULL;
    }
    event = &p->events[p->n_events++];
    memset(event, 0, sizeof *event);
    event->type = type;
    event->nested = p->nested;
    return event;
}

static void
add_id(struct dp_live_packet *p, enum dp_live_type type, uint32_t id)
{
    struct dp_live_event *event = add(p, type);

    if (event) {
        event->id = id;
    }
}

static struct dp_live_attrs
keep(struct dp_live_packet *p, const struct nlattr *attrs, size_t len)
{
    struct dp_live_attrs kept = { .ofs = p->n_bytes };

    if (len > DP_LIVE_BYTES - p->n_bytes) {
        p->is_cut = true;
    } else if (len) {
        memcpy((char *) p->bytes + p->n_bytes, attrs, len);
        p->n_bytes += NLA_ALIGN(len);
        kept.len = len;
    }
    return kept;
}

/* Is 'packet', which has come back, one that the lookup stage will find
 * without the classifier?  There is no counter for that. */
static bool
is_recent(struct dp_lane *lane, struct dp_packet *packet)
{
    struct dp_recent_plan plan;
    uint16_t tcp_flags;
    struct dp_key key;

    if (dp_recent_find_raw(&lane->recent, packet, &tcp_flags)) {
        return true;
    }
    dp_recent_plan_init(&plan);
    dp_key_extract(&key, packet);
    return dp_recent_find(&lane->recent, packet, &key, &plan) != NULL;
}

static int
keep_look(struct dp_live_packet *p, const struct dp_burst *burst)
{
    if (!burst->depth) {
        return 0;               /* dp_live_claim() has seen it. */
    } else if (p->n_looks >= DP_LIVE_LOOKS) {
        p->is_cut = true;
        return -1;
    }
    flow_extract(burst->packets[0], &p->looks[p->n_looks]);
    return p->n_looks++;
}

void
dp_live_enter(struct dp_lane *lane, const struct dp_burst *burst)
{
    struct dp_live_packet *p = lane->live;
    struct dp_live_event *event;

    if (!burst->n) {
        return;                 /* They were dropped. */
    }
    event = add(p, DP_LIVE_PASS);
    if (event) {
        event->nested = false;
        event->pass.depth = burst->depth;
        event->pass.n = burst->n;
        event->pass.look = keep_look(p, burst);
    }
    for (int i = 0; i < PMD_N_STATS; i++) {
        atomic_read_relaxed(&lane->perf.counters.n[i], &p->hits[i]);
    }
    p->recent = burst->depth && is_recent(lane, burst->packets[0]);
}

void
dp_live_looked_up(struct dp_lane *lane, const struct dp_burst *burst)
{
    lane->live->missed = burst->undecided;
}

/* By what has packet 'i' of 'burst' been found? */
static enum dp_live_how
tell_how(const struct dp_lane *lane, const struct dp_burst *burst, int i)
{
    const struct dp_live_packet *p = lane->live;
    int how = DP_LIVE_BY_MERGED;

    if (burst->answered & UINT32_C(1) << i) {
        return DP_LIVE_BY_UPCALL;
    } else if (p->missed & UINT32_C(1) << i) {
        return DP_LIVE_BY_CLASSIFIER;   /* Another one's upcall helped. */
    }
    for (size_t j = 0; j < ARRAY_SIZE(counters); j++) {
        atomic_uint64_t *counter = CONST_CAST(
            atomic_uint64_t *, &lane->perf.counters.n[counters[j].stat]);
        uint64_t n;

        atomic_read_relaxed(counter, &n);
        n -= p->hits[counters[j].stat];
        if (n && n < burst->n) {
            return DP_LIVE_BY_SEVERAL;
        } else if (n) {
            how = counters[j].how;
        }
    }
    if (burst->flows[i]->merged && how != DP_LIVE_BY_MARK) {
        return DP_LIVE_BY_MERGED;
    }
    return how == DP_LIVE_BY_CLASSIFIER && p->recent ? DP_LIVE_BY_RECENT : how;
}

void
dp_live_found(struct dp_lane *lane, const struct dp_burst *burst)
{
    struct dp_live_packet *p = lane->live;
    int i;

    ULLONG_FOR_EACH_1 (i, burst->decided) {
        struct dp_live_event *event = add(p, DP_LIVE_FOUND);
        const struct dp_actions *actions;

        if (!event) {
            return;
        }
        event->nested = false;
        event->found.how = tell_how(lane, burst, i);
        if (event->found.how == DP_LIVE_BY_UPCALL) {
            struct flow flow;

            memset(&flow, 0, sizeof flow);
            miniflow_expand(&burst->keys[i]->mf, &flow);
            odp_flow_key_hash(&flow, sizeof flow, &event->found.ufid);
            actions = burst->once[i];
        } else {
            event->found.ufid = burst->flows[i]->ufid;
            event->found.merged = burst->flows[i]->merged;
            actions = dp_flow_get_actions(burst->flows[i]);
        }
        event->found.actions = keep(p, actions->nla, actions->nla_len);
    }
}

static void
add_port(const struct dp_exec *x, enum dp_live_type type, odp_port_t port_no)
{
    struct dp_live_event *event = add(x->lane->live, type);

    if (event) {
        const struct dp_tx_port *port = dp_tx_find(&x->lane->tx, port_no);

        event->port = port_no;
        event->lacking = (!port
                          || (type == DP_LIVE_OUTPUT && !port->can_send));
    }
}

/* The member is chosen once more when the packet is sent, by the same hash. */
static void
add_bond(const struct dp_exec *x, struct dp_packet_batch *batch,
         uint32_t bond_id)
{
    struct dp_bond *bond = dp_bonds_find(x->lane->shared->bonds, bond_id);

    add_id(x->lane->live, DP_LIVE_BOND, bond_id);
    if (bond && !dp_packet_batch_is_empty(batch)) {
        add_port(x, DP_LIVE_OUTPUT,
                 dp_bond_choose(bond, dp_key_rss_hash(batch->packets[0])));
    }
}

static void
add_attrs(struct dp_live_packet *p, enum dp_live_type type,
          const struct nlattr *attr)
{
    struct dp_live_event *event = add(p, type);

    if (event) {
        event->attrs = keep(p, attr, attr->nla_len);
    }
}

void
dp_live_begin_step(const struct dp_exec *x, struct dp_packet_batch *batch,
                   const struct dp_step *step)
{
    struct dp_live_packet *p = x->lane->live;

    switch ((enum dp_step_type) step->type) {
    case DP_STEP_OUTPUT:
        add_port(x, DP_LIVE_OUTPUT, step->port);
        break;

    case DP_STEP_LB_OUTPUT:
        add_bond(x, batch, step->arg);
        break;

    case DP_STEP_RECIRC:
        add_id(p, DP_LIVE_RECIRC, step->arg);
        break;

    case DP_STEP_METER:
        add_id(p, DP_LIVE_METER, step->arg);
        break;

    case DP_STEP_TUNNEL_PUSH: {
        const struct ovs_action_push_tnl *data = nl_attr_get(step->attr);

        add_port(x, DP_LIVE_TUNNEL_PUSH, u32_to_odp(data->tnl_port));
        break;
    }

    case DP_STEP_TUNNEL_POP:
        add_port(x, DP_LIVE_TUNNEL_POP, step->port);
        break;

    case DP_STEP_USERSPACE:
        add_attrs(p, DP_LIVE_USERSPACE, step->attr);
        p->nested = true;       /* What the upper layers answer. */
        break;

    case DP_STEP_NESTED:
        add_id(p, DP_LIVE_NEST, nl_attr_type(step->attr));
        p->nested = true;
        break;

    case DP_STEP_DROP:
        add_id(p, DP_LIVE_END, nl_attr_get_u32(step->attr));
        break;

    case DP_STEP_CT:            /* What it said is known later. */
    case DP_STEP_EDIT:          /* The actions tell. */
    case DP_STEP_REWRITE:
    case DP_STEP_LEAF:
    default:
        break;
    }
}

/* 'batch' is what the tracker has let go. */
static void
add_ct(struct dp_live_packet *p, const struct dp_packet_batch *batch)
{
    if (!dp_packet_batch_is_empty(batch)) {
        const struct pkt_metadata *md = &batch->packets[0]->md;
        struct dp_live_event *event = add(p, DP_LIVE_CT);

        if (event) {
            event->ct.zone = md->ct_zone;
            event->ct.state = md->ct_state;
            event->ct.mark = md->ct_mark;
            event->ct.label = md->ct_label;
        }
    } else {
        add(p, DP_LIVE_KEPT);
    }
}

void
dp_live_end_step(const struct dp_exec *x, const struct dp_packet_batch *batch,
                 const struct dp_step *step)
{
    struct dp_live_packet *p = x->lane->live;

    if (step->type == DP_STEP_CT) {
        add_ct(p, batch);
    } else if (step->type == DP_STEP_USERSPACE
               || step->type == DP_STEP_NESTED) {
        p->nested = false;
    }
}

void
dp_live_drop(struct dp_lane *lane, enum dp_drop reason, unsigned int n)
{
    struct dp_live_event *event = add(lane->live, DP_LIVE_DROP);

    if (event) {
        event->drop.reason = reason;
        event->drop.n = n;
    }
}
