/* SPDX-License-Identifier: Apache-2.0 */

/* The receiver's NIC is played by the sender's core: it parses each packet,
 * evaluates the receiver's rules, writes the mbuf as a NIC writes a
 * descriptor, and puts it into the ring of the rx queue that RSS or a rule
 * chose.  The receiving core only takes mbufs out of its ring, so it pays
 * for a marked packet what it would with hardware.
 *
 * Packets that transfer rules send elsewhere are collected and sent on after
 * the locks were released: no thread ever holds two links. */

#include "simnic-wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_ring.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include "simnic-classify.h"
#include "simnic-dev.h"
#include "simnic-rx.h"
#include "simnic-tx.h"

#define BURST 32
#define MAX_HOPS 4              /* Of a packet that rules send around. */
#define MAX_FRAME 9728
#define SCRATCH_HEADROOM 512

struct simnic_link {
    struct simnic_link *next;           /* In the list; 'links_mutex'. */
    char name[RTE_ETH_NAME_MAX_LEN];
    rte_rwlock_t lock;                  /* Guards what follows. */
    struct simnic_port *end[2];
    bool open[2];
};

/* All links that ever had an end, to be used again: a core that follows a
 * transfer rule to a port that just went may still look at its link.  Guarded
 * by 'links_mutex'. */
static struct simnic_link *links;
static pthread_mutex_t links_mutex = PTHREAD_MUTEX_INITIALIZER;

/* A packet for another port. */
struct detour {
    struct rte_mbuf *m;
    uint16_t port_id;
};

int
simnic_wire_join(struct simnic_port *port)
{
    bool ring = port->config.mode == SIMNIC_RING;
    const char *name = ring ? port->name : port->config.link;
    struct simnic_link *link;
    int error = 0;

    pthread_mutex_lock(&links_mutex);
    for (link = links; link; link = link->next) {
        if (!strcmp(link->name, name)) {
            break;
        }
    }
    if (!link) {
        link = calloc(1, sizeof *link);
        if (link) {
            rte_rwlock_init(&link->lock);
            snprintf(link->name, sizeof link->name, "%s", name);
            link->next = links;
            links = link;
        }
    }
    if (!link) {
        error = ENOMEM;
    } else if ((link->end[0] && link->end[1])
               || (ring && (link->end[0] || link->end[1]))) {
        error = EBUSY;
    } else {
        port->link = link;
        port->link_end = link->end[0] ? 1 : 0;
        rte_rwlock_write_lock(&link->lock);
        link->end[port->link_end] = port;
        if (ring) {
            link->end[1] = port;
        }
        rte_rwlock_write_unlock(&link->lock);
    }
    pthread_mutex_unlock(&links_mutex);
    return error;
}

void
simnic_wire_leave(struct simnic_port *port)
{
    struct simnic_link *link = port->link;

    if (!link) {
        return;
    }
    pthread_mutex_lock(&links_mutex);
    rte_rwlock_write_lock(&link->lock);
    for (unsigned int i = 0; i < 2; i++) {
        if (link->end[i] == port) {
            link->end[i] = NULL;
            link->open[i] = false;
        }
    }
    rte_rwlock_write_unlock(&link->lock);
    pthread_mutex_unlock(&links_mutex);
}

static unsigned int
peer_end(const struct simnic_port *port)
{
    return port->config.mode == SIMNIC_RING ? 0 : !port->link_end;
}

bool
simnic_wire_is_up(struct simnic_port *port)
{
    struct simnic_link *link = port->link;
    bool up;

    rte_rwlock_read_lock(&link->lock);
    up = link->end[peer_end(port)] && link->open[peer_end(port)];
    rte_rwlock_read_unlock(&link->lock);
    return up;
}

void
simnic_wire_open(struct simnic_port *port, bool open)
{
    struct simnic_link *link = port->link;

    rte_rwlock_write_lock(&link->lock);
    link->open[port->link_end] = open;
    rte_rwlock_write_unlock(&link->lock);
}

int
simnic_wire_start_queue(struct simnic_rxq *q)
{
    unsigned int count = rte_align32pow2(q->n_desc + 1);
    size_t size = RTE_ALIGN_CEIL(rte_ring_get_memsize(count),
                                 RTE_CACHE_LINE_SIZE);
    char name[RTE_RING_NAMESIZE];

    q->wire = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
    if (!q->wire) {
        return ENOMEM;
    }
    snprintf(name, sizeof name, "simnic_%u_%u", q->port->port_id, q->id);
    if (rte_ring_init(q->wire, name, count, RING_F_SC_DEQ)) {
        free(q->wire);
        q->wire = NULL;
        return ENOMEM;
    }
    return 0;
}

void
simnic_wire_stop_queue(struct simnic_rxq *q)
{
    void *m;

    while (!rte_ring_sc_dequeue(q->wire, &m)) {
        rte_pktmbuf_free(m);
    }
    free(q->wire);
    q->wire = NULL;
}

