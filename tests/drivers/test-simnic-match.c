/* SPDX-License-Identifier: Apache-2.0 */

/* The matcher of net_simnic against a naive reference.
 *
 * Packets are built from a random chain of headers, so the reference knows
 * where each header is without parsing.  Patterns are random items with
 * random masks, biased towards values of a packet so that matches happen.
 * An item of rte_flow has the layout of the header on the wire (ARP's is
 * padded), which makes the reference a byte-wise comparison: it shares no
 * table, no parser and no key with the code under test.
 *
 * Usage: test-simnic-match [ROUNDS [SEED]].  Prints "N passed, N failed". */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_flow.h>
#include <rte_ip.h>

#include "simnic-match.h"
#include "simnic-table.h"

#define MAX_CHAIN 16
#define N_PACKETS 64
#define N_RULES 24

static uint64_t random_state;

static uint32_t
rnd(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 16) % n;
}

/* One header of a packet. */
struct header {
    enum rte_flow_item_type type;
    uint16_t ofs;
};

struct packet {
    uint8_t bytes[512];
    uint16_t size;
    struct header chain[MAX_CHAIN];
    unsigned int n;
};

/* Where an item's fields lie in its header, for ranges and masks. */
struct field {
    enum rte_flow_item_type type;
    uint8_t ofs, size;
};

static const struct field fields[] = {
    { RTE_FLOW_ITEM_TYPE_ETH, 0, 6 }, { RTE_FLOW_ITEM_TYPE_ETH, 6, 6 },
    { RTE_FLOW_ITEM_TYPE_ETH, 12, 2 },
    { RTE_FLOW_ITEM_TYPE_VLAN, 0, 2 }, { RTE_FLOW_ITEM_TYPE_VLAN, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_IPV4, 1, 1 }, { RTE_FLOW_ITEM_TYPE_IPV4, 6, 2 },
    { RTE_FLOW_ITEM_TYPE_IPV4, 8, 1 }, { RTE_FLOW_ITEM_TYPE_IPV4, 9, 1 },
    { RTE_FLOW_ITEM_TYPE_IPV4, 12, 4 }, { RTE_FLOW_ITEM_TYPE_IPV4, 16, 4 },
    { RTE_FLOW_ITEM_TYPE_IPV6, 0, 4 }, { RTE_FLOW_ITEM_TYPE_IPV6, 6, 1 },
    { RTE_FLOW_ITEM_TYPE_IPV6, 7, 1 }, { RTE_FLOW_ITEM_TYPE_IPV6, 8, 16 },
    { RTE_FLOW_ITEM_TYPE_IPV6, 24, 16 },
    { RTE_FLOW_ITEM_TYPE_IPV6_FRAG_EXT, 0, 1 },
    { RTE_FLOW_ITEM_TYPE_IPV6_FRAG_EXT, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 0, 2 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 4, 1 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 5, 1 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 6, 2 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 8, 6 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 16, 4 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 20, 6 },
    { RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 28, 4 },
    { RTE_FLOW_ITEM_TYPE_TCP, 0, 2 }, { RTE_FLOW_ITEM_TYPE_TCP, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_TCP, 13, 1 },
    { RTE_FLOW_ITEM_TYPE_UDP, 0, 2 }, { RTE_FLOW_ITEM_TYPE_UDP, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_SCTP, 0, 2 }, { RTE_FLOW_ITEM_TYPE_SCTP, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_ICMP, 0, 1 }, { RTE_FLOW_ITEM_TYPE_ICMP, 1, 1 },
    { RTE_FLOW_ITEM_TYPE_ICMP6, 0, 1 }, { RTE_FLOW_ITEM_TYPE_ICMP6, 1, 1 },
    { RTE_FLOW_ITEM_TYPE_VXLAN, 0, 1 }, { RTE_FLOW_ITEM_TYPE_VXLAN, 4, 3 },
    { RTE_FLOW_ITEM_TYPE_GRE, 0, 2 }, { RTE_FLOW_ITEM_TYPE_GRE, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_GENEVE, 0, 2 }, { RTE_FLOW_ITEM_TYPE_GENEVE, 2, 2 },
    { RTE_FLOW_ITEM_TYPE_GENEVE, 4, 3 },
};

