/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/offload/offload-rig.h"

#include "tests/dptest.h"
#include "dpif.h"
#include "flow.h"
#include "hash.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "util.h"

static void
rig_flow_free(struct rig_flow *flow)
{
    free(flow);
}

static void
rig_flow_ref(void *rig_, void *flow_)
{
    struct rig *rig = rig_;
    struct rig_flow *flow = flow_;
    uint64_t orig;

    ovs_refcount_ref(&flow->refs);
    atomic_add_relaxed(&rig->n_refs, 1, &orig);
}

static void
rig_flow_unref(void *rig_, void *flow)
{
    struct rig *rig = rig_;
    uint64_t orig;

    atomic_sub_relaxed(&rig->n_refs, 1, &orig);
    rig_flow_destroy(flow);
}

static bool
rig_flow_describe(void *rig OVS_UNUSED, const void *flow_,
                  struct match *match, struct ofpbuf *actions)
{
    struct rig_flow *flow = CONST_CAST(struct rig_flow *, flow_);
    uint32_t output;
    bool gone;

    atomic_read_relaxed(&flow->gone, &gone);
    if (gone) {
        return false;
    }
    match_init_catchall(match);
    match_set_in_port(match, u16_to_ofp(odp_to_u32(flow->in_port)));
    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_nw_src(match, htonl(flow->id));
    atomic_read_relaxed(&flow->output, &output);
    nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, output);
    return true;
}

static uint64_t
rig_flow_packets(void *rig OVS_UNUSED, const void *flow_)
{
    struct rig_flow *flow = CONST_CAST(struct rig_flow *, flow_);
    uint64_t n;

    atomic_read_relaxed(&flow->n_packets, &n);
    return n;
}

static uint64_t
rig_port_drained(void *rig_, odp_port_t port_no OVS_UNUSED)
{
    struct rig *rig = rig_;
    uint64_t drained;

    atomic_read_explicit(&rig->drained, &drained, memory_order_acquire);
    return drained;
}

static bool
rig_marks_seen(void *rig_, odp_port_t port_no OVS_UNUSED)
{
    struct rig *rig = rig_;
    bool seen;

    atomic_read_relaxed(&rig->marks_seen, &seen);
    return seen;
}

static void
rig_flow_late(void *rig_, void *flow_, const struct dpif_flow_stats *stats)
{
    struct rig *rig = rig_;
    struct rig_flow *flow = flow_;
    uint64_t orig;

    ovs_assert(ovs_refcount_read(&flow->refs) && stats->n_packets);
    atomic_add_relaxed(&rig->n_late, stats->n_packets, &orig);
    atomic_add_relaxed(&rig->n_late_bytes, stats->n_bytes, &orig);
}

void
rig_init(struct rig *rig, const struct dp_dummy_config *config,
         unsigned int n_workers)
{
    const struct dp_offload_env env = {
        .aux = rig,
        .flow_ref = rig_flow_ref,
        .flow_unref = rig_flow_unref,
        .flow_describe = rig_flow_describe,
        .port_drained = rig_port_drained,
        .port_marks_seen = rig_marks_seen,
        .flow_packets = rig_flow_packets,
        .flow_late = rig_flow_late,
    };
    const struct dp_offload_class *classes[2] = { NULL, NULL };

    memset(rig, 0, sizeof *rig);
    atomic_init(&rig->n_refs, 0);
    atomic_init(&rig->drained, UINT64_MAX);
    atomic_init(&rig->marks_seen, false);
    atomic_init(&rig->n_told, 0);
    atomic_init(&rig->n_late, 0);
    atomic_init(&rig->n_late_bytes, 0);
    rig->nic = dp_dummy_nic_create(config);
    classes[0] = dp_dummy_nic_class(rig->nic);
    rig->offload = dp_offload_create(&env, classes, n_workers);
    for (unsigned int i = 0; i < RIG_N_LANES; i++) {
        rig->lanes[i] = dp_offload_lane_create(rig->offload, i);
    }
}

void
rig_uninit(struct rig *rig)
{
    uint64_t n_refs;

    dp_offload_set_enabled(rig->offload, false);
    dp_offload_drain(rig->offload);
    for (unsigned int i = 0; i < RIG_N_LANES; i++) {
        ovs_assert(!dp_mark_index_count(rig->lanes[i]));
        dp_offload_lane_destroy(rig->offload, rig->lanes[i]);
    }
    dp_offload_destroy(rig->offload);
    dp_dummy_nic_destroy(rig->nic);
    atomic_read_relaxed(&rig->n_refs, &n_refs);
    ovs_assert(!n_refs);

    ovsrcu_quiesce_start();
    ovsrcu_barrier();
    ovsrcu_quiesce_end();
}

