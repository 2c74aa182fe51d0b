/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_NAT_H
#define CT_NAT_H 1

/* ct-nat: addresses and ports that are replaced
 * =============================================
 *
 * Job.  Chooses what a connection's original direction is translated to, and
 * translates packets.
 *
 * A connection is translated either in its source or in its destination.  The
 * choice is the key of the reply direction, as replies arrive, before anybody
 * translates them.  Replacing is then the same for both: the headers of a
 * packet get the tuple that the other direction's key has, reversed.
 *
 * Thread-safety.  A choice is a proposal: who inserts the connection learns
 * whether another one has the tuple, and asks for the next.  Any thread, with
 * packets and a search of its own. */

#include <stdbool.h>
#include <stdint.h>
#include "conntrack.h"
#include "ct/ct-key.h"

struct conn;
struct conntrack;
struct ct_packet;
struct ct_ports;
struct dp_packet;

/* A search for a free tuple. */
struct ct_nat_search {
    const struct nat_action_info_t *nat;
    const struct ct_key *key;   /* Of the original direction. */
    struct ct_key reply;        /* Proposed last. */
    uint32_t hash;              /* Of range and key: the same each time. */
    uint16_t first, lowest, highest;    /* Ports that may be tried. */
    bool has_ports;             /* Or there is one tuple only. */
    bool is_src;                /* The port is the replies' source port. */
    bool may_retry;             /* With another port, of the other side. */
    unsigned int n;             /* Tried so far. */
};

/* Does 'nat' ask for a translation, and not only to have done what was chosen
 * before? */
static inline bool
ct_nat_is_choice(const struct nat_action_info_t *nat)
{
    return nat && nat->nat_action & (NAT_ACTION_SRC | NAT_ACTION_DST);
}

/* Begins a search.  'nat' and 'key' stay the caller's, and must last. */
void ct_nat_search_init(struct ct_nat_search *, const struct ct_secret *,
                        const struct nat_action_info_t *nat,
                        const struct ct_key *key);

/* Proposes the next tuple of replies in 'search->reply'.  Returns false if all
 * have been proposed.  Whatever was found taken is not proposed again, to
 * later searches either, so that all of them together take no more proposals
 * than there are ports and connections. */
bool ct_nat_search_next(struct ct_nat_search *search, struct ct_ports *);

/* Begins a search, as ct_nat_search_init(), and asks the memory for where its
 * first proposal, which is most often the last, goes in the table of
 * connections.  Returns the hash of that. */
uint32_t ct_nat_foresee(struct ct_nat_search *, const struct conntrack *,
                        const struct nat_action_info_t *nat,
                        const struct ct_key *key);

/* Translates 'packet', a packet of 'conn' in its reply direction or not, which
 * was parsed to 'p', or, if it is an error, what it is about and where it goes
 * to.  Returns what was replaced, CS_SRC_NAT or CS_DST_NAT, or 0. */
uint8_t ct_nat_translate(struct conntrack *, const struct conn *,
                         struct dp_packet *packet, const struct ct_packet *p,
                         bool reply);

#endif /* ct-nat.h */
