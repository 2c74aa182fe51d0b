/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-pipe.h"

#include "coverage.h"
#include "dp-packet.h"
#include "util.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-exec.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-live.h"

COVERAGE_DEFINE(dp_pipe_bounded);

/* The pipe may be entered while it runs: an upcall, made by the miss or exec
 * stage, may send a packet of its own.  Each call has its own burst and work
 * list, on the stack; the innermost one collects what is recirculated.  To be
 * nested counts as a recirculation, so that this ends, too.
 *
 * Order.  What a burst recirculates is done next, in the order in which the
 * burst did so, and before what waited already: the order of a recursion, by
 * which no packet overtakes another of its flow.  So of each pass there is
 * what one burst has made, and not what all bursts of that pass have: where
 * each of six tables recirculates ten ways, sixty packets and not a million.
 *
 * Bound.  A burst may go a thousand ways, too.  Before it has more than
 * DP_WORK_MAX packets waiting, a nested call does what it has so far, which is
 * due before the rest anyway.  Nested calls do passes that come later, of
 * which there are DP_MAX_RECIRC_DEPTH. */

static void
work_begin(struct dp_lane *lane, struct dp_work *work)
{
    if (!lane->work) {
        dp_lane_begin_turn(lane);
    }
    ovs_list_init(&work->items);
    work->older = &work->items;
    work->n_new = 0;
    work->outer = lane->work;
    work->depth = lane->work ? lane->work->depth + 1 : 0;
    work->received = false;
    lane->work = work;
}

static void
work_end(struct dp_lane *lane, struct dp_work *work)
{
    ovs_assert(ovs_list_is_empty(&work->items));
    lane->work = work->outer;
    if (!lane->work) {
        dp_lane_end_turn(lane);
    }
}

/* Counts 'n' packets more, or with a negative number fewer, that wait. */
static void
count_waiting(struct dp_lane *lane, int n)
{
    unsigned int peak;

    lane->n_waiting += n;
    atomic_read_relaxed(&lane->peak_waiting, &peak);
    if (OVS_UNLIKELY(lane->n_waiting > peak)) {
        atomic_store_relaxed(&lane->peak_waiting, lane->n_waiting);
    }
}

static void do_new_items(struct dp_lane *);

/* Puts the packets of 'batch', of which it takes ownership, into the work list
 * for their 'depth'th recirculation, behind what the same burst has put there
 * before. */
void
dp_pipe_again(struct dp_lane *lane, struct dp_packet_batch *batch,
              unsigned int depth)
{
    struct dp_work *work = lane->work;
    struct dp_work_item *item;

    if (OVS_UNLIKELY(work->n_new + batch->count > DP_WORK_MAX)) {
        do_new_items(lane);
    }
    if (OVS_LIKELY(!ovs_list_is_empty(&lane->spare_items))) {
        item = CONTAINER_OF(ovs_list_pop_front(&lane->spare_items),
                            struct dp_work_item, node);
    } else {
        item = xmalloc(sizeof *item);
    }

    item->depth = depth;
    item->batch = *batch;
    ovs_list_insert(work->older, &item->node);
    work->n_new += batch->count;
    count_waiting(lane, batch->count);
    dp_packet_batch_init(batch);
}

/* Takes the first item of the work list into 'burst'.  Returns false if there
 * is none.  Reassembly may bring fragments from several ports together; a
 * burst has packets from one. */
static bool
dp_lane_next(struct dp_lane *lane, struct dp_burst *burst)
{
    struct dp_work *work = lane->work;
    struct dp_work_item *item;
    struct dp_packet_batch *batch;
    odp_port_t in_port;
    size_t n = 0;

    if (ovs_list_is_empty(&work->items)) {
        return false;
    }
    item = CONTAINER_OF(ovs_list_front(&work->items), struct dp_work_item,
                        node);
    batch = &item->batch;
    in_port = batch->packets[0]->md.in_port.odp_port;
    while (n < batch->count
           && batch->packets[n]->md.in_port.odp_port == in_port) {
        n++;
    }

    size_t n_left = batch->count - n;
    batch->count = n;
    dp_burst_init(lane, burst, batch, in_port, item->depth);
    dp_lane_count(lane, PMD_STAT_RECIRC, n);
    count_waiting(lane, -(int) n);
    if (n_left) {
        memmove(batch->packets, batch->packets + n,
                n_left * sizeof batch->packets[0]);
        batch->count = n_left;
    } else {
        ovs_list_remove(&item->node);
        ovs_list_push_front(&lane->spare_items, &item->node);
    }
    work->older = work->items.next;
    work->n_new = 0;
    return true;
}

/* Takes 'burst' from lookup to the output queues of 'lane', and whatever is
 * recirculated on the way. */
static void
dp_pipe_run(struct dp_lane *lane, struct dp_burst *burst)
{
    do {
        dp_lookup_run(lane, burst);     /* Keys, caches, classifier. */
        dp_miss_run(lane, burst);       /* Whoever is still undecided. */
        dp_group_run(lane, burst);
        dp_exec_run(lane, burst);       /* Fills lane->tx and lane->work. */
    } while (dp_lane_next(lane, burst));    /* Recirculated. */
}

