/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_MATCH_H
#define DP_RTE_MATCH_H 1

/* dp-rte-match: from a megaflow's match to a pattern of rte_flow
 * ==============================================================
 *
 * Job.  Writes a pattern that a NIC understands.  The pattern matches what the
 * megaflow matches, or less, but never more: each bit of the mask has to be
 * consumed by an item, or be a condition that every packet that arrives at a
 * physical port meets.  That is true of packets whose headers are sound.  Of
 * others a NIC may find fields where software finds none; a pattern says
 * whether that matters, and can be made to demand that headers are sound, of
 * NICs that look.
 *
 * Thread-safety.  No state. */

#include <rte_flow.h>
#include <stdint.h>
#include "flow/dp-verify.h"
#include "offload/dp-offload.h"

#define DP_RTE_MAX_ITEMS 11

struct dp_rte_pattern {
    struct rte_flow_item items[DP_RTE_MAX_ITEMS];
    unsigned int n;                     /* Without the END item. */
    unsigned int used;                  /* Bytes of 'space'. */
    struct dp_verify verify;            /* Of packets that it matches. */
    bool leaves_to_nic;                 /* See dp_rte_match_is_sound(). */

    /* What the items point to. */
    uint64_t space[128];
};

/* Translates 'match' into 'pattern'.  Returns DP_OFFLOAD_WHY_NONE, or which
 * part of the match there is no item for. */
enum dp_offload_why dp_rte_match_translate(const struct match *match,
                                           struct dp_rte_pattern *pattern);

/* Would a NIC that trusts lengths find packets by 'pattern' that are not of
 * the megaflow? */
static inline bool
dp_rte_match_is_gullible(const struct dp_rte_pattern *pattern)
{
    /* On a wire no frame is too short for ARP. */
    return (pattern->verify.what != DP_VERIFY_NOTHING
            && pattern->verify.what != DP_VERIFY_ARP);
}

/* Adds to 'pattern', which must be gullible, that headers be sound, and if
 * 'checksums' the checksums of IPv4 and of layer 4, too.
 *
 * DPDK does not say more about it than that headers are valid.  We rely on a
 * NIC to check that the length that is in an IP header is at least the
 * header's, and not more than the frame has, and with ports that L4's header
 * fits into that.  It may check more, of which a checksum is likely. */
void dp_rte_match_add_integrity(struct dp_rte_pattern *pattern,
                                bool checksums);

/* Takes it out again, if it is there. */
void dp_rte_match_remove_integrity(struct dp_rte_pattern *pattern);

/* Has 'pattern' that item, and need a lane not look at packets that it matches
 * therefore?  Only if they are of IPv4, which has no extension headers to be
 * cut off; if they are no TCP, of which lanes read flags anyway; and if the
 * layer 4 that has to be valid, if any, is UDP, which each such NIC knows, and
 * in one piece. */
bool dp_rte_match_is_sound(const struct dp_rte_pattern *pattern);

#endif /* dp-rte-match.h */
