/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/offload/twin-rig.h"

#include <sys/resource.h>

#include "ctl/dp-offload-glue.h"
#include "dp-packet.h"
#include "netdev-vport.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-util.h"
#include "offload/dp-offload.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "pipe/dp-bond.h"
#include "pipe/dp-meter.h"
#include "random.h"
#include "tests/dptest.h"
#include "tests/offload/twin-netdev.h"
#include "tests/offload/twin-packet.h"
#include "util.h"

/* Stands for the pass of a packet that has left the tunnel. */
enum { INNER = 3 };

/* A megaflow that both sides have.  (If the NIC runs rules whole, one side may
 * be ahead of the other.) */
struct known {
    ovs_u128 ufid;
    unsigned int group;
    unsigned int connection;
    uint32_t pass;
    bool coarse;                /* Matches the group only. */
};

/* 'struct twin' and what only this file needs. */
struct twin_all {
    struct twin up;
    struct dp_offload_glue glue;
    struct dp_packet *templates[TWIN_N_CONNECTIONS];
    unsigned int version[TWIN_N_GROUPS];
    bool coarse[TWIN_N_GROUPS];
    uint32_t seq;

    /* Names of megaflows of the first pass, by 'coarse'; once known, they
     * never change. */
    ovs_u128 megas[TWIN_N_CONNECTIONS][2];
    bool mega_known[TWIN_N_CONNECTIONS][2];

    struct known *known;
    size_t n_known, allocated_known;
};

static struct twin_all *
twin_all_cast(const struct twin *twin)
{
    return CONTAINER_OF(twin, struct twin_all, up);
}

static int
group_port(unsigned int group)
{
    return 1 + group % TWIN_N_RX_PORTS;
}

/* Policy. */

/* Appends what is to be done with packets of 'group' in their pass 'pass'. */
static void
policy(const struct twin_all *twin, unsigned int group, uint32_t pass,
       struct ofpbuf *actions)
{
    uint32_t hash = hash_3words(group, twin->version[group], pass);
    enum twin_looks looks = group % TWIN_N_LOOKS;
    struct ds ds = DS_EMPTY_INITIALIZER;

