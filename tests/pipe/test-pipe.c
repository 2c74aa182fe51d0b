/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-pipe.h"

#include <errno.h>

#include "dp-packet.h"
#include "flow.h"
#include "netdev-provider.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "random.h"
#include "util.h"
#include "ovs/ovs-flow-compose.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-exec.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-live.h"
#include "pipe/dp-meter.h"
#include "tests/dptest.h"

/* The whole pipe of one lane, between bursts that we make and netdevs that
 * remember what they were sent.
 *
 * What is to be done with a packet is a pure function of what it looks like
 * ("policy"): the upcall callback answers by it, and a model computes from it
 * where each packet must leave.  However the packets find their flows (caches
 * on or off, one by one or in bursts, flows deleted under them), the outputs
 * must be those of the model, and packets of one connection must leave each
 * port in the order in which they came. */

enum {
    N_PORTS = 4,                /* 1...N_PORTS */
    N_CONNECTIONS = 48,
    N_PACKETS = DPTEST_MANY(60000),
    MAX_PASSES = 1 << 12,       /* Outputs of one packet by one port. */
    MAX_OUTPUTS = 1 << 22,
    BOND_ID = 5,
    WIDE = 200,                 /* Ways that some connections go at once. */
    FAN = 5,                    /* Ways in each pass of test_pipe_fan_main() */
    FAN_DEPTH = 6,              /* Its passes. */
};

/* A packet as it left. */
struct sent {
    uint32_t id;                /* Number of the packet, from its payload. */
    uint16_t connection;
};

struct capture {
    struct netdev up;
    struct sent *sent;
    size_t n;
};

static struct capture *captures[N_PORTS + 1];

/* The netdev. */

static struct netdev *
capture_alloc(void)
{
    struct capture *capture = xzalloc(sizeof *capture);

    return &capture->up;
}

static int
capture_construct(struct netdev *netdev)
{
    struct capture *capture = CONTAINER_OF(netdev, struct capture, up);

    capture->sent = xmalloc(MAX_OUTPUTS * sizeof *capture->sent);
    return 0;
}

static void
capture_destruct(struct netdev *netdev)
{
    free(CONTAINER_OF(netdev, struct capture, up)->sent);
}

static void
capture_dealloc(struct netdev *netdev)
{
    free(CONTAINER_OF(netdev, struct capture, up));
}

/* The last eight bytes of a packet are its number and its connection. */
struct trailer {
    ovs_16aligned_be32 id;
    ovs_be16 connection;
    ovs_be16 unused;
};

static int
capture_send(struct netdev *netdev, int qid OVS_UNUSED,
             struct dp_packet_batch *batch, bool concurrent OVS_UNUSED)
{
    struct capture *capture = CONTAINER_OF(netdev, struct capture, up);
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        const struct trailer *trailer
            = ALIGNED_CAST(struct trailer *,
                           (char *) dp_packet_tail(packet) - sizeof *trailer);

        ovs_assert(capture->n < MAX_OUTPUTS);
        capture->sent[capture->n++] = (struct sent) {
            .id = ntohl(get_16aligned_be32(&trailer->id)),
            .connection = ntohs(trailer->connection),
        };
    }
    dp_packet_delete_batch(batch, true);
    return 0;
}

static int
capture_update_flags(struct netdev *netdev OVS_UNUSED,
                     enum netdev_flags off OVS_UNUSED,
                     enum netdev_flags on OVS_UNUSED,
                     enum netdev_flags *old)
{
    *old = 0;
    return 0;
}

static const struct netdev_class capture_class = {
    .type = "capture",
    .alloc = capture_alloc,
    .construct = capture_construct,
    .destruct = capture_destruct,
    .dealloc = capture_dealloc,
    .send = capture_send,
    .update_flags = capture_update_flags,
};

/* The policy: for a packet of 'connection' in its pass 'recirc_id', a set of
 * ports to send to, whether a bond chooses one more, and how often it goes on
 * to the next pass, 'recirc_id' + 1. */
