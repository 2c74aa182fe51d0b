/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_MATCH_H
#define DP_XDP_MATCH_H 1

/* dp-xdp-match: from a megaflow's match to a masked key
 * =====================================================
 *
 * Job.  Says in the words of the XDP program what a megaflow matches: the
 * same packets, or fewer, but never more.  Packets that the program does not
 * understand are of no flow there.
 *
 * Thread-safety.  No state. */

#include <stdint.h>
#include "offload/dp-offload-env.h"
#include "xdp/dp-xdp-abi.h"

struct match;

struct dp_xdp_match {
    struct dp_xdp_key key;
    struct dp_xdp_key mask;
    unsigned int n_tags;        /* That every packet has, ... */
    bool ip;                    /* ...whether it is IPv4 or IPv6, ... */
    bool whole;                 /* ...and no later fragment. */
    uint32_t can;               /* DP_XDP_CAN_* that it takes to find it. */
};

/* Translates 'match', of the port with 'slot'.  Returns DP_OFFLOAD_WHY_NONE,
 * or which part of it there are no words for. */
enum dp_offload_why dp_xdp_match_translate(const struct match *,
                                           uint32_t slot,
                                           struct dp_xdp_match *);

#endif /* dp-xdp-match.h */
