/* SPDX-License-Identifier: Apache-2.0 */

/* Two lanes get the first packets of the same connections at the same time:
 * one of them commits each, the other one's packet belongs to that connection,
 * with its state and translation. */

#include <config.h>
#undef NDEBUG
#include "ct/ct.h"

#include "dp-packet.h"
#include "ipf.h"
#include "netdev.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "tests/ct/ct-frame.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct-clean.h"
#include "ovs/ovs-conntrack.h"

enum { N_CONNS = 8 * 1024, N_PORTS = 1024, OUTSIDE = 0x3000, N_LANES = 2 };
BUILD_ASSERT_DECL(N_CONNS % NETDEV_MAX_BURST == 0);

/* What became of one connection's packet. */
struct fate {
    uint8_t state;
    struct ct_end src;
};

struct lane {
    struct conntrack *ct;
    struct ovs_barrier *barrier;
    long long now;              /* ms. */
    bool is_tcp, is_nat;
    pthread_t thread;
    struct fate *fates;         /* N_CONNS. */
};

/* Some clients have the same ports, so those that are translated compete. */
static struct dp_packet *
make_packet(const struct lane *lane, int n)
{
    struct ct_end client = { 100 + n / N_PORTS, 2000 + n % N_PORTS };
    struct ct_end server = { 1 + n % 2, 80 };

    return (lane->is_tcp
            ? ct_frame_tcp(false, client, server, TCP_SYN, 1, 0, "")
            : ct_frame_udp(false, client, server, "x"));
}

static void
send_burst(struct lane *lane, int first)
{
    const struct nat_action_info_t nat = {
        .nat_action = NAT_ACTION_SRC,
        .min_addr = ct_frame_addr(false, OUTSIDE),
        .max_addr = ct_frame_addr(false, OUTSIDE + 3),
    };
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        dp_packet_batch_add(&batch, make_packet(lane, first + i));
    }
    ovs_barrier_block(lane->barrier);
    conntrack_execute(lane->ct, &batch, htons(ETH_TYPE_IP), false, true, 1,
                      NULL, NULL, OVS_CT_NO_PORTS NULL,
                      lane->is_nat ? &nat : NULL, lane->now, 0);
    ovs_assert(dp_packet_batch_size(&batch) == NETDEV_MAX_BURST);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        struct dp_packet *p = batch.packets[i];

        lane->fates[first + i].state = p->md.ct_state;
        lane->fates[first + i].src = ct_frame_src(p);
    }
    dp_packet_delete_batch(&batch, true);
}

static void *
lane_main(void *lane_)
{
    struct lane *lane = lane_;

    for (int i = 0; i < N_CONNS; i += NETDEV_MAX_BURST) {
        send_burst(lane, i);
        ovsrcu_quiesce();
    }
    return NULL;
}

/* Each connection was committed once, and both saw the same of it. */
static void
check_fates(const struct lane lanes[N_LANES])
{
    const struct lane *a = &lanes[0], *b = &lanes[1];
    uint8_t want = CS_TRACKED | CS_NEW | (a->is_nat ? CS_SRC_NAT : 0);
    uint32_t n;

    for (int i = 0; i < N_CONNS; i++) {
        const struct fate *x = &a->fates[i], *y = &b->fates[i];

        if (x->state != want || y->state != want
            || x->src.host != y->src.host || x->src.port != y->src.port) {
            dptest_fail("connection %d: state %#x, from %x:%d, and %#x, from "
                        "%x:%d", i, x->state, x->src.host, x->src.port,
                        y->state, y->src.host, y->src.port);
        }
    }
    conntrack_get_nconns(a->ct, &n);
    ovs_assert(n == N_CONNS);
    for (int i = 0; i < CT_N_REFUSALS; i++) {
        uint64_t n_refused;

        atomic_read_relaxed(&a->ct->n_refused[i], &n_refused);
        ovs_assert(!n_refused);
    }
}

static void
check(bool is_tcp, bool is_nat)
{
    /* Far ahead of the sweeper, so that nothing expires on a slow machine. */
    long long now = time_msec() + 3600 * 1000;
    struct conntrack *ct = conntrack_init();
    struct lane lanes[N_LANES];
    struct ovs_barrier barrier;

    ovs_barrier_init(&barrier, N_LANES);
    for (int i = 0; i < N_LANES; i++) {
        lanes[i] = (struct lane) {
            .ct = ct, .barrier = &barrier, .now = now,
            .is_tcp = is_tcp, .is_nat = is_nat,
            .fates = xcalloc(N_CONNS, sizeof *lanes[i].fates),
        };
        lanes[i].thread = ovs_thread_create("lane", lane_main, &lanes[i]);
    }
    ovsrcu_quiesce_start();
    for (int i = 0; i < N_LANES; i++) {
        xpthread_join(lanes[i].thread, NULL);
    }
    ovsrcu_quiesce_end();
    check_fates(lanes);

    /* Nobody changes the table any more. */
    ct_clean_stop(ct->clean);
    ct_table_check(&ct->table, now);
    for (int i = 0; i < N_LANES; i++) {
        free(lanes[i].fates);
    }
    ovs_barrier_destroy(&barrier);
    ipf_destroy(ct->ipf);
    ct_unref(ct);
}

static void
test_lanes_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        for (int is_nat = 0; is_nat < 2; is_nat++) {
            check(is_tcp, is_nat);
        }
    }
}
DPTEST_REGISTER("ct-lanes", test_lanes_main);