    if (twin->up.whole && group % 3) {
        /* What the NIC in memory is able to do. */
        nl_msg_put_u32(actions, OVS_ACTION_ATTR_OUTPUT, 2 + 2 * (group % 2));
        return;
    }
    if (looks == TWIN_VXLAN && pass != INNER) {
        ds_put_format(&ds, hash & 0x100 ? "3,tnl_pop(%d)" : "tnl_pop(%d)",
                      TWIN_TUNNEL);
        hash = 0;
    }
    if (hash & 0x10
        && (looks == TWIN_UDP4 || looks == TWIN_TCP4
            || looks == TWIN_VLAN_TCP4 || looks == TWIN_FRAGMENT)) {
        ds_put_format(&ds, "set(ipv4(ttl=%u)),", hash >> 24);
    }
    if (hash & 0x20 && (looks == TWIN_TCP4 || looks == TWIN_TCP6
                        || looks == TWIN_VLAN_TCP4)) {
        ds_put_format(&ds, "set(tcp(dst=%u)),", hash >> 16);
    } else if (hash & 0x20 && looks == TWIN_UDP4) {
        ds_put_format(&ds, "set(udp(src=%u)),", hash >> 16);
    }
    if (hash & 0x40 && !pass) {
        if (looks == TWIN_VLAN_TCP4) {
            ds_put_cstr(&ds, "pop_vlan,");
        } else {
            ds_put_format(&ds, "push_vlan(vid=%u,pcp=0),", hash >> 20);
        }
    }
    for (int i = 0; i < TWIN_N_PORTS; i++) {
        if (hash & (hash >> 8) & (1u << i)) {
            ds_put_format(&ds, "%d,", i + 1);
        }
    }
    if ((hash & 0x3080) == 0x3080 && pass < 2) {
        ds_put_format(&ds, "recirc(%"PRIu32")", pass + 1);
    }
    ds_chomp(&ds, ',');
    if (ds.length && odp_actions_from_string(ds_cstr(&ds), NULL, actions)) {
        dptest_fail("not actions: %s", ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

static void
know(struct twin_all *twin, const struct known *known)
{
    if (twin->n_known == twin->allocated_known) {
        twin->known = x2nrealloc(twin->known, &twin->allocated_known,
                                 sizeof *twin->known);
    }
    twin->known[twin->n_known++] = *known;
}

static int
upcall(const struct dp_packet *packet OVS_UNUSED, const struct flow *flow,
       ovs_u128 *ufid, unsigned int pmd_id OVS_UNUSED,
       enum dpif_upcall_type type, const struct nlattr *userdata OVS_UNUSED,
       struct ofpbuf *actions, struct flow_wildcards *wc,
       struct ofpbuf *put_actions OVS_UNUSED, void *side_)
{
    struct twin_side *side = side_;
    struct twin_all *twin = twin_all_cast(side->twin);
    unsigned int group = flow->dl_src.ea[5];
    uint32_t pass = (odp_to_u32(flow->in_port.odp_port) == TWIN_TUNNEL
                     ? INNER : flow->recirc_id);

    ovs_assert(type == DPIF_UC_MISS && group < TWIN_N_GROUPS);
    policy(twin, group, pass, actions);
    wc->masks.packet_type = OVS_BE32_MAX;
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.nw_frag = FLOW_NW_FRAG_MASK;
    wc->masks.nw_proto = UINT8_MAX;
    memset(&wc->masks.dl_src, 0xff, sizeof wc->masks.dl_src);
    if (!twin->coarse[group]) {
        memset(&wc->masks.dl_dst, 0xff, sizeof wc->masks.dl_dst);
    }
    if (side == &twin->up.sides[TWIN_MARKED] || twin->up.whole) {
        const struct known known = {
            .ufid = *ufid,
            .group = group,
            .connection = group * TWIN_PER_GROUP + flow->dl_dst.ea[5],
            .pass = pass,
            .coarse = twin->coarse[group],
        };

        know(twin, &known);
    }
    return 0;
}

/* Flows. */

static struct dp_lane *
side_lane(struct twin_side *side)
{
    return &side->topology.main->lane;
}

static struct dp_flow *
find_flow(struct twin_side *side, const struct known *known)
{
    return dp_flow_table_find(&side_lane(side)->flows, &known->ufid);
}

/* Both sides have the same new flows; notes the names of their megaflows. */
static void
learn(struct twin_all *twin, size_t first)
{
    for (size_t i = first; i < twin->n_known; i++) {
        const struct known *known = &twin->known[i];
        const struct dp_flow *flow = NULL;

        for (int s = 0; s < TWIN_N_SIDES; s++) {
            const struct dp_flow *f = find_flow(&twin->up.sides[s], known);

            ovs_assert(f || twin->up.whole);
            flow = f ? f : flow;
        }
        if (!known->pass) {
            unsigned int base = known->group * TWIN_PER_GROUP;

            for (int j = 0; j < TWIN_PER_GROUP; j++) {
                if (known->coarse || base + j == known->connection) {
                    twin->megas[base + j][known->coarse] = flow->mega_ufid;
                    twin->mega_known[base + j][known->coarse] = true;
                }
            }
        }
    }
}

/* Aborts unless both sides have counted the same for a flow. */
static void
compare_counts(struct twin_all *twin, const struct known *known)
{
    struct dpif_flow_stats stats[TWIN_N_SIDES];

    for (int s = 0; s < TWIN_N_SIDES; s++) {
        dp_flow_get_stats(find_flow(&twin->up.sides[s], known), &stats[s]);
    }
    if (stats[0].n_packets != stats[1].n_packets
        || stats[0].n_bytes != stats[1].n_bytes
        || stats[0].tcp_flags != stats[1].tcp_flags) {
        dptest_fail("group %u: %"PRIu64" packets, %"PRIu64" bytes, flags "
                    "%#x with marks; %"PRIu64", %"PRIu64", %#x without",
                    known->group, stats[0].n_packets, stats[0].n_bytes,
                    stats[0].tcp_flags, stats[1].n_packets,
                    stats[1].n_bytes, stats[1].tcp_flags);
    }
}

void
twin_forget(struct twin *twin_, unsigned int group)
{
    struct twin_all *twin = twin_all_cast(twin_);

    for (size_t i = 0; i < twin->n_known; ) {
        const struct known *known = &twin->known[i];

        if (known->group != group) {
            i++;
            continue;
        }
        if (!twin_->whole) {
            compare_counts(twin, known);
        }
        for (int s = 0; s < TWIN_N_SIDES; s++) {
            struct dp_lane *lane = side_lane(&twin_->sides[s]);
            struct dp_flow *flow = find_flow(&twin_->sides[s], known);

            if (flow) {
                ovs_mutex_lock(&lane->flows.mutex);
                dp_lane_remove(lane, flow, NULL);
                ovs_mutex_unlock(&lane->flows.mutex);
            }
        }
        twin->known[i] = twin->known[--twin->n_known];
    }
}

static void
change_actions(struct twin_all *twin, const struct known *known)
{
    struct ofpbuf actions;

    ofpbuf_init(&actions, 256);
    policy(twin, known->group, known->pass, &actions);
    for (int s = 0; s < TWIN_N_SIDES; s++) {
        struct dp_lane *lane = side_lane(&twin->up.sides[s]);
        struct dp_flow *flow = find_flow(&twin->up.sides[s], known);
        bool offered;

        if (!flow) {
            continue;
        }
        ovs_mutex_lock(&lane->flows.mutex);
        dp_actions_postpone_free(dp_flow_set_actions(flow, actions.data,
                                                     actions.size));
        atomic_read_relaxed(&flow->offered, &offered);
        if (offered) {
            dp_offload_flow_modify(lane->shared->offload, flow,
                                   &flow->mega_ufid);
        }
        ovs_mutex_unlock(&lane->flows.mutex);
    }
    ofpbuf_uninit(&actions);
}

void
twin_bump(struct twin *twin_, unsigned int group, bool keep)
{
    struct twin_all *twin = twin_all_cast(twin_);

    if (!keep) {
        twin_forget(twin_, group);
        twin->coarse[group] = random_range(2);
    }
    if (!twin_->whole) {
        twin->version[group]++;
    }
    for (size_t i = 0; i < twin->n_known; i++) {
        if (twin->known[i].group == group) {
            change_actions(twin, &twin->known[i]);
        }
    }
}

/* Traffic. */

/* What the NIC does with 'packet'.  Returns false if it was forwarded. */
static bool
nic_receive(struct twin_all *twin, struct dp_packet *packet,
            unsigned int connection, int port)
{
    unsigned int first = random_range(2);

    /* If there are rules of two megaflows, either may win. */
    for (unsigned int i = 0; i < 2; i++) {
        unsigned int coarse = first ^ i;
        const ovs_u128 *mega = &twin->megas[connection][coarse];
        uint32_t mark, output;

        if (twin->mega_known[connection][coarse]
            && dp_dummy_nic_find(twin->up.nic, u32_to_odp(port), mega, &mark,
                                 &output)) {
            if (mark) {
                dp_packet_set_flow_mark(packet, mark);
                twin->up.n_marked++;
                return true;
            }
            dp_dummy_nic_hit(twin->up.nic, u32_to_odp(port), mega, 1,
                             dp_packet_size(packet), 0);
            twin_netdev_keep(twin->up.sides[TWIN_MARKED].netdevs[output],
                             packet);
            twin->up.n_direct++;
            return false;
        }
    }
    return true;
}

void
twin_arrive(struct twin *twin_, int port, unsigned int n)
{
    struct twin_all *twin = twin_all_cast(twin_);

    if (!twin_has_port(twin_, port)) {
        return;
    }
    while (n--) {
        unsigned int connection = random_range(TWIN_N_CONNECTIONS);
        unsigned int group = connection / TWIN_PER_GROUP;
        uint32_t seq = twin->seq++;

        if (group_port(group) != port) {
            connection = (connection + TWIN_PER_GROUP) % TWIN_N_CONNECTIONS;
            group = connection / TWIN_PER_GROUP;
        }
        for (int s = 0; s < TWIN_N_SIDES; s++) {
            struct dp_packet *packet;

            packet = twin_packet_make(twin->templates[connection], seq,
                                 group % TWIN_N_LOOKS);
            if (s == TWIN_PLAIN || nic_receive(twin, packet, connection,
                                               port)) {
                twin_netdev_receive(twin_->sides[s].netdevs[port], connection,
                                    packet);
            }
        }
        twin_->n_packets++;
    }
}

/* A packet that was sent, in an order that both sides must agree on. */
struct sent {
    unsigned int connection;
    uint32_t order;
    const struct dp_packet *packet;
};

static int
compare_sent(const void *a_, const void *b_)
{
    const struct sent *a = a_;
    const struct sent *b = b_;

    return (a->connection != b->connection
            ? (a->connection < b->connection ? -1 : 1)
            : a->order < b->order ? -1 : a->order > b->order);
}

static struct sent *
sort_sent(const struct twin *twin, const struct twin_netdev *dev)
{
    struct sent *sent = xmalloc((dev->n_sent + 1) * sizeof *sent);

    for (size_t i = 0; i < dev->n_sent; i++) {
        const struct twin_trailer *trailer = twin_packet_trailer(dev->sent[i]);

        sent[i].connection = ntohs(trailer->connection);
        sent[i].order = (twin->whole
                         ? ntohl(get_16aligned_be32(&trailer->seq)) : i);
        sent[i].packet = dev->sent[i];
    }
    qsort(sent, dev->n_sent, sizeof *sent, compare_sent);
    return sent;
}

static bool
packets_equal(const struct dp_packet *a, const struct dp_packet *b)
{
    return (dp_packet_size(a) == dp_packet_size(b)
            && !memcmp(dp_packet_data(a), dp_packet_data(b),
                       dp_packet_size(a)));
}

static void
compare_ports(struct twin *twin, int port, const struct twin_netdev *marked,
              const struct twin_netdev *plain)
{
    struct sent *a, *b;
    size_t i;

    if (marked->n_sent != plain->n_sent) {
        dptest_fail("port %d: %"PRIuSIZE" packets with marks, %"PRIuSIZE
                    " without", port, marked->n_sent, plain->n_sent);
    }
    for (i = 0; i < plain->n_sent; i++) {
        if (!packets_equal(marked->sent[i], plain->sent[i])) {
            break;
        }
    }
    if (i < plain->n_sent) {
        a = sort_sent(twin, marked);
        b = sort_sent(twin, plain);
        for (i = 0; i < plain->n_sent; i++) {
            if (!packets_equal(a[i].packet, b[i].packet)) {
                dptest_fail("port %d, connection %u: another packet with "
                            "marks than without", port, b[i].connection);
            }
        }
        free(a);
        free(b);
    }
    twin->n_sent += plain->n_sent;
}

static void
forget_sent(struct twin_netdev *dev)
{
    for (size_t i = 0; i < dev->n_sent; i++) {
        dp_packet_delete(dev->sent[i]);
    }
    dev->n_sent = 0;
}

/* How often this thread has given up the CPU to wait for something. */
static long int
n_waits(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static void
poll_side(struct twin *twin, struct twin_side *side)
{
    uint64_t start = time_usec();
    long int before = n_waits();
    uint64_t took;

    dp_topology_poll_main(&side->topology);
    if (side == &twin->sides[TWIN_MARKED]) {
        took = time_usec() - start;
        twin->worst_us = MAX(twin->worst_us, took);
        if (n_waits() != before) {
            twin->worst_blocked_us = MAX(twin->worst_blocked_us, took);
        }
    }
}

size_t
twin_step(struct twin *twin_, unsigned int burst)
{
    struct twin_all *twin = twin_all_cast(twin_);
    size_t first = twin->n_known;
    size_t n_waiting = 0;

    for (int s = 0; s < TWIN_N_SIDES; s++) {
        struct twin_side *side = &twin_->sides[s];

        for (int p = 1; p <= TWIN_N_PORTS; p++) {
            if (side->netdevs[p]) {
                side->netdevs[p]->burst = burst;
            }
        }
        poll_side(twin_, side);
    }
    learn(twin, first);
    for (int p = 1; p <= TWIN_N_PORTS; p++) {
        if (twin_has_port(twin_, p)) {
            n_waiting += twin_netdev_n_waiting(twin_->sides[1].netdevs[p]);
        }
    }
    for (int p = 1; p <= TWIN_N_PORTS; p++) {
        /* What the NIC forwards does not wait for the others. */
        if (twin_has_port(twin_, p) && !(twin_->whole && n_waiting)) {
            struct twin_netdev *marked = twin_->sides[0].netdevs[p];
            struct twin_netdev *plain = twin_->sides[1].netdevs[p];

            compare_ports(twin_, p, marked, plain);
            forget_sent(marked);
            forget_sent(plain);
        }
    }
    return n_waiting;
}

/* Ports. */

bool
twin_has_port(const struct twin *twin, int port)
{
    return twin->sides[TWIN_PLAIN].netdevs[port] != NULL;
}

static void
add_port(struct twin_side *side, int side_no, int port)
{
    char name[32];
    int error;

    snprintf(name, sizeof name, "twin%d-%d", side_no, port);
    side->netdevs[port] = twin_netdev_open(name);
    ovs_mutex_lock(&side->topology.mutex);
    error = dp_topology_add_port(&side->topology, &side->netdevs[port]->up,
                                 "twin", u32_to_odp(port));
    ovs_mutex_unlock(&side->topology.mutex);
    ovs_assert(!error);
}

static void
del_port(struct twin_side *side, int port)
{
    struct dp_topology *topology = &side->topology;

    ovs_mutex_lock(&topology->mutex);
    dp_topology_del_port(topology, dp_topology_port(topology,
                                                    u32_to_odp(port)));
    ovs_mutex_unlock(&topology->mutex);
    forget_sent(side->netdevs[port]);
    netdev_close(&side->netdevs[port]->up);
    side->netdevs[port] = NULL;
}

/* The port by which packets come out of the tunnel. */
static void
add_tunnel(struct twin_side *side, int side_no)
{
    char name[16];
    int error;

    snprintf(name, sizeof name, "tunnel%d", side_no);
    error = netdev_open(name, "vxlan", &side->tunnel);
    ovs_mutex_lock(&side->topology.mutex);
    error = error ? error : dp_topology_add_port(&side->topology,
                                                 side->tunnel, "vxlan",
                                                 u32_to_odp(TWIN_TUNNEL));
    ovs_mutex_unlock(&side->topology.mutex);
    ovs_assert(!error);
}

static void
del_tunnel(struct twin_side *side)
{
    struct dp_topology *topology = &side->topology;

    ovs_mutex_lock(&topology->mutex);
    dp_topology_del_port(topology,
                         dp_topology_port(topology, u32_to_odp(TWIN_TUNNEL)));
    ovs_mutex_unlock(&topology->mutex);
    netdev_close(side->tunnel);
}

void
twin_toggle_port(struct twin *twin, int port)
{
    bool there = twin_has_port(twin, port);

    for (int s = 0; s < TWIN_N_SIDES; s++) {
        if (there) {
            del_port(&twin->sides[s], port);
        } else {
            add_port(&twin->sides[s], s, port);
        }
    }
}

void
twin_restart_port(struct twin *twin, int port, int n_rxq, bool stop)
{
    if (!twin_has_port(twin, port)) {
        return;
    }
    for (int s = 0; s < TWIN_N_SIDES; s++) {
        struct twin_side *side = &twin->sides[s];

        side->netdevs[port]->want_n_rxq = n_rxq;
        side->netdevs[port]->stop = stop;
        netdev_request_reconfigure(&side->netdevs[port]->up);
        ovs_mutex_lock(&side->topology.mutex);
        dp_topology_reconfigure(&side->topology);
        ovs_mutex_unlock(&side->topology.mutex);
    }
}

/* Life cycle. */

struct dp_offload *
twin_engine(struct twin *twin)
{
    return twin->sides[TWIN_MARKED].shared.offload;
}

void
twin_set_offload(struct twin *twin, bool on)
{
    dp_offload_glue_switch(twin_engine(twin),
                           &twin->sides[TWIN_MARKED].topology, on);
}

uint64_t
twin_n_hits(const struct twin *twin)
{
    struct dp_pmd *main = twin->sides[TWIN_MARKED].topology.main;
    uint64_t stats[PMD_N_STATS];

    pmd_perf_read_counters(&main->lane.perf, stats);
    return stats[PMD_STAT_PHWOL_HIT];
}

static void
purge(void *aux OVS_UNUSED, unsigned int core_id OVS_UNUSED)
{
}

static void
init_side(struct twin_all *twin, struct twin_side *side)
{
    struct dp_shared *shared = &side->shared;

    side->twin = &twin->up;
    shared->name = "twin";
    shared->meters = dp_meters_create();
    shared->bonds = dp_bonds_create();
    shared->upcalls_enabled = true;
    shared->upcall_cb = upcall;
    shared->upcall_aux = side;
    fat_rwlock_init(&shared->upcall_rwlock);
    dp_topology_init(&side->topology, shared, purge, side);
}

struct twin *
twin_create(const struct dp_dummy_config *config)
{
    const struct dp_offload_class *classes[2] = { NULL, NULL };
    struct twin_all *twin = xzalloc(sizeof *twin);
    struct twin_side *marked = &twin->up.sides[TWIN_MARKED];
    struct dp_offload_env env;

    odp_execute_init();
    twin_netdev_register();
    netdev_vport_tunnel_register();
    for (unsigned int i = 0; i < TWIN_N_CONNECTIONS; i++) {
        twin->templates[i] = twin_packet_template(i);
    }
    twin->up.whole = config->whole;
    twin->up.nic = dp_dummy_nic_create(config);
    classes[0] = dp_dummy_nic_class(twin->up.nic);
    twin->glue.topology = &marked->topology;
    dp_offload_glue_env(&twin->glue, &env);
    marked->shared.offload = dp_offload_create(&env, classes, 2);
    for (int s = 0; s < TWIN_N_SIDES; s++) {
        init_side(twin, &twin->up.sides[s]);
        for (int p = 1; p <= TWIN_N_PORTS; p++) {
            add_port(&twin->up.sides[s], s, p);
        }
        add_tunnel(&twin->up.sides[s], s);
    }
    twin_set_offload(&twin->up, true);
    return &twin->up;
}

void
twin_destroy(struct twin *twin_)
{
    struct twin_all *twin = twin_all_cast(twin_);
    struct dp_offload *engine = twin_engine(twin_);

    for (unsigned int group = 0; group < TWIN_N_GROUPS; group++) {
        twin_forget(twin_, group);
    }
    ovs_assert(!twin->n_known);
    dp_offload_drain(engine);

    /* A removal that has failed waits for up to a second. */
    while (dp_offload_n_rules(engine)) {
        xnanosleep(1000 * 1000);
    }
    dp_offload_check(engine);
    ovs_assert(!dp_offload_n_installed(engine));
    for (int s = 0; s < TWIN_N_SIDES; s++) {
        struct twin_side *side = &twin_->sides[s];

        for (int p = 1; p <= TWIN_N_PORTS; p++) {
            ovs_assert(!dp_dummy_nic_count(twin_->nic, u32_to_odp(p)));
            if (side->netdevs[p]) {
                del_port(side, p);
            }
        }
        ovs_assert(!dp_dummy_nic_count(twin_->nic, u32_to_odp(TWIN_TUNNEL)));
        del_tunnel(side);
        dp_topology_uninit(&side->topology);
        dp_offload_destroy(side->shared.offload);
        dp_bonds_destroy(side->shared.bonds);
        dp_meters_destroy(side->shared.meters);
        fat_rwlock_destroy(&side->shared.upcall_rwlock);
    }
    dp_dummy_nic_destroy(twin_->nic);
    for (unsigned int i = 0; i < TWIN_N_CONNECTIONS; i++) {
        dp_packet_delete(twin->templates[i]);
    }
    free(twin->known);
    free(twin);

    ovsrcu_quiesce_start();
    ovsrcu_barrier();
    ovsrcu_quiesce_end();
}
