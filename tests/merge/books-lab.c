/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "tests/dptest.h"
#include "tests/merge/books-lab.h"

#include "conntrack.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-bypass.h"
#include "ct/ct-table.h"
#include "ct/ct-tell.h"
#include "flow/dp-actions.h"
#include "flow/dp-flow-table.h"
#include "ctl/dp-offload-glue.h"
#include "merge/dp-books-entry.h"
#include "merge/dp-merge.h"
#include "merge/dp-trace.h"
#include "offload/dp-offload.h"
#include "pipe/dp-carrier.h"

enum { RECIRC_ID = 0x10, TCP_FLAGS = 0x10 };

/* A merged rule as the lane has it. */
struct lab_rule {
    struct dp_flow *flow;       /* Counted. */
    uint32_t drawn[LAB_SERIALS];        /* When the packet had been traced; of
                                         * the mark, when it had been seen. */
};

/* Serial numbers. */

static uint32_t
read_serial(const atomic_uint32_t *serial)
{
    uint32_t value;

    atomic_read_explicit(CONST_CAST(atomic_uint32_t *, serial), &value,
                         memory_order_acquire);
    return value;
}

static void
draw(struct lab_serial *serial)
{
    uint32_t orig;

    atomic_add_explicit(&serial->drawn, 1, &orig, memory_order_acq_rel);
}

static void
show(struct lab_serial *serial)
{
    atomic_store_explicit(&serial->shown, read_serial(&serial->drawn),
                          memory_order_release);
}

/* Stores the numbers of all that a rule for the connection depends on: those
 * that have been shown by now, or else drawn. */
static void
get_serials(const struct lab *lab, size_t conn_no, bool shown,
            uint32_t serials[LAB_SERIALS])
{
    for (size_t i = 0; i < LAB_SERIALS; i++) {
        const struct lab_serial *serial
            = (i < LAB_STAGES ? &lab->flow_serials[i]
               : i == LAB_STAGES ? &lab->conn_serials[conn_no]
               : &lab->mark_serials[conn_no]);

        serials[i] = read_serial(shown ? &serial->shown : &serial->drawn);
    }
}

/* The carrier. */

static struct lab *
lab_of_lane(void *lane)
{
    return CONTAINER_OF(((struct dp_lane *) lane)->shared, struct lab, shared);
}

static struct dp_flow *
create_rule(void *lane, const struct dp_merge_rule *rule)
{
    struct lab *lab = lab_of_lane(lane);
    struct flow_wildcards wc = rule->match.wc;
    ovs_u128 ufid = OVS_U128_ZERO;
    struct dp_flow *flow;

    ufid.u32[0] = lab->conn_no;
    lab->drawn[LAB_SERIALS - 1]
        = read_serial(&lab->mark_serials[lab->conn_no].drawn);
    if (lab->meddle_create) {
        lab->meddle_create(lab);
    }
    if (lab->is_foreign) {
        return NULL;
    }
    flow = dp_flow_create(&rule->match.flow, dp_mask_create(&wc), &ufid,
                          NON_PMD_CORE_ID, rule->actions.data,
                          rule->actions.size);
    dp_flow_set_merged(flow);
    return flow;
}

static struct lab_rule *
create_lab_rule(const struct lab *lab, struct dp_flow *flow)
{
    struct lab_rule *rule = xzalloc(sizeof *rule);

    rule->flow = flow;
    memcpy(rule->drawn, lab->drawn, sizeof rule->drawn);
    dp_flow_ref(flow);
    return rule;
}

static bool
insert_rule(void *lane, struct dp_flow *flow)
{
    struct lab *lab = lab_of_lane(lane);
    unsigned long long int orig;
    bool inserted = false;

    atomic_add_relaxed(&lab->n_inserted, 1, &orig);
    for (size_t i = 0; i < LAB_PLACES && !lab->is_full && !inserted; i++) {
        if (!ovsrcu_get_protected(struct lab_rule *,
                                  &lab->rules[lab->conn_no][i])) {
            ovsrcu_set(&lab->rules[lab->conn_no][i],
                       create_lab_rule(lab, flow));
            inserted = true;
        }
    }
    if (inserted) {
        dp_carrier_offer(&lab->lane, flow);
    }
    if (lab->meddle_insert) {
        lab->meddle_insert(lab);
    }
    return inserted;
}

static void
free_rule(struct lab_rule *rule)
{
    dp_flow_unref(rule->flow);
    free(rule);
}