/* Copies a header to the layout of its item.  They are the same, but for the
 * padding that C puts into that of ARP. */
static void
to_item(enum rte_flow_item_type type, const uint8_t *header, uint8_t *item)
{
    if (type == RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4) {
        memcpy(item, header, 14);
        memcpy(item + 16, header + 14, 4);
        memcpy(item + 20, header + 18, 6);
        memcpy(item + 28, header + 24, 4);
    } else {
        memcpy(item, header, 64);
    }
}

static uint8_t *
append(struct packet *p, enum rte_flow_item_type type, size_t size)
{
    uint8_t *h = p->bytes + p->size;

    if (type != RTE_FLOW_ITEM_TYPE_VOID) {
        p->chain[p->n].type = type;
        p->chain[p->n++].ofs = p->size;
    }
    p->size += size;
    for (size_t i = 0; i < size; i++) {
        h[i] = rnd(4);          /* Few values, so that they meet. */
    }
    return h;
}

static void
put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x;
}

static void
build_l4(struct packet *p, uint8_t proto)
{
    uint8_t *h;

    switch (proto) {
    case 6:
        h = append(p, RTE_FLOW_ITEM_TYPE_TCP, 20);
        h[12] = 0x50;
        break;
    case 17:
        append(p, RTE_FLOW_ITEM_TYPE_UDP, 8);
        break;
    case 132:
        append(p, RTE_FLOW_ITEM_TYPE_SCTP, 12);
        break;
    case 1:
        append(p, RTE_FLOW_ITEM_TYPE_ICMP, 8);
        break;
    case 58:
        append(p, RTE_FLOW_ITEM_TYPE_ICMP6, 8);
        break;
    }
}

static void build_l2(struct packet *, bool outer);

/* Appends IP and what it carries. */
static void
build_ip(struct packet *p, bool v6, bool outer)
{
    static const uint8_t protos[] = { 6, 17, 132, 0, 253, 47 };
    uint8_t proto = protos[rnd(outer ? 6 : 5)];
    bool later = !rnd(8);
    bool tunnel = outer && proto == 17 && rnd(2);
    uint8_t *h;

    proto = proto ? proto : v6 ? 58 : 1;
    if (v6) {
        bool frag = !rnd(3);

        if (frag) {
            /* NICs do not look for tunnels in fragments. */
            proto = proto == 47 ? 6 : proto;
            tunnel = false;
        }
        h = append(p, RTE_FLOW_ITEM_TYPE_IPV6, 40);
        h[0] = 0x60 | (h[0] & 15);
        h[6] = frag ? 44 : proto;
        if (frag) {
            h = append(p, RTE_FLOW_ITEM_TYPE_IPV6_FRAG_EXT, 8);
            h[0] = proto;
            put16(h + 2, later ? 0x0100 : rnd(2));
        }
        later = later && frag;
    } else {
        h = append(p, RTE_FLOW_ITEM_TYPE_IPV4, 20);
        h[0] = 0x45;
        h[9] = proto;
        put16(h + 6, later ? 0x0020 : rnd(2) ? 0x4000 : 0);
    }
    if (later) {
        append(p, RTE_FLOW_ITEM_TYPE_VOID, 40);
        return;
    }
    if (proto == 47) {
        h = append(p, RTE_FLOW_ITEM_TYPE_GRE, 4);
        put16(h, 0);
        if (rnd(2)) {
            put16(h + 2, 0x6558);
            build_l2(p, false);
        } else {
            bool inner6 = rnd(2);

            put16(h + 2, inner6 ? 0x86dd : 0x0800);
            build_ip(p, inner6, false);
        }
        return;
    }
    build_l4(p, proto);
    if (tunnel) {
        uint8_t *udp = p->bytes + p->size - 8;

        if (rnd(2)) {
            put16(udp + 2, 4789);
            append(p, RTE_FLOW_ITEM_TYPE_VXLAN, 8);
        } else {
            put16(udp + 2, 6081);
            h = append(p, RTE_FLOW_ITEM_TYPE_GENEVE, 8);
            put16(h, 0);
            put16(h + 2, 0x6558);
        }
        build_l2(p, false);
    }
}

