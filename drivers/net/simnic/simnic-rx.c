/* SPDX-License-Identifier: Apache-2.0 */

/* One loop, specialised by constants: what a port's configuration rules out
 * is compiled out.  A packet costs the read of its stream's record, the write
 * of its headers, and the write of its mbuf.
 *
 * Records, mbufs and headers that the next packets need are prefetched while
 * the present ones are written, as a driver prefetches descriptors.  Headers
 * only if they are in huge pages: measured, that gains 4 cycles per packet
 * with and loses 5 without them. */

#include "simnic-rx.h"

#include <errno.h>
#include <x86intrin.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ether.h>
#include <rte_prefetch.h>

#include "simnic-classify.h"
#include "simnic-wire.h"

/* Variants of the loop. */
#define V_PCAP    0x01          /* Frames are captured ones. */
#define V_ORDERED 0x02          /* Anything but one queue, round robin. */
#define V_LIMITED 0x04          /* Rate, burst size, timing, loops. */
#define V_LATCHED 0x08          /* Verdicts wait in descriptors. */
#define V_PAYLOAD 0x10          /* fill=. */
#define V_ONE     0x20          /* One template, of one line. */
#define V_HUGE    0x40          /* Packets are in huge pages. */
#define V_COLD    0x80          /* cold=. */

#define AHEAD 8                 /* Packets that prefetches run ahead. */

/* Fate of a packet that needs a second look. */
enum rare {
    RARE_DELIVER,
    RARE_SKIP,                  /* The mbuf was not used. */
    RARE_GONE,                  /* The mbuf was used, but not for the host. */
    RARE_WRITTEN                /* The mbuf is ready to be delivered. */
};

static void
refill(struct simnic_rxq *q)
{
    while (q->n_desc - q->ready >= SIMNIC_REFILL) {
        if (rte_mempool_get_bulk(q->pool, (void **) &q->ring[q->refill],
                                 SIMNIC_REFILL)) {
            q->no_mbuf++;
            return;
        }
        q->refill = (q->refill + SIMNIC_REFILL) & q->mask;
        q->ready += SIMNIC_REFILL;
    }
}

static inline uint64_t
flags_of(uint64_t word)
{
    _Static_assert(SIMNIC_W_MARK >> SIMNIC_W_OL_SHIFT
                   == (RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID),
                   "a word's flags are not an mbuf's");
    return word >> SIMNIC_W_OL_SHIFT & (SIMNIC_W_MARK >> SIMNIC_W_OL_SHIFT);
}

/* Copies a captured frame to 'data', without its outer tag if it is to be
 * stripped.  Returns its size; the tag goes to '*tci'. */
static uint32_t
copy_capture(const struct simnic_rxq *q, const struct simnic_stream *s,
             bool strip, uint8_t *data, uint16_t *tci)
{
    const uint8_t *frame = (q->port->streams.bytes
                            + (size_t) s->cap.line * 64);

    *tci = 0;
    if (strip) {
        memcpy(tci, frame + 14, 2);
        *tci = rte_be_to_cpu_16(*tci);
        memcpy(data, frame, 12);
        memcpy(data + 12, frame + 16, s->cap.size - 16);
        return s->cap.size - 4;
    }
    memcpy(data, frame, s->cap.size);
    return s->cap.size;
}

void
simnic_rx_strip_tag(struct rte_mbuf *m)
{
    uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);

    m->vlan_tci = data[14] << 8 | data[15];
    m->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    memmove(data + 4, data, 12);
    rte_pktmbuf_adj(m, 4);
}

/* Writes the frame of stream 's' to 'm', and applies the edits of 'path'. */
static bool
write_edited(struct simnic_rxq *q, uint32_t index,
             const struct simnic_stream *s, const struct simnic_path *path,
             struct rte_mbuf *m)
{
    const struct simnic_streams *ss = &q->port->streams;
    struct simnic_frame frame;
    struct simnic_parsed p;

