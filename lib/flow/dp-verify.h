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
 * packet, which should be prefetched, and some compares. */

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
};

/* Finds out what is to be verified for the megaflow 'flow' under 'wc'. */
void dp_verify_init(struct dp_verify *, const struct flow *,
                    const struct flow_wildcards *wc);

/* Returns the length of the IPv4 header at 'ip', of which 'size' bytes are
 * there, and stores that of the whole; or returns 0 if they are wrong. */
static inline size_t
dp_verify_ipv4(const uint8_t *ip, size_t size, size_t *total)
{
    size_t ip_len = (ip[0] & 15) * 4;

    *total = ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 2));
    return ip_len >= IP_HEADER_LEN && ip_len <= *total && *total <= size
           ? ip_len : 0;
}

/* The same for IPv6, whose header may only be followed by layer 4 if it has to
 * be 'plain'. */
static inline size_t
dp_verify_ipv6(const uint8_t *ip, size_t size, size_t *total, bool plain)
{
    /* Of IPPROTO_*, all of which are below 64. */
    const uint64_t extensions = (UINT64_C(1) << IPPROTO_HOPOPTS
                                 | UINT64_C(1) << IPPROTO_ROUTING
                                 | UINT64_C(1) << IPPROTO_FRAGMENT
                                 | UINT64_C(1) << IPPROTO_AH
                                 | UINT64_C(1) << IPPROTO_DSTOPTS);

    *total = (IPV6_HEADER_LEN
              + ntohs((OVS_FORCE ovs_be16) dp_load16(ip + 4)));
    if (*total > size || (plain && ip[6] < 64 && extensions >> ip[6] & 1)) {
        return 0;
    }
    return IPV6_HEADER_LEN;
}

/* The rest of dp_verify_packet(). */
static inline bool
dp_verify_headers(const struct dp_verify *v, const struct dp_packet *packet)
{
    const uint8_t *l3 = (const uint8_t *) dp_packet_data(packet) + v->l3_ofs;
    size_t size = dp_packet_size(packet);
    size_t l3_len, total;

    if (OVS_UNLIKELY(size < v->l3_ofs + IP_HEADER_LEN)) {
        return false;
    }
    size -= v->l3_ofs;
    if (OVS_LIKELY(v->what == DP_VERIFY_IPV4)) {
        l3_len = dp_verify_ipv4(l3, size, &total);
    } else if (v->what == DP_VERIFY_ARP) {
        return size >= ARP_ETH_HEADER_LEN;
    } else {
        l3_len = (size >= IPV6_HEADER_LEN
                  ? dp_verify_ipv6(l3, size, &total,
                                   v->what == DP_VERIFY_IPV6_PLAIN) : 0);
    }
    if (OVS_UNLIKELY(!l3_len || total - l3_len < v->l4_len)) {
        return false;
    }
    if (v->tcp) {
        size_t tcp_len = (l3[l3_len + 12] >> 4) * 4;

        return tcp_len >= TCP_HEADER_LEN && tcp_len <= total - l3_len;
    }
    return true;
}

/* Is 'packet', whose headers a NIC has found to be those of the megaflow, of
 * the megaflow? */
static inline bool
dp_verify_packet(const struct dp_verify *v, const struct dp_packet *packet)
{
    return v->what == DP_VERIFY_NOTHING || dp_verify_headers(v, packet);
}

#endif /* dp-verify.h */
