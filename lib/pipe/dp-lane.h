/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LANE_H
#define DP_LANE_H 1

/* dp-lane: all that one thread needs to move packets
 * ==================================================
 *
 * Job.  Bundle a thread's flow table, caches, output queues, counters and
 * clock.  A PMD thread has a lane of its own.  The main lane serves all other
 * threads, one at a time.
 *
 * Owns.  Everything in it but what 'shared' points to.
 *
 * Thread-safety.  See the headings in the struct.  "Owner" is the PMD thread,
 * or for the main lane whoever holds 'main_mutex'.  The mutex is recursive,
 * because an upcall may send a packet of its own (an ARP request for a tunnel,
 * say) from inside the pipe; for that reason nothing in a lane is scratch of a
 * pass through the pipe: that is in 'struct dp_burst' and 'struct dp_work', on
 * the stack.
 *
 * Units.  'now' in us of time_usec(), once per poll that brings packets. */

#include "dpif-netdev-perf.h"
#include "openvswitch/list.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "flow/dp-emc.h"
#include "flow/dp-flow-table.h"
#include "flow/dp-recent.h"
#include "flow/dp-simple.h"
#include "flow/dp-smc.h"
#include "flow/dp-tuple.h"
#include "offload/dp-mark-index.h"
#include "pipe/dp-clock.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-fence.h"
#include "pipe/dp-shared.h"
#include "pipe/dp-tx.h"

struct dp_follower;
struct dp_live_packet;
struct dp_rxq_load;

/* Packets that go through the pipe once more. */
struct dp_work_item {
    struct ovs_list node;
    unsigned int depth;         /* Recirculations so far. */
    struct dp_packet_batch batch;
};

/* A burst that has more packets to recirculate than this does some of them
 * before it goes on (dp-pipe.c). */
enum { DP_WORK_MAX = 2 * NETDEV_MAX_BURST };

/* The work of one call of the pipe. */
struct dp_work {
    struct ovs_list items;      /* 'struct dp_work_item's, next one first. */
    struct ovs_list *older;     /* In 'items': those before it are new, from
                                 * the present burst. */
    size_t n_new;               /* Packets in new items. */
    struct dp_work *outer;      /* The call that we are nested in, or NULL. */
    unsigned int depth;         /* Recirculations so far of what is being
                                 * done, those of 'outer' among them. */
    bool received;              /* By a port: until packets are recirculated,
                                 * their metadata may not be set. */
};

struct dp_lane {
    /* Constant after creation. */
    struct dp_shared *shared;   /* Borrowed from the datapath. */
    unsigned int core_id;       /* NON_PMD_CORE_ID for the main lane. */
    int numa_id;

    /* Owner thread only. */
    struct dp_emc emc;
    struct dp_recent recent;
    struct dp_smc smc;
    struct dp_simple simple;
    struct dp_tx tx;
    struct dp_work *work;       /* Of the innermost call of the pipe. */
    struct ovs_list spare_items;    /* 'struct dp_work_item's to use again:
                                     * few, as the work is bounded. */
    struct dp_follower *follower;   /* Owned; NULL: no packet is followed. */
    struct dp_live_packet *live;    /* Owned: the packet in the pipe is one
                                     * that somebody wants to be told about,
                                     * see dp-live.h; or NULL. */
    struct dp_rxq_load *load;   /* Of the rx queue being served, or NULL. */
    uint64_t booked_at;         /* Cycles before have been booked, see
                                 * dp_lane_lap(). */
    bool emc_enabled;           /* Of the port being served. */
    bool mark_found;            /* A mark led to a flow, but the packet was
                                 * not taken: it may have a merged one. */
    struct dp_clock clock;      /* Of a PMD thread. */
    long long int now;
    long long int next_rank;    /* When to sort subtables again. */
    long long int swept_at;     /* When the EMC was last swept. */
    int n_sent;                 /* Packets, since dp_lane_take_sent(). */
    unsigned int n_waiting;     /* Packets in work lists. */

    /* Published (RCU or atomic), or guarded inside. */
    struct pmd_perf_stats perf;
    struct dp_flow_table flows;
    struct dp_tuples merged;    /* Merged flows, see dp-carrier.h. */
    struct dp_mark_index *marks;    /* The engine's; NULL without engine. */
    atomic_uint turn;           /* Odd while packets are in the pipe. */
    atomic_uint peak_waiting;   /* Highest 'n_waiting' so far. */
    struct dp_drops drops;      /* Counts. */

