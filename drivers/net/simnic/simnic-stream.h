/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_STREAM_H
#define SIMNIC_STREAM_H 1

/* simnic-stream: the packets that a port will receive
 * ===================================================
 *
 * Job.  Hold one record for each stream of a 'gen' port, or for each packet
 * of a 'pcap' port: what it looks like, and in one 64-bit word what the
 * hardware decided about it.
 *
 * Owns.  Records, templates, captured bytes.
 *
 * Invariants.  A record is half a cache line and never straddles two.  Its
 * word is all that a polling core has to read to deliver a verdict.
 *
 * Thread-safety
 * =============
 *     word, hash       written by the thread that changes rules, one store
 *                      each; read by polling cores, one load each.
 *     hits             written by the polling core of the stream's queue,
 *                      read by anyone.
 *     everything else  constant while the port is started.
 *
 * Cost.  See simnic-rx.c.
 *
 * See also.  simnic-gen.h and simnic-pcap.h (fill it), simnic-classify.h
 * (decides the words), simnic-rx.c (reads them). */

#include <stdlib.h>
#include <string.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>

#include "simnic-key.h"
#include "simnic-rss.h"

/* The word: what the hardware decided.  FLAG and MARK are RTE_MBUF_F_RX_FDIR
 * and RTE_MBUF_F_RX_FDIR_ID, SIMNIC_W_OL_SHIFT bits up. */
#define SIMNIC_W_MARK_MASK   UINT64_C(0xffffffff)   /* Mark, or path. */
#define SIMNIC_W_QUEUE_SHIFT 32
#define SIMNIC_W_QUEUE_MASK  UINT64_C(0xff)
#define SIMNIC_W_OL_SHIFT    40
#define SIMNIC_W_COUNT       (UINT64_C(1) << 40)    /* Count hits. */
#define SIMNIC_W_STEP        (UINT64_C(1) << 41)    /* Not for the host. */
#define SIMNIC_W_FLAG        (UINT64_C(1) << 42)
#define SIMNIC_W_SLOW        (UINT64_C(1) << 43)    /* The mark is a path. */
#define SIMNIC_W_MARK        (UINT64_C(1) << 53 | SIMNIC_W_FLAG)
#define SIMNIC_W_RARE (SIMNIC_W_COUNT | SIMNIC_W_STEP | SIMNIC_W_SLOW)

struct simnic_stream {
    uint64_t word;
    uint32_t hash;
    uint32_t hits;
    union {
        struct {                /* Network byte order; as in IPv4/UDP. */
            uint16_t l3_csum;   /* IPv4: the checksum; IPv6: of addresses. */
            uint32_t src;       /* IPv6: the last 4 bytes. */
            uint32_t dst;
            uint16_t sport;
            uint16_t dport;
        } __attribute__((packed)) gen;
        struct {
            uint32_t line;      /* Offset of its bytes, in 64 bytes. */
            uint32_t size;
        } cap;
        struct {
            uint16_t pad[7];
            uint16_t tmpl;
        };
    };
};

_Static_assert(sizeof(struct simnic_stream) == 32, "a stream has 32 bytes");

#define SIMNIC_TEMPLATE_BYTES 128

/* What many streams have in common.  The first 16 bytes are, in this order,
 * what rte_mbuf has from 'packet_type' on. */
struct simnic_template {
    uint32_t packet_type;
    uint32_t pkt_len;
    uint16_t data_len;
    uint16_t vlan_tci;          /* Of a stripped tag. */
    uint32_t hash;              /* 0: a stream's own is put in. */
    uint64_t ol_flags;
    uint16_t l4_const;          /* Sum of what L4 checksums cover. */
    uint8_t n_lines;            /* 64-byte lines with headers. */
    uint8_t v4_ofs;             /* Where checksum, addresses, ports go... */
    uint8_t src_ofs, dst_ofs;   /* ...or, if 'v4_ofs' is 0, each of them. */
    uint8_t port_ofs;
    uint8_t l3_csum_ofs;        /* 0: nowhere. */
    uint8_t l4_csum_ofs;        /* 0: nowhere. */
    bool l4_csum_udp;           /* 0 is written as 0xffff. */
    bool l4_csum_ports;         /* The ports are covered, addresses not. */
    bool strip;                 /* The outer tag is not delivered. */
    uint8_t hdr_size;
    uint8_t bytes[SIMNIC_TEMPLATE_BYTES] __rte_aligned(64);
} __rte_aligned(64);

