/* SPDX-License-Identifier: Apache-2.0 */

/* Toeplitz is linear: the hash of an input is the XOR of the hashes of its
 * bytes in their places.  So there is a table for each place, made anew when
 * the key changes, and hashing is one lookup for each byte. */

#include "simnic-rss.h"

#include <string.h>

#include <rte_byteorder.h>

static const uint8_t default_key[SIMNIC_RSS_KEY_SIZE] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
    0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
    0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* The 32 bits of 'key' that start at bit 'ofs'. */
static uint32_t
key_window(const uint8_t *key, unsigned int ofs)
{
    uint64_t w = 0;

    for (unsigned int i = 0; i < 5; i++) {
        w = w << 8 | key[ofs / 8 + i];
    }
    return w >> (8 - ofs % 8);
}

void
simnic_rss_set_key(struct simnic_rss_state *rss, const uint8_t *key)
{
    memcpy(rss->key, key ? key : default_key, sizeof rss->key);
    for (unsigned int i = 0; i < SIMNIC_RSS_INPUT; i++) {
        for (unsigned int byte = 0; byte < 256; byte++) {
            uint32_t h = 0;

            for (unsigned int bit = 0; bit < 8; bit++) {
                if (byte & 0x80 >> bit) {
                    h ^= key_window(rss->key, i * 8 + bit);
                }
            }
            rss->table[i][byte] = h;
        }
    }
}

void
simnic_rss_spread(struct simnic_rss_state *rss, uint16_t n_queues)
{
    for (unsigned int i = 0; i < SIMNIC_RETA_SIZE; i++) {
        rss->reta[i] = n_queues ? i % n_queues : 0;
    }
}

void
simnic_rss_init(struct simnic_rss_state *rss)
{
    memset(rss, 0, sizeof *rss);
    simnic_rss_set_key(rss, NULL);
}

/* Returns the RTE_ETH_RSS_* that say "addresses and ports", or the ones that
 * say "addresses", for the packet's L3 and L4. */
static uint64_t
types_of(const struct simnic_layer *l, bool ports)
{
    bool v4 = l->present & SIMNIC_L3_IPV4;
    bool frag = (v4 ? l->frag & RTE_BE16(0x3fff)
                 : l->present & SIMNIC_L3_FRAG_EXT);

    if (ports) {
        switch (frag ? 0 : l->l4) {
        case SIMNIC_L4_TCP:
            return (v4 ? RTE_ETH_RSS_NONFRAG_IPV4_TCP
                    : RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_IPV6_TCP_EX);
        case SIMNIC_L4_UDP:
            return (v4 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP
                    : RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV6_UDP_EX);
        case SIMNIC_L4_SCTP:
            return (v4 ? RTE_ETH_RSS_NONFRAG_IPV4_SCTP
                    : RTE_ETH_RSS_NONFRAG_IPV6_SCTP);
        default:
            return 0;
        }
    } else if (frag) {
        return (v4 ? RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4
                : RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6
                | RTE_ETH_RSS_IPV6_EX);
    } else {
        return (v4 ? RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER
                : RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER
                | RTE_ETH_RSS_IPV6_EX);
    }
}

bool
simnic_rss_hash(const struct simnic_rss_state *rss, uint64_t types,
                bool symmetric, const struct simnic_key *key, uint32_t *hashp)
{
    const struct simnic_layer *l = &key->layer[0];
    size_t n = l->present & SIMNIC_L3_IPV4 ? 4 : 16;
    uint8_t in[SIMNIC_RSS_INPUT];
    uint32_t h = 0;
    size_t size;

    *hashp = 0;
    if (!(l->present & (SIMNIC_L3_IPV4 | SIMNIC_L3_IPV6))) {
        return false;
    }
    memcpy(in, l->src, n);
    memcpy(in + n, l->dst, n);
    size = 2 * n;
    if (types & types_of(l, true)) {
        memcpy(in + size, &l->sport, 2);
        memcpy(in + size + 2, &l->dport, 2);
        size += 4;
    } else if (!(types & types_of(l, false))) {
        return false;
    }
    if (symmetric) {
        for (size_t i = 0; i < n; i++) {
            in[i] = in[n + i] = in[i] ^ in[n + i];
        }
        if (size > 2 * n) {
            in[2 * n] = in[2 * n + 2] = in[2 * n] ^ in[2 * n + 2];
            in[2 * n + 1] = in[2 * n + 3] = in[2 * n + 1] ^ in[2 * n + 3];
        }
    }
    for (size_t i = 0; i < size; i++) {
        h ^= rss->table[i][in[i]];
    }
    *hashp = h;
    return true;
}