    rte_pktmbuf_reset(m);
    m->port = q->port->port_id;
    frame.data = rte_pktmbuf_mtod(m, uint8_t *);
    frame.headroom = rte_pktmbuf_headroom(m);
    frame.size = simnic_streams_size(ss, index);
    frame.more = 0;
    simnic_streams_frame(ss, index, frame.data);
    for (unsigned int i = 0; i < path->n_rules; i++) {
        const struct simnic_edits *edits = path->rule[i]->edits;

        if (edits && !simnic_edits_apply(edits, &frame)) {
            q->errors++;
            return false;
        }
    }
    m->data_off = frame.data - (uint8_t *) m->buf_addr;
    m->data_len = m->pkt_len = frame.size;
    simnic_key_parse(frame.data, frame.size, &p);
    m->packet_type = p.ptype;
    m->hash.rss = s->hash;
    m->hash.fdir.hi = 0;
    m->ol_flags = (ss->wire[s->tmpl].ol_flags
                   | (q->host[s->tmpl].ol_flags & RTE_MBUF_F_RX_RSS_HASH));
    if (path->has_mark && !q->port->config.faults.no_marks) {
        m->hash.fdir.hi = path->mark;
        m->ol_flags |= RTE_MBUF_F_RX_FDIR | RTE_MBUF_F_RX_FDIR_ID;
    } else if (path->flag) {
        m->ol_flags |= RTE_MBUF_F_RX_FDIR;
    }
    if (q->conf.offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP
        && p.key.layer[0].present & SIMNIC_L2_VLAN) {
        simnic_rx_strip_tag(m);
    }
    return true;
}

static __rte_noinline enum rare
handle_rare(struct simnic_rxq *q, uint32_t index, struct simnic_stream *s,
            uint64_t word, struct rte_mbuf *m)
{
    const struct simnic_path *path;

    if (word & SIMNIC_W_COUNT) {
        __atomic_store_n(&s->hits, s->hits + 1, __ATOMIC_RELAXED);
    }
    if (word & SIMNIC_W_STEP) {
        q->stepped++;
        return RARE_SKIP;
    }
    if (!(word & SIMNIC_W_SLOW)) {
        return RARE_DELIVER;
    }

    path = simnic_path_by_id(q->port, word & SIMNIC_W_MARK_MASK);
    if (path->to_port) {
        q->stepped++;
        if (simnic_wire_swallow(path->port_id,
                                simnic_streams_size(&q->port->streams,
                                                    index))) {
            return RARE_SKIP;
        }
        if (!write_edited(q, index, s, path, m)) {
            return RARE_SKIP;
        }
        m->ol_flags = 0;
        simnic_wire_forward(path->port_id, m);
        return RARE_GONE;
    }
    return write_edited(q, index, s, path, m) ? RARE_WRITTEN : RARE_SKIP;
}

/* How many packets the rate allows now, at most 'n'. */
static uint32_t
limit(struct simnic_rxq *q, uint32_t n)
{
    const struct simnic_config *c = &q->port->config;
    uint64_t rate = __atomic_load_n(&c->rate, __ATOMIC_RELAXED);

    if (q->once_done) {
        return 0;
    }
    n = RTE_MIN(n, q->burst);
    if (rate) {
        uint64_t now = rte_rdtsc();
        double due = ((double) (now - q->rate_start) * rate
                      / q->port->n_rxq / rte_get_tsc_hz());

        if (due < q->rate_sent || due - q->rate_sent > q->n_desc) {
            /* The rate was changed, or nobody polled for so long that a ring
             * would have run over. */
            q->rate_start = now;
            q->rate_sent = 0;
            due = 0;
        }
        n = RTE_MIN((uint64_t) n, (uint64_t) due - q->rate_sent);
    }
    return n;
}

/* True if captured packet 'pos' is due by its own time. */
static bool
is_due(const struct simnic_rxq *q, uint32_t pos, uint64_t now)
{
    double ns = (now - q->lap_start) * 1e9 / rte_get_tsc_hz();

    return q->port->streams.time_ns[pos] <= ns;
}

/* Chooses the streams of block 'block' of 'picked', and has their records
 * fetched. */