static void
policy(unsigned int connection, uint32_t recirc_id, uint32_t *ports,
       bool *bond, unsigned int *n_ways)
{
    uint32_t hash = hash_2words(connection / 3, recirc_id);

    *ports = hash & ((1 << N_PORTS) - 1);
    *bond = hash & 0x200;
    *n_ways = (recirc_id >= 3 || !(hash & 0x100) ? 0
               : hash & 0x400 ? 1
               : !recirc_id && hash & 0x800 ? WIDE
               : 3);
}

static void
make_flow(struct flow *flow, unsigned int connection)
{
    memset(flow, 0, sizeof *flow);
    flow->dl_type = htons(ETH_TYPE_IP);
    flow->nw_src = htonl(0x0a000001);
    flow->nw_dst = htonl(0x0a000002);
    flow->nw_proto = IPPROTO_UDP;
    flow->nw_ttl = 64;
    flow->tp_src = htons(connection);
    flow->tp_dst = htons(53);
}

static odp_port_t
bond_member(uint32_t bucket)
{
    return u32_to_odp(1 + bucket % N_PORTS);
}

/* Has the NIC a hash for packets of 'connection'?  It has one for each two. */
static bool
is_hashed(unsigned int connection)
{
    return connection % 4 < 2;
}

static uint32_t
hash_of(unsigned int connection)
{
    struct flow flow;

    make_flow(&flow, connection);
    return (is_hashed(connection) ? hash_int(connection / 4, 0)
            : flow_hash_5tuple(&flow, 0));
}

/* The port that the bond chooses for 'connection'. */
static uint32_t
bond_policy(unsigned int connection)
{
    return odp_to_u32(bond_member(hash_of(connection) % BOND_BUCKETS));
}

static unsigned int n_upcalls;

/* A connection is told by its UDP source port; three have one policy, so a
 * megaflow is good for three or for one, by the bits that are matched. */
static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
       enum dpif_upcall_type type, const struct nlattr *userdata OVS_UNUSED,
       struct ofpbuf *actions, struct flow_wildcards *wc,
       struct ofpbuf *put_actions OVS_UNUSED, void *aux OVS_UNUSED)
{
    unsigned int n_ways;
    uint32_t ports;
    bool bond;

    ovs_assert(type == DPIF_UC_MISS);
    n_upcalls++;
    policy(ntohs(flow->tp_src), flow->recirc_id, &ports, &bond, &n_ways);
    for (int i = 0; i < N_PORTS; i++) {
        if (ports & (1u << i)) {
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, i + 1);
        }
    }
    if (bond) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_LB_OUTPUT, BOND_ID);
    }
    while (n_ways--) {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC, flow->recirc_id + 1);
    }
    wc->masks.in_port.odp_port = ODPP_NONE;
    wc->masks.recirc_id = UINT32_MAX;
    wc->masks.packet_type = OVS_BE32_MAX;
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    wc->masks.nw_proto = UINT8_MAX;
    wc->masks.tp_src = OVS_BE16_MAX;
    return random_range(50) ? 0 : ENOSPC;
}

/* An upcall that sends a packet of its own, which misses, too. */
static int
nested_upcall(const struct dp_packet *packet, const struct flow *flow,
              ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
              enum dpif_upcall_type type OVS_UNUSED,
              const struct nlattr *userdata OVS_UNUSED,
              struct ofpbuf *actions OVS_UNUSED, struct flow_wildcards *wc,
              struct ofpbuf *put_actions OVS_UNUSED, void *lane)
{
    struct dp_packet_batch batch;
    uint64_t stub[64 / 8];
    struct ofpbuf again;

