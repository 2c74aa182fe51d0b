/* SPDX-License-Identifier: Apache-2.0 */

/* Templates come twice: as on the wire, which is what rules match and change,
 * and as delivered to the host, where a tag may have been stripped.  Records
 * fit both: only the offsets differ.  A captured frame is kept as on the wire;
 * its tag is left out when it is copied. */

#include "simnic-stream.h"

#include <errno.h>
#include <sys/mman.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#define HUGE_PAGE ((size_t) 2 << 20)

void *
simnic_map(size_t *size)
{
    size_t rounded = RTE_ALIGN_CEIL(*size ? *size : 1, HUGE_PAGE);
    uint8_t *p, *start;

    /* One huge page more, to be able to start at a multiple of one. */
    p = mmap(NULL, rounded + HUGE_PAGE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    start = RTE_PTR_ALIGN_CEIL(p, HUGE_PAGE);
    if (start > p) {
        munmap(p, start - p);
    }
    if (p + HUGE_PAGE > start) {
        munmap(start + rounded, p + HUGE_PAGE - start);
    }
    madvise(start, rounded, MADV_HUGEPAGE);
    *size = rounded;
    return start;
}

void
simnic_unmap(void *p, size_t size)
{
    if (p) {
        munmap(p, size);
    }
}

int
simnic_streams_init(struct simnic_streams *ss, uint32_t n,
                    uint32_t n_templates)
{
    size_t size = n_templates * sizeof *ss->wire;

    memset(ss, 0, sizeof *ss);
    ss->n = n;
    ss->n_templates = n_templates;
    ss->record_size = n * sizeof *ss->record;
    ss->record = simnic_map(&ss->record_size);
    ss->wire = aligned_alloc(64, size);
    ss->host = aligned_alloc(64, size);
    ss->parsed = calloc(n_templates, sizeof *ss->parsed);
    if (!ss->record || !ss->wire || !ss->host || !ss->parsed) {
        simnic_streams_uninit(ss);
        return ENOMEM;
    }
    memset(ss->wire, 0, size);
    memset(ss->host, 0, size);
    return 0;
}

void
simnic_streams_uninit(struct simnic_streams *ss)
{
    simnic_unmap(ss->record, ss->record_size);
    simnic_unmap(ss->bytes, ss->bytes_size);
    free(ss->wire);
    free(ss->host);
    free(ss->parsed);
    free(ss->time_ns);
    memset(ss, 0, sizeof *ss);
}

static void
strip_tag(struct simnic_template *t)
{
    uint16_t tci;

    memcpy(&tci, t->bytes + 14, 2);
    t->vlan_tci = rte_be_to_cpu_16(tci);
    memmove(t->bytes + 12, t->bytes + 16, sizeof t->bytes - 16);
    t->pkt_len -= 4;
    t->hdr_size -= 4;
    t->v4_ofs -= t->v4_ofs ? 4 : 0;
    t->src_ofs -= 4;
    t->dst_ofs -= 4;
    t->port_ofs -= 4;
    t->l3_csum_ofs -= t->l3_csum_ofs ? 4 : 0;
    t->l4_csum_ofs -= t->l4_csum_ofs ? 4 : 0;
}

void
simnic_streams_prepare(struct simnic_streams *ss, bool strip,
                       const struct simnic_rss_state *rss)
{
    for (uint32_t i = 0; i < ss->n_templates; i++) {
        struct simnic_template *t = &ss->host[i];
        uint8_t present = ss->parsed[i].key.layer[0].present;

        uint32_t hash;

        *t = ss->wire[i];
        if (simnic_rss_hash(rss, rss->types, false, &ss->parsed[i].key,
                            &hash)) {
            t->ol_flags |= RTE_MBUF_F_RX_RSS_HASH;
        }
        if (strip && present & SIMNIC_L2_VLAN) {
            t->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
            t->strip = true;
            if (!ss->is_pcap) {
                strip_tag(t);
            }
        }
        t->n_lines = (t->hdr_size + 63) / 64;
        t->data_len = t->pkt_len;
    }
}

void
simnic_streams_key(const struct simnic_streams *ss, uint32_t i,
                   struct simnic_key *key)
{
    const struct simnic_stream *s = &ss->record[i];

    *key = ss->parsed[s->tmpl].key;
    if (ss->is_pcap) {
        struct simnic_parsed p;

        simnic_key_parse(ss->bytes + (size_t) s->cap.line * 64, s->cap.size,
                         s->cap.size, &p);
        simnic_key_verify(ss->bytes + (size_t) s->cap.line * 64, s->cap.size,
                          &p);
        *key = p.key;
    } else {
        struct simnic_layer *l = &key->layer[0];
        size_t ofs = l->present & SIMNIC_L3_IPV6 ? 12 : 0;

        memcpy(l->src + ofs, (const uint8_t *) &s->gen + 2, 4);
        memcpy(l->dst + ofs, (const uint8_t *) &s->gen + 6, 4);
        if (l->l4 & (SIMNIC_L4_TCP | SIMNIC_L4_UDP)) {
            l->sport = s->gen.sport;
            l->dport = s->gen.dport;
        }
    }
}

uint32_t
simnic_streams_size(const struct simnic_streams *ss, uint32_t i)
{
    const struct simnic_stream *s = &ss->record[i];

    return ss->is_pcap ? s->cap.size : ss->wire[s->tmpl].pkt_len;
}

void
simnic_streams_frame(const struct simnic_streams *ss, uint32_t i,
                     uint8_t *frame)
{
    const struct simnic_stream *s = &ss->record[i];

    if (ss->is_pcap) {
        memcpy(frame, ss->bytes + (size_t) s->cap.line * 64, s->cap.size);
    } else {
        const struct simnic_template *t = &ss->wire[s->tmpl];
        uint8_t header[SIMNIC_TEMPLATE_BYTES];

        simnic_stream_write(t, s, header);
        memcpy(frame, header, t->hdr_size);
        memset(frame + t->hdr_size, 0, t->pkt_len - t->hdr_size);
    }
}
