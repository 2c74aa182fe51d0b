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
#include "simnic-stamp.h"
#include "simnic-wire.h"

/* Variants of the loop. */
#define V_PCAP    0x01          /* Frames are captured ones. */
#define V_ORDERED 0x02          /* Anything but one queue, round robin. */
#define V_LIMITED 0x04          /* Rate, burst size, timing, loops. */
#define V_PAYLOAD 0x08          /* fill=, stamp=. */
#define V_ONE     0x10          /* One template, of one line. */
#define V_HUGE    0x20          /* Packets are in huge pages. */
#define V_COLD    0x40          /* cold=. */

#define AHEAD 8                 /* Packets that prefetches run ahead. */

/* Fate of a packet that needs a second look. */
enum fate {
    FATE_DELIVER,
    FATE_EDIT,                  /* To be delivered, changed. */
    FATE_KEPT,                  /* The NIC keeps it; the mbuf was not used. */
    FATE_SENT                   /* The NIC has sent it, in the mbuf. */
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

uint64_t
simnic_rx_checksums(const struct simnic_parsed *p)
{
    const struct simnic_layer *l = &p->key.layer[0];
    bool fragment = (p->ptype & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_FRAG;

    return ((l->present & SIMNIC_L3_IPV4 ? RTE_MBUF_F_RX_IP_CKSUM_GOOD : 0)
            | (l->l4 && !fragment ? RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0));
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
    simnic_key_parse(frame.data, frame.size, frame.size, &p);
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

/* What becomes of a packet as it arrives.  'm' is free to be used. */
static __rte_noinline enum fate
decide(struct simnic_rxq *q, uint32_t index, struct simnic_stream *s,
       uint64_t word, struct rte_mbuf *m)
{
    const struct simnic_path *path;

    if (word & SIMNIC_W_COUNT) {
        __atomic_store_n(&s->hits, s->hits + 1, __ATOMIC_RELAXED);
    }
    if (word & SIMNIC_W_STEP) {
        q->stepped++;
        return FATE_KEPT;
    }
    if (!(word & SIMNIC_W_SLOW)) {
        return FATE_DELIVER;
    }

    path = simnic_path_by_id(q->port, word & SIMNIC_W_MARK_MASK);
    if (!path->to_port) {
        return FATE_EDIT;
    }
    q->stepped++;
    if (simnic_wire_swallow(path->port_id,
                            simnic_streams_size(&q->port->streams, index))
        || !write_edited(q, index, s, path, m)) {
        return FATE_KEPT;
    }
    m->ol_flags = 0;
    simnic_wire_forward(path->port_id, m);
    return FATE_SENT;
}

/* Writes the packet whose fate is to be edited to 'm'.  Returns false if the
 * edits do not fit it. */
static bool
deliver_edited(struct simnic_rxq *q, uint32_t index, uint64_t word,
               struct rte_mbuf *m)
{
    return write_edited(q, index, &q->record[index],
                        simnic_path_by_id(q->port, word & SIMNIC_W_MARK_MASK),
                        m);
}

/* Notes that the queue is polled 'now', so that one can tell for how long a
 * host leaves it alone. */
static void
note_poll(struct simnic_rxq *q, uint64_t now)
{
    uint64_t gap = now - q->rate_polled;

    q->rate_polled = now;
    if (gap > q->longest_gap) {
        __atomic_store_n(&q->longest_gap, gap, __ATOMIC_RELAXED);
    }
}

/* How many packets may arrive now, at most 'n'.  Whoever lets them arrive
 * adds them to 'rate_sent', whether the NIC keeps them or not. */
static uint32_t
limit(struct simnic_rxq *q, uint32_t n)
{
    const struct simnic_config *c = &q->port->config;
    uint64_t rate = __atomic_load_n(&c->rate, __ATOMIC_RELAXED);
    uint64_t now, due;

    if (!rate) {
        q->rate = 0;
        return n;
    }
    now = rte_rdtsc();
    if (rate != q->rate || !q->n) {
        q->rate = rate;
        q->rate_start = q->rate_polled = now;
        q->rate_sent = 0;
        __atomic_store_n(&q->longest_gap, 0, __ATOMIC_RELAXED);
    }
    note_poll(q, now);
    due = ((double) (now - q->rate_start) * rate
           / q->port->n_rxq / rte_get_tsc_hz());
    due -= due % __atomic_load_n(&c->clump, __ATOMIC_RELAXED);
    if (due > q->rate_sent + q->n_desc) {
        /* Nobody polled for so long that a ring would have run over. */
        __atomic_store_n(&q->missed, q->missed + due - q->n_desc
                         - q->rate_sent, __ATOMIC_RELAXED);
        q->rate_sent = due - q->n_desc;
    }

    /* Clocks of two cores may differ a little. */
    return due > q->rate_sent ? RTE_MIN((uint64_t) n, due - q->rate_sent) : 0;
}

/* When the packet arrived that was last added to 'rate_sent'; without a rate,
 * now. */
static uint64_t
arrived(const struct simnic_rxq *q)
{
    uint32_t clump = __atomic_load_n(&q->port->config.clump, __ATOMIC_RELAXED);
    uint64_t n = (q->rate_sent + clump - 1) / clump * clump;

    return (q->rate
            ? q->rate_start + ((double) n * q->port->n_rxq * rte_get_tsc_hz()
                               / q->rate)
            : rte_rdtsc());
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

/* The next packet on the wire: which stream, and what is decided about it.
 * Returns false if none is due. */
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
    return true;
}

/* True if the stream was moved to another queue: its entry in the list of
 * this one means nothing any more. */
static inline bool
is_elsewhere(const struct simnic_rxq *q, uint64_t word)
{
    return (!q->only_queue
            && (word >> SIMNIC_W_QUEUE_SHIFT & SIMNIC_W_QUEUE_MASK) != q->id);
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
        if (q->port->config.stamp
            && t->pkt_len >= t->hdr_size + SIMNIC_STAMP_SIZE) {
            simnic_stamp_write(data, t->pkt_len, arrived(q));
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

/* Begins a poll that is asked for 'n' packets.  Returns how many it may
 * deliver. */
static __rte_always_inline uint32_t
begin_burst(struct simnic_rxq *q, uint16_t n, const unsigned int variant)
{
    uint32_t want = RTE_MIN((uint32_t) n, q->ready);

    if (variant & V_ORDERED && !q->only_queue) {
        /* Pairs with the release in list_stream(). */
        q->n = __atomic_load_n(&q->list_len, __ATOMIC_ACQUIRE);
    }
    return variant & V_LIMITED ? RTE_MIN(want, q->burst) : want;
}

/* Ends a poll that has delivered 'got' packets. */
static __rte_always_inline void
end_burst(struct simnic_rxq *q, uint32_t got, uint64_t bytes,
          const unsigned int variant)
{
    if (variant & V_COLD && q->port->config.cold) {
        /* Else reads could overtake the flushes, and hit the store buffer. */
        _mm_mfence();
    }
    q->packets += got;
    q->bytes += bytes;
    refill(q);

    /* Pairs with the acquire in simnic-classify.c: what this burst looked at
     * may go. */
    __atomic_store_n(&q->bursts, q->bursts + 1, __ATOMIC_RELEASE);
}

static __rte_always_inline uint16_t
rx_burst(struct simnic_rxq *q, struct rte_mbuf **pkts, uint16_t n,
         const unsigned int variant)
{
    struct rte_mbuf **const ring = q->ring;
    const uint32_t mask = q->mask;
    const struct simnic_template *t = q->host;
    struct line line = load_line(t);
    uint32_t want = begin_burst(q, n, variant);
    uint32_t got = 0, tail = q->tail;
    uint32_t budget = want * 2 + 16;
    uint64_t now = 0, bytes = 0;

    if (variant & V_LIMITED) {
        budget = limit(q, budget);
        now = rte_rdtsc();
    }
    if (!q->n) {
        budget = 0;
    }
    while (got < want && budget) {
        struct rte_mbuf *m = ring[tail];
        struct simnic_stream *s;
        uint32_t index;
        uint64_t word;

        budget--;
        if (!next_packet(q, variant, now, &index, &word)) {
            break;
        }
        if (variant & V_ORDERED && is_elsewhere(q, word)) {
            continue;
        }
        if (variant & V_LIMITED) {
            q->rate_sent++;
        }
        s = &q->record[index];
        rte_prefetch0(ring[(tail + AHEAD) & mask]);
        if (variant & V_HUGE) {
            rte_prefetch0((uint8_t *) ring[(tail + AHEAD / 2) & mask]->buf_addr
                          + RTE_PKTMBUF_HEADROOM);
        }
        if (unlikely(word & SIMNIC_W_RARE)) {
            enum fate fate = decide(q, index, s, word, m);

            if (fate == FATE_SENT) {
                tail = (tail + 1) & mask;
                q->ready--;
                want = RTE_MIN(want, q->ready);
            } else if (fate == FATE_EDIT && deliver_edited(q, index, word,
                                                           m)) {
                tail = (tail + 1) & mask;
                bytes += m->pkt_len;
                pkts[got++] = m;
            }
            if (fate != FATE_DELIVER) {
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
    q->tail = tail;
    q->ready -= got;
    end_burst(q, got, bytes, variant);
    return got;
}

/* Packets in flight (inflight=).
 *
 * Here a packet arrives, with all that the NIC does to it, before it is
 * delivered.  What is for the host waits in a descriptor that holds its
 * verdict; each has one of the 'ready' mbufs.  A poll delivers what waited
 * when it began, and what there is no room for.  So it returns nothing only if
 * nothing waited, as any NIC's does: applications rely on that to know that
 * they have seen the last packet with an old verdict.
 *
 * How many wait thus depends on how fast they come.  If as many arrive as are
 * polled, there are always as many as 'inflight' says. */

static inline bool
latch_has_room(const struct simnic_rxq *q)
{
    return q->latch_count < RTE_MIN(q->latch_size, q->ready);
}

/* The next packet arrives, if one is due. */
static __rte_always_inline bool
latch_arrive(struct simnic_rxq *q, const unsigned int variant, uint64_t now)
{
    enum fate fate = FATE_DELIVER;
    uint32_t index;
    uint64_t word;

    if (!next_packet(q, variant, now, &index, &word)) {
        return false;
    }
    if (is_elsewhere(q, word)) {
        return true;
    }
    q->rate_sent++;
    if (word & SIMNIC_W_RARE) {
        fate = decide(q, index, &q->record[index], word, q->ring[q->tail]);
    }
    if (fate == FATE_SENT) {
        q->tail = (q->tail + 1) & q->mask;
        q->ready--;
    } else if (fate != FATE_KEPT) {
        q->latch[q->latch_head] = (struct simnic_latch) { index, word };
        q->latch_head = (q->latch_head + 1) % q->latch_size;
        q->latch_count++;
    }
    return true;
}

/* Delivers the packet that has waited longest.  Returns its size, or 0 if it
 * got lost. */
static __rte_always_inline uint32_t
latch_deliver(struct simnic_rxq *q, const unsigned int variant)
{
    uint32_t oldest = ((q->latch_head + q->latch_size - q->latch_count)
                       % q->latch_size);
    const struct simnic_latch *l = &q->latch[oldest];
    const struct simnic_stream *s = &q->record[l->index];
    struct rte_mbuf *m = q->ring[q->tail];

    q->latch_count--;
    if (!(l->word & SIMNIC_W_SLOW)) {
        deliver(q, s, l->word, m, &q->host[s->tmpl], NULL, variant);
    } else if (!deliver_edited(q, l->index, l->word, m)) {
        return 0;
    }
    q->tail = (q->tail + 1) & q->mask;
    q->ready--;
    return m->pkt_len;
}

static __rte_always_inline uint16_t
rx_latched(struct simnic_rxq *q, struct rte_mbuf **pkts, uint16_t n,
           const unsigned int variant)
{
    uint32_t want = begin_burst(q, n, variant);
    uint32_t budget = limit(q, q->latch_size + want * 2 + 16);
    uint32_t n_waited = q->latch_count, got = 0;
    uint64_t now = rte_rdtsc(), bytes = 0;

    if (!q->n) {
        budget = 0;
    }
    for (;;) {
        if (budget && latch_has_room(q)) {
            budget = latch_arrive(q, variant, now) ? budget - 1 : 0;
        } else if (got < want && (n_waited || (budget && q->latch_count))) {
            struct rte_mbuf *m = q->ring[q->tail];
            uint32_t size = latch_deliver(q, variant);

            n_waited -= n_waited > 0;
            if (size) {
                bytes += size;
                pkts[got++] = m;
            }
        } else {
            break;
        }
    }
    end_burst(q, got, bytes, variant);
    return got;
}

#define RX_FUNCTION(NAME, BURST, VARIANT)                               \
    static uint16_t                                                     \
    NAME(void *rxq, struct rte_mbuf **pkts, uint16_t n)                 \
    {                                                                   \
        struct simnic_rxq *q = rxq;                                     \
        uint16_t got = 0;                                               \
                                                                        \
        if (likely(q && simnic_gate_enter(&q->gate))) {                 \
            got = BURST(q, pkts, n, VARIANT);                           \
            simnic_gate_leave(&q->gate);                                \
        }                                                               \
        return got;                                                     \
    }

RX_FUNCTION(rx_gen_one, rx_burst, V_ONE)
RX_FUNCTION(rx_gen_one_huge, rx_burst, V_ONE | V_HUGE)
RX_FUNCTION(rx_gen_simple, rx_burst, 0)
RX_FUNCTION(rx_gen_simple_huge, rx_burst, V_HUGE)
RX_FUNCTION(rx_gen_ordered, rx_burst, V_ORDERED)
RX_FUNCTION(rx_gen_ordered_huge, rx_burst, V_ORDERED | V_HUGE)
RX_FUNCTION(rx_gen_cold, rx_burst, V_ORDERED | V_COLD)
RX_FUNCTION(rx_gen_cold_huge, rx_burst, V_ORDERED | V_COLD | V_HUGE)
RX_FUNCTION(rx_gen_limited, rx_burst,
            V_ORDERED | V_LIMITED | V_PAYLOAD | V_COLD)
RX_FUNCTION(rx_gen_latched, rx_latched,
            V_ORDERED | V_LIMITED | V_PAYLOAD | V_COLD)
RX_FUNCTION(rx_pcap, rx_burst, V_PCAP | V_ORDERED | V_LIMITED)
RX_FUNCTION(rx_pcap_latched, rx_latched, V_PCAP | V_ORDERED | V_LIMITED)

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
    if (c->rate || c->burst < 1024 || c->fill || c->stamp) {
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
