/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "tests/ct/ct-rival.h"

#include <sys/resource.h>

#include "csum.h"
#include "netdev.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "packets.h"
#include "tests/ct/ct-theirs.h"
#include "timeval.h"
#include "util.h"

#define BURST NETDEV_MAX_BURST
#define LONG_NS (100 * 1000)
#define PAYLOAD 18

const struct ct_rival ct_rivals[CT_N_RIVALS] = {
    [CT_RIVAL_OURS] = {
        "ours", conntrack_init, conntrack_destroy, conntrack_execute,
        conntrack_flush, conntrack_dump_start, conntrack_dump_next,
        conntrack_dump_done, conntrack_get_nconns,
    },
    [CT_RIVAL_THEIRS] = {
        "theirs", theirs_conntrack_init, theirs_conntrack_destroy,
        theirs_conntrack_execute, theirs_conntrack_flush,
        theirs_conntrack_dump_start, theirs_conntrack_dump_next,
        theirs_conntrack_dump_done, theirs_conntrack_get_nconns,
    },
};

/* What their tracker calls instead of time_msec(). */
ATOMIC(long long) ct_theirs_now_ms;
long long theirs_time_msec(void);

long long
theirs_time_msec(void)
{
    long long now;

    atomic_read(&ct_theirs_now_ms, &now);
    return now;
}

/* Time. */