uint16_t
simnic_wire_rx(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
    struct simnic_rxq *q = rxq;
    uint64_t bytes = 0;

    if (unlikely(!q || !simnic_gate_enter(&q->gate))) {
        return 0;
    }
    n = rte_ring_sc_dequeue_burst(q->wire, (void **) pkts,
                                  RTE_MIN((uint32_t) n, q->burst), NULL);
    for (uint16_t i = 0; i < n; i++) {
        if (i + 4 < n) {
            rte_prefetch0(pkts[i + 4]);
        }
        bytes += pkts[i]->pkt_len;
    }
    q->packets += n;
    q->bytes += bytes;
    simnic_gate_leave(&q->gate);
    return n;
}

/* Does what the sender left to its NIC: checksums and tags.  Returns the
 * packet, or NULL if it had to be dropped. */
static struct rte_mbuf *
finish_packet(struct rte_mbuf *m)
{
    uint64_t l4 = m->ol_flags & RTE_MBUF_F_TX_L4_MASK;
    uint64_t flags = m->ol_flags;

    if (rte_mbuf_refcnt_read(m) != 1 || !RTE_MBUF_DIRECT(m)) {
        struct rte_mbuf *copy = rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);

        rte_pktmbuf_free(m);
        m = copy;
        if (!m) {
            return NULL;
        }
    }
    if (flags & (RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_L4_MASK)
        && m->data_len >= m->l2_len + m->l3_len) {
        uint8_t *l3 = rte_pktmbuf_mtod_offset(m, uint8_t *, m->l2_len);
        uint16_t l4_ofs = m->l2_len + m->l3_len;
        size_t csum = (l4 == RTE_MBUF_F_TX_TCP_CKSUM ? 16
                       : l4 == RTE_MBUF_F_TX_UDP_CKSUM ? 6 : 0);

        if (flags & RTE_MBUF_F_TX_IP_CKSUM) {
            struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) l3;

            ip->hdr_checksum = 0;
            ip->hdr_checksum = rte_ipv4_cksum(ip);
        }
        if (csum && m->data_len >= l4_ofs + csum + 2) {
            uint8_t *p = rte_pktmbuf_mtod_offset(m, uint8_t *, l4_ofs + csum);
            uint16_t sum;

            memset(p, 0, 2);
            sum = (flags & RTE_MBUF_F_TX_IPV6
                   ? rte_ipv6_udptcp_cksum_mbuf(m, (void *) l3, l4_ofs)
                   : rte_ipv4_udptcp_cksum_mbuf(m, (void *) l3, l4_ofs));
            memcpy(p, &sum, 2);
        }
    }
    if (flags & RTE_MBUF_F_TX_VLAN && rte_vlan_insert(&m)) {
        rte_pktmbuf_free(m);
        return NULL;
    }
    return m;
}

struct copy_aux {
    const struct rte_mbuf *m;
    uint8_t bytes[SCRATCH_HEADROOM + MAX_FRAME];
};

static bool
copy_frame(void *aux_, struct simnic_frame *frame)
{
    struct copy_aux *aux = aux_;

    frame->size = RTE_MIN(aux->m->data_len, MAX_FRAME);
    frame->more = aux->m->pkt_len - frame->size;
    frame->data = aux->bytes + SCRATCH_HEADROOM;
    frame->headroom = SCRATCH_HEADROOM;
    memcpy(frame->data, rte_pktmbuf_mtod(aux->m, const void *), frame->size);
    return true;
}

static bool
edit_packet(const struct simnic_verdict *v, struct rte_mbuf *m)
{
    struct simnic_frame frame = {
        .data = rte_pktmbuf_mtod(m, uint8_t *),
        .size = m->data_len,
        .headroom = rte_pktmbuf_headroom(m),
        .more = m->pkt_len - m->data_len,
    };

    for (unsigned int i = 0; i < v->n_rules; i++) {
        if (v->rule[i]->edits
            && !simnic_edits_apply(v->rule[i]->edits, &frame)) {
            return false;
        }
    }
    m->data_off = frame.data - (uint8_t *) m->buf_addr;
    m->data_len = frame.size;
    m->pkt_len = frame.size + frame.more;
    return true;
}

/* What 'port' does with 'm', which comes from its wire: returns the rx queue
 * for it, -1 if it was dropped, or -2 if it goes to '*port_id'. */