static void
pick_block(struct simnic_rxq *q, uint32_t block)
{
    uint32_t *picked = &q->picked[block * SIMNIC_PICK_BLOCK];

    if (q->picker.order != SIMNIC_ZIPF) {
        q->picker.n = q->n;
    }
    simnic_picker_next(&q->picker, picked, SIMNIC_PICK_BLOCK);
    for (uint32_t i = 0; i < SIMNIC_PICK_BLOCK; i++) {
        uint32_t pos = RTE_MIN(picked[i], q->n - 1);

        picked[i] = q->list ? q->list[pos] : pos;
        rte_prefetch0(&q->record[picked[i]]);
    }
}

/* Blocks are chosen two ahead, so that records have time to arrive. */
static inline uint32_t
next_picked(struct simnic_rxq *q)
{
    uint32_t pos = q->picked_pos;

    if (!(pos % SIMNIC_PICK_BLOCK)) {
        uint32_t block = pos / SIMNIC_PICK_BLOCK;

        if (!q->picked_any) {
            q->picked_any = true;
            pick_block(q, 0);
            pick_block(q, 1);
        }
        pick_block(q, (block + 2) % SIMNIC_PICK_BLOCKS);
    }
    q->picked_pos = (pos + 1) % (SIMNIC_PICK_BLOCK * SIMNIC_PICK_BLOCKS);
    return q->picked[pos];
}

static inline uint32_t
next_in_order(struct simnic_rxq *q)
{
    uint32_t pos;

    if (q->picks) {
        return next_picked(q);
    }
    pos = q->pos++;
    if (q->pos >= q->n) {
        q->pos = 0;
        q->once_done = !q->port->config.loop;
        q->lap_start = rte_rdtsc();
    }
    if (q->list) {
        if (pos + AHEAD < q->n) {
            rte_prefetch0(&q->record[q->list[pos + AHEAD]]);
        }
        return q->list[pos];
    }
    return pos;
}

/* Sends the lines to memory: nothing less makes a read miss.  That a pool is
 * larger than the caches does not, as the core has just written the lines. */
static inline void
leave_cold(const uint8_t *data, uint32_t n_lines)
{
    for (uint32_t i = 0; i < n_lines; i++) {
        _mm_clflush(data + 64 * i);
    }
}

/* Takes the next descriptor: which stream, and what was decided about it. */
static inline bool
next_packet(struct simnic_rxq *q, unsigned int variant, uint64_t now,
            uint32_t *index, uint64_t *word)
{
    if (variant & V_LIMITED
        && (q->once_done
            || (q->port->streams.time_ns && q->port->config.timed
                && !is_due(q, q->pos, now)))) {
        return false;
    }
    if (variant & V_ORDERED) {
        *index = next_in_order(q);
    } else {
        *index = q->pos++;
        q->pos = q->pos == q->n ? 0 : q->pos;
    }

    /* Pairs with the release in classify(): a slow word leads to a path. */
    *word = __atomic_load_n(&q->record[*index].word, __ATOMIC_ACQUIRE);
    if (variant & V_LATCHED && q->latch_size) {
        struct simnic_latch *l = &q->latch[q->latch_head];
        struct simnic_latch old = *l;

        l->index = *index;
        l->word = *word;
        q->latch_head = (q->latch_head + 1 == q->latch_size
                         ? 0 : q->latch_head + 1);
        if (q->latch_count < q->latch_size) {
            q->latch_count++;
            *word = SIMNIC_W_STEP | (uint64_t) q->id << SIMNIC_W_QUEUE_SHIFT;
            *index = UINT32_MAX;
            return true;
        }
        *index = old.index;
        *word = old.word;
    }
    return true;
}

/* The headers of a template that is one line long, in registers. */
struct line {
    __m128i part[4];
};

static __rte_always_inline struct line
load_line(const struct simnic_template *t)
{
    const __m128i *p = (const __m128i *) (const void *) t->bytes;

    return (struct line) { { p[0], p[1], p[2], p[3] } };
}

