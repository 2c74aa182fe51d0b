/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CT_KEYS_H
#define TESTS_CT_KEYS_H 1

/* ct-keys: keys and connections by number, for tests
 * ==================================================
 *
 * Job.  Number 'n' always is the same key.  Keys of different numbers differ,
 * and none is the reverse of another. */

#include <string.h>
#include "ct/ct.h"

/* An expiry that no test lives to see. */
#define CT_KEYS_FAR (1LL << 40)

static inline void
ct_keys_get(struct ct_key *key, uint32_t n, uint16_t zone)
{
    memset(key, 0, sizeof *key);
    key->src.ipv4 = htonl(0x0a000000 | n >> 14);
    key->dst.ipv4 = htonl(0xc0a80001);
    key->src_port = htons(1024 + (n & 0x3fff));
    key->dst_port = htons(53);
    key->zone = zone;
    key->proto = IPPROTO_UDP;
}

/* Stores the key of the replies to connection 'n', if it is translated: each
 * has a port of its own behind one of some addresses. */
static inline void
ct_keys_get_reply(struct ct_key *reply, uint32_t n, uint16_t zone)
{
    memset(reply, 0, sizeof *reply);
    reply->src.ipv4 = htonl(0xc0a80001);
    reply->dst.ipv4 = htonl(0xc6336401 + n / 64000);
    reply->src_port = htons(53);
    reply->dst_port = htons(1024 + n % 64000);
    reply->zone = zone;
    reply->proto = IPPROTO_UDP;
}

/* Gives 'conn', an embryo that is translated, the replies of connection
 * 'n'. */
static inline void
ct_keys_set_reply(struct conntrack *ct, struct conn *conn, uint32_t n)
{
    struct ct_key reply;

    ct_keys_get_reply(&reply, n, conn->key.zone);
    ct_nat_set_reply(ct_table_nat(&ct->table, conn), &reply);
}

#endif /* ct-keys.h */
