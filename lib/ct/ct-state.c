/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-state.h"

#include "coverage.h"
#include "dp-packet.h"
#include "packets.h"
#include "ct/ct.h"
#include "ct/ct-helper.h"
#include "ct/ct-tell.h"

COVERAGE_DEFINE(conntrack_tcp_seq_chk_bypass);
COVERAGE_DEFINE(conntrack_tcp_seq_chk_failed);
COVERAGE_DEFINE(conntrack_invalid_tcp_flags);

/* Lets 'conn' live for what its policy says about 'attr', from now on. */
static void
refresh(const struct ct_burst *b, struct conn *conn,
        enum ct_dpif_tp_attr attr)
{
    const struct ct_policy *policy
        = (conn->tp_id == b->tp_id
           ? b->policy
           : ct_policy_find(&b->ct->policies, conn->tp_id));

    ct_set_expiry(b->ct, conn, b->now_ms + ct_policy_ms(policy, attr));
}

/* Other protocols than TCP. */

static enum ct_dpif_tp_attr
plain_timeout(const struct ct_key *key, uint32_t flags)
{
    if (ct_key_is_icmp(key)) {
        return (flags & CT_F_SEEN_REPLY ? CT_DPIF_TP_ATTR_ICMP_REPLY
                : CT_DPIF_TP_ATTR_ICMP_FIRST);
    }
    return (flags & CT_F_SEEN_REPLY ? CT_DPIF_TP_ATTR_UDP_MULTIPLE
            : flags & CT_F_SEEN_MORE ? CT_DPIF_TP_ATTR_UDP_SINGLE
            : CT_DPIF_TP_ATTR_UDP_FIRST);
}

/* Notes that a packet of one direction was seen.  Returns the flags. */
static uint32_t
see(struct conntrack *ct, struct conn *conn, bool reply)
{
    uint32_t seen = reply ? CT_F_SEEN_REPLY : CT_F_SEEN_MORE;
    uint32_t flags = ct_conn_flags(conn);

    if (!(flags & seen)) {
        atomic_or_relaxed(&conn->flags, seen, &flags);
        if (reply && !(flags & seen)) {
            ct_tell_established(ct, conn);
        }
        flags |= seen;
    }
    return flags;
}

static uint8_t
take_plain(const struct ct_burst *b, struct conn *conn, bool reply)
{
    uint32_t flags = see(b->ct, conn, reply);

    refresh(b, conn, plain_timeout(&conn->key, flags));
    return flags & CT_F_SEEN_REPLY ? CS_ESTABLISHED : CS_NEW;
}

/* TCP. */

static uint8_t
fit_to_state(const struct ct_burst *b, struct conn *conn, enum ct_tcp_fit fit)
{
    switch (fit) {
    case CT_TCP_VALID:
        refresh(b, conn, ct_tcp_timeout(conn->peers));
        return CS_ESTABLISHED;
    case CT_TCP_TOLERATED:
        return CS_ESTABLISHED;
    case CT_TCP_OPENING:
        refresh(b, conn, CT_DPIF_TP_ATTR_TCP_SYN_SENT);
        return CS_NEW;
    case CT_TCP_REOPENING:
        return 0;
    case CT_TCP_INVALID:
    default:
        return CS_INVALID;
    }
}

/* 'conn' is armed, and 'seg' may end it.  Tells if it does, before. */
static void
announce(struct conntrack *ct, struct conn *conn, bool reply,
         const struct ct_tcp_segment *seg, struct ct_tcp_check check)
{
    struct ct_tcp_peer peers[2];

    memcpy(peers, conn->peers, sizeof peers);
    ct_tcp_take(peers, reply, seg, &check);
    if (!ct_tcp_is_established(peers)) {
        ct_tell_leaving(ct, conn, (seg->flags & TCP_RST ? CT_LEAVING_RESET
                                    : CT_LEAVING_CLOSED));
    }
}