static void
remove_rule(void *lane, struct dp_flow *flow)
{
    struct lab *lab = lab_of_lane(lane);

    ovs_assert(dp_flow_is_dead(flow));
    dp_carrier_withdraw(lane, flow);
    for (size_t i = 0; i < LAB_PLACES; i++) {
        struct lab_rule *rule
            = ovsrcu_get_protected(struct lab_rule *,
                                   &lab->rules[flow->ufid.u32[0]][i]);

        if (rule && rule->flow == flow) {
            ovsrcu_set(&lab->rules[flow->ufid.u32[0]][i], NULL);
            ovsrcu_postpone(free_rule, rule);
            return;
        }
    }
    OVS_NOT_REACHED();
}

static void
wait_for_lane(void *lane)
{
    dp_lane_wait(lane);
}

/* NICs are those of the lane's engine, as in earnest. */

static void
get_stats(void *lab_, const struct dp_flow *flow,
          struct dpif_flow_stats *stats)
{
    struct lab *lab = lab_;

    dp_carrier.get_stats(&lab->shared, flow, stats);
}

static bool
has_left(void *lab_, const struct dp_flow *flow)
{
    struct lab *lab = lab_;

    return dp_carrier.has_left(&lab->shared, flow);
}

static uint64_t
start_reading(void *lab_)
{
    struct lab *lab = lab_;

    return lab->nic ? dp_carrier.start_reading(&lab->shared) : 0;
}

static bool
is_read(void *lab_, uint64_t reading)
{
    struct lab *lab = lab_;

    return dp_carrier.is_read(&lab->shared, reading);
}

static const struct dp_books_carrier carrier = {
    .create = create_rule,
    .insert = insert_rule,
    .remove = remove_rule,
    .wait = wait_for_lane,
    .get_stats = get_stats,
    .has_left = has_left,
    .start_reading = start_reading,
    .is_read = is_read,
};

/* Connections. */

static void
get_key(size_t conn_no, struct flow *flow)
{
    memset(flow, 0, sizeof *flow);
    flow->packet_type = htonl(PT_ETH);
    flow->in_port.odp_port = u32_to_odp(LAB_IN_PORT);
    flow->dl_type = htons(ETH_TYPE_IP);
    flow->nw_src = htonl(0x0a000001);
    flow->nw_dst = htonl(0x0a000002);
    flow->nw_proto = IPPROTO_UDP;
    flow->nw_ttl = 64;
    flow->tp_src = htons(1000 + conn_no);
    flow->tp_dst = htons(53);
}

struct ct_handle
lab_get_handle(const struct lab *lab_, size_t conn_no)
{
    struct lab *lab = CONST_CAST(struct lab *, lab_);
    uint64_t word;

    atomic_read_explicit(&lab->handles[conn_no], &word, memory_order_acquire);
    return (struct ct_handle) { .index = word, .generation = word >> 32 };
}

static void
make_conn(struct lab *lab, size_t conn_no)
{
    struct conn *conn = ct_new(lab->ct, LAB_ZONE, false);
    struct ct_handle handle;
    struct conn *clash;
    struct flow flow;

    ovs_assert(conn);
    get_key(conn_no, &flow);
    conn->key = (struct ct_key) {
        .src.ipv4 = flow.nw_src, .dst.ipv4 = flow.nw_dst,
        .src_port = flow.tp_src, .dst_port = flow.tp_dst,
        .zone = LAB_ZONE, .proto = IPPROTO_UDP,
    };
    ct_conn_set_flags(conn, CT_F_SEEN_MORE | CT_F_SEEN_REPLY);
    ct_set_expiry(lab->ct, conn, time_msec() + 10000);
    ovs_assert(!ct_commit(lab->ct, conn, time_msec(), &clash));
    handle = ct_handle_of(conn);
    atomic_store_explicit(&lab->handles[conn_no],
                          (uint64_t) handle.generation << 32 | handle.index,
                          memory_order_release);
}

void
lab_replace_conn(struct lab *lab, size_t conn_no)
{
    struct lab_serial *serial = &lab->conn_serials[conn_no];
    struct conn *conn;

    ovs_mutex_lock(&lab->mutex);
    draw(serial);
    conn = ct_handle_find(lab->ct, lab_get_handle(lab, conn_no));
    if (conn) {                 /* Or else it has expired. */
        ct_kill(lab->ct, conn, CT_DEATH_FLUSHED);
    }
    show(serial);
    make_conn(lab, conn_no);
    ovs_mutex_unlock(&lab->mutex);
}