    n_upcalls++;
    ovs_assert(n_upcalls <= DP_MAX_RECIRC_DEPTH + 1);
    ofpbuf_use_stub(&again, stub, sizeof stub);
    nl_msg_put_u32(&again, OVS_ACTION_ATTR_RECIRC, n_upcalls);
    dp_packet_batch_init_packet(&batch, dp_packet_clone(packet));
    dp_pipe_execute(lane, &batch, flow, again.data, again.size);
    dp_packet_delete_batch(&batch, true);
    ofpbuf_uninit(&again);
    memset(&wc->masks, 0, sizeof wc->masks);
    return ENOSPC;
}

static struct dp_packet *
make_packet(uint32_t id, unsigned int connection)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(128, 128);
    struct trailer *trailer;
    struct flow flow;

    make_flow(&flow, connection);
    ovs_flow_compose(packet, &flow, 64);
    trailer = ALIGNED_CAST(struct trailer *, (char *) dp_packet_tail(packet)
                           - sizeof *trailer);
    put_16aligned_be32(&trailer->id, htonl(id));
    trailer->connection = htons(connection);
    dp_packet_reset_offload(packet);
    if (is_hashed(connection)) {
        dp_packet_set_rss_hash(packet, hash_of(connection));
    }
    return packet;
}

/* Adds what a packet of 'connection' leads to from pass 'recirc_id' on to
 * 'expected', outputs by port. */
static void
expect(unsigned int connection, uint32_t recirc_id, unsigned int expected[],
       uint64_t *n_bonded)
{
    unsigned int n_ways;
    uint32_t ports;
    bool bond;

    policy(connection, recirc_id, &ports, &bond, &n_ways);
    for (int i = 0; i < N_PORTS; i++) {
        expected[i + 1] += (ports >> i) & 1;
    }
    expected[bond_policy(connection)] += bond;
    *n_bonded += bond;
    while (n_ways--) {
        expect(connection, recirc_id + 1, expected, n_bonded);
    }
}

/* Every output of the model has happened, exactly once, and in order.  Returns
 * how many of them a bond chose. */
static uint64_t
check_outputs(const unsigned int connections[])
{
    static uint16_t n_seen[N_PORTS + 1][N_PACKETS];
    static int last[N_PORTS + 1][N_CONNECTIONS][MAX_PASSES];
    uint64_t n_bonded = 0;

    memset(last, -1, sizeof last);
    for (int p = 1; p <= N_PORTS; p++) {
        /* A packet may leave one port in several passes, in each more than
         * once: these are told apart by counting. */
        for (size_t i = 0; i < captures[p]->n; i++) {
            const struct sent *sent = &captures[p]->sent[i];
            int pass = n_seen[p][sent->id]++;

            ovs_assert(sent->connection == connections[sent->id]);
            ovs_assert(pass < MAX_PASSES);
            ovs_assert((int) sent->id > last[p][sent->connection][pass]);
            last[p][sent->connection][pass] = sent->id;
        }
    }
    for (uint32_t id = 0; id < N_PACKETS; id++) {
        unsigned int expected[N_PORTS + 1] = { 0 };

        expect(connections[id], 0, expected, &n_bonded);
        for (int p = 1; p <= N_PORTS; p++) {
            ovs_assert(n_seen[p][id] == expected[p]);
        }
    }
    return n_bonded;
}

/* The bond has counted as many bytes as it was given. */
static void
check_bond(const struct dp_bonds *bonds, uint64_t n_packets)
{
    struct dp_packet *packet = make_packet(0, 0);
    uint64_t bytes[BOND_BUCKETS], sum = 0;

    ovs_assert(!dp_bond_get_stats(bonds, BOND_ID, bytes));
    for (size_t i = 0; i < BOND_BUCKETS; i++) {
        sum += bytes[i];
    }
    ovs_assert(n_packets && sum == n_packets * dp_packet_size(packet));
    dp_packet_delete(packet);
}

