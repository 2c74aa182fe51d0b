/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "pipe/dp-live.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>

#include "bitmap.h"
#include "dp-packet.h"
#include "flow.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "ovs/ovs-flow-compose.h"
#include "pipe/dp-burst.h"
#include "pipe/dp-pipe.h"
#include "tests/dptest.h"
#include "tests/pipe/pipe-rig.h"

/* A UDP destination port names what is to be done with a packet. */
enum what {
    SEND = 1,                   /* To port 1. */
    NOWHERE,                    /* To a port that is not there. */
    REFUSE,                     /* The upcall fails. */
    DROP,                       /* No actions. */
    CLONE,                      /* A copy to port 1, then to port 2. */
    AGAIN,                      /* Once more, then as SEND. */
    MANY,                       /* More than can be noted. */
    LONG,                       /* Actions are longer than can be kept. */
};

static size_t n_sent;

static void
count_sent(const struct netdev *netdev OVS_UNUSED,
           const struct dp_packet *packet OVS_UNUSED)
{
    n_sent++;
}

static void
put_many(struct ofpbuf *actions, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, 1);
    }
}

static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
       enum dpif_upcall_type type OVS_UNUSED,
       const struct nlattr *userdata OVS_UNUSED, struct ofpbuf *actions,
       struct flow_wildcards *wc, struct ofpbuf *put_actions OVS_UNUSED,
       void *aux OVS_UNUSED)
{
    enum what what = ntohs(flow->tp_dst);
    size_t start;

    memset(&wc->masks, 0, sizeof wc->masks);
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    wc->masks.nw_proto = UINT8_MAX;
    wc->masks.tp_dst = OVS_BE16_MAX;
    switch (flow->recirc_id ? SEND : what) {
    case SEND:
        put_many(actions, 1);
        break;
    case NOWHERE:
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, 9);
        break;
    case REFUSE:
        return EINVAL;
    case DROP:
        break;
    case CLONE:
        start = nl_msg_start_nested(actions, OVS_ACTION_ATTR_CLONE);
        put_many(actions, 1);
        nl_msg_end_nested(actions, start);
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, 2);
        break;
    case AGAIN:
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, 77);
        break;
    case MANY:
        put_many(actions, DP_LIVE_EVENTS);
        break;
    case LONG:
        put_many(actions, 1 + DP_LIVE_BYTES / NLA_ALIGN(NLA_HDRLEN + 4));
        break;
    default:
        OVS_NOT_REACHED();
    }
    return 0;
}

static struct dp_packet *
make_packet(enum what what)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(128, 128);
    const struct flow flow = {
        .dl_type = htons(ETH_TYPE_IP),
        .nw_src = htonl(0x0a000001),
        .nw_dst = htonl(0x0a000002),
        .nw_proto = IPPROTO_UDP,
        .nw_ttl = 64,
        .tp_src = htons(1000),
        .tp_dst = htons(what),
    };

    ovs_flow_compose(packet, &flow, 10);
    dp_packet_reset_offload(packet);
    return packet;
}

static void
receive(struct pipe_rig *rig, const enum what whats[], size_t n,
        unsigned int in_port)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, make_packet(whats[i]));
    }
    pipe_rig_receive(rig, &batch, in_port);
}

static void
init(struct pipe_rig *rig)
{
    pipe_rig_init(rig, upcall, count_sent);
    pipe_rig_add_port(rig, 1, "sink");
    pipe_rig_add_port(rig, 2, "sink");
    n_sent = 0;
}

static void
uninit(struct pipe_rig *rig)
{
    dp_lane_flush_flows(&rig->lane);
    pipe_rig_uninit(rig);
}

static struct dp_live *
start(struct pipe_rig *rig, unsigned int n)
{
    struct dp_live_filter filter = { .ports = NULL };
    struct dp_live *live;

    match_init_catchall(&filter.match);
    live = dp_live_create(&filter, n);
    dp_live_start(&rig->shared, live);
    return live;
}

static void
stop(struct pipe_rig *rig, struct dp_live *live)
{
    dp_live_stop(&rig->shared);
    dp_live_destroy(live);
    ovsrcu_quiesce();
}

/* Sends one packet and returns what is told of it. */
static struct dp_live_packet *
trace(struct pipe_rig *rig, enum what what)
{
    struct dp_live *live = start(rig, 1);
    struct dp_live_packet *p;

    receive(rig, &what, 1, 2);
    ovs_assert(dp_live_is_done(live));
    p = dp_live_take(live);
    ovs_assert(p && !dp_live_take(live));
    stop(rig, live);
    return p;
}

/* Checks that 'p', which it frees, has events of 'types'. */
static void
check_types(struct dp_live_packet *p, const enum dp_live_type types[],
            size_t n)
{
    ovs_assert(p->n_events == n && !p->is_cut);
    for (size_t i = 0; i < n; i++) {
        ovs_assert(p->events[i].type == types[i]);
    }
    free(p);
}