void
lab_mark_conn(struct lab *lab, size_t conn_no)
{
    struct lab_serial *serial = &lab->mark_serials[conn_no];
    struct conn *conn;

    ovs_mutex_lock(&lab->mutex);
    draw(serial);
    conn = ct_handle_find(lab->ct, lab_get_handle(lab, conn_no));
    if (conn) {                 /* Or else it has expired. */
        ct_conn_lock(conn);
        ct_tell_changed(lab->ct, conn, CT_CHANGE_MARK);
        ct_conn_set_marks(conn, read_serial(&serial->drawn), OVS_U128_ZERO);
        ct_conn_unlock(conn);
    }
    show(serial);
    ovs_mutex_unlock(&lab->mutex);
}

/* Megaflows. */

static void
put_ct(struct ofpbuf *actions)
{
    size_t ofs = nl_msg_start_nested(actions, OVS_ACTION_ATTR_CT);

    nl_msg_put_u16(actions, OVS_CT_ATTR_ZONE, LAB_ZONE);
    nl_msg_end_nested(actions, ofs);
    nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, RECIRC_ID);
}

static void
put_vlan(struct ofpbuf *actions)
{
    struct ovs_action_push_vlan vlan = {
        .vlan_tpid = htons(ETH_TYPE_VLAN_8021Q),
        .vlan_tci = htons(VLAN_CFI | 7),
    };

    nl_msg_put_unspec(actions, OVS_ACTION_ATTR_PUSH_VLAN, &vlan, sizeof vlan);
    nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, RECIRC_ID + 1);
}

/* Appends the actions of 'stage'.  'variant' makes a difference, but none that
 * matters to the lane. */
static void
put_actions(size_t stage, uint32_t variant, struct ofpbuf *actions)
{
    if (stage == 0) {
        put_ct(actions);
    } else if (stage == 1) {
        put_vlan(actions);
    } else {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT,
                       LAB_OUT_PORT + variant % 16);
    }
}

static struct dp_flow *
create_megaflow(size_t stage, uint32_t variant)
{
    struct flow_wildcards wc;
    struct ofpbuf actions;
    struct dp_flow *flow;
    struct flow key;
    ovs_u128 ufid = OVS_U128_ZERO;

    get_key(0, &key);
    memset(&wc, 0, sizeof wc);
    wc.masks.in_port.odp_port = ODPP_NONE;
    wc.masks.recirc_id = UINT32_MAX;
    wc.masks.dl_type = OVS_BE16_MAX;
    wc.masks.nw_frag = FLOW_NW_FRAG_MASK;
    wc.masks.vlans[0].tci = htons(VLAN_VID_MASK | VLAN_CFI);
    if (stage) {
        key.recirc_id = RECIRC_ID + stage - 1;
        key.ct_state = CS_TRACKED | CS_ESTABLISHED;
        wc.masks.ct_state = CS_TRACKED | CS_ESTABLISHED | CS_NEW | CS_INVALID;
    }
    if (stage == 2) {
        key.vlans[0].tpid = htons(ETH_TYPE_VLAN_8021Q);
        key.vlans[0].tci = htons(VLAN_CFI | 7);
    }
    ufid.u32[0] = stage;
    ufid.u32[1] = variant;
    ofpbuf_init(&actions, 0);
    put_actions(stage, variant, &actions);
    flow = dp_flow_create(&key, dp_mask_create(&wc), &ufid, NON_PMD_CORE_ID,
                          actions.data, actions.size);
    ofpbuf_uninit(&actions);
    return flow;
}

struct dp_flow *
lab_get_megaflow(const struct lab *lab, size_t stage)
{
    return ovsrcu_get(struct dp_flow *, &lab->megaflows[stage]);
}

/* Reads the last counts of 'flow', which nobody finds any more. */
static void
retire(struct lab *lab, size_t stage, struct dp_flow *flow)
{
    struct dpif_flow_stats stats;

    dp_lane_wait(&lab->lane);
    dp_books_settle_flow(lab->books, flow);
    dp_flow_get_stats(flow, &stats);
    lab->told[stage].n_packets += stats.n_packets;
    lab->told[stage].n_bytes += stats.n_bytes;
    dp_flow_unref(flow);
}

void
lab_replace_megaflow(struct lab *lab, size_t stage)
{
    struct lab_serial *serial = &lab->flow_serials[stage];
    struct dp_flow *old, *new;

    ovs_mutex_lock(&lab->mutex);
    draw(serial);
    old = ovsrcu_get_protected(struct dp_flow *, &lab->megaflows[stage]);
    new = create_megaflow(stage, read_serial(&serial->drawn));
    ovsrcu_set(&lab->megaflows[stage], new);
    atomic_store_relaxed(&old->dead, true);
    dp_books_flow_changed(lab->books, old);
    show(serial);
    retire(lab, stage, old);
    ovs_mutex_unlock(&lab->mutex);
}