    /* Main lane only: held by its user. */
    struct ovs_mutex main_mutex;
};

void dp_lane_init(struct dp_lane *, struct dp_shared *, unsigned int core_id,
                  int numa_id);
void dp_lane_uninit(struct dp_lane *);

struct dp_flow *dp_lane_install__(struct dp_lane *lane, const struct match *,
                                  const ovs_u128 *ufid,
                                  const struct nlattr *actions, size_t len)
    OVS_REQUIRES(lane->flows.mutex);
void dp_lane_offer(struct dp_lane *lane, struct dp_flow *)
    OVS_REQUIRES(lane->flows.mutex);
void dp_lane_remove(struct dp_lane *lane, struct dp_flow *,
                    struct dpif_flow_stats *nic)
    OVS_REQUIRES(lane->flows.mutex);
void dp_lane_flow_changed(const struct dp_lane *lane, struct dp_flow *)
    OVS_EXCLUDED(lane->flows.mutex);
void dp_lane_settle_flow(const struct dp_lane *, struct dp_flow *);
void dp_lane_flush_flows(struct dp_lane *);
void dp_lane_housekeeping(struct dp_lane *);
void dp_lane_wait(const struct dp_lane *);

static inline bool
dp_lane_is_main(const struct dp_lane *lane)
{
    return lane->core_id == NON_PMD_CORE_ID;
}

static inline void
dp_lane_update_clock(struct dp_lane *lane)
{
    lane->now = time_usec();
}

/* Sets the lane's clock, by the time-stamp counter as it was last read if that
 * will do. */
static inline void
dp_lane_glance_at_clock(struct dp_lane *lane)
{
    long long int now;

    if (OVS_LIKELY(dp_clock_read(&lane->clock, cycles_counter_get(&lane->perf),
                                 &now))) {
        lane->now = MAX(lane->now, now);
    } else {
        dp_lane_update_clock(lane);
    }
}

/* Work begins that is to be booked: it began when the lane last looked at the
 * time-stamp counter. */
static inline void
dp_lane_begin_lap(struct dp_lane *lane)
{
    lane->booked_at = cycles_counter_get(&lane->perf);
}

/* Returns the cycles since the last call of this or dp_lane_begin_lap().  So a
 * lane looks at the counter once between two things that are booked apart, and
 * not at the start and at the end of each: a look costs as much as half a
 * packet. */
static inline uint64_t
dp_lane_lap(struct dp_lane *lane)
{
    uint64_t began = lane->booked_at;

    lane->booked_at = cycles_counter_update(&lane->perf);
    return lane->booked_at - began;
}

/* Called by the owner before packets enter the pipe, and when they have left
 * it.  Whoever removes a flow and then calls dp_lane_wait() has seen 'turn'
 * odd, and waits, or the packets that enter now do not find the flow. */
static inline void
dp_lane_begin_turn(struct dp_lane *lane)
{
    unsigned int turn;

    atomic_read_relaxed(&lane->turn, &turn);
    atomic_store_relaxed(&lane->turn, turn + 1);
    dp_fence_frequent(lane->shared->fence_registered);
}

static inline void
dp_lane_end_turn(struct dp_lane *lane)
{
    unsigned int turn;

    atomic_read_relaxed(&lane->turn, &turn);
    atomic_store_explicit(&lane->turn, turn + 1, memory_order_release);
}

/* See 'emc_insert_inv' in dp-shared.h; 0 if the port wants no EMC. */
static inline uint32_t
dp_lane_emc_insert_inv(const struct dp_lane *lane)
{
    uint32_t inv;

    atomic_read_relaxed(&lane->shared->emc_insert_inv, &inv);
    return lane->emc_enabled ? inv : 0;
}

/* Returns how many packets were sent since the last call. */
static inline int
dp_lane_take_sent(struct dp_lane *lane)
{
    int n = lane->n_sent;

    lane->n_sent = 0;
    return n;
}

static inline void
dp_lane_count(struct dp_lane *lane, enum pmd_stat_type type, int n)
{
    pmd_perf_update_counter(&lane->perf, type, n);
}

/* Returns how many packets the lane has received, whenever users have cleared
 * its counters. */
static inline uint64_t
dp_lane_n_received(const struct dp_lane *lane_)
{
    struct dp_lane *lane = CONST_CAST(struct dp_lane *, lane_);
    uint64_t n;

    atomic_read_relaxed(&lane->perf.counters.n[PMD_STAT_RECV], &n);
    return n;
}

#endif /* dp-lane.h */