#define CHECK_TYPES(P, ...)                                     \
    do {                                                        \
        const enum dp_live_type types[] = { __VA_ARGS__ };      \
        check_types(P, types, ARRAY_SIZE(types));               \
    } while (0)

static void
check_how(struct pipe_rig *rig, enum dp_live_how how)
{
    struct dp_live_packet *p = trace(rig, SEND);

    ovs_assert(p->events[1].found.how == how);
    ovs_assert(p->events[1].found.actions.len);
    ovs_assert(odp_to_u32(p->in_port) == 2);
    ovs_assert(p->events[2].port == u32_to_odp(1) && !p->events[2].lacking);
    CHECK_TYPES(p, DP_LIVE_PASS, DP_LIVE_FOUND, DP_LIVE_OUTPUT);
}

/* By what megaflows are found. */
static void
test_live_how_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct pipe_rig rig;

    init(&rig);
    check_how(&rig, DP_LIVE_BY_UPCALL);
    check_how(&rig, DP_LIVE_BY_CLASSIFIER);
    atomic_store_relaxed(&rig.shared.smc_enable, true);
    check_how(&rig, DP_LIVE_BY_CLASSIFIER);
    check_how(&rig, DP_LIVE_BY_SMC);
    atomic_store_relaxed(&rig.shared.smc_enable, false);
    atomic_store_relaxed(&rig.shared.emc_insert_inv, 1);
    check_how(&rig, DP_LIVE_BY_CLASSIFIER);
    check_how(&rig, DP_LIVE_BY_EMC);
    ovs_assert(n_sent == 6);
    uninit(&rig);
}
DPTEST_REGISTER("live-how", test_live_how_main);

static void
check_drop(struct pipe_rig *rig, enum what what, enum dp_drop reason)
{
    struct dp_live_packet *p = trace(rig, what);
    const struct dp_live_event *last = &p->events[p->n_events - 1];

    ovs_assert(last->type == DP_LIVE_DROP);
    ovs_assert(last->drop.reason == reason && last->drop.n == 1);
    free(p);
}

/* What is too short to be a packet is dropped before it has a pass. */
static void
check_short(struct pipe_rig *rig)
{
    struct dp_live *live = start(rig, 1);
    struct dp_packet_batch batch;
    struct dp_live_packet *p;

    dp_packet_batch_init_packet(&batch, dp_packet_new(64));
    dp_packet_put_zeros(batch.packets[0], ETH_HEADER_LEN - 1);
    pipe_rig_receive(rig, &batch, 2);
    p = dp_live_take(live);
    ovs_assert(p->events[0].drop.reason == DP_DROP_RX_INVALID);
    CHECK_TYPES(p, DP_LIVE_DROP);
    stop(rig, live);
}

/* Why packets are dropped, and what happens to copies and to packets that come
 * back. */
static void
test_live_events_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_live_packet *p;
    struct pipe_rig rig;

    init(&rig);
    check_drop(&rig, NOWHERE, DP_DROP_INVALID_PORT);
    check_drop(&rig, REFUSE, DP_DROP_UPCALL);
    check_short(&rig);
    CHECK_TYPES(trace(&rig, DROP), DP_LIVE_PASS, DP_LIVE_FOUND);

    p = trace(&rig, CLONE);
    ovs_assert(p->events[3].nested && !p->events[4].nested);
    CHECK_TYPES(p, DP_LIVE_PASS, DP_LIVE_FOUND, DP_LIVE_NEST, DP_LIVE_OUTPUT,
                DP_LIVE_OUTPUT);

    p = trace(&rig, AGAIN);
    ovs_assert(p->events[3].pass.depth == 1);
    ovs_assert(p->looks[p->events[3].pass.look].recirc_id == 77);
    CHECK_TYPES(p, DP_LIVE_PASS, DP_LIVE_FOUND, DP_LIVE_RECIRC, DP_LIVE_PASS,
                DP_LIVE_FOUND, DP_LIVE_OUTPUT);
    free(trace(&rig, AGAIN));  /* From now on the lane remembers. */
    p = trace(&rig, AGAIN);
    ovs_assert(p->events[4].found.how == DP_LIVE_BY_RECENT);
    free(p);
    uninit(&rig);
}
DPTEST_REGISTER("live-events", test_live_events_main);

/* How many packets, events and bytes there may be, and that the packets that
 * are left out are forwarded all the same. */
static void
test_live_bounds_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const enum what sends[] = { SEND, SEND, DROP, SEND, SEND };
    struct dp_live_packet *p;
    struct dp_live *live;
    struct pipe_rig rig;

    init(&rig);
    live = start(&rig, 3);
    receive(&rig, sends, ARRAY_SIZE(sends), 2);
    ovs_assert(dp_live_is_done(live) && n_sent == 4);
    ovs_assert(dp_live_n_seen(live) == 3);
    for (int i = 0; i < 3; i++) {
        p = dp_live_take(live);
        ovs_assert(ntohs(p->looks[0].tp_dst) == sends[i]);
        free(p);
    }
    ovs_assert(!dp_live_take(live));
    stop(&rig, live);

    /* Packets that nobody takes are freed. */
    live = start(&rig, DP_LIVE_PACKETS_MAX);
    receive(&rig, sends, ARRAY_SIZE(sends), 2);
    ovs_assert(!dp_live_is_done(live));
    stop(&rig, live);

    p = trace(&rig, MANY);
    ovs_assert(p->is_cut && p->n_events == DP_LIVE_EVENTS);
    free(p);
    p = trace(&rig, LONG);
    ovs_assert(p->is_cut && !p->events[1].found.actions.len);
    free(p);
    uninit(&rig);
}
DPTEST_REGISTER("live-bounds", test_live_bounds_main);

