/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/revalidator.h"

#include <errno.h>

#include "coverage.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "ofproto/dp-ops.h"
#include "ofproto/flow-limit.h"
#include "ofproto/ofproto-dpif-rid.h"
#include "ofproto/ofproto-provider.h"
#include "ofproto/revalidate.h"
#include "ofproto/sweep.h"
#include "ofproto/udpif.h"
#include "ofproto/upcall-log.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/usdt-probes.h"
#include "ovs/ovs-long-dump.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"

COVERAGE_DEFINE(dumped_duplicate_flow);
COVERAGE_DEFINE(dumped_inconsistent_flow);
COVERAGE_DEFINE(dumped_new_flow);
COVERAGE_DEFINE(upcall_flow_limit_kill);
COVERAGE_DEFINE(upcall_flow_limit_grew);
COVERAGE_DEFINE(upcall_flow_limit_reduced);
COVERAGE_DEFINE(upcall_flow_limit_scaled);
COVERAGE_DEFINE(upcall_ukey_contention);

#define DUMP_BATCH 50           /* Flows asked for at once. */
#define MIN_ROUND_MS 5          /* From the start of a round to the next. */

/* Adoption. */

/* True if 'actions' use a recirculation id, at any depth.  OVS_ACTION_ATTR_
 * RECIRC with id 0 is how a tunnel's output recirculates; it has no state. */
static bool
actions_recirculate(const struct nlattr *actions, size_t size)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH (a, left, actions, size) {
        const struct nlattr *nested = NULL;

        switch (nl_attr_type(a)) {
        case OVS_ACTION_ATTR_RECIRC:
            if (nl_attr_get_u32(a)) {
                return true;
            }
            break;
        case OVS_ACTION_ATTR_CLONE:
            nested = a;
            break;
        case OVS_ACTION_ATTR_SAMPLE:
            nested = nl_attr_find_nested(a, OVS_SAMPLE_ATTR_ACTIONS);
            break;
        case OVS_ACTION_ATTR_CHECK_PKT_LEN:
            nested = nl_attr_find_nested(
                a, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER);
            if (nested && actions_recirculate(nl_attr_get(nested),
                                              nl_attr_get_size(nested))) {
                return true;
            }
            nested = nl_attr_find_nested(
                a, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
            break;
        }
        if (nested && actions_recirculate(nl_attr_get(nested),
                                          nl_attr_get_size(nested))) {
            return true;
        }
    }
    return false;
}

/* Makes a ukey for 'flow', as it was dumped.  Returns 0 and stores it in
 * '*ukeyp', or a positive errno value: ENOENT if the flow has gone. */
static int
adopt(struct udpif *udpif, const struct dpif_flow *flow,
      struct udpif_key **ukeyp)
{
    uint64_t stub[DPIF_FLOW_BUFSIZE / 8];
    struct dpif_flow full = *flow;
    struct ofpbuf buf;
    struct flow key;
    int error = 0;

    ofpbuf_use_stub(&buf, stub, sizeof stub);
    if (udpif->terse || !flow->key_len) {
        /* A terse dump does not say more than the UFID. */
        error = dpif_flow_get(udpif->dpif, flow->key, flow->key_len,
                              flow->ufid_present ? &flow->ufid : NULL,
                              flow->pmd_id, &buf, &full);
    }
    if (!error
        && (odp_flow_key_to_flow(full.key, full.key_len, &key, NULL)
            == ODP_FIT_ERROR
            || key.recirc_id
            || actions_recirculate(full.actions, full.actions_len))) {
        error = EINVAL;
    }
    if (!error) {
        struct ukey_parms parms = {
            .key = full.key, .key_len = full.key_len,
            .mask = full.mask, .mask_len = full.mask_len,
            .actions = full.actions, .actions_len = full.actions_len,
            .ufid = &flow->ufid, .ufid_present = flow->ufid_present,
            .pmd_id = flow->pmd_id,
            /* Never looked at under any tables. */
            .reval_seq = seq_read(udpif->reval_seq) - 1,
            .used = flow->stats.used,
        };
        *ukeyp = ukey_create(&parms);
    }
    ofpbuf_uninit(&buf);
    return error;
}

