/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-upcall.h"

#include "dp-packet.h"
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofpbuf.h"
#include "flow/dp-log.h"
#include "ovs/ovs-packet-offload.h"
#include "pipe/dp-lane.h"

/* In a thread's first call, the lock makes room for the thread, and fails if
 * another thread has just come to the same point, though nobody holds it.
 * That is over after a moment; who disables upcalls holds it for longer. */
static bool
try_lock(const struct dp_shared *shared)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    enum { N_TRIES = 64 };

    for (int i = 0; i < N_TRIES; i++) {
        if (!fat_rwlock_tryrdlock(&shared->upcall_rwlock)) {
            return true;
        }
    }
    return false;
}

/* Returns true if upcalls can be made until dp_upcall_end(), or false if they
 * are disabled or just being disabled. */
bool
dp_upcall_begin(struct dp_lane *lane)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct dp_shared *shared = lane->shared;

    if (!try_lock(shared)) {
        return false;
    } else if (!shared->upcalls_enabled || !shared->upcall_cb) {
        fat_rwlock_unlock(&shared->upcall_rwlock);
        return false;
    }
    return true;
}

void
dp_upcall_end(struct dp_lane *lane)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    fat_rwlock_unlock(&lane->shared->upcall_rwlock);
}

static void
log_upcall(struct dp_lane *lane, const struct dp_packet *packet,
           const struct flow *flow, const struct flow_wildcards *wc,
           enum dpif_upcall_type type)
{
    struct odp_flow_key_parms parms = {
        .flow = flow,
        .mask = wc ? &wc->masks : NULL,
        .support = dp_odp_support,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ofpbuf key;
    char *text;

    ofpbuf_init(&key, 0);
    odp_flow_key_from_flow(&parms, &key);
    odp_flow_key_format(key.data, key.size, &ds);
    text = ofp_dp_packet_to_string(packet);

    VLOG(VLL_DBG, "%s: %s upcall:\n%s\n%s", lane->shared->name,
         dpif_upcall_type_to_string(type), ds_cstr(&ds), text);

    free(text);
    ofpbuf_uninit(&key);
    ds_destroy(&ds);
}

/* Counts an upcall that took 'cycles'.  They are part of the rx queue's load,
 * like all that its packets cost. */
static void
count_upcall(struct dp_lane *lane, uint64_t cycles)
{
    struct pmd_perf_stats *perf = &lane->perf;
    bool metrics;

    atomic_read_relaxed(&lane->shared->perf_metrics, &metrics);
    if (metrics && !dp_lane_is_main(lane)) {
        /* pmd_perf_end_iteration() adds them up. */
        perf->current.upcalls++;
        perf->current.upcall_cycles += cycles;
        histogram_add_sample(&perf->cycles_per_upcall,
                             MIN(cycles, UINT32_MAX));
    } else {
        dp_lane_count(lane, PMD_CYCLES_UPCALL, MIN(cycles, INT_MAX));
    }
}

/* Asks what to do with 'packet', which looks like 'flow'. */
int
dp_upcall(struct dp_lane *lane, struct dp_packet *packet, struct flow *flow,
          struct flow_wildcards *wc, ovs_u128 *ufid,
          enum dpif_upcall_type type, const struct nlattr *userdata,
          struct ofpbuf *actions, struct ofpbuf *put_actions)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct dp_shared *shared = lane->shared;
    uint64_t start;
    int error;

    if (type != DPIF_UC_MISS) {
        ovs_packet_finish(packet);      /* It leaves this way. */
    }
    if (OVS_UNLIKELY(!VLOG_DROP_DBG(&dp_log_rl))) {
        log_upcall(lane, packet, flow, wc, type);
    }
    start = cycles_counter_update(&lane->perf);
    error = shared->upcall_cb(packet, flow, ufid, lane->core_id, type,
                              userdata, actions, wc, put_actions,
                              shared->upcall_aux);
    count_upcall(lane, cycles_counter_update(&lane->perf) - start);
    return error;
}