static void
init_shared(struct dp_shared *shared)
{
    odp_port_t members[BOND_BUCKETS];

    for (uint32_t i = 0; i < BOND_BUCKETS; i++) {
        members[i] = bond_member(i);
    }
    memset(shared, 0, sizeof *shared);
    shared->name = "test";
    shared->meters = dp_meters_create();
    shared->bonds = dp_bonds_create();
    dp_bond_put(shared->bonds, BOND_ID, members);
    shared->upcalls_enabled = true;
    shared->upcall_cb = upcall;
    fat_rwlock_init(&shared->upcall_rwlock);
}

/* Sends a burst of random length and composition, but at most 'max'
 * packets. */
static uint32_t
send_burst(struct dp_lane *lane, uint32_t id, size_t max,
           unsigned int connections[])
{
    struct dp_packet_batch batch;
    size_t n = 1 + random_range(NETDEV_MAX_BURST);

    n = MIN(n, max);
    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        connections[id] = random_range(N_CONNECTIONS);
        dp_packet_batch_add(&batch, make_packet(id, connections[id]));
        id++;
    }
    dp_packet_batch_init_packet_fields(&batch);
    dp_lane_update_clock(lane);
    dp_pipe_receive(lane, &batch, u32_to_odp(1 + random_range(2)));
    dp_tx_flush(lane, random_range(2));
    return id;
}

/* A lane with ports. */
struct rig {
    struct dp_shared shared;
    struct dp_lane lane;
    struct dp_txqs txqs[N_PORTS + 1];
};

static void
rig_init(struct rig *rig)
{
    netdev_register_provider(&capture_class);
    init_shared(&rig->shared);
    dp_lane_init(&rig->lane, &rig->shared, NON_PMD_CORE_ID, 0);
    for (int p = 1; p <= N_PORTS; p++) {
        char name[16];
        struct netdev *netdev;

        snprintf(name, sizeof name, "capture%d", p);
        ovs_assert(!netdev_open(name, "capture", &netdev));
        captures[p] = CONTAINER_OF(netdev, struct capture, up);
        dp_txqs_init(&rig->txqs[p]);
        dp_txqs_configure(&rig->txqs[p], p - 1 < DP_TXQ_HASH
                          ? p - 1 : DP_TXQ_HASH, 1);
        dp_tx_add_port(&rig->lane.tx, u32_to_odp(p), netdev, &rig->txqs[p]);
    }
}

static void
uninit_shared(struct dp_shared *shared)
{
    dp_bonds_destroy(shared->bonds);
    dp_meters_destroy(shared->meters);
    fat_rwlock_destroy(&shared->upcall_rwlock);
}

static void
rig_uninit(struct rig *rig)
{
    dp_lane_flush_flows(&rig->lane);
    for (int p = 1; p <= N_PORTS; p++) {
        dp_tx_del_port(&rig->lane, u32_to_odp(p));
        dp_txqs_uninit(&rig->txqs[p]);
        netdev_close(&captures[p]->up);
    }
    dp_lane_uninit(&rig->lane);
    uninit_shared(&rig->shared);
}

/* Nothing waits, and never more than 'max' did. */
static void
check_waiting(struct dp_lane *lane, unsigned int min, unsigned int max)
{
    unsigned int peak;

    atomic_read_relaxed(&lane->peak_waiting, &peak);
    ovs_assert(!lane->n_waiting);
    if (peak < min || peak > max) {
        dptest_fail("%u packets waited, not %u to %u", peak, min, max);
    }
}

/* What 'p' says of its outputs is what the model says. */
static void
check_live_packet(const struct dp_live_packet *p)
{
    unsigned int expected[N_PORTS + 1] = { 0 };
    unsigned int n[N_PORTS + 1] = { 0 };
    uint64_t n_bonded;

    if (p->is_cut) {
        return;
    }
    for (unsigned int i = 0; i < p->n_events; i++) {
        if (p->events[i].type == DP_LIVE_OUTPUT) {
            n[odp_to_u32(p->events[i].port)]++;
        }
    }
    expect(ntohs(p->looks[0].tp_src), 0, expected, &n_bonded);
    ovs_assert(!memcmp(n, expected, sizeof n));
}