void
lab_modify_megaflow(struct lab *lab, size_t stage)
{
    struct lab_serial *serial = &lab->flow_serials[stage];
    struct ofpbuf actions;
    struct dp_flow *flow;

    ovs_mutex_lock(&lab->mutex);
    draw(serial);
    flow = ovsrcu_get_protected(struct dp_flow *, &lab->megaflows[stage]);
    ofpbuf_init(&actions, 0);
    put_actions(stage, read_serial(&serial->drawn), &actions);
    dp_actions_postpone_free(dp_flow_set_actions(flow, actions.data,
                                                 actions.size));
    ofpbuf_uninit(&actions);
    dp_books_flow_changed(lab->books, flow);
    show(serial);
    ovs_mutex_unlock(&lab->mutex);
}

/* Traces. */

struct dp_trace *
lab_make_trace(struct lab *lab, size_t conn_no)
{
    struct dp_trace *trace = dp_trace_create(&lab->lane);

    get_key(conn_no, &trace->packet);
    for (size_t i = 0; i < LAB_STAGES; i++) {
        if (!dp_trace_add_stage(trace, lab_get_megaflow(lab, i))) {
            dp_trace_destroy(trace);
            return NULL;
        }
        if (!i) {
            dp_trace_add_conn(trace, lab_get_handle(lab, conn_no), false);
        }
    }
    return trace;
}

enum dp_books_verdict
lab_offer(struct lab *lab, size_t conn_no)
{
    struct dp_trace *trace;

    lab->conn_no = conn_no;
    trace = lab_make_trace(lab, conn_no);
    get_serials(lab, conn_no, false, lab->drawn);
    return trace ? dp_books_offer(lab->books, trace) : DP_BOOKS_OVERTAKEN;
}

/* The lane. */

static struct lab_rule *
find_rule(const struct lab *lab, size_t conn_no)
{
    for (size_t i = 0; i < LAB_PLACES; i++) {
        struct lab_rule *rule = ovsrcu_get(struct lab_rule *,
                                           &lab->rules[conn_no][i]);

        if (rule && !dp_flow_is_dead(rule->flow)) {
            return rule;
        }
    }
    return NULL;
}

struct dp_flow *
lab_find_rule(const struct lab *lab, size_t conn_no)
{
    struct lab_rule *rule = find_rule(lab, conn_no);

    return rule ? rule->flow : NULL;
}

static void
run_long_way(struct lab *lab, unsigned int size)
{
    for (size_t i = 0; i < LAB_STAGES; i++) {
        dp_flow_count(lab_get_megaflow(lab, i), 1,
                      size + (i == 2 ? LAB_VLAN_HEADER : 0), TCP_FLAGS,
                      time_msec());
    }
}

/* A NIC may have a rule for a while longer than it may live. */
static bool
run_in_nic(struct lab *lab, size_t conn_no, unsigned int size)
{
    unsigned long long int orig;

    if (!lab->nic
        || !dp_dummy_nic_hit(lab->nic, u32_to_odp(LAB_IN_PORT),
                             &lab->mega_ufids[conn_no], 1, size, TCP_FLAGS)) {
        return false;
    }
    atomic_add_relaxed(&lab->n_merged, 1, &orig);
    atomic_add_relaxed(&lab->n_whole, 1, &orig);
    atomic_add_relaxed(&lab->n_packets, 1, &orig);
    atomic_add_relaxed(&lab->n_bytes, size, &orig);
    return true;
}

bool
lab_run_packet(struct lab *lab, size_t conn_no, unsigned int size)
{
    uint32_t shown[LAB_SERIALS];
    unsigned long long int orig;
    struct lab_rule *rule;

    if (run_in_nic(lab, conn_no, size)) {
        return true;
    }
    dp_lane_begin_turn(&lab->lane);
    get_serials(lab, conn_no, true, shown);
    rule = find_rule(lab, conn_no);
    if (rule) {
        for (size_t i = 0; i < ARRAY_SIZE(shown); i++) {
            ovs_assert(rule->drawn[i] >= shown[i]);
        }
        dp_flow_count(rule->flow, 1, size, TCP_FLAGS, time_msec());
        atomic_add_relaxed(&lab->n_merged, 1, &orig);
    } else {
        run_long_way(lab, size);
    }
    atomic_add_relaxed(&lab->n_packets, 1, &orig);
    atomic_add_relaxed(&lab->n_bytes, size, &orig);
    dp_lane_end_turn(&lab->lane);
    return rule != NULL;
}