static long long
read_clock(clockid_t clock)
{
    struct timespec ts;

    xclock_gettime(clock, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

long long
ct_rival_cpu_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* How often the calling thread gave its core away because it had to wait. */
static long
count_sleeps(void)
{
    struct rusage usage;

    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* Returns what two readings of the thread's clock differ by. */
static long long
clock_cost(void)
{
    long long least = INT64_MAX;

    for (int i = 0; i < 1000; i++) {
        long long before = ct_rival_cpu_ns();

        least = MIN(least, ct_rival_cpu_ns() - before);
    }
    return least;
}

/* Packets. */

static void
put_udp(struct dp_packet *packet, uint32_t n)
{
    struct udp_header *udp = dp_packet_put_zeros(packet, (UDP_HEADER_LEN
                                                          + PAYLOAD));

    dp_packet_set_l4(packet, udp);
    udp->udp_src = htons(10000 + n % 50000);
    udp->udp_dst = htons(53);
    udp->udp_len = htons(UDP_HEADER_LEN + PAYLOAD);
}

static void
put_tcp(struct dp_packet *packet, uint32_t n)
{
    struct tcp_header *tcp = dp_packet_put_zeros(packet, (TCP_HEADER_LEN
                                                          + PAYLOAD));

    dp_packet_set_l4(packet, tcp);
    tcp->tcp_src = htons(10000 + n % 50000);
    tcp->tcp_dst = htons(80);
    put_16aligned_be32(&tcp->tcp_seq, htonl(1000));
    put_16aligned_be32(&tcp->tcp_ack, htonl(1));
    tcp->tcp_ctl = TCP_CTL(TCP_ACK, TCP_HEADER_LEN / 4);
    tcp->tcp_winsz = htons(1000);
    tcp->tcp_csum = csum_finish(
        csum_continue(packet_csum_pseudoheader(dp_packet_l3(packet)), tcp,
                      TCP_HEADER_LEN + PAYLOAD));
}

/* Makes 'packet', one of connection 'n', the same of the other side. */
static void
turn(struct dp_packet *packet)
{
    struct ip_header *ip = dp_packet_l3(packet);
    ovs_16aligned_be32 addr = ip->ip_src;
    ovs_be16 *ports = dp_packet_l4(packet);
    ovs_be16 port = ports[0];
    struct tcp_header *tcp = dp_packet_l4(packet);
    ovs_16aligned_be32 seq = tcp->tcp_seq;

    ip->ip_src = ip->ip_dst;
    ip->ip_dst = addr;
    ports[0] = ports[1];
    ports[1] = port;
    if (ip->ip_proto == IPPROTO_TCP) {
        tcp->tcp_seq = tcp->tcp_ack;
        tcp->tcp_ack = seq;
    }
}

/* Makes 'packet' one of connection 'n'.  UDP has no checksum. */
static void
make_packet(struct dp_packet *packet, uint8_t proto, uint32_t n, bool reply)
{
    size_t l4_len = (proto == IPPROTO_TCP ? TCP_HEADER_LEN : UDP_HEADER_LEN)
                    + PAYLOAD;
    struct eth_header *eth;
    struct ip_header *ip;

    dp_packet_clear(packet);
    pkt_metadata_init(&packet->md, 1);
    eth = dp_packet_put_zeros(packet, ETH_HEADER_LEN);
    eth->eth_type = htons(ETH_TYPE_IP);
    ip = dp_packet_put_zeros(packet, IP_HEADER_LEN);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(IP_HEADER_LEN + l4_len);
    ip->ip_ttl = 64;
    ip->ip_proto = proto;
    put_16aligned_be32(&ip->ip_src, htonl(0x0a000001 + n / 50000));
    put_16aligned_be32(&ip->ip_dst, htonl(0xc0a80001));
    ip->ip_csum = csum(ip, IP_HEADER_LEN);
    dp_packet_reset_offsets(packet);
    dp_packet_set_l3(packet, ip);
    if (proto == IPPROTO_TCP) {
        put_tcp(packet, n);
    } else {
        put_udp(packet, n);
    }
    if (reply) {
        turn(packet);           /* Which leaves checksums right. */
    }
}

/* Sending. */

static uint32_t
next_random(struct ct_sender *s)
{
    s->random = s->random * 1664525 + 1013904223;
    return s->random >> 4;
}

/* Sends 'batch' through the tracker. */
static void
execute(struct ct_sender *s, struct dp_packet_batch *batch, long long cost)
{
    size_t n = dp_packet_batch_size(batch);
    long sleeps = count_sleeps();
    long long wall = read_clock(CLOCK_MONOTONIC);
    long long cpu = ct_rival_cpu_ns();
    long long took;
    bool slept;

    s->rival->execute(s->ct, batch, htons(ETH_TYPE_IP), false, s->commit,
                      s->zone, NULL, NULL, OVS_CT_NO_PORTS NULL, s->nat,
                      time_msec(), 0);
    cpu = ct_rival_cpu_ns() - cpu - cost;
    wall = read_clock(CLOCK_MONOTONIC) - wall;
    slept = count_sleeps() != sleeps;
    took = slept ? wall : cpu;
    s->cpu_ns += cpu;
    s->longest_ns = MAX(s->longest_ns, took);
    s->n_bursts++;
    s->n_long += took > LONG_NS;
    s->n_slept += slept;
    ovs_assert(dp_packet_batch_size(batch) == n);
}

static void
send_burst(struct ct_sender *s, struct dp_packet *packets[], size_t n,
           long long cost)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init(&batch);
    for (size_t i = 0; i < n; i++) {
        dp_packet_batch_add(&batch, packets[i]);
    }
    execute(s, &batch, cost);
    for (size_t i = 0; i < n; i++) {
        uint8_t state = packets[i]->md.ct_state;

        s->states |= state;
        s->n_untranslated += !(state & (CS_SRC_NAT | CS_DST_NAT));
    }
    ovsrcu_quiesce();
}

void
ct_sender_run(struct ct_sender *s)
{
    uint32_t n = s->n_packets ? s->n_packets : s->n;
    struct dp_packet *packets[BURST];
    long long cost = clock_cost();

    s->states = s->n_untranslated = 0;
    s->n_bursts = s->n_long = s->n_slept = 0;
    s->cpu_ns = s->longest_ns = 0;
    for (int i = 0; i < BURST; i++) {
        packets[i] = dp_packet_new(256);
    }
    for (uint32_t i = 0; i < n; i += BURST) {
        uint32_t burst = MIN(BURST, n - i);

        for (uint32_t j = 0; j < burst; j++) {
            make_packet(packets[j], s->proto,
                        s->first + (s->n_packets ? next_random(s) % s->n
                                    : i + j), s->reply);
        }
        send_burst(s, packets, burst, cost);
    }
    for (int i = 0; i < BURST; i++) {
        dp_packet_delete(packets[i]);
    }
}

static void *
sender_main(void *s)
{
    ct_sender_run(s);
    return NULL;
}

double
ct_sender_run_all(struct ct_sender *what, int n_threads)
{
    uint32_t n_packets = what->n_packets ? what->n_packets : what->n;
    struct ct_sender senders[2];
    pthread_t threads[2];

    ovs_assert(n_threads >= 1 && n_threads <= ARRAY_SIZE(senders));
    for (int i = 0; i < n_threads; i++) {
        struct ct_sender *s = &senders[i];

        *s = *what;
        s->n = MAX(what->n / n_threads, 1);
        s->n_packets = what->n_packets / n_threads;
        s->first = what->first + i * s->n;
        s->random = what->random + i;
        threads[i] = ovs_thread_create("sender", sender_main, s);
    }
    what->states = what->n_untranslated = 0;
    what->n_bursts = what->n_long = what->n_slept = 0;
    what->cpu_ns = what->longest_ns = 0;
    ovsrcu_quiesce_start();
    for (int i = 0; i < n_threads; i++) {
        const struct ct_sender *s = &senders[i];

        xpthread_join(threads[i], NULL);
        what->cpu_ns = MAX(what->cpu_ns, s->cpu_ns);
        what->longest_ns = MAX(what->longest_ns, s->longest_ns);
        what->n_bursts += s->n_bursts;
        what->n_long += s->n_long;
        what->n_slept += s->n_slept;
        what->n_untranslated += s->n_untranslated;
        what->states |= s->states;
    }
    ovsrcu_quiesce_end();
    return (double) what->cpu_ns / n_packets;
}
