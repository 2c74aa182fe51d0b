/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

#include "tests/merge/merge-conn.h"

#include "dp-packet.h"
#include "packets.h"
#include "random.h"
#include "timeval.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-packet.h"
#include "ct/ct-table.h"
#include "ct/ct-tcp.h"
#include "merge/dp-merge.h"
#include "tests/merge/merge-tables.h"

enum { LIFETIME_MS = 24 * 3600 * 1000 };

/* Replaces one end of 'key', or a part of it. */
static void
move_end(union ct_addr *addr, ovs_be16 *port, bool is_ipv6)
{
    if (random_range(4)) {
        if (is_ipv6) {
            addr->ipv6.s6_addr[7] = 1 + random_range(255);
        } else {
            addr->ipv4 = htonl(0x0a080000 | random_range(256));
        }
    }
    if (random_range(2)) {
        *port = htons(5000 + random_range(100));
    }
}

/* Lets TCP's handshake pass between 'peers'. */
static void
shake_hands(struct ct_tcp_peer peers[2])
{
    static const struct ct_tcp_segment segments[] = {
        { .seq = 0, .win = 8192, .flags = TCP_SYN },
        { .seq = 0, .ack = 1, .win = 8192, .flags = TCP_SYN | TCP_ACK },
        { .seq = 1, .ack = 1, .win = 8192, .flags = TCP_ACK },
    };
    struct ct_tcp_check check = { .window = false };

    ct_tcp_begin(peers, &segments[0]);
    for (int i = 1; i < 3; i++) {
        ovs_assert(ct_tcp_take(peers, i == 1, &segments[i], &check)
                   == CT_TCP_VALID);
    }
    ovs_assert(ct_tcp_is_established(peers));
}

static void
establish(struct conn *conn)
{
    if (conn->key.proto == IPPROTO_TCP) {
        shake_hands(conn->peers);
    }
    ct_conn_set_flags(conn, CT_F_SEEN_MORE | CT_F_SEEN_REPLY);
}

/* Makes a connection that a packet with 'key' belongs to, in either direction,
 * translated or not.  'reverse' is that of 'key'. */
static struct merge_met
make(struct conntrack *ct, const struct ct_key *key,
     const struct ct_key *reverse, bool calm)
{
    const bool reply = random_range(2);
    const uint32_t nat = (random_range(2) ? 0 : random_range(2) ? CT_F_SNAT
                          : CT_F_DNAT);
    struct conn *conn = ct_new(ct, key->zone, nat);
    ovs_u128 label = OVS_U128_ZERO;
    struct conn *clash;

    ovs_assert(conn);
    conn->key = reply ? *reverse : *key;
    if (nat) {
        struct ct_key replies = reply ? *key : *reverse;

        /* The end that is translated: of the original direction, the source
         * or the destination. */
        if ((nat == CT_F_SNAT) != reply) {
            move_end(reply ? &conn->key.dst : &replies.dst,
                     reply ? &conn->key.dst_port : &replies.dst_port,
                     key->is_ipv6);
        } else {
            move_end(reply ? &conn->key.src : &replies.src,
                     reply ? &conn->key.src_port : &replies.src_port,
                     key->is_ipv6);
        }
        ct_nat_set_reply(ct_table_nat(&ct->table, conn), &replies);
    }
    ct_conn_set_flags(conn, nat);
    if (calm || random_range(64)) {
        establish(conn);
    } else if (key->proto == IPPROTO_TCP) {
        struct ct_tcp_segment syn = { .win = 8192, .flags = TCP_SYN };

        ct_tcp_begin(conn->peers, &syn);
    }
    if (!random_range(128)) {
        ct_conn_set_flags(conn, CT_F_TFTP);
    }
    label.u64.hi = random_range(MERGE_MARKS);
    ct_conn_lock(conn);
    ct_conn_set_marks(conn, random_range(MERGE_MARKS), label);
    ct_conn_unlock(conn);
    ct_set_expiry(ct, conn, time_msec() + LIFETIME_MS);
    if (ct_commit(ct, conn, time_msec(), &clash)) {
        ct_abandon(ct, conn);
        return (struct merge_met) { .conn = NULL };
    }
    return (struct merge_met) { .conn = conn, .reply = reply };
}

struct merge_met
merge_conn_meet(struct conntrack *ct, struct dp_packet *packet, uint16_t zone,
                bool calm)
{
    const struct pkt_metadata *md = &packet->md;
    const uint8_t *l3 = dp_packet_l3(packet);
    struct merge_met met = { .conn = NULL };
    bool is_translated;
    struct ct_packet p;

    if (!l3 || !ct_packet_parse(&ct->secret, packet,
                                htons(IP_VER(l3[0]) == 6 ? ETH_TYPE_IPV6
                                      : ETH_TYPE_IP),
                                zone, NULL, &p)) {
        return met;
    }
    is_translated = (md->ct_state && md->ct_zone == zone
                     && md->ct_state & (CS_SRC_NAT | CS_DST_NAT));
    met.conn = ct_find(ct, is_translated ? &p.reverse : &p.key, time_msec(),
                       &met.reply);
    met.reply ^= is_translated;
    if (!met.conn && !is_translated && (calm || random_range(64))) {
        met = make(ct, &p.key, &p.reverse, calm);
    }
    return met;
}

void
merge_conn_describe(const struct conntrack *ct, const struct merge_met *met,
                    struct dp_merge_conn *desc)
{
    const struct conn *conn = met->conn;
    const uint32_t flags = ct_conn_flags(conn);

    memset(desc, 0, sizeof *desc);
    desc->keys[0] = conn->key;
    ct_table_get_reply(&ct->table, conn, &desc->keys[1]);
    if (flags & (CT_F_SNAT | CT_F_DNAT)) {
        desc->nat = (((flags & CT_F_SNAT) != 0) != met->reply
                     ? CS_SRC_NAT : CS_DST_NAT);
    }
    desc->is_reply = met->reply;
    desc->is_established = (conn->key.proto == IPPROTO_TCP
                            ? ct_tcp_is_established(conn->peers)
                            : (flags & CT_F_SEEN_REPLY) != 0);
    desc->has_helper = flags & (CT_F_RELATED | CT_F_FTP | CT_F_TFTP);
    ct_conn_get_marks(conn, &desc->mark, &desc->label);
}

struct merge_conn_state
merge_conn_get_state(const struct conn *conn)
{
    struct merge_conn_state state;

    memset(&state, 0, sizeof state);
    state.flags = ct_conn_flags(conn);
    ct_conn_get_marks(conn, &state.mark, &state.label);
    state.peers[0] = conn->peers[0].state;
    state.peers[1] = conn->peers[1].state;
    state.visible = ct_conn_is_visible(conn, time_msec());
    return state;
}