void
lab_check_counts(struct lab *lab)
{
    unsigned long long int n_packets, n_bytes;

    atomic_read_relaxed(&lab->n_packets, &n_packets);
    atomic_read_relaxed(&lab->n_bytes, &n_bytes);
    for (size_t i = 0; i < LAB_STAGES; i++) {
        struct dpif_flow_stats stats;

        dp_flow_get_stats(lab_get_megaflow(lab, i), &stats);
        if (stats.n_packets + lab->told[i].n_packets != n_packets) {
            dptest_fail("stage %"PRIuSIZE": %"PRIu64" packets and %"PRIu64
                        " told before, not %llu", i, stats.n_packets,
                        lab->told[i].n_packets, n_packets);
        }
        ovs_assert(stats.n_bytes + lab->told[i].n_bytes
                   == n_bytes + (i == 2 ? LAB_VLAN_HEADER * n_packets : 0));
    }
}

/* The lab. */

void
lab_init(struct lab *lab)
{
    memset(lab, 0, sizeof *lab);
    lab->ct = conntrack_init();
    lab->books = dp_books_create(&carrier, lab, lab->ct);
    lab->books->patience = 60;
    atomic_init(&lab->lane.turn, 0);
    lab->lane.shared = &lab->shared;
    atomic_init(&lab->other_lane.turn, 0);
    lab->other_lane.shared = &lab->shared;
    ovs_mutex_init(&lab->mutex);
    for (size_t i = 0; i < LAB_STAGES; i++) {
        ovsrcu_init(&lab->megaflows[i], create_megaflow(i, 0));
    }
    for (size_t i = 0; i < LAB_CONNS; i++) {
        make_conn(lab, i);
    }
    dp_books_start(lab->books);
}

void
lab_uninit(struct lab *lab)
{
    dp_books_stop(lab->books);
    lab_check_counts(lab);
    for (size_t i = 0; i < LAB_CONNS; i++) {
        ovs_assert(!lab_find_rule(lab, i));
    }
    dp_books_destroy(lab->books);
    for (size_t i = 0; i < LAB_STAGES; i++) {
        dp_flow_unref(lab_get_megaflow(lab, i));
    }
    conntrack_destroy(lab->ct);
    if (lab->nic) {
        dp_offload_lane_destroy(lab->shared.offload, lab->lane.marks);
        dp_offload_destroy(lab->shared.offload);
        dp_dummy_nic_destroy(lab->nic);
    }
    ovs_mutex_destroy(&lab->mutex);
}

struct dp_books_stats
lab_stats(const struct lab *lab)
{
    struct dp_books_stats stats;

    dp_books_get_stats(lab->books, &stats);
    return stats;
}

/* Stores the names that rules will have, by making one for each connection. */
static void
learn_names(struct lab *lab)
{
    for (size_t i = 0; i < LAB_CONNS; i++) {
        struct dp_flow *rule;

        ovs_assert(lab_offer(lab, i) == DP_BOOKS_MADE);
        rule = lab_find_rule(lab, i);
        lab->mega_ufids[i] = rule->mega_ufid;
    }
    dp_books_carrier_gone(lab->books, &lab->lane);
}

void
lab_add_nic(struct lab *lab, const struct dp_dummy_config *config)
{
    const struct dp_offload_glue glue = { .topology = NULL };
    const struct dp_offload_class *classes[2] = { NULL };
    struct dp_offload_env env;

    learn_names(lab);
    dp_offload_glue_env(&glue, &env);
    env.port_drained = NULL;    /* Those of a topology. */
    env.port_marks_seen = NULL;
    lab->nic = dp_dummy_nic_create(config);
    classes[0] = dp_dummy_nic_class(lab->nic);
    lab->shared.offload = dp_offload_create(&env, classes, 1);
    dp_offload_set_enabled(lab->shared.offload, true);
    ovs_assert(!dp_offload_port_add(lab->shared.offload,
                                    u32_to_odp(LAB_IN_PORT), NULL));
    lab->lane.marks = dp_offload_lane_create(lab->shared.offload, 0);
}

void
lab_wait_whole(struct lab *lab, size_t conn_no)
{
    uint32_t mark, output;

    while (!dp_dummy_nic_find(lab->nic, u32_to_odp(LAB_IN_PORT),
                              &lab->mega_ufids[conn_no], &mark, &output)
           || mark) {
        ovs_assert(lab_find_rule(lab, conn_no));
        xnanosleep(1000 * 1000);
    }

    /* The NIC has it before the engine knows, and has it read. */
    dp_offload_drain(lab->shared.offload);
}
