/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dp-watch.h"

#include <time.h>

#include "cmap.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"
#include "ctl/dp-top.h"
#include "ctl/dpif-netdev-flow-format.h"
#include "pmd/dp-topology.h"

#define ROUND_MS 1000           /* At least, from one to the next. */
#define SHARE_OF_SLICES 10      /* One part for us while a round lasts... */
#define SHARE_OF_ROUNDS 30      /* ...and of all time. */

#define BATCH 32                /* Flows whose memory is asked for at once. */

/* Lanes are walked by core, the main thread's last: one that comes or goes
 * meanwhile does no harm. */
#define AFTER_ALL_CORES (UINT64_C(1) << 32)

enum phase {
    RESTING,
    WALKING,                    /* Through the flows of all lanes. */
    SWEEPING,                   /* Those that have gone. */
};

struct dp_watch {
    struct dp_top top;
    enum phase phase;
    long long int asked_ms;     /* When somebody looked last. */
    long long int next_ms;      /* When to go on. */
    long long int began_ms;     /* This round, or the last. */
    long long int interval_ms;
    long long int spent_us;     /* In this round. */
    uint64_t core;              /* The lane being walked, or a later one. */
    struct cmap_position position;
};

const struct dp_top *
dp_watch_ask(struct dp_watch **watchp)
{
    if (!*watchp) {
        *watchp = xzalloc(sizeof **watchp);
        dp_top_init(&(*watchp)->top);
    }
    (*watchp)->asked_ms = time_msec();
    return &(*watchp)->top;
}

long long int
dp_watch_interval_ms(const struct dp_watch *watch)
{
    return watch->interval_ms;
}

void
dp_watch_destroy(struct dp_watch *watch)
{
    if (watch) {
        dp_top_uninit(&watch->top);
        free(watch);
    }
}

/* Returns the lane with the lowest core that is not below 'core', or NULL. */
static struct dp_pmd *
find_lane(const struct dp_topology *topology, uint64_t core)
{
    struct dp_pmd *found = NULL, *pmd;

    CMAP_FOR_EACH (pmd, node, &topology->lanes) {
        if (pmd->lane.core_id >= core
            && (!found || pmd->lane.core_id < found->lane.core_id)) {
            found = pmd;
        }
    }
    return found;
}

static void
begin_round(struct dp_watch *watch, const struct dp_topology *topology,
            long long int now_ms)
{
    struct dp_pmd *pmd;
    size_t n = 0;

    CMAP_FOR_EACH (pmd, node, &topology->lanes) {
        n += cmap_count(&pmd->lane.flows.flows);
    }
    if (watch->began_ms) {
        watch->interval_ms = now_ms - watch->began_ms;
    }
    watch->began_ms = now_ms;
    watch->spent_us = 0;
    watch->core = 0;
    memset(&watch->position, 0, sizeof watch->position);
    dp_top_begin(&watch->top, n);
    watch->phase = WALKING;
}

static void
note_flow(struct dp_watch *watch, const struct dp_lane *lane,
          const struct dp_flow *flow, long long int now_us)
{
    struct dpif_flow_stats stats;

    dp_flow_get_all_stats(lane, flow, &stats, NULL);

    const uint64_t counts[DP_TOP_N_ORDERS] = {
        [DP_TOP_BY_PACKETS] = stats.n_packets,
        [DP_TOP_BY_BYTES] = stats.n_bytes,
    };
    dp_top_note(&watch->top, &flow->ufid, lane->core_id, counts, now_us);
}

/* Stores the next flows of 'lane', BATCH at most, in 'flows', with their
 * memory on its way.  Returns how many. */
static int
take_flows(struct dp_watch *watch, const struct dp_lane *lane,
           const struct dp_flow *flows[BATCH])
{
    int n = 0;

    while (n < BATCH) {
        struct cmap_node *node = cmap_next_position(&lane->flows.flows,
                                                    &watch->position);

        if (!node) {
            break;
        }
        flows[n] = CONTAINER_OF(node, struct dp_flow, ufid_node);
        dp_flow_prefetch(flows[n++]);
    }
    return n;
}

/* Reads the next flows.  The next phase begins after the last lane. */
static void
walk(struct dp_watch *watch, const struct dp_topology *topology)
{
    long long int now_us = time_usec();
    int n_seen = 0;

    while (n_seen < DP_WATCH_SLICE) {
        struct dp_pmd *pmd = find_lane(topology, watch->core);
        const struct dp_flow *flows[BATCH];
        int n;

        if (!pmd) {
            watch->phase = SWEEPING;
            return;
        } else if (pmd->lane.core_id != watch->core) {
            memset(&watch->position, 0, sizeof watch->position);
            watch->core = pmd->lane.core_id;
        }
        n = take_flows(watch, &pmd->lane, flows);
        for (int i = 0; i < n; i++) {
            note_flow(watch, &pmd->lane, flows[i], now_us);
        }
        n_seen += n;
        if (n < BATCH) {
            memset(&watch->position, 0, sizeof watch->position);
            watch->core++;
        }
    }
}

/* How long this thread has had a CPU.  Others may have it meanwhile, and what
 * they do is not our share. */
static long long int
cpu_usec(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

/* When does the next round begin?  The second one, for which users wait,
 * early. */
static long long int
next_round_ms(const struct dp_watch *watch, long long int now_ms)
{
    long long int next_ms = watch->began_ms + ROUND_MS;

    if (dp_top_is_settled(&watch->top)) {
        next_ms = MAX(next_ms,
                      now_ms + watch->spent_us * SHARE_OF_ROUNDS / 1000);
    }
    return next_ms;
}

void
dp_watch_run(struct dp_watch **watchp, const struct dp_topology *topology)
{
    struct dp_watch *watch = *watchp;
    long long int now_ms, began_us, took_us;

    if (!watch) {
        return;
    }
    now_ms = time_msec();
    if (now_ms - watch->asked_ms > DP_WATCH_MS) {
        dp_watch_destroy(watch);
        *watchp = NULL;
        return;
    } else if (now_ms < watch->next_ms) {
        return;
    }

    began_us = cpu_usec();
    if (watch->phase == RESTING) {
        begin_round(watch, topology, now_ms);
    }
    if (watch->phase == WALKING) {
        walk(watch, topology);
    } else if (!dp_top_sweep(&watch->top, DP_WATCH_SLICE)) {
        watch->phase = RESTING;
    }
    took_us = cpu_usec() - began_us;
    watch->spent_us += took_us;
    watch->next_ms = (watch->phase == RESTING ? next_round_ms(watch, now_ms)
                      : now_ms + 1 + took_us * SHARE_OF_SLICES / 1000);
}

void
dp_watch_wait(const struct dp_watch *watch)
{
    if (watch) {
        poll_timer_wait_until(MIN(watch->next_ms,
                                  watch->asked_ms + DP_WATCH_MS + 1));
    }
}