static void
build_l2(struct packet *p, bool outer)
{
    unsigned int n_vlan = rnd(4) % 3;
    unsigned int kind = rnd(8);
    uint8_t *type = append(p, RTE_FLOW_ITEM_TYPE_ETH, 14) + 12;

    while (n_vlan--) {
        uint8_t *h = append(p, RTE_FLOW_ITEM_TYPE_VLAN, 4);

        put16(type, rnd(2) ? 0x8100 : 0x88a8);
        type = h + 2;
    }
    if (kind == 0) {
        uint8_t *h = append(p, RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4, 28);

        put16(type, 0x0806);
        memcpy(h, "\0\1\x08\0\6\4", 6);
    } else if (kind == 1) {
        put16(type, 0x88cc);
        append(p, RTE_FLOW_ITEM_TYPE_VOID, 20);
    } else {
        put16(type, kind & 1 ? 0x86dd : 0x0800);
        build_ip(p, kind & 1, outer);
    }
}

/* A pattern, with room for what its items point to. */
struct pattern {
    struct rte_flow_item item[MAX_CHAIN + 1];
    uint8_t spec[MAX_CHAIN][64];
    uint8_t last[MAX_CHAIN][64];
    uint8_t mask[MAX_CHAIN][64];
};

static void
add_field(struct pattern *t, unsigned int i, const struct field *f,
          const uint8_t *header)
{
    uint8_t *spec = t->spec[i] + f->ofs;
    uint8_t *mask = t->mask[i] + f->ofs;
    uint8_t *last = t->last[i] + f->ofs;
    bool range = !rnd(6);

    for (unsigned int j = 0; j < f->size; j++) {
        mask[j] = range || rnd(3) ? 0xff : rnd(256);
        spec[j] = rnd(8) ? header[j] : rnd(4);
    }
    if (range) {
        memcpy(last, spec, f->size);
        last[f->size - 1] |= 3;
        last[0] |= rnd(2);
    }
}

/* Makes a pattern out of the headers of 'p', some left out. */
static void
make_pattern(struct pattern *t, const struct packet *p)
{
    unsigned int n = 0, stop = rnd(p->n) + 1;

    memset(t, 0, sizeof *t);
    for (unsigned int i = 0; i < stop; i++) {
        const struct header *h = &p->chain[i];
        struct rte_flow_item *item = &t->item[n];
        uint8_t header[64];

        if (h->type == RTE_FLOW_ITEM_TYPE_VLAN && !rnd(3)) {
            continue;
        }
        item->type = h->type;
        to_item(h->type, p->bytes + h->ofs, header);
        if (rnd(4)) {
            item->spec = t->spec[n];
            item->mask = t->mask[n];
            item->last = t->last[n];
            for (size_t k = 0; k < RTE_DIM(fields); k++) {
                if (fields[k].type == h->type && !rnd(3)) {
                    add_field(t, n, &fields[k], header);
                }
            }
            if (h->type == RTE_FLOW_ITEM_TYPE_ETH && !rnd(3)) {
                struct rte_flow_item_eth *spec = (void *) t->spec[n];
                struct rte_flow_item_eth *mask = (void *) t->mask[n];

                spec->has_vlan = rnd(2);
                mask->has_vlan = 1;
            } else if (h->type == RTE_FLOW_ITEM_TYPE_VLAN && !rnd(3)) {
                struct rte_flow_item_vlan *spec = (void *) t->spec[n];
                struct rte_flow_item_vlan *mask = (void *) t->mask[n];

                spec->has_more_vlan = rnd(2);
                mask->has_more_vlan = 1;
            } else if (h->type == RTE_FLOW_ITEM_TYPE_IPV6 && !rnd(3)) {
                struct rte_flow_item_ipv6 *spec = (void *) t->spec[n];
                struct rte_flow_item_ipv6 *mask = (void *) t->mask[n];

                spec->has_frag_ext = rnd(2);
                mask->has_frag_ext = 1;
            }
        }
        n++;
    }
    t->item[n].type = RTE_FLOW_ITEM_TYPE_END;
}