/* Ends '*livep', if there is one, and returns how many packets it had found;
 * else begins to look for some. */
static unsigned int
toggle_live(struct dp_shared *shared, struct dp_live **livep)
{
    struct dp_live_filter filter = { .ports = NULL };
    struct dp_live_packet *p;
    unsigned int n = 0;

    if (!*livep) {
        match_init_catchall(&filter.match);
        if (random_range(2)) {
            match_set_tp_src(&filter.match,
                             htons(random_range(N_CONNECTIONS)));
        }
        *livep = dp_live_create(&filter, 1 + random_range(30));
        dp_live_start(shared, *livep);
        return 0;
    }
    dp_live_stop(shared);
    while ((p = dp_live_take(*livep)) != NULL) {
        check_live_packet(p);
        free(p);
        n++;
    }
    dp_live_destroy(*livep);
    *livep = NULL;
    return n;
}

static void
test_pipe_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    static unsigned int connections[N_PACKETS];
    uint64_t stats[PMD_N_STATS];
    struct dp_shared *shared;
    struct dp_lane *lane;
    struct rig rig;
    struct dp_live *live = NULL;
    unsigned int n_live = 0;
    uint32_t id = 0;

    rig_init(&rig);
    shared = &rig.shared;
    lane = &rig.lane;
    while (id < N_PACKETS) {
        switch (random_range(20)) {
        case 0:
            atomic_store_relaxed(&shared->emc_insert_inv,
                                 random_range(2));
            break;
        case 1:
            atomic_store_relaxed(&shared->smc_enable, random_range(2));
            break;
        case 2:
            atomic_store_relaxed(&shared->tx_flush_interval,
                                 random_range(2) * 50);
            break;
        case 3:
            dp_lane_flush_flows(lane);
            break;
        case 4:
            n_live += toggle_live(shared, &live);
            break;
        default:
            id = send_burst(lane, id, N_PACKETS - id, connections);
            break;
        }
        dp_lane_housekeeping(lane);
        ovsrcu_quiesce();
    }
    dp_tx_flush(lane, true);
    if (live) {
        n_live += toggle_live(shared, &live);
    }
    ovs_assert(n_live);
    check_bond(shared->bonds, check_outputs(connections));

    /* All packets are accounted for, and each way was taken. */
    pmd_perf_read_counters(&lane->perf, stats);
    ovs_assert(stats[PMD_STAT_RECV] == N_PACKETS);
    ovs_assert(stats[PMD_STAT_RECV] + stats[PMD_STAT_RECIRC]
               == (stats[PMD_STAT_EXACT_HIT] + stats[PMD_STAT_SMC_HIT]
                   + stats[PMD_STAT_MASKED_HIT] + stats[PMD_STAT_MISS]));
    ovs_assert(stats[PMD_STAT_MISS] == n_upcalls);
    ovs_assert(stats[PMD_STAT_EXACT_HIT] > N_PACKETS / 50);
    ovs_assert(stats[PMD_STAT_SMC_HIT] > N_PACKETS / 50);
    ovs_assert(stats[PMD_STAT_MASKED_HIT] > N_PACKETS / 50);
    ovs_assert(!stats[PMD_STAT_LOST]);

    check_waiting(lane, DP_WORK_MAX, DP_MAX_RECIRC_DEPTH * DP_WORK_MAX);
    rig_uninit(&rig);
}
DPTEST_REGISTER("pipe", test_pipe_main);

/* Upcalls that lead to upcalls come to an end. */
static void
test_pipe_nested_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_packet_batch batch;
    struct dp_shared shared;
    struct dp_lane lane;

    init_shared(&shared);
    dp_lane_init(&lane, &shared, NON_PMD_CORE_ID, 0);
    shared.upcall_cb = nested_upcall;
    shared.upcall_aux = &lane;

    dp_packet_batch_init_packet(&batch, make_packet(0, 0));
    dp_pipe_receive(&lane, &batch, u32_to_odp(1));
    ovs_assert(n_upcalls > 1);

    dp_lane_uninit(&lane);
    uninit_shared(&shared);
}
DPTEST_REGISTER("pipe-nested", test_pipe_nested_main);

