/* SPDX-License-Identifier: Apache-2.0 */

/* Our tracker and Open vSwitch's, side by side: the same packets, the same
 * answers, and what they cost.
 *
 *     dptest ct-rivals                     compares answers
 *     dptest ct-rivals benchmark [N]       N connections, 1000000 by default
 *
 * Times are CPU time of the thread, in ns for each packet, in bursts. */

#include <config.h>
#undef NDEBUG
#include "conntrack.h"

#include "csum.h"
#include "dp-packet.h"
#include "netdev.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "random.h"
#include "tests/ct/ct-theirs.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

#define BURST NETDEV_MAX_BURST
#define ZONE 1

struct rival {
    const char *name;
    struct conntrack *(*init)(void);
    void (*destroy)(struct conntrack *);
    int (*execute)(struct conntrack *, struct dp_packet_batch *,
                   ovs_be16 dl_type, bool force, bool commit, uint16_t zone,
                   const uint32_t *mark, const struct ovs_key_ct_labels *,
                   OVS_CT_PORTS const char *helper,
                   const struct nat_action_info_t *, long long now,
                   uint32_t tp_id);
    int (*flush)(struct conntrack *, const uint16_t *zone);
};

static const struct rival rivals[] = {
    { "ours", conntrack_init, conntrack_destroy, conntrack_execute,
      conntrack_flush },
    { "theirs", theirs_conntrack_init, theirs_conntrack_destroy,
      theirs_conntrack_execute, theirs_conntrack_flush },
};

/* One thread's packets. */
struct sender {
    const struct rival *rival;
    struct conntrack *ct;
    struct dp_packet *packets[BURST];
    const struct nat_action_info_t *nat;
    bool commit;
    uint32_t first, n;          /* Connections by number. */
    uint32_t n_packets;         /* At random, or 0: each connection once. */
    uint32_t random;
    long long cpu_ns;           /* Out. */
    uint32_t states;            /* Out: of all packets, or-ed. */
    pthread_t thread;
};

static long long
cpu_ns(void)
{
    struct timespec ts;

    xclock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static uint32_t
next_random(struct sender *s)
{
    s->random = s->random * 1664525 + 1013904223;
    return s->random >> 4;
}

/* Makes 'packet' one of connection 'n'.  Its UDP has no checksum. */
static void
make_packet(struct dp_packet *packet, uint32_t n)
{
    struct eth_header *eth;
    struct ip_header *ip;
    struct udp_header *udp;

    dp_packet_clear(packet);
    pkt_metadata_init(&packet->md, 1);
    eth = dp_packet_put_zeros(packet, ETH_HEADER_LEN);
    eth->eth_type = htons(ETH_TYPE_IP);
    ip = dp_packet_put_zeros(packet, IP_HEADER_LEN);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(IP_HEADER_LEN + UDP_HEADER_LEN + 18);
    ip->ip_ttl = 64;
    ip->ip_proto = IPPROTO_UDP;
    put_16aligned_be32(&ip->ip_src, htonl(0x0a000001 + n / 50000));
    put_16aligned_be32(&ip->ip_dst, htonl(0xc0a80001));
    ip->ip_csum = csum(ip, IP_HEADER_LEN);
    udp = dp_packet_put_zeros(packet, UDP_HEADER_LEN + 18);
    udp->udp_src = htons(10000 + n % 50000);
    udp->udp_dst = htons(53);
    udp->udp_len = htons(UDP_HEADER_LEN + 18);
    dp_packet_reset_offsets(packet);
    dp_packet_set_l3(packet, ip);
    dp_packet_set_l4(packet, udp);
}

static void
send_burst(struct sender *s, size_t n)
{
    struct dp_packet_batch batch;
    long long before;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, s->packets[i]);
    }
    before = cpu_ns();
    s->rival->execute(s->ct, &batch, htons(ETH_TYPE_IP), false, s->commit,
                      ZONE, NULL, NULL, OVS_CT_NO_PORTS NULL, s->nat,
                      time_msec(), 0);
    s->cpu_ns += cpu_ns() - before;
    ovs_assert(dp_packet_batch_size(&batch) == n);
    for (size_t i = 0; i < n; i++) {
        s->states |= s->packets[i]->md.ct_state;
    }
    ovsrcu_quiesce();
}