static void
log_unadoptable(const struct dpif_flow *flow, int error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 60);

    if (!VLOG_DROP_WARN(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ds_put_format(&ds, "Failed to acquire udpif_key corresponding to "
                      "unexpected flow (%s): ", ovs_strerror(error));
        odp_format_ufid(&flow->ufid, &ds);
        VLOG_WARN("%s", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

/* Finds or makes the ukey of 'flow'.  Returns 0, or EBUSY if someone else is
 * putting it there, or another errno value if the flow cannot have one. */
static int
acquire(struct udpif *udpif, const struct dpif_flow *flow,
        struct udpif_key **ukeyp)
{
    struct udpif_key *ukey = ukey_map_find(udpif->ukeys, &flow->ufid,
                                           flow->pmd_id);
    int error;

    *ukeyp = ukey;
    if (!ukey) {
        error = adopt(udpif, flow, &ukey);
        if (error) {
            return error;
        }
        COVERAGE_INC(dumped_new_flow);
        if (!ukey_install_ok(ukey_map_install(udpif->ukeys, ukey))) {
            /* A handler was faster. */
            ukey_discard(ukey);
            return EBUSY;
        }
        *ukeyp = ukey;
    }
    return 0;
}

/* Dump. */

/* What one thread needs to know to judge the flows of a round. */
struct dump_ctx {
    struct udpif *udpif;
    uint64_t dump_seq;
    uint64_t reval_seq;
    struct flow_limit_expiry expiry;
    long long int now;
};

/* Judges 'flow', whose ukey is 'ukey', and adds to 'ops' what is to be done.*/
static void
dump_one(struct dump_ctx *ctx, struct udpif_key *ukey,
         const struct dpif_flow *flow, struct dp_ops *ops)
    OVS_REQUIRES(ukey->mutex)
{
    struct udpif *udpif = ctx->udpif;
    enum reval_reason why = REVAL_WHY_OTHER;
    enum reval_result result;
    long long int used;

    if (ukey->state >= UKEY_EVICTING) {
        /* The dump was read before the flow was deleted. */
        return;
    }
    if (ukey->dump_seq == ctx->dump_seq) {
        /* A table that grows may show a flow twice. */
        COVERAGE_INC(dumped_duplicate_flow);
        return;
    }
    ukey->dump_seq = ctx->dump_seq;
    ukey->n_missed = 0;
    ukey->offloaded = flow->attrs.offloaded;
    ukey_saw_flow(ukey);

    used = ukey_last_used(ukey, &flow->stats, udpif->terse, ctx->now);
    if (ukey->state == UKEY_INCONSISTENT) {
        COVERAGE_INC(dumped_inconsistent_flow);
        why = REVAL_WHY_UPDATE_FAILED;
        result = REVAL_DELETE;
    } else if (ctx->expiry.delete_all) {
        COVERAGE_INC(upcall_flow_limit_kill);
        why = REVAL_WHY_LIMIT;
        result = REVAL_DELETE;
    } else if (used && used < ctx->now - ctx->expiry.max_idle_ms) {
        why = REVAL_WHY_IDLE;
        result = REVAL_DELETE;
    } else {
        result = revalidate_ukey(udpif, ukey, &flow->stats,
                                 flow->attrs.dp_layer, ctx->reval_seq, &why);
    }
    OVS_USDT_PROBE(revalidate, flow_result, udpif, ukey, result, why);

    if (result == REVAL_DELETE) {
        dp_ops_delete(ops, udpif, ukey);
    } else if (result == REVAL_MODIFY) {
        dp_ops_modify(ops, udpif, ukey);
    }
}

/* Prepares 'ctx' for a batch: how hard to press depends on how many flows
 * there are by now. */
static void
dump_ctx_refresh(struct dump_ctx *ctx)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    uint64_t n = udpif_n_flows(ctx->udpif);
    unsigned int limit;

    atomic_read_relaxed(&ctx->udpif->flow_limit, &limit);
    ctx->now = time_msec();
    ctx->expiry = flow_limit_expiry(limit, MIN(n, UINT_MAX), ofproto_max_idle);
    if (ctx->expiry.delete_all) {
        VLOG_WARN_RL(&rl, "Number of datapath flows (%"PRIu64") twice as high "
                     "as current dynamic flow limit (%u).  Starting to delete "
                     "flows unconditionally as an emergency measure.",
                     n, limit);
    }
}

/* Finds the ukeys of 'n' flows, NULL for those that have none, and asks for
 * what will be read of them.  With many flows nothing of it is in a cache, and
 * waiting for one thing after the other takes longer than all the rest. */
static void
acquire_batch(struct udpif *udpif, const struct dpif_flow flows[],
              struct udpif_key *ukeys[], int n, struct dp_ops *ops)
{
    for (int i = 0; i < n; i++) {
        int error = acquire(udpif, &flows[i], &ukeys[i]);

        if (error) {
            ukeys[i] = NULL;
            if (error != EBUSY && error != ENOENT) {
                log_unadoptable(&flows[i], error);
                dp_ops_delete_stray(ops, udpif, &flows[i]);
            }
        } else {
            ukey_prefetch(ukeys[i]);
        }
    }
}

/* This thread's share of the dump. */
static void
dump(struct udpif *udpif)
{
    struct dump_ctx ctx = {
        .udpif = udpif,
        .dump_seq = seq_read(udpif->dump_seq),
        .reval_seq = seq_read(udpif->reval_seq),
    };
    struct dpif_flow_dump_thread *thread
        = dpif_flow_dump_thread_create(udpif->dump);
    struct dpif_flow flows[DUMP_BATCH];
    struct dp_ops ops;
    int n;

    dp_ops_init(&ops);
    BUILD_ASSERT(DUMP_BATCH <= DP_OPS_MAX);
    while ((n = dpif_flow_dump_next(thread, flows, ARRAY_SIZE(flows))) > 0) {
        struct udpif_key *ukeys[DUMP_BATCH];

        dump_ctx_refresh(&ctx);
        acquire_batch(udpif, flows, ukeys, n, &ops);
        for (int i = 0; i < n; i++) {
            struct udpif_key *ukey = ukeys[i];

            if (ukey) {
                if (!ovs_mutex_trylock(&ukey->mutex)) {
                    dump_one(&ctx, ukey, &flows[i], &ops);
                    ovs_mutex_unlock(&ukey->mutex);
                } else {
                    COVERAGE_INC(upcall_ukey_contention);
                }
            }
        }
        dp_ops_push(&ops, udpif);
        ovsrcu_quiesce();
    }
    dpif_flow_dump_thread_destroy(thread);
}

/* The leader's own work. */

struct leader {
    uint64_t reval_seq;             /* That this round judges by. */
    long long int start;            /* Of this round, in ms. */
    unsigned int n_flows;           /* At its start. */
};

static void
leader_begin(struct udpif *udpif, struct leader *leader)
{
    unsigned int avg, max;

    recirc_run();               /* Recirculation cleanup. */

    leader->reval_seq = seq_read(udpif->reval_seq);
    leader->n_flows = MIN(udpif_n_flows(udpif), UINT_MAX);
    atomic_read_relaxed(&udpif->avg_n_flows, &avg);
    atomic_read_relaxed(&udpif->max_n_flows, &max);
    atomic_store_relaxed(&udpif->max_n_flows, MAX(leader->n_flows, max));
    atomic_store_relaxed(&udpif->avg_n_flows,
                         (avg / 2 + leader->n_flows / 2
                          + (avg % 2 + leader->n_flows % 2) / 2));

    /* Only the leader looks at the latches, so that all agree. */
    udpif->reval_exit = latch_is_set(&udpif->exit_latch);
    udpif->pause = latch_is_set(&udpif->pause_latch);

    atomic_count_set(&udpif->n_asked_again, 0);
    leader->start = time_msec();
    if (!udpif->reval_exit && !udpif->pause) {
        udpif->terse = udpif_use_ufid(udpif);
        udpif->dump = dpif_flow_dump_create(udpif->dpif, udpif->terse, NULL);
        OVS_USDT_PROBE(udpif_revalidator, start_dump, udpif,
                       (size_t) leader->n_flows);
    }
}

static void
leader_adjust_limit(struct udpif *udpif, const struct leader *leader,
                    long long int duration)
{
    enum flow_limit_move move;
    unsigned int limit;

    atomic_read_relaxed(&udpif->flow_limit, &limit);
    limit = flow_limit_next(limit, ofproto_flow_limit, leader->n_flows,
                            duration, &udpif->lesson, &move);
    atomic_store_relaxed(&udpif->flow_limit, limit);
    switch (move) {
    case FLOW_LIMIT_KEPT: break;
    case FLOW_LIMIT_GREW: COVERAGE_INC(upcall_flow_limit_grew); break;
    case FLOW_LIMIT_REDUCED: COVERAGE_INC(upcall_flow_limit_reduced); break;
    case FLOW_LIMIT_SCALED: COVERAGE_INC(upcall_flow_limit_scaled); break;
    }
    if (duration > FLOW_LIMIT_LONG_DUMP_MS) {
        VLOG(OVS_LONG_DUMP_LEVEL, "Spent an unreasonably long %lldms dumping "
             "flows", duration);
    }
}

/* Ends the round and sleeps until the next is due. */
static void
leader_finish(struct udpif *udpif, const struct leader *leader)
{
    long long int duration = MAX(time_msec() - leader->start, 1);
    unsigned int pause = MIN(ofproto_max_idle, ofproto_max_revalidator);

    seq_change(udpif->dump_seq);
    atomic_store_relaxed(&udpif->dump_duration, duration);
    leader_adjust_limit(udpif, leader, duration);
    OVS_USDT_PROBE(udpif_revalidator, sweep_done, udpif,
                   (size_t) leader->n_flows, pause);

    poll_timer_wait_until(leader->start + pause);
    seq_wait(udpif->reval_seq, leader->reval_seq);
    latch_wait(&udpif->exit_latch);
    latch_wait(&udpif->pause_latch);
    poll_block();

    if (!latch_is_set(&udpif->pause_latch)
        && !latch_is_set(&udpif->exit_latch)) {
        long long int now = time_msec();

        /* Do not let a storm of changes keep a core busy. */
        if (now < leader->start + MIN_ROUND_MS) {
            poll_timer_wait_until(leader->start + MIN_ROUND_MS);
            poll_block();
        }
    }
}

void *
revalidator_main(void *revalidator_)
{
    struct udpif_revalidator *revalidator = revalidator_;
    struct udpif *udpif = revalidator->udpif;
    bool leads = revalidator->index == 0;
    struct leader leader = { .reval_seq = 0 };

    atomic_store_relaxed(&revalidator->id, ovsthread_id_self());
    for (;;) {
        if (leads) {
            leader_begin(udpif, &leader);
        }
        ovs_barrier_block(&udpif->reval_barrier);
        if (udpif->reval_exit) {
            break;
        }
        if (udpif->pause) {
            ovs_barrier_block(&udpif->pause_barrier);   /* Main goes on... */
            ovs_barrier_block(&udpif->pause_barrier);   /* ...and is done. */
            continue;
        }

        uint64_t dump_seq = seq_read(udpif->dump_seq);
        uint64_t reval_seq = seq_read(udpif->reval_seq);
        dump(udpif);
        ovs_barrier_block(&udpif->reval_barrier);
        if (leads) {
            udpif->dump_failed = dpif_flow_dump_destroy(udpif->dump) != 0;
            udpif->dump = NULL;
        }
        ovs_barrier_block(&udpif->reval_barrier);

        sweep(udpif, revalidator->index, udpif->n_revalidators,
              dump_seq, reval_seq, !udpif->dump_failed);
        ovs_barrier_block(&udpif->reval_barrier);

        if (leads) {
            revalidate_push_late_stats(udpif);
            leader_finish(udpif, &leader);
        }
    }
    return NULL;
}
