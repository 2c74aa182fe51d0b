/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_RSS_H
#define SIMNIC_RSS_H 1

/* simnic-rss: the Toeplitz hash and what it covers
 * ================================================
 *
 * Job.  Hash a packet's key as the RSS configuration says, and hold the
 * redirection table.
 *
 * Owns.  Nothing outside of itself.
 *
 * Thread-safety.  Guarded by the port's mutex.
 *
 * Cost.  One table lookup for each byte of addresses and ports.
 *
 * See also.  simnic-classify.h (hashes every stream in advance). */

#include <rte_ethdev.h>

#include "simnic-key.h"

#define SIMNIC_RSS_KEY_SIZE 40
#define SIMNIC_RETA_SIZE 128
#define SIMNIC_RSS_INPUT 36             /* Two IPv6 addresses, two ports. */

#define SIMNIC_RSS_TYPES                                                \
    (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4                           \
     | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP      \
     | RTE_ETH_RSS_NONFRAG_IPV4_SCTP | RTE_ETH_RSS_NONFRAG_IPV4_OTHER   \
     | RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6                         \
     | RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP      \
     | RTE_ETH_RSS_NONFRAG_IPV6_SCTP | RTE_ETH_RSS_NONFRAG_IPV6_OTHER   \
     | RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX                    \
     | RTE_ETH_RSS_IPV6_UDP_EX)

struct simnic_rss_state {
    uint64_t types;                     /* 0: RSS is off. */
    uint8_t key[SIMNIC_RSS_KEY_SIZE];
    uint16_t reta[SIMNIC_RETA_SIZE];
    uint32_t table[SIMNIC_RSS_INPUT][256];
};

void simnic_rss_init(struct simnic_rss_state *);

/* Changes the key; NULL means the default one. */
void simnic_rss_set_key(struct simnic_rss_state *, const uint8_t *key);

/* Spreads the redirection table over 'n_queues' queues. */
void simnic_rss_spread(struct simnic_rss_state *, uint16_t n_queues);

/* Hashes the outer layer of 'key' by 'types'.  Returns false, and stores 0 in
 * '*hashp', if 'types' do not cover the packet. */
bool simnic_rss_hash(const struct simnic_rss_state *, uint64_t types,
                     bool symmetric, const struct simnic_key *key,
                     uint32_t *hashp);

#endif /* simnic-rss.h */