/* FAN ways in each pass, then out. */
static int
fan_upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
           ovs_u128 *ufid OVS_UNUSED, unsigned int pmd_id OVS_UNUSED,
           enum dpif_upcall_type type OVS_UNUSED,
           const struct nlattr *userdata OVS_UNUSED, struct ofpbuf *actions,
           struct flow_wildcards *wc, struct ofpbuf *put_actions OVS_UNUSED,
           void *aux OVS_UNUSED)
{
    if (flow->recirc_id < FAN_DEPTH) {
        for (int i = 0; i < FAN; i++) {
            nl_msg_put_u32(actions, OVS_ACTION_ATTR_RECIRC,
                           flow->recirc_id + 1);
        }
    } else {
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, 1);
    }
    flow_wildcards_init_catchall(wc);
    return 0;
}

/* Sends packets 0 to 'n' - 1 of one connection in one burst. */
static void
send_one_connection(struct dp_lane *lane, size_t n)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, make_packet(i, 0));
    }
    dp_packet_batch_init_packet_fields(&batch);
    dp_pipe_receive(lane, &batch, u32_to_odp(1));
    dp_tx_flush(lane, true);
}

/* A burst whose packets become very many needs little memory, and keeps their
 * order. */
static void
test_pipe_fan_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    size_t n = NETDEV_MAX_BURST;
    struct rig rig;

    rig_init(&rig);
    rig.shared.upcall_cb = fan_upcall;
    send_one_connection(&rig.lane, 1);      /* Makes the flows. */
    captures[1]->n = 0;
    send_one_connection(&rig.lane, NETDEV_MAX_BURST);

    for (int i = 0; i < FAN_DEPTH; i++) {
        n *= FAN;
    }
    ovs_assert(captures[1]->n == n);
    for (size_t i = 0; i < n; i++) {
        ovs_assert(captures[1]->sent[i].id == i % NETDEV_MAX_BURST);
    }
    check_waiting(&rig.lane, DP_WORK_MAX, FAN_DEPTH * DP_WORK_MAX);
    rig_uninit(&rig);
}
DPTEST_REGISTER("pipe-fan", test_pipe_fan_main);

/* Returns how many flows the EMC of 'lane' holds. */
static size_t
count_emc(const struct dp_lane *lane)
{
    size_t n = 0;

    for (size_t i = 0; i < DP_EMC_ENTRIES; i++) {
        n += lane->emc.entries[i].flow != NULL;
    }
    return n;
}

/* What the EMC holds of a flow that is no more goes by the clock, however
 * often or seldom a lane does its housekeeping. */
static void
check_sweep(long long int interval_us)
{
    unsigned int connections[N_CONNECTIONS];
    struct rig rig;

    rig_init(&rig);
    atomic_store_relaxed(&rig.shared.emc_insert_inv, 1);
    for (uint32_t id = 0; id < N_CONNECTIONS; ) {
        id = send_burst(&rig.lane, id, N_CONNECTIONS - id, connections);
    }
    dp_lane_flush_flows(&rig.lane);
    ovs_assert(count_emc(&rig.lane));
    for (long long int i = 0; i < 11 * 1000 * 1000; i += interval_us) {
        rig.lane.now += interval_us;
        dp_lane_housekeeping(&rig.lane);
    }
    ovs_assert(!count_emc(&rig.lane));
    rig_uninit(&rig);
}

static void
test_pipe_sweep_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_sweep(100);
    check_sweep(1000 * 1000);
}
DPTEST_REGISTER("pipe-sweep", test_pipe_sweep_main);
