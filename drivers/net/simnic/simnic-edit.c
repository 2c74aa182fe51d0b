/* SPDX-License-Identifier: Apache-2.0 */

/* Checksums are updated by difference (RFC 1624): the sum over the old bytes
 * is taken out, that over the new ones put in, so nothing but the changed
 * field and the checksum is read.  A UDP checksum of zero over IPv4 means
 * "none" and stays so. */

#include <stdbool.h>

#include "simnic-edit.h"

#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>
#include <rte_vxlan.h>

#include "simnic-key.h"

static uint16_t
csum_patch(uint16_t csum, const uint8_t *old, const uint8_t *new, size_t n)
{
    uint32_t sum = (uint16_t) ~csum;

    for (size_t i = 0; i < n; i += 2) {
        uint16_t o, w;

        memcpy(&o, old + i, 2);
        memcpy(&w, new + i, 2);
        sum += (uint16_t) ~o + (uint32_t) w;
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return ~sum;
}

/* Offset of the checksum in the L4 header, or 0 if it is not covered by a
 * sum of the Internet kind. */
static size_t
l4_csum_ofs(const struct simnic_layer *l)
{
    return (l->l4 == SIMNIC_L4_TCP ? 16
            : l->l4 == SIMNIC_L4_UDP ? 6
            : l->l4 == SIMNIC_L4_ICMP6 ? 2
            : 0);
}

/* Replaces 'n' bytes at 'p', an even number at an even offset from the
 * header's start.  'csum' (may be NULL) covers them; so does 'csum2'. */
static void
replace(uint8_t *p, const uint8_t *new, size_t n, uint8_t *csum,
        uint8_t *csum2, bool csum2_is_udp)
{
    uint16_t sum;

    if (csum) {
        memcpy(&sum, csum, 2);
        sum = csum_patch(sum, p, new, n);
        memcpy(csum, &sum, 2);
    }
    if (csum2) {
        memcpy(&sum, csum2, 2);
        if (!csum2_is_udp || sum) {
            sum = csum_patch(sum, p, new, n);
            sum = csum2_is_udp && !sum ? 0xffff : sum;
            memcpy(csum2, &sum, 2);
        }
    }
    memcpy(p, new, n);
}

static void
set_address(struct simnic_frame *f, const struct simnic_parsed *p,
            const struct simnic_edit *e, uint8_t version, size_t ofs, size_t n)
{
    const struct simnic_layer *l = &p->key.layer[0];
    const struct simnic_place *at = &p->place[0];
    uint8_t *l3 = f->data + at->l3;

    if (l->present & version) {
        size_t csum = l4_csum_ofs(l);

        replace(l3 + ofs, e->arg, n,
                version == SIMNIC_L3_IPV4 ? l3 + 10 : NULL,
                csum && at->l4 ? f->data + at->l4 + csum : NULL,
                l->l4 == SIMNIC_L4_UDP);
    }
}

static void
set_port(struct simnic_frame *f, const struct simnic_parsed *p,
         const struct simnic_edit *e, size_t ofs)
{
    const struct simnic_layer *l = &p->key.layer[0];

    if (l->l4 & (SIMNIC_L4_TCP | SIMNIC_L4_UDP)) {
        uint8_t *l4 = f->data + p->place[0].l4;

        replace(l4 + ofs, e->arg, 2, NULL, l4 + l4_csum_ofs(l),
                l->l4 == SIMNIC_L4_UDP);
    }
}

static void
set_ttl(struct simnic_frame *f, const struct simnic_parsed *p, bool dec,
        uint8_t value)
{
    const struct simnic_layer *l = &p->key.layer[0];
    uint8_t *l3 = f->data + p->place[0].l3;
    uint8_t word[2];

    if (dec) {
        value = l->ttl ? l->ttl - 1 : 0;
    }
    if (l->present & SIMNIC_L3_IPV4) {
        word[0] = value;
        word[1] = l3[9];
        replace(l3 + 8, word, 2, l3 + 10, NULL, false);
    } else if (l->present & SIMNIC_L3_IPV6) {
        l3[7] = value;
    }
}

static bool
push(struct simnic_frame *f, const uint8_t *bytes, size_t n)
{
    if (f->headroom < n) {
        return false;
    }
    f->data -= n;
    f->size += n;
    f->headroom -= n;
    if (bytes) {
        memcpy(f->data, bytes, n);
    }
    return true;
}

static bool
cut(struct simnic_frame *f, size_t n)
{
    if (f->size < n) {
        return false;
    }
    f->data += n;
    f->size -= n;
    f->headroom += n;
    return true;
}

static bool
push_vlan(struct simnic_frame *f, const struct simnic_edit *e)
{
    if (f->size < 14 || !push(f, NULL, 4)) {
        return false;
    }
    memmove(f->data, f->data + 4, 12);
    memcpy(f->data + 12, e->arg, 2);
    memset(f->data + 14, 0, 2);
    return true;
}

static void
set_tci(struct simnic_frame *f, const struct simnic_parsed *p,
        const struct simnic_edit *e)
{
    uint16_t tci;

    if (!(p->key.layer[0].present & SIMNIC_L2_VLAN)) {
        return;
    }
    tci = f->data[14] << 8 | f->data[15];
    if (e->op == SIMNIC_EDIT_VLAN_VID) {
        tci = (tci & 0xf000) | (((e->arg[0] & 15) << 8) | e->arg[1]);
    } else {
        tci = (tci & 0x1fff) | (e->arg[0] & 7) << 13;
    }
    f->data[14] = tci >> 8;
    f->data[15] = tci;
}

/* Makes the lengths and the IPv4 checksum right in the header of 'n' bytes
 * that was just prepended; what follows it stays as it is. */
static void
fix_lengths(struct simnic_frame *f, size_t n)
{
    struct simnic_parsed p;
    uint32_t size = f->size + f->more;

    simnic_key_parse(f->data, f->size, f->size + f->more, &p);

    const struct simnic_layer *l = &p.key.layer[0];
    uint8_t *l3 = f->data + p.place[0].l3;
    if (p.place[0].l3 >= n) {
        return;
    }
    if (l->present & SIMNIC_L3_IPV4) {
        struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) l3;

        ip->total_length = rte_cpu_to_be_16(size - p.place[0].l3);
        ip->hdr_checksum = 0;
        ip->hdr_checksum = rte_ipv4_cksum(ip);
    } else if (l->present & SIMNIC_L3_IPV6) {
        uint16_t len = rte_cpu_to_be_16(size - p.place[0].l3 - 40);

        memcpy(l3 + 4, &len, 2);
    }
    if (l->l4 == SIMNIC_L4_UDP && p.place[0].l4 < n) {
        uint16_t len = rte_cpu_to_be_16(size - p.place[0].l4);

        memcpy(f->data + p.place[0].l4 + 4, &len, 2);
        memset(f->data + p.place[0].l4 + 6, 0, 2);
    }
}