static uint8_t
take_tcp(const struct ct_burst *b, struct conn *conn,
         const struct dp_packet *packet, const struct ct_packet *p, bool reply,
         bool translated)
{
    struct ct_tcp_check check = { .window = ct_checks_tcp_seq(b->ct) };
    struct ct_tcp_segment seg;
    bool was, is;
    uint32_t flags;
    uint8_t state;

    ct_packet_get_segment(packet, p, &seg);
    if (ct_tcp_flags_are_bad(seg.flags)) {
        COVERAGE_INC(conntrack_invalid_tcp_flags);
        return CS_INVALID;
    }

    ct_conn_lock(conn);
    flags = ct_conn_flags(conn);
    check.window &= !(flags & CT_F_LIBERAL);
    ct_helper_unskew(b->ct, conn, reply, translated, &seg);
    if (OVS_LIKELY(ct_tcp_take_plain(conn->peers, reply, &seg))) {
        refresh(b, conn, CT_DPIF_TP_ATTR_TCP_ESTABLISHED);
        ct_conn_unlock(conn);
        return CS_ESTABLISHED;
    }
    if (OVS_UNLIKELY(flags & CT_F_ARMED) && seg.flags & (TCP_FIN | TCP_RST)) {
        announce(b->ct, conn, reply, &seg, check);
    }
    was = ct_tcp_is_established(conn->peers);
    state = fit_to_state(b, conn,
                         ct_tcp_take(conn->peers, reply, &seg, &check));
    is = ct_tcp_is_established(conn->peers);
    ct_conn_unlock(conn);

    if (OVS_UNLIKELY(is && !was)) {
        ct_tell_established(b->ct, conn);
    }
    if (check.window_missed) {
        if (check.window) {
            COVERAGE_INC(conntrack_tcp_seq_chk_failed);
        } else {
            COVERAGE_INC(conntrack_tcp_seq_chk_bypass);
        }
    }
    return state;
}

bool
ct_state_may_begin(const struct dp_packet *packet, const struct ct_packet *p)
{
    if (p->key.proto == IPPROTO_TCP) {
        const struct tcp_header *tcp = dp_packet_l4(packet);
        uint8_t flags = TCP_FLAGS(tcp->tcp_ctl);

        return !ct_tcp_flags_are_bad(flags) && ct_tcp_may_begin(flags);
    }
    if (ct_key_is_icmp(&p->key)) {
        return ct_key_icmp_is_query(p->key.is_ipv6, ct_key_icmp_type(&p->key));
    }
    /* Nor does that of the other family. */
    return p->key.proto != IPPROTO_ICMP && p->key.proto != IPPROTO_ICMPV6;
}

void
ct_state_begin(const struct ct_burst *b, struct conn *conn,
               const struct dp_packet *packet, const struct ct_packet *p)
{
    if (p->key.proto == IPPROTO_TCP) {
        struct ct_tcp_segment seg;

        ct_packet_get_segment(packet, p, &seg);
        ct_tcp_begin(conn->peers, &seg);
        refresh(b, conn, CT_DPIF_TP_ATTR_TCP_SYN_SENT);
    } else {
        refresh(b, conn, plain_timeout(&p->key, 0));
    }
}

uint8_t
ct_state_take(const struct ct_burst *b, struct conn *conn,
              const struct dp_packet *packet, const struct ct_packet *p,
              bool reply, bool translated)
{
    return (p->key.proto == IPPROTO_TCP
            ? take_tcp(b, conn, packet, p, reply, translated)
            : take_plain(b, conn, reply));
}

bool
ct_state_is_established(const struct conn *conn)
{
    return (conn->key.proto == IPPROTO_TCP
            ? ct_tcp_is_established(conn->peers)
            : ct_conn_flags(conn) & CT_F_SEEN_REPLY);
}

void
ct_state_refresh(struct conntrack *ct, struct conn *conn, bool reply,
                 long long used_ms)
{
    const struct ct_policy *policy = ct_policy_find(&ct->policies,
                                                    conn->tp_id);
    enum ct_dpif_tp_attr attr;

    if (conn->key.proto == IPPROTO_TCP) {
        /* Under the lock, so that a state that has a nearer end comes before
         * or after. */
        ct_conn_lock(conn);
        attr = ct_tcp_timeout(conn->peers);
        ct_prolong(conn, used_ms + ct_policy_ms(policy, attr));
        ct_conn_unlock(conn);
    } else {
        attr = plain_timeout(&conn->key, see(ct, conn, reply));
        ct_prolong(conn, used_ms + ct_policy_ms(policy, attr));
    }
}
