/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-key.h"

#include <netinet/icmp6.h>

#include "packets.h"
#include "random.h"

/* Queries and their answers. */
static const struct {
    bool is_ipv6;
    uint8_t query, answer;
} icmp_pairs[] = {
    { false, ICMP4_ECHO_REQUEST, ICMP4_ECHO_REPLY },
    { false, ICMP4_TIMESTAMP, ICMP4_TIMESTAMPREPLY },
    { false, ICMP4_INFOREQUEST, ICMP4_INFOREPLY },
    { true, ICMP6_ECHO_REQUEST, ICMP6_ECHO_REPLY },
};

int
ct_key_icmp_partner(bool is_ipv6, uint8_t type)
{
    for (size_t i = 0; i < ARRAY_SIZE(icmp_pairs); i++) {
        if (icmp_pairs[i].is_ipv6 != is_ipv6) {
            continue;
        }
        if (icmp_pairs[i].query == type) {
            return icmp_pairs[i].answer;
        }
        if (icmp_pairs[i].answer == type) {
            return icmp_pairs[i].query;
        }
    }
    return -1;
}

bool
ct_key_icmp_is_query(bool is_ipv6, uint8_t type)
{
    for (size_t i = 0; i < ARRAY_SIZE(icmp_pairs); i++) {
        if (icmp_pairs[i].is_ipv6 == is_ipv6 && icmp_pairs[i].query == type) {
            return true;
        }
    }
    return false;
}

uint64_t
ct_key_reverse_icmp__(const struct ct_key *key)
{
    uint8_t partner = ct_key_icmp_partner(key->is_ipv6,
                                          ct_key_icmp_type(key));

    return ct_key_last_word(key->src_port,
                            ct_key_icmp_port(partner, ct_key_icmp_code(key)),
                            key->zone, key->proto, key->is_ipv6);
}

void
ct_secret_init(struct ct_secret *secret)
{
    for (size_t i = 0; i < ARRAY_SIZE(secret->w); i++) {
        /* A factor of zero would hide what it is multiplied with. */
        secret->w[i] = random_uint64() | 1;
    }
}