static void *
send_all(void *s_)
{
    struct sender *s = s_;
    uint32_t n = s->n_packets ? s->n_packets : s->n;

    s->states = 0;
    s->cpu_ns = 0;
    for (int i = 0; i < BURST; i++) {
        s->packets[i] = dp_packet_new(256);
    }
    for (uint32_t i = 0; i < n; i += BURST) {
        uint32_t burst = MIN(BURST, n - i);

        for (uint32_t j = 0; j < burst; j++) {
            make_packet(s->packets[j],
                        s->first + (s->n_packets ? next_random(s) % s->n
                                    : i + j));
        }
        send_burst(s, burst);
    }
    for (int i = 0; i < BURST; i++) {
        dp_packet_delete(s->packets[i]);
    }
    return NULL;
}

/* Sends from 'n_threads'.  Returns the CPU time of the longest, in ns, for
 * each packet of all.  Fails if the or-ed states are not 'states'. */
static double
send_from(const struct sender *what, int n_threads, uint32_t states)
{
    uint32_t n_packets = what->n_packets ? what->n_packets : what->n;
    struct sender senders[2];
    long long longest = 0;

    for (int i = 0; i < n_threads; i++) {
        senders[i] = *what;
        senders[i].n = what->n / n_threads;
        senders[i].n_packets = what->n_packets / n_threads;
        senders[i].first = i * senders[i].n;
        senders[i].random = i;
        senders[i].thread = ovs_thread_create("sender", send_all,
                                              &senders[i]);
    }
    ovsrcu_quiesce_start();
    for (int i = 0; i < n_threads; i++) {
        xpthread_join(senders[i].thread, NULL);
        longest = MAX(longest, senders[i].cpu_ns);
        if (senders[i].states != states) {
            dptest_fail("%s: ct_state %#"PRIx32", not %#"PRIx32,
                        what->rival->name, senders[i].states, states);
        }
    }
    ovsrcu_quiesce_end();
    return (double) longest / n_packets;
}

/* Connections that are set up and used, by one thread or two. */
static void
race(const struct rival *rival, uint32_t n, int n_threads, bool is_nat)
{
    const struct nat_action_info_t nat = {
        .nat_action = NAT_ACTION_SRC,
        .min_addr.ipv4 = htonl(0xc6336401),
        .max_addr.ipv4 = htonl(0xc6336440),
    };
    const struct nat_action_info_t bare = { .nat_action = 0 };
    uint32_t translated = is_nat ? CS_SRC_NAT : 0;
    struct sender s = { .rival = rival, .n = n, .commit = true };
    double set_up, use;
    long long before;

    atomic_store(&ct_theirs_now_ms, time_msec());
    s.ct = rival->init();
    s.nat = is_nat ? &nat : NULL;
    set_up = send_from(&s, n_threads, CS_TRACKED | CS_NEW | translated);
    s.commit = false;
    s.n_packets = n;
    s.nat = is_nat ? &bare : NULL;
    use = send_from(&s, n_threads, CS_TRACKED | CS_NEW | translated);
    before = cpu_ns();
    rival->flush(s.ct, NULL);
    printf("%-6s %"PRIu32"%s, %d thread(s): set-up %.0f ns, packet %.0f ns, "
           "flush of all %.1f ms\n", rival->name, n,
           is_nat ? " translated" : "", n_threads, set_up, use,
           (cpu_ns() - before) / 1e6);
    rival->destroy(s.ct);
}

static void
test_rivals_main(int argc, char *argv[])
{
    bool benchmark = argc > 1 && !strcmp(argv[1], "benchmark");
    uint32_t n = (argc > 2 ? strtoul(argv[2], NULL, 0)
                  : benchmark ? 1000000 : 2000);

    for (int is_nat = 0; is_nat < 2; is_nat++) {
        for (int n_threads = 1; n_threads <= 2; n_threads++) {
            for (size_t i = 0; i < ARRAY_SIZE(rivals); i++) {
                race(&rivals[i], n, n_threads, is_nat);
            }
        }
    }

    /* One hot connection. */
    for (size_t i = 0; benchmark && i < ARRAY_SIZE(rivals); i++) {
        struct sender s = { .rival = &rivals[i], .n = 1, .commit = true };
        double ns;

        s.ct = rivals[i].init();
        s.n_packets = n;
        ns = send_from(&s, 1, CS_TRACKED | CS_NEW);
        printf("%-6s one connection: packet %.0f ns\n", rivals[i].name, ns);
        rivals[i].destroy(s.ct);
    }
}
DPTEST_REGISTER("ct-rivals", test_rivals_main);
