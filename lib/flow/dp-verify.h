/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_VERIFY_H
#define DP_VERIFY_H 1

/* dp-verify: is a packet what a NIC took it for?
 * ==============================================
 *
 * Job.  A NIC finds header fields where they stand in any sound packet.
 * Extraction looks at the lengths first, and says that fields are zero which
 * are not wholly there: those of IP if its lengths contradict the frame's,
 * ports if their header is cut off, those of ARP likewise.  So if a megaflow
 * matches on such a field's not being zero, a NIC may find a packet in it
 * which is not of it.  This tells which megaflows these are, and looks at the
 * lengths of a packet for one that is found by its mark.
 *
 * Invariants.  A packet whose headers are as the megaflow says, and that
 * passes dp_verify_packet(), is of the megaflow.  One that does not pass may
 * be of it all the same: IPv6 with extension headers never passes, unless the
 * megaflow looks at no more than the addresses.
 *
 * Thread-safety.  Constant after creation.
 *
 * Cost.  Nothing for megaflows of Ethernet fields; else one cache line of the
 * packet, which should be prefetched.  Most packets pass by a short test, of
 * which all that depends on the megaflow is computed beforehand: a byte and a
 * length. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "dp-packet.h"
#include "flow.h"
#include "flow/dp-load.h"
#include "packets.h"

enum dp_verify_what {
    DP_VERIFY_NOTHING,          /* No packet is taken for another one. */
    DP_VERIFY_ARP,
    DP_VERIFY_IPV4,
    DP_VERIFY_IPV6,
    DP_VERIFY_IPV6_PLAIN        /* And that nothing stands before layer 4. */
};

struct dp_verify {
    uint8_t what;               /* DP_VERIFY_*. */
    uint8_t l3_ofs;             /* In the packet. */
    uint8_t l4_len;             /* Of layer 4 that must be there; or 0. */
    bool tcp;                   /* With the options, which must be TCP's. */

    /* The short test, for packets whose layer 3 header has no more than it
     * must have.  'byte' stands at 'byte_ofs' of it, and a length of at least
     * 'min_length' at 'length_ofs'.  The latter leaves off as much at the
     * front as 'min_size' has more. */
    uint8_t byte;
    uint8_t byte_ofs;
    uint8_t length_ofs;
    uint8_t min_length;
    uint8_t min_size;           /* Of the packet; 0: there is no short test. */
    uint8_t l4_ofs;             /* In such packets. */
};

/* Finds out what is to be verified for the megaflow 'flow' under 'wc'. */
void dp_verify_init(struct dp_verify *, const struct flow *,
                    const struct flow_wildcards *wc);

bool dp_verify_headers(const struct dp_verify *, const struct dp_packet *);

/* Does 'packet' pass the short test? */
static inline bool
dp_verify_is_plain(const struct dp_verify *v, const struct dp_packet *packet)
{
    const uint8_t *data = dp_packet_data(packet);
    const uint8_t *l3 = data + v->l3_ofs;
    uint32_t size = dp_packet_size(packet);
    uint32_t beyond;            /* Bytes beyond what must be there. */

    if (OVS_UNLIKELY(!v->min_size || size < v->min_size
                     || l3[v->byte_ofs] != v->byte)) {
        return false;
    }
    beyond = ntohs((OVS_FORCE ovs_be16) dp_load16(l3 + v->length_ofs))
             - (uint32_t) v->min_length;        /* Or very many. */
    if (OVS_UNLIKELY(beyond > size - v->min_size)) {
        return false;
    }
    if (v->tcp) {
        uint32_t tcp_len = (data[v->l4_ofs + 12] >> 4) * 4;

        return tcp_len - TCP_HEADER_LEN <= beyond;
    }
    return true;
}

/* Is 'packet', whose headers a NIC has found to be those of the megaflow, of
 * the megaflow? */
static inline bool
dp_verify_packet(const struct dp_verify *v, const struct dp_packet *packet)
{
    return (v->what == DP_VERIFY_NOTHING
            || OVS_LIKELY(dp_verify_is_plain(v, packet))
            || dp_verify_headers(v, packet));
}

#endif /* dp-verify.h */