static bool
fields_match(const struct rte_flow_item *item, const uint8_t *wire)
{
    uint8_t header[64];

    to_item(item->type, wire, header);
    for (size_t k = 0; k < RTE_DIM(fields); k++) {
        const struct field *f = &fields[k];
        const uint8_t *spec = (const uint8_t *) item->spec + f->ofs;
        const uint8_t *mask = (const uint8_t *) item->mask + f->ofs;
        const uint8_t *last = (const uint8_t *) item->last + f->ofs;
        uint8_t value[16], lo[16], hi[16];
        static const uint8_t zero[16];

        if (f->type != item->type) {
            continue;
        }
        for (unsigned int j = 0; j < f->size; j++) {
            value[j] = header[f->ofs + j] & mask[j];
            lo[j] = spec[j] & mask[j];
            hi[j] = last[j] & mask[j];
        }
        if (!memcmp(hi, zero, f->size)) {
            memcpy(hi, lo, f->size);
        }
        if (memcmp(value, lo, f->size) < 0
            || memcmp(value, hi, f->size) > 0) {
            return false;
        }
    }
    return true;
}

static bool
has_next(const struct packet *p, unsigned int i, enum rte_flow_item_type type)
{
    return i + 1 < p->n && p->chain[i + 1].type == type;
}

static bool
bits_match(const struct rte_flow_item *item, const struct packet *p,
           unsigned int i)
{
    switch ((int) item->type) {
    case RTE_FLOW_ITEM_TYPE_ETH: {
        const struct rte_flow_item_eth *spec = item->spec;
        const struct rte_flow_item_eth *mask = item->mask;

        return (!mask->has_vlan
                || spec->has_vlan == has_next(p, i, RTE_FLOW_ITEM_TYPE_VLAN));
    }
    case RTE_FLOW_ITEM_TYPE_VLAN: {
        const struct rte_flow_item_vlan *spec = item->spec;
        const struct rte_flow_item_vlan *mask = item->mask;

        return (!mask->has_more_vlan
                || (spec->has_more_vlan
                    == has_next(p, i, RTE_FLOW_ITEM_TYPE_VLAN)));
    }
    case RTE_FLOW_ITEM_TYPE_IPV6: {
        const struct rte_flow_item_ipv6 *spec = item->spec;
        const struct rte_flow_item_ipv6 *mask = item->mask;

        return (!mask->has_frag_ext
                || (spec->has_frag_ext
                    == has_next(p, i, RTE_FLOW_ITEM_TYPE_IPV6_FRAG_EXT)));
    }
    default:
        return true;
    }
}

/* The reference. */
static bool
naive_match(const struct rte_flow_item *item, const struct packet *p)
{
    unsigned int i = 0;

    for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
        /* Tags and extensions may be left out of a pattern. */
        while (i < p->n && p->chain[i].type != item->type
               && (p->chain[i].type == RTE_FLOW_ITEM_TYPE_VLAN
                   || p->chain[i].type == RTE_FLOW_ITEM_TYPE_IPV6_FRAG_EXT)) {
            i++;
        }
        if (i >= p->n || p->chain[i].type != item->type
            || (item->spec && !(fields_match(item,
                                             p->bytes + p->chain[i].ofs)
                                && bits_match(item, p, i)))) {
            return false;
        }
        i++;
    }
    return true;
}

static void
show(const struct pattern *t, const struct packet *p)
{
    fprintf(stderr, "  packet:");
    for (unsigned int i = 0; i < p->n; i++) {
        fprintf(stderr, " %d@%u", p->chain[i].type, p->chain[i].ofs);
    }
    fprintf(stderr, "\n  pattern:");
    for (unsigned int i = 0; t->item[i].type; i++) {
        fprintf(stderr, " %d%s", t->item[i].type,
                t->item[i].spec ? "(spec)" : "");
    }
    fprintf(stderr, "\n");
}

/* A switch that looks for addresses in ARP says that they are those of
 * Ethernet and IPv4, which is the only kind that the item is about.  Returns
 * whether that is taken, and another kind refused. */