static __rte_always_inline void
store_line(const struct line *line, uint8_t *data)
{
    __m128i *p = (__m128i *) (void *) data;

    _mm_storeu_si128(p, line->part[0]);
    _mm_storeu_si128(p + 1, line->part[1]);
    _mm_storeu_si128(p + 2, line->part[2]);
    _mm_storeu_si128(p + 3, line->part[3]);
}

/* Writes what the host gets of stream 's' to 'm'.  Returns its size. */
static __rte_always_inline uint32_t
deliver(const struct simnic_rxq *q, const struct simnic_stream *s,
        uint64_t word, struct rte_mbuf *m, const struct simnic_template *t,
        const struct line *line, const unsigned int variant)
{
    uint8_t *data = (uint8_t *) m->buf_addr + RTE_PKTMBUF_HEADROOM;
    uint32_t size;

    if (variant & V_PCAP) {
        m->packet_type = t->packet_type;
        size = copy_capture(q, s, t->strip, data, &m->vlan_tci);
        m->pkt_len = m->data_len = size;
        m->hash.rss = s->hash;
    } else {
        __m128i d = _mm_load_si128((const __m128i *) (const void *) t);

        if (variant & V_ONE) {
            store_line(line, data);
            simnic_stream_patch(t, s, data);
        } else {
            simnic_stream_write(t, s, data);
        }
        _mm_storeu_si128((__m128i *) (void *) &m->packet_type,
                         _mm_insert_epi32(d, s->hash, 3));
        size = t->pkt_len;
    }
    if (variant & V_PAYLOAD) {
        if (q->port->config.fill && t->pkt_len > t->hdr_size) {
            memset(data + t->hdr_size, 0, t->pkt_len - t->hdr_size);
        }
    }
    if (variant & V_COLD && q->port->config.cold) {
        leave_cold(data, t->n_lines);
    }
    memcpy(&m->rearm_data, &q->rearm, sizeof q->rearm);
    m->ol_flags = t->ol_flags | flags_of(word);
    m->hash.fdir.hi = (uint32_t) word;
    return size;
}

static __rte_always_inline uint16_t
rx_burst(struct simnic_rxq *q, struct rte_mbuf **pkts, uint16_t n,
         const unsigned int variant)
{
    struct rte_mbuf **const ring = q->ring;
    const uint32_t mask = q->mask;
    const struct simnic_template *t = q->host;
    struct line line = load_line(t);
    uint32_t want = RTE_MIN((uint32_t) n, q->ready);
    uint32_t got = 0, tail = q->tail, budget;
    uint64_t now = 0, bytes = 0;

    if (variant & V_ORDERED && !q->only_queue) {
        /* Pairs with the release in list_stream(). */
        q->n = __atomic_load_n(&q->list_len, __ATOMIC_ACQUIRE);
    }
    if (variant & V_LIMITED) {
        want = limit(q, want);
        now = rte_rdtsc();
    }
    if (!q->n) {
        want = 0;
    }
    budget = want * 2 + 16;
    while (got < want && budget--) {
        struct rte_mbuf *m = ring[tail];
        struct simnic_stream *s;
        uint32_t index;
        uint64_t word;

        if (!next_packet(q, variant, now, &index, &word)) {
            break;
        }
        if (variant & V_LATCHED && index == UINT32_MAX) {
            continue;
        }
        s = &q->record[index];
        if (variant & V_ORDERED && !q->only_queue
            && ((word >> SIMNIC_W_QUEUE_SHIFT & SIMNIC_W_QUEUE_MASK)
                != q->id)) {
            continue;           /* It was moved to another queue. */
        }
        rte_prefetch0(ring[(tail + AHEAD) & mask]);
        if (variant & V_HUGE) {
            rte_prefetch0((uint8_t *) ring[(tail + AHEAD / 2) & mask]->buf_addr
                          + RTE_PKTMBUF_HEADROOM);
        }
        if (unlikely(word & SIMNIC_W_RARE)) {
            enum rare rare = handle_rare(q, index, s, word, m);

            if (rare == RARE_SKIP) {
                q->rate_sent++;
                continue;
            }
            if (rare != RARE_DELIVER) {
                tail = (tail + 1) & mask;
                if (rare == RARE_WRITTEN) {
                    bytes += m->pkt_len;
                    pkts[got++] = m;
                } else {
                    q->ready--;
                    want = RTE_MIN(want, q->ready);
                }
                continue;
            }
        }
        if (!(variant & V_ONE)) {
            t = &q->host[s->tmpl];
        }
        bytes += deliver(q, s, word, m, t, &line, variant);
        pkts[got++] = m;
        tail = (tail + 1) & mask;
    }
    if (variant & V_COLD && q->port->config.cold) {
        /* Else reads could overtake the flushes, and hit the store buffer. */
        _mm_mfence();
    }
    q->tail = tail;
    q->ready -= got;
    q->packets += got;
    q->bytes += bytes;
    q->rate_sent += got;
    refill(q);

    /* Pairs with the acquire in simnic-classify.c: what this burst looked at
     * may go. */
    __atomic_store_n(&q->bursts, q->bursts + 1, __ATOMIC_RELEASE);
    return got;
}