static int
receive_packet(struct simnic_port *port, struct rte_mbuf *m,
               uint16_t *port_id)
{
    struct copy_aux aux;                /* Large: not to be cleared. */
    struct simnic_subject subject = { .aux = &aux, .frame = copy_frame };
    struct simnic_parsed p;
    struct simnic_verdict v;
    uint32_t hash;
    int queue;

    aux.m = m;
    simnic_key_parse(rte_pktmbuf_mtod(m, const void *), m->data_len,
                     m->pkt_len, &p);
    if (port->rules.n_checksums) {
        simnic_key_verify(rte_pktmbuf_mtod(m, const void *), m->data_len, &p);
    }
    subject.key = p.key;
    simnic_rules_eval(&port->rules, &subject,
                      simnic_classify_filtered(port, &p.key, m->pkt_len), &v);
    for (unsigned int i = 0; i < v.n_rules; i++) {
        simnic_rule_account(v.rule[i], 1, m->pkt_len);
    }
    if (v.drop || (v.edits && !edit_packet(&v, m))) {
        return -1;
    }
    if (v.to_port) {
        *port_id = v.port_id;
        return -2;
    }
    if (v.edits) {
        simnic_key_parse(rte_pktmbuf_mtod(m, const void *), m->data_len,
                         m->pkt_len, &p);
    }

    queue = simnic_classify_queue(port, &v, &subject.key, &hash);
    m->port = port->port_id;
    m->tx_offload = 0;
    m->packet_type = p.ptype;
    m->vlan_tci = 0;
    m->hash.rss = hash;
    m->hash.fdir.hi = 0;
    m->ol_flags = (simnic_rx_checksums(&p)
                   | (port->rss.types ? RTE_MBUF_F_RX_RSS_HASH : 0));
    if (v.has_mark && !port->config.faults.no_marks) {
        m->hash.fdir.hi = v.mark;
        m->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
    } else if (v.flag) {
        m->ol_flags |= RTE_MBUF_F_RX_FDIR;
    }
    if (port->rxq[queue]->conf.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP
        && p.key.layer[0].present & SIMNIC_L2_VLAN) {
        simnic_rx_strip_tag(m);
    }
    return queue;
}

/* Puts the 'n' packets of 'pkts' on the wire of 'port', and takes them over.
 * Returns how many of them were lost for want of a receiver. */
static uint16_t
transmit(struct simnic_port *port, struct rte_mbuf **pkts, uint16_t n,
         unsigned int hops)
{
    struct simnic_link *link = port->link;
    struct detour detour[BURST];
    unsigned int n_detours = 0;
    struct simnic_port *peer;
    uint16_t lost = 0;

    rte_rwlock_read_lock(&link->lock);
    peer = link->open[peer_end(port)] ? link->end[peer_end(port)] : NULL;
    if (peer) {
        rte_rwlock_read_lock(&peer->rules_lock);
    }
    for (uint16_t i = 0; i < n; i++) {
        struct rte_mbuf *m = peer ? finish_packet(pkts[i]) : NULL;
        uint16_t port_id = 0;
        int queue;

        if (!m) {
            if (!peer) {
                rte_pktmbuf_free(pkts[i]);
            }
            lost++;
            continue;
        }
        queue = receive_packet(peer, m, &port_id);
        if (queue >= 0) {
            struct simnic_rxq *q = peer->rxq[queue];

            if (rte_ring_mp_enqueue(q->wire, m)) {
                __atomic_fetch_add(&q->no_mbuf, 1, __ATOMIC_RELAXED);
                rte_pktmbuf_free(m);
            }
        } else if (queue == -2) {
            detour[n_detours].m = m;
            detour[n_detours++].port_id = port_id;
        } else {
            __atomic_fetch_add(&peer->rxq[0]->stepped, 1, __ATOMIC_RELAXED);
            rte_pktmbuf_free(m);
        }
    }
    if (peer) {
        rte_rwlock_read_unlock(&peer->rules_lock);
    }
    rte_rwlock_read_unlock(&link->lock);

    for (unsigned int i = 0; i < n_detours; i++) {
        struct simnic_port *to = simnic_port_by_id(detour[i].port_id);
        struct rte_mbuf *m = detour[i].m;

        if (simnic_wire_swallow(detour[i].port_id, m->pkt_len)
            || !to || hops >= MAX_HOPS) {
            rte_pktmbuf_free(m);
        } else {
            transmit(to, &m, 1, hops + 1);
        }
    }
    return lost;
}

uint16_t
simnic_wire_tx(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
    struct simnic_txq *q = txq;

    if (unlikely(!q || !simnic_gate_enter(&q->gate))) {
        return 0;
    }
    for (uint16_t i = 0; i < n; i += BURST) {
        uint16_t chunk = RTE_MIN(n - i, BURST);
        uint64_t bytes = 0;

        for (uint16_t j = 0; j < chunk; j++) {
            bytes += pkts[i + j]->pkt_len;
        }
        q->dropped += transmit(q->port, pkts + i, chunk, 0);
        q->packets += chunk;
        q->bytes += bytes;
    }
    simnic_gate_leave(&q->gate);
    return n;
}

bool
simnic_wire_swallow(uint16_t port_id, uint32_t size)
{
    struct simnic_port *port = simnic_port_by_id(port_id);

    if (port) {
        __atomic_fetch_add(&port->switched_packets, 1, __ATOMIC_RELAXED);
        __atomic_fetch_add(&port->switched_bytes, size, __ATOMIC_RELAXED);
    }
    return !port || !simnic_port_mode_has_wire(port);
}

void
simnic_wire_forward(uint16_t port_id, struct rte_mbuf *m)
{
    struct simnic_port *port = simnic_port_by_id(port_id);

    if (port && simnic_port_mode_has_wire(port)) {
        transmit(port, &m, 1, 0);
    } else {
        rte_pktmbuf_free(m);
    }
}