/* The same, for a packet that somebody wants to be told about. */
static void
dp_pipe_run_live(struct dp_lane *lane, struct dp_burst *burst)
{
    do {
        if (burst->depth) {
            dp_live_enter(lane, burst);
        }
        dp_lookup_run(lane, burst);
        dp_live_looked_up(lane, burst);
        dp_miss_run(lane, burst);
        dp_live_found(lane, burst);
        dp_group_run(lane, burst);
        dp_exec_run_live(lane, burst);
    } while (dp_lane_next(lane, burst));
}

/* Does what waits in the work list of 'lane', if anything. */
static void
dp_pipe_resume(struct dp_lane *lane)
{
    struct dp_burst burst;

    if (dp_lane_next(lane, &burst)) {
        if (OVS_UNLIKELY(lane->live)) {
            dp_pipe_run_live(lane, &burst);
        } else {
            dp_pipe_run(lane, &burst);
        }
    }
}

/* Does what the present burst has put into the work list so far. */
static void
do_new_items(struct dp_lane *lane)
{
    struct dp_work *outer = lane->work;
    struct dp_work work;

    COVERAGE_INC(dp_pipe_bounded);
    work_begin(lane, &work);
    ovs_list_splice(&work.items, outer->items.next, outer->older);
    outer->n_new = 0;
    dp_pipe_resume(lane);
    work_end(lane, &work);
}

static inline void
receive(struct dp_lane *lane, struct dp_packet_batch *batch,
        odp_port_t in_port)
{
    struct dp_burst burst;
    struct dp_work work;

    work_begin(lane, &work);
    work.received = true;
    dp_lane_count(lane, PMD_STAT_RECV, batch->count);
    dp_burst_init(lane, &burst, batch, in_port, 0);
    dp_rx_run(lane, &burst);            /* NIC marks decide some. */
    dp_pipe_run(lane, &burst);
    work_end(lane, &work);
}

/* The same for 'packet' alone, and notes in 'live' what becomes of it. */
static void
receive_one(struct dp_lane *lane, struct dp_packet *packet,
            odp_port_t in_port, struct dp_live_packet *live)
{
    struct dp_packet_batch batch;
    struct dp_burst burst;
    struct dp_work work;

    lane->live = live;
    work_begin(lane, &work);
    work.received = true;
    dp_packet_batch_init_packet(&batch, packet);
    dp_lane_count(lane, PMD_STAT_RECV, 1);
    dp_burst_init(lane, &burst, &batch, in_port, 0);
    dp_live_enter(lane, &burst);
    dp_rx_run(lane, &burst);
    dp_pipe_run_live(lane, &burst);
    work_end(lane, &work);
    lane->live = NULL;
}

/* The same for 'batch', of which 'live' may want some.  Not inline: this is
 * rare. */
static void __attribute__((noinline))
receive_live(struct dp_lane *lane, struct dp_packet_batch *batch,
             odp_port_t in_port, struct dp_live *live)
{
    struct dp_packet_batch before;
    struct dp_packet *packet;

    dp_packet_batch_init(&before);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        struct dp_live_packet *p = dp_live_claim(live, lane, packet, in_port);

        if (!p) {
            dp_packet_batch_add(&before, packet);
            continue;
        }
        if (!dp_packet_batch_is_empty(&before)) {
            receive(lane, &before, in_port);
            dp_packet_batch_init(&before);
        }
        receive_one(lane, packet, in_port, p);
        dp_live_finish(live, p);
    }
    if (!dp_packet_batch_is_empty(&before)) {
        receive(lane, &before, in_port);
    }
}

/* Forwards the packets of 'batch', which 'in_port' received.  Takes ownership
 * of them. */
void
dp_pipe_receive(struct dp_lane *lane, struct dp_packet_batch *batch,
                odp_port_t in_port)
{
    struct dp_live *live = dp_live_get(lane->shared);

    if (OVS_LIKELY(!live)) {
        receive(lane, batch, in_port);
    } else {
        receive_live(lane, batch, in_port, live);
    }
}

/* Executes actions on the packets of 'batch', which look like 'flow' and have
 * valid metadata.  They are the caller's still, as the actions left them. */
void
dp_pipe_execute(struct dp_lane *lane, struct dp_packet_batch *batch,
                const struct flow *flow, const struct nlattr *nla, size_t len)
{
    struct dp_live_packet *live = lane->live;
    struct dp_work work;
    struct dp_key key;

    /* A packet of the upper layers' own, not the one that 'live' is about. */
    lane->live = NULL;
    work_begin(lane, &work);
    dp_key_from_flow(&key, flow);
    dp_exec_attrs(lane, batch, nla, len, &key.mf);
    dp_pipe_resume(lane);
    work_end(lane, &work);
    lane->live = live;
}