/* Which packets are wanted; of two questions the second one counts. */
static void
test_live_filter_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    const enum what whats[] = { SEND, CLONE, DROP, CLONE };
    struct dp_live_filter filter = { .ports = NULL };
    struct dp_live *first, *second;
    struct dp_live_packet *p;
    struct pipe_rig rig;

    init(&rig);
    match_init_catchall(&filter.match);
    filter.ports = bitmap_allocate(DP_LIVE_PORTS);
    bitmap_set1(filter.ports, 1);
    match_set_tp_dst(&filter.match, htons(CLONE));
    first = start(&rig, 1);
    second = dp_live_create(&filter, 2);
    dp_live_start(&rig.shared, second);
    dp_live_destroy(first);

    receive(&rig, whats, ARRAY_SIZE(whats), 2);
    ovs_assert(!dp_live_take(second) && !dp_live_n_seen(second));
    receive(&rig, whats, ARRAY_SIZE(whats), 1);
    ovs_assert(dp_live_is_done(second) && dp_live_n_seen(second) == 4);
    while ((p = dp_live_take(second)) != NULL) {
        ovs_assert(ntohs(p->looks[0].tp_dst) == CLONE);
        free(p);
    }
    stop(&rig, second);
    uninit(&rig);
}
DPTEST_REGISTER("live-filter", test_live_filter_main);

/* Lanes of several threads find packets while questions begin and end. */

enum { N_LANES = 3, N_ROUNDS = DPTEST_MANY(300) };

static struct dp_shared *threads_shared;
static atomic_bool threads_end;

static void *
lane_main(void *lane_)
{
    struct dp_lane *lane = lane_;
    bool end;

    do {
        struct dp_packet_batch batch;

        dp_packet_batch_init(&batch);
        for (int i = 0; i < 4; i++) {
            dp_packet_batch_add(&batch, make_packet(i % 2 ? SEND : AGAIN));
        }
        dp_packet_batch_init_packet_fields(&batch);
        dp_lane_update_clock(lane);
        dp_pipe_receive(lane, &batch, u32_to_odp(2));
        ovsrcu_quiesce();
        atomic_read_relaxed(&threads_end, &end);
    } while (!end);
    return NULL;
}

/* Asks for 'n' packets; waits for them if 'patient'.  Returns a bitmap of the
 * lanes that have found some. */
static uint32_t
ask_threads(unsigned int n, bool patient)
{
    struct dp_live_filter filter = { .ports = NULL };
    struct dp_live_packet *p;
    struct dp_live *live;
    unsigned int n_found = 0;
    uint32_t lanes = 0;

    match_init_catchall(&filter.match);
    match_set_tp_dst(&filter.match, htons(AGAIN));
    live = dp_live_create(&filter, n);
    dp_live_start(threads_shared, live);
    while (patient && !dp_live_is_done(live)) {
        sched_yield();
    }
    dp_live_stop(threads_shared);
    while ((p = dp_live_take(live)) != NULL) {
        ovs_assert(p->n_events >= 5 && !p->is_cut);
        lanes |= UINT32_C(1) << p->core_id;
        n_found++;
        free(p);
    }
    ovs_assert(patient ? n_found == n : n_found <= n);
    dp_live_destroy(live);
    ovsrcu_quiesce();
    return lanes;
}

static void
test_live_threads_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_lane *lanes[N_LANES];
    pthread_t threads[N_LANES];
    struct pipe_rig rig;
    uint32_t seen = 0;

    init(&rig);
    threads_shared = &rig.shared;
    atomic_init(&threads_end, false);
    for (int i = 0; i < N_LANES; i++) {
        lanes[i] = xmalloc_cacheline(sizeof *lanes[i]);
        dp_lane_init(lanes[i], &rig.shared, i, 0);
        threads[i] = ovs_thread_create("lane", lane_main, lanes[i]);
    }
    for (int i = 0; i < N_ROUNDS || seen != (1 << N_LANES) - 1; i++) {
        seen |= ask_threads(1 + random_range(8), i % 4);
    }
    atomic_store_relaxed(&threads_end, true);
    for (int i = 0; i < N_LANES; i++) {
        xpthread_join(threads[i], NULL);
        dp_lane_flush_flows(lanes[i]);
        dp_lane_uninit(lanes[i]);
        free_cacheline(lanes[i]);
    }
    uninit(&rig);
}
DPTEST_REGISTER("live-threads", test_live_threads_main);
