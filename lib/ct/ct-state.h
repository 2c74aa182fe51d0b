/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_STATE_H
#define CT_STATE_H 1

/* ct-state: what a packet does to the state of its connection
 * ===========================================================
 *
 * Job.  Moves a connection on by one packet, whatever its protocol, and tells
 * what the packet is to it: the bits of ct_state.
 *
 * Thread-safety.  Any thread.  Takes the connection's lock for TCP only;
 * others need a bit or two, which are set without. */

#include "ct/ct-conn.h"
#include "ct/ct-packet.h"

struct conntrack;
struct ct_policy;
struct dp_packet;

/* What is the same for all packets of a burst. */
struct ct_burst {
    struct conntrack *ct;
    long long now_ms;
    uint32_t tp_id;             /* Timeout policy of the action... */
    const struct ct_policy *policy;     /* ...looked up. */
};

/* May 'packet' be the first of a connection? */
bool ct_state_may_begin(const struct dp_packet *packet,
                        const struct ct_packet *p);

/* Stores the state of 'conn', an embryo, whose first packet is 'packet'. */
void ct_state_begin(const struct ct_burst *, struct conn *,
                    const struct dp_packet *packet, const struct ct_packet *p);

/* Is 'conn' established, and not at its end?  Of TCP, the caller has the
 * lock. */
bool ct_state_is_established(const struct conn *);

/* Takes 'packet', which belongs to 'conn', and was 'translated' in an earlier
 * pass or not.  Returns CS_NEW, CS_ESTABLISHED or CS_INVALID, or 0 if 'conn'
 * is over and the packet opens another one. */
uint8_t ct_state_take(const struct ct_burst *, struct conn *,
                      const struct dp_packet *packet,
                      const struct ct_packet *p, bool reply, bool translated);

/* Lets 'conn' live on after a packet that nobody has sent through the tracker,
 * which was seen at 'used_ms'.  Never shortens its life. */
void ct_state_refresh(struct conntrack *, struct conn *, bool reply,
                      long long used_ms);

#endif /* ct-state.h */