bool
simnic_edits_apply(const struct simnic_edits *edits, struct simnic_frame *f)
{
    struct simnic_parsed p;
    bool ok = true;

    if (edits->n) {
        simnic_key_parse(f->data, f->size, f->size + f->more, &p);
    }
    for (unsigned int i = 0; i < edits->n && ok; i++) {
        const struct simnic_edit *e = &edits->edit[i];
        bool reparse = true;

        switch (e->op) {
        case SIMNIC_EDIT_ETH_SRC:
        case SIMNIC_EDIT_ETH_DST:
            if (f->size >= 14) {
                memcpy(f->data + (e->op == SIMNIC_EDIT_ETH_SRC ? 6 : 0),
                       e->arg, 6);
            }
            reparse = false;
            break;
        case SIMNIC_EDIT_IPV4_SRC:
            set_address(f, &p, e, SIMNIC_L3_IPV4, 12, 4);
            reparse = false;
            break;
        case SIMNIC_EDIT_IPV4_DST:
            set_address(f, &p, e, SIMNIC_L3_IPV4, 16, 4);
            reparse = false;
            break;
        case SIMNIC_EDIT_IPV6_SRC:
            set_address(f, &p, e, SIMNIC_L3_IPV6, 8, 16);
            reparse = false;
            break;
        case SIMNIC_EDIT_IPV6_DST:
            set_address(f, &p, e, SIMNIC_L3_IPV6, 24, 16);
            reparse = false;
            break;
        case SIMNIC_EDIT_TP_SRC:
            set_port(f, &p, e, 0);
            break;
        case SIMNIC_EDIT_TP_DST:
            set_port(f, &p, e, 2);
            break;
        case SIMNIC_EDIT_TTL:
            set_ttl(f, &p, false, e->arg[0]);
            break;
        case SIMNIC_EDIT_DEC_TTL:
            set_ttl(f, &p, true, 0);
            break;
        case SIMNIC_EDIT_PUSH_VLAN:
            ok = push_vlan(f, e);
            break;
        case SIMNIC_EDIT_POP_VLAN:
            if (p.key.layer[0].present & SIMNIC_L2_VLAN) {
                memmove(f->data + 4, f->data, 12);
                ok = cut(f, 4);
            }
            break;
        case SIMNIC_EDIT_VLAN_VID:
        case SIMNIC_EDIT_VLAN_PCP:
            set_tci(f, &p, e);
            break;
        case SIMNIC_EDIT_ENCAP:
            ok = push(f, e->raw, e->size);
            if (ok) {
                fix_lengths(f, e->size);
            }
            break;
        case SIMNIC_EDIT_DECAP_TUNNEL:
            if (p.key.tunnel == SIMNIC_TNL_VXLAN) {
                ok = cut(f, p.place[0].payload + 8);
            }
            break;
        case SIMNIC_EDIT_CUT:
            ok = cut(f, e->size);
            break;
        }
        if (reparse && ok) {
            simnic_key_parse(f->data, f->size, f->size + f->more, &p);
        }
    }
    return ok;
}