#define RX_FUNCTION(NAME, VARIANT)                                      \
    static uint16_t                                                     \
    NAME(void *rxq, struct rte_mbuf **pkts, uint16_t n)                 \
    {                                                                   \
        struct simnic_rxq *q = rxq;                                     \
        uint16_t got = 0;                                               \
                                                                        \
        if (likely(q && simnic_gate_enter(&q->gate))) {                 \
            got = rx_burst(q, pkts, n, VARIANT);                        \
            simnic_gate_leave(&q->gate);                                \
        }                                                               \
        return got;                                                     \
    }

RX_FUNCTION(rx_gen_one, V_ONE)
RX_FUNCTION(rx_gen_one_huge, V_ONE | V_HUGE)
RX_FUNCTION(rx_gen_simple, 0)
RX_FUNCTION(rx_gen_simple_huge, V_HUGE)
RX_FUNCTION(rx_gen_ordered, V_ORDERED)
RX_FUNCTION(rx_gen_ordered_huge, V_ORDERED | V_HUGE)
RX_FUNCTION(rx_gen_cold, V_ORDERED | V_COLD)
RX_FUNCTION(rx_gen_cold_huge, V_ORDERED | V_COLD | V_HUGE)
RX_FUNCTION(rx_gen_limited, V_ORDERED | V_LIMITED | V_PAYLOAD | V_COLD)
RX_FUNCTION(rx_gen_latched,
            V_ORDERED | V_LIMITED | V_PAYLOAD | V_COLD | V_LATCHED)
RX_FUNCTION(rx_pcap, V_PCAP | V_ORDERED | V_LIMITED)
RX_FUNCTION(rx_pcap_latched, V_PCAP | V_ORDERED | V_LIMITED | V_LATCHED)

/* A sink receives nothing. */
static uint16_t
rx_none(void *rxq, struct rte_mbuf **pkts, uint16_t n)
{
    (void) rxq;
    (void) pkts;
    (void) n;
    return 0;
}

eth_rx_burst_t
simnic_rx_choose(const struct simnic_port *port)
{
    const struct simnic_config *c = &port->config;
    bool huge = rte_eal_has_hugepages();

    if (port->removed || !port->has_streams) {
        return rx_none;
    }
    if (c->mode == SIMNIC_PCAP) {
        return c->faults.inflight ? rx_pcap_latched : rx_pcap;
    }
    if (c->faults.inflight) {
        return rx_gen_latched;
    }
    if (c->rate || c->burst < 1024 || c->fill) {
        return rx_gen_limited;
    }
    if (c->cold) {
        return huge ? rx_gen_cold_huge : rx_gen_cold;
    }
    if (port->n_rxq > 1 || c->order != SIMNIC_RR || c->train > 1
        || c->hot_streams) {
        return huge ? rx_gen_ordered_huge : rx_gen_ordered;
    }
    if (port->streams.n_templates == 1 && port->streams.host->n_lines == 1) {
        return huge ? rx_gen_one_huge : rx_gen_one;
    }
    return huge ? rx_gen_simple_huge : rx_gen_simple;
}