static bool
arp_kind_is_known(void)
{
    struct rte_flow_item_arp_eth_ipv4 spec = { .tpa = RTE_BE32(0x0a000001) };
    struct rte_flow_item_arp_eth_ipv4 mask = { .tpa = UINT32_MAX };
    struct rte_flow_item pattern[] = {
        { .type = RTE_FLOW_ITEM_TYPE_ETH },
        { .type = RTE_FLOW_ITEM_TYPE_ARP_ETH_IPV4,
          .spec = &spec, .mask = &mask },
        { .type = RTE_FLOW_ITEM_TYPE_END },
    };
    struct rte_flow_error error;
    struct simnic_match match;
    bool ok;

    memcpy(&spec, "\0\1\x08\0\6\4", 6);
    memset(&mask, 0xff, 6);
    ok = !simnic_match_compile(pattern, &match, &error);
    memcpy(&spec, "\0\2\x08\0\6\4", 6);
    return ok && simnic_match_compile(pattern, &match, &error);
}

int
main(int argc, char *argv[])
{
    unsigned int rounds = argc > 1 ? atoi(argv[1]) : 400;
    unsigned int n_failed = 0, n_passed = 0, n_hits = 0, n_refused = 0;
    static struct packet packets[N_PACKETS];
    static struct pattern patterns[N_RULES];
    static struct simnic_entry entries[N_RULES];

    if (!arp_kind_is_known()) {
        fprintf(stderr, "a match on the kind of ARP is refused\n");
        return 1;
    }
    random_state = (argc > 2 ? strtoull(argv[2], NULL, 0) : 1) * 7919 + 1;
    for (unsigned int round = 0; round < rounds; round++) {
        bool used[N_RULES];
        struct simnic_table table;
        unsigned int n = 0;
        bool ok = true;

        for (unsigned int i = 0; i < N_PACKETS; i++) {
            packets[i].n = packets[i].size = 0;
            build_l2(&packets[i], true);
        }
        simnic_table_init(&table);
        for (unsigned int r = 0; r < N_RULES; r++) {
            struct rte_flow_error error;
            struct simnic_match match;

            make_pattern(&patterns[r], &packets[rnd(N_PACKETS)]);
            used[r] = !simnic_match_compile(patterns[r].item, &match, &error);
            if (used[r]) {
                entries[r].group = 0;
                entries[r].priority = rnd(3);
                if (simnic_table_insert(&table, &entries[r], &match)) {
                    return 1;
                }
                n++;
            } else {
                n_refused++;
            }
        }
        for (unsigned int i = 0; i < N_PACKETS; i++) {
            const struct simnic_entry *best = NULL, *after = NULL;
            struct simnic_parsed parsed;

            simnic_key_parse(packets[i].bytes, packets[i].size,
                             packets[i].size, &parsed);
            for (unsigned int r = 0; r < N_RULES; r++) {
                bool want = used[r] && naive_match(patterns[r].item,
                                                   &packets[i]);
                bool got = used[r] && simnic_entry_test(&entries[r],
                                                        &parsed.key);

                if (want != got) {
                    fprintf(stderr, "round %u packet %u rule %u: matcher "
                            "says %d\n", round, i, r, got);
                    show(&patterns[r], &packets[i]);
                    ok = false;
                }
                if (want && (!best || entries[r].priority < best->priority)) {
                    best = &entries[r];
                }
                n_hits += want;
            }
            if (simnic_table_find(&table, 0, &parsed.key, NULL) != best) {
                fprintf(stderr, "round %u packet %u: wrong rule\n", round, i);
                ok = false;
            }
            /* Going on after each match visits all of them, best first. */
            while (best) {
                const struct simnic_entry *e;

                e = simnic_table_find(&table, 0, &parsed.key, after);
                if (!e) {
                    break;
                }
                if (after && (e->priority < after->priority
                              || (e->priority == after->priority
                                  && e->seq < after->seq))) {
                    fprintf(stderr, "round %u packet %u: bad order\n", round,
                            i);
                    ok = false;
                }
                after = e;
            }
        }
        for (unsigned int r = 0; r < N_RULES; r++) {
            if (used[r]) {
                simnic_table_remove(&table, &entries[r]);
            }
        }
        ok = ok && !table.n && !table.n_groups;
        simnic_table_uninit(&table);
        n_passed += ok;
        n_failed += !ok;
    }
    printf("%u matches, %u patterns refused\n", n_hits, n_refused);
    printf("%u passed, %u failed\n", n_passed, n_failed);
    return n_failed != 0;
}