struct simnic_streams {
    uint32_t n;
    bool is_pcap;
    struct simnic_stream *record;       /* Mapped. */
    size_t record_size;                 /* Of the mapping, in bytes. */
    uint32_t n_templates;
    struct simnic_template *wire;       /* As on the wire. */
    struct simnic_template *host;       /* As delivered, tag stripped. */
    struct simnic_parsed *parsed;       /* Of 'wire', values zero. */
    uint8_t *bytes;                     /* SIMNIC_PCAP: mapped. */
    size_t bytes_size;
    uint64_t *time_ns;                  /* SIMNIC_PCAP: since the first. */
    uint32_t max_size;                  /* Of any frame. */
};

/* Makes room for 'n' streams and 'n_templates' templates.  Returns 0 or
 * ENOMEM. */
int simnic_streams_init(struct simnic_streams *, uint32_t n,
                        uint32_t n_templates);

/* Frees everything; harmless on a zeroed struct. */
void simnic_streams_uninit(struct simnic_streams *);

/* Derives the delivered form of all templates.  'strip': take off the outer
 * VLAN tag.  'rss' tells which packets have a hash. */
void simnic_streams_prepare(struct simnic_streams *, bool strip,
                            const struct simnic_rss_state *rss);

/* Stores the key of stream 'i' in '*key'. */
void simnic_streams_key(const struct simnic_streams *, uint32_t i,
                        struct simnic_key *key);

/* Size of the frame of stream 'i', as on the wire, without FCS. */
uint32_t simnic_streams_size(const struct simnic_streams *, uint32_t i);

/* Writes the frame of stream 'i', as on the wire, to 'frame'. */
void simnic_streams_frame(const struct simnic_streams *, uint32_t i,
                          uint8_t *frame);

/* Anonymous memory, in huge pages if the system likes; 'size' is rounded up.
 * NULL if there is none. */
void *simnic_map(size_t *size);
void simnic_unmap(void *, size_t size);

/* Folds a sum of 16-bit words to 16 bits. */
static inline uint16_t
simnic_fold(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return sum + (sum >> 16);
}

/* Puts the values of generated stream 's' into the headers at 'data', which
 * otherwise are those of 't'. */
static inline __attribute__((always_inline)) void
simnic_stream_patch(const struct simnic_template *t,
                    const struct simnic_stream *s, uint8_t *data)
{
    const uint8_t *values = (const uint8_t *) &s->gen;

    if (likely(t->v4_ofs)) {
        /* 14 bytes, from the checksum to the ports. */
        memcpy(data + t->v4_ofs, values, 8);
        memcpy(data + t->v4_ofs + 6, values + 6, 8);
    } else {
        memcpy(data + t->src_ofs, values + 2, 4);
        memcpy(data + t->dst_ofs, values + 6, 4);
        memcpy(data + t->port_ofs, values + 10, 4);
        if (t->l3_csum_ofs) {
            memcpy(data + t->l3_csum_ofs, values, 2);
        }
    }
    if (t->l4_csum_ofs) {
        uint32_t sum = t->l4_const + s->gen.sport + s->gen.dport;

        if (!t->l4_csum_ports) {
            sum += (uint16_t) ~s->gen.l3_csum;
        }
        uint16_t csum = ~simnic_fold(sum);
        if (t->l4_csum_udp && !csum) {
            csum = 0xffff;
        }
        memcpy(data + t->l4_csum_ofs, &csum, 2);
    }
}

/* Writes the headers of generated stream 's' to 'data', which must have room
 * for whole 64-byte lines. */
static inline __attribute__((always_inline)) void
simnic_stream_write(const struct simnic_template *t,
                    const struct simnic_stream *s, uint8_t *data)
{
    memcpy(data, t->bytes, 64);
    if (t->n_lines > 1) {
        memcpy(data + 64, t->bytes + 64, 64);
    }
    simnic_stream_patch(t, s, data);
}

#endif /* simnic-stream.h */