struct rig_flow *
rig_flow_create(odp_port_t in_port, uint32_t id, uint32_t output)
{
    struct rig_flow *flow = xzalloc(sizeof *flow);
    uint32_t key[2] = { odp_to_u32(in_port), id };

    ovs_refcount_init(&flow->refs);
    flow->in_port = in_port;
    flow->id = id;
    hash_bytes128(key, sizeof key, 0, &flow->mega_ufid);
    atomic_init(&flow->output, output);
    atomic_init(&flow->gone, false);
    atomic_init(&flow->n_packets, 0);
    return flow;
}

void
rig_flow_destroy(struct rig_flow *flow)
{
    if (ovs_refcount_unref(&flow->refs) == 1) {
        ovsrcu_postpone(rig_flow_free, flow);
    }
}

void
rig_put(struct rig *rig, unsigned int lane, struct rig_flow *flow)
{
    const struct dp_offload_info info = {
        .in_port = flow->in_port,
        .mega_ufid = flow->mega_ufid,
        .kind = flow->kind,
    };

    atomic_store_relaxed(&flow->gone, false);
    dp_offload_flow_put(rig->offload, rig->lanes[lane], flow, &info);
}

void
rig_modify(struct rig *rig, struct rig_flow *flow, uint32_t output)
{
    atomic_store_relaxed(&flow->output, output);
    dp_offload_flow_modify(rig->offload, flow, &flow->mega_ufid);
}

void
rig_del(struct rig *rig, unsigned int lane, struct rig_flow *flow)
{
    struct dpif_flow_stats stats;

    rig_del_stats(rig, lane, flow, &stats);
}

void
rig_del_stats(struct rig *rig, unsigned int lane, struct rig_flow *flow,
              struct dpif_flow_stats *stats)
{
    uint64_t orig;

    atomic_store_relaxed(&flow->gone, true);
    dp_offload_flow_del(rig->offload, rig->lanes[lane], flow,
                        &flow->mega_ufid, stats);
    atomic_add_relaxed(&rig->n_told, stats->n_packets, &orig);
}

uint64_t
rig_told(struct rig *rig)
{
    uint64_t n_told, n_late;

    atomic_read_relaxed(&rig->n_told, &n_told);
    atomic_read_relaxed(&rig->n_late, &n_late);
    return n_told + n_late;
}

bool
rig_installed(struct rig *rig, const struct rig_flow *flow)
{
    uint32_t mark, output;

    return dp_dummy_nic_find(rig->nic, flow->in_port, &flow->mega_ufid,
                             &mark, &output);
}

bool
rig_is_marked(struct rig *rig, const struct rig_flow *flow)
{
    uint32_t mark, output;

    return (dp_dummy_nic_find(rig->nic, flow->in_port, &flow->mega_ufid,
                              &mark, &output)
            && mark);
}

uint32_t
rig_mark(struct rig *rig, unsigned int lane, const struct rig_flow *flow)
{
    uint32_t mark, output;

    if (!dp_dummy_nic_find(rig->nic, flow->in_port, &flow->mega_ufid, &mark,
                           &output)) {
        return 0;
    }
    if (mark) {
        ovs_assert(dp_mark_index_get(rig->lanes[lane], mark) == flow);
    }
    return mark;
}

bool
rig_shows(struct rig *rig, const char *text)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    bool found;

    dp_offload_format_show(rig->offload, &ds);
    found = strstr(ds_cstr(&ds), text) != NULL;
    ds_destroy(&ds);
    return found;
}

void
rig_wait_why(struct rig *rig, const struct rig_flow *flow,
             enum dp_offload_why why)
{
    enum dp_offload_why now = why;

    for (int i = 0; i < 10000; i++) {
        now = dp_offload_flow_why(rig->offload, &flow->mega_ufid);
        if (now == why) {
            return;
        }
        xnanosleep(1000 * 1000);
    }
    dptest_fail("expected %s, got %s", dp_offload_why_name(why),
                dp_offload_why_name(now));
}