void
simnic_edits_uninit(struct simnic_edits *edits)
{
    for (unsigned int i = 0; i < edits->n; i++) {
        free(edits->edit[i].raw);
    }
    edits->n = 0;
}

size_t
simnic_edit_vxlan_header(const struct rte_flow_item definition[],
                         uint8_t *header, size_t room)
{
    const enum rte_flow_item_type last = RTE_FLOW_ITEM_TYPE_VXLAN;
    enum rte_flow_item_type before = RTE_FLOW_ITEM_TYPE_VOID;
    uint8_t *p = header, *type = NULL;

    for (; definition->type != RTE_FLOW_ITEM_TYPE_END; definition++) {
        enum rte_flow_item_type now = definition->type;
        const void *spec = definition->spec;
        bool ip = (before == RTE_FLOW_ITEM_TYPE_IPV4
                   || before == RTE_FLOW_ITEM_TYPE_IPV6);
        bool l2 = (before == RTE_FLOW_ITEM_TYPE_ETH
                   || before == RTE_FLOW_ITEM_TYPE_VLAN);

        if (now == RTE_FLOW_ITEM_TYPE_VOID) {
            continue;
        }
        if (!spec || header + room - p < 40) {
            return 0;
        }
        if (now == RTE_FLOW_ITEM_TYPE_ETH
            && before == RTE_FLOW_ITEM_TYPE_VOID) {
            memcpy(p, spec, 14);
            type = p + 12;
            p += 14;
        } else if (now == RTE_FLOW_ITEM_TYPE_VLAN && l2) {
            const struct rte_flow_item_vlan *vlan = spec;

            memcpy(type, "\x81\x00", 2);
            memcpy(p, &vlan->tci, 2);
            type = p + 2;
            p += 4;
        } else if (now == RTE_FLOW_ITEM_TYPE_IPV4 && l2) {
            const struct rte_flow_item_ipv4 *ip4 = spec;
            struct rte_ipv4_hdr *h = (struct rte_ipv4_hdr *) p;

            memcpy(type, "\x08\x00", 2);
            *h = ip4->hdr;
            h->version_ihl = 0x45;
            h->next_proto_id = IPPROTO_UDP;
            h->time_to_live = h->time_to_live ? h->time_to_live : 64;
            p += sizeof *h;
        } else if (now == RTE_FLOW_ITEM_TYPE_IPV6 && l2) {
            const struct rte_flow_item_ipv6 *ip6 = spec;
            struct rte_ipv6_hdr *h = (struct rte_ipv6_hdr *) p;

            memcpy(type, "\x86\xdd", 2);
            *h = ip6->hdr;
            h->vtc_flow = (h->vtc_flow & RTE_BE32(0x0fffffff))
                          | RTE_BE32(0x60000000);
            h->proto = IPPROTO_UDP;
            h->hop_limits = h->hop_limits ? h->hop_limits : 64;
            p += sizeof *h;
        } else if (now == RTE_FLOW_ITEM_TYPE_UDP && ip) {
            const struct rte_flow_item_udp *udp = spec;
            struct rte_udp_hdr *h = (struct rte_udp_hdr *) p;

            *h = udp->hdr;
            h->dst_port = RTE_BE16(RTE_VXLAN_DEFAULT_PORT);
            p += sizeof *h;
        } else if (now == last && before == RTE_FLOW_ITEM_TYPE_UDP) {
            memcpy(p, spec, 8);
            p[0] = 0x08;
            p += 8;
        } else {
            return 0;
        }
        before = now;
    }
    return before == last ? p - header : 0;
}
