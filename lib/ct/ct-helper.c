/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-helper.h"

#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "unaligned.h"
#include "ct/ct.h"
#include "ct/ct-expect.h"
#include "ct/ct-ftp.h"
#include "ct/ct-log.h"
#include "ct/ct-packet.h"

enum ct_helper
ct_helper_from_name(const char *name)
{
    return (!name ? CT_HELPER_NONE
            : !strncmp(name, "ftp", 3) ? CT_HELPER_FTP
            : !strncmp(name, "tftp", 4) ? CT_HELPER_TFTP
            : CT_HELPER_NONE);
}

bool
ct_helper_speaks(enum ct_helper helper, uint8_t proto)
{
    return ((helper & CT_HELPER_FTP && proto == IPPROTO_TCP)
            || (helper & CT_HELPER_TFTP && proto == IPPROTO_UDP));
}

static struct ct_extra *
extra_of(const struct conntrack *ct, const struct conn *conn)
{
    return ct_slab_at(&ct->extras, conn->extra, sizeof(struct ct_extra));
}

const struct ct_key *
ct_helper_original(const struct conntrack *ct, const struct conn *conn)
{
    return (ct_conn_flags(conn) & CT_F_RELATED
            ? &extra_of(ct, conn)->parent : &conn->key);
}

/* Expecting. */

/* The keys that packets of one direction of a connection arrive with, and
 * those of the other. */
struct ends {
    struct ct_key mine, other;
};

static struct ends
get_ends(const struct conntrack *ct, const struct conn *conn, bool reply)
{
    struct ends ends;
    struct ct_key answers;

    ct_table_get_reply(&ct->table, conn, &answers);
    ends.mine = reply ? answers : conn->key;
    ends.other = reply ? conn->key : answers;
    return ends;
}

/* Expects a connection to 'port' of whoever sends what has the key 'mine', as
 * the other side calls him.  It is for his port 'own_port', then.
 *
 * The other side's packets have the key 'other', and leave with the reverse of
 * 'mine': what differs is what is to be translated. */
static void
expect(struct conntrack *ct, struct conn *conn, const struct ends *ends,
       ovs_be16 port, ovs_be16 own_port, long long now_ms)
{
    const struct ct_key *mine = &ends->mine, *other = &ends->other;
    struct ct_expected x = {
        .key = *other,
        .parent = conn->key,
        .parent_index = conn->index,
    };

    x.key.src_port = 0;
    x.key.dst_port = port;
    atomic_read_relaxed(&conn->generation, &x.parent_generation);
    ct_conn_get_marks(conn, &x.mark, &x.label);
    if (memcmp(&other->dst, &mine->src, sizeof mine->src)) {
        x.nat.nat_action = NAT_ACTION_DST;
        x.nat.min_addr = x.nat.max_addr = mine->src;
        if (port != own_port) {
            x.nat.nat_action |= NAT_ACTION_DST_PORT;
            x.nat.min_port = x.nat.max_port = ntohs(own_port);
        }
    } else if (memcmp(&other->src, &mine->dst, sizeof mine->dst)) {
        x.nat.nat_action = NAT_ACTION_SRC;
        x.nat.min_addr = x.nat.max_addr = mine->dst;
    }
    ct_expect_add(&ct->expects, &x, now_ms);
}

/* A server answers a request of TFTP from another port. */
static void
read_tftp(struct conntrack *ct, struct conn *conn, const struct ends *ends,
          long long now_ms)
{
    expect(ct, conn, ends, ends->other.dst_port, ends->mine.src_port, now_ms);
}

/* FTP. */

/* Makes room for 'n' bytes behind 'packet'.  Returns false if there is none: a
 * NIC's buffer is as large as it is, but not what was copied from one. */
static bool
make_room(struct dp_packet *packet, size_t n)
{
    if (n > dp_packet_tailroom(packet)) {
        if (packet->source != DPBUF_MALLOC && packet->source != DPBUF_STUB) {
            return false;
        }
        dp_packet_prealloc_tailroom(packet, n);
    }
    return true;
}

/* Makes room for 'new_len' bytes in the place of 'old_len' at 'offset' of
 * 'packet', whose layer 2 padding is gone.  Returns false if there is none. */
static bool
resize_text(struct dp_packet *packet, size_t offset, size_t old_len,
            size_t new_len)
{
    size_t size = dp_packet_size(packet);
    size_t rest = size - offset - old_len;

    if (new_len > old_len
        && (size + new_len - old_len > UINT16_MAX
            || !make_room(packet, new_len - old_len))) {
        return false;
    }
    if (new_len > old_len) {
        dp_packet_put_uninit(packet, new_len - old_len);
    }
    memmove((char *) dp_packet_data(packet) + offset + new_len,
            (char *) dp_packet_data(packet) + offset + old_len, rest);
    dp_packet_set_size(packet, size + new_len - old_len);
    return true;
}

/* Sets the lengths and sums of 'packet' to what is there. */
static void
finish_packet(struct dp_packet *packet, bool is_ipv6)
{
    size_t l3_len = dp_packet_l3_size(packet);
    size_t l4_len = dp_packet_l4_size(packet);
    struct tcp_header *tcp = dp_packet_l4(packet);

    tcp->tcp_csum = 0;
    if (is_ipv6) {
        struct ovs_16aligned_ip6_hdr *ip = dp_packet_l3(packet);

        ip->ip6_plen = htons(l3_len - IPV6_HEADER_LEN);
        tcp->tcp_csum = packet_csum_upperlayer6(ip, tcp, IPPROTO_TCP, l4_len);
    } else {
        struct ip_header *ip = dp_packet_l3(packet);

        ip->ip_csum = recalc_csum16(ip->ip_csum, ip->ip_tot_len,
                                    htons(l3_len));
        ip->ip_tot_len = htons(l3_len);
        tcp->tcp_csum
            = csum_finish(csum_continue(packet_csum_pseudoheader(ip), tcp,
                                        l4_len));
    }
}

/* Notes that the text of a segment at 'seq' has become longer by 'delta'.  One
 * that is sent again changes nothing. */
static void
note_skew(struct ct_skew *skew, uint32_t seq, int32_t delta)
{
    int32_t ahead = seq - skew->seq;

    if (!delta || (skew->before != skew->after && ahead <= 0)) {
        return;
    }
    skew->seq = seq;
    skew->before = skew->after;
    skew->after += delta;
}

/* Replaces the address in the text that 'found' was read from, which begins at
 * 'offset'.  Returns by how many bytes the text grew. */
static int
replace_address(struct dp_packet *packet, size_t offset,
                const struct ct_ftp_text *found, bool is_ipv6,
                const union ct_addr *addr)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    char text[CT_FTP_ADDRESS_MAX];
    size_t new_len = ct_ftp_write_address(found, is_ipv6, addr, text);
    size_t old_len = found->end - found->start;
    uint8_t pad = dp_packet_l2_pad_size(packet);

    dp_packet_set_size(packet, dp_packet_size(packet) - pad);
    dp_packet_set_l2_pad_size(packet, 0);
    if (!resize_text(packet, offset + found->start, old_len, new_len)) {
        VLOG_WARN_RL(&rl, "Unsupported effective MTU %u used with FTP %s",
                     dp_packet_size(packet), is_ipv6 ? "V6" : "V4");
        return 0;
    }
    memcpy((char *) dp_packet_data(packet) + offset + found->start, text,
           new_len);
    finish_packet(packet, is_ipv6);
    return (int) new_len - (int) old_len;
}

static bool
read_ftp(struct conntrack *ct, struct conn *conn, struct dp_packet *packet,
         const struct ct_packet *p, bool reply, bool translated,
         const struct ends *ends, long long now_ms)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    const struct tcp_header *tcp = dp_packet_l4(packet);
    size_t header_len = TCP_OFFSET(tcp->tcp_ctl) * 4;
    const char *text = (const char *) tcp + header_len;
    const union ct_addr *inside = &ends->mine.src, *outside = &ends->other.dst;
    struct ct_ftp_text found;
    int delta;

    switch (ct_ftp_read(text, p->l4_len - header_len, reply, p->key.is_ipv6,
                        &found)) {
    case CT_FTP_NOTHING:
        return true;
    case CT_FTP_PORT:
        break;
    case CT_FTP_ADDRESS:
        if (!memcmp(&found.addr, inside, sizeof *inside)) {
            if (translated && memcmp(inside, outside, sizeof *inside)) {
                delta = replace_address(packet,
                                        text - (char *) dp_packet_data(packet),
                                        &found, p->key.is_ipv6, outside);
                ct_conn_lock(conn);
                tcp = dp_packet_l4(packet);
                note_skew(&extra_of(ct, conn)->skew[reply],
                          ntohl(get_16aligned_be32(&tcp->tcp_seq)), delta);
                ct_conn_unlock(conn);
            }
            break;
        }
        if (!memcmp(&found.addr, outside, sizeof *outside)) {
            break;
        }
        /* Fall through. */
    case CT_FTP_MALFORMED:
    default:
        VLOG_WARN_RL(&rl, "Invalid FTP control packet format");
        return false;
    }
    expect(ct, conn, ends, htons(found.port), htons(found.port), now_ms);
    return true;
}

/* Sequence numbers. */

/* Returns by how much 'seq', as its sender counts, is off at the receiver. */
static int32_t
skew_of(const struct ct_skew *skew, uint32_t seq)
{
    return (int32_t) (seq - skew->seq) > 0 ? skew->after : skew->before;
}

/* The same for a number that the receiver acknowledges. */
static int32_t
skew_of_ack(const struct ct_skew *skew, uint32_t ack)
{
    return skew_of(skew, ack - skew->before);
}

void
ct_helper_unskew(const struct conntrack *ct, const struct conn *conn,
                 bool reply, bool translated, struct ct_tcp_segment *seg)
{
    const struct ct_skew *skew;

    if (OVS_LIKELY(!conn->extra)) {
        return;
    }
    skew = extra_of(ct, conn)->skew;
    if (translated) {
        uint32_t end = seg->seq + seg->len;

        seg->seq -= skew_of_ack(&skew[reply], seg->seq);
        seg->len = end - skew_of_ack(&skew[reply], end) - seg->seq;
    } else if (seg->flags & TCP_ACK) {
        seg->ack -= skew_of_ack(&skew[!reply], seg->ack);
    }
}

static void
change_be32(struct tcp_header *tcp, ovs_16aligned_be32 *field, uint32_t value)
{
    ovs_be32 old = get_16aligned_be32(field);

    tcp->tcp_csum = recalc_csum32(tcp->tcp_csum, old, htonl(value));
    put_16aligned_be32(field, htonl(value));
}

/* Corrects the blocks of a SACK option (RFC 2018) by 'skew'. */
static void
correct_sack(struct tcp_header *tcp, const struct ct_skew *skew)
{
    enum { END, NOP, SACK = 5 };
    uint8_t *opt = (uint8_t *) (tcp + 1);
    uint8_t *end = (uint8_t *) tcp + TCP_OFFSET(tcp->tcp_ctl) * 4;

    while (end - opt >= 2 && opt[0] != END) {
        if (opt[0] == NOP) {
            opt++;
            continue;
        }
        if (opt[1] < 2 || opt[1] > end - opt) {
            break;
        }
        for (int i = 2; opt[0] == SACK && i + 4 <= opt[1]; i += 4) {
            uint32_t edge = ntohl(get_unaligned_be32((ovs_be32 *) &opt[i]));

            put_unaligned_be32((ovs_be32 *) &opt[i],
                               htonl(edge - skew_of_ack(skew, edge)));
        }
        opt += opt[1];
    }
}

/* Lets the receiver see 'packet' as it counts. */
static void
correct_numbers(const struct conntrack *ct, struct conn *conn,
                struct dp_packet *packet, bool reply)
{
    struct ct_extra *extra = extra_of(ct, conn);
    struct ct_skew mine, other;
    struct tcp_header *tcp;

    ct_conn_lock(conn);
    mine = extra->skew[reply];
    other = extra->skew[!reply];
    ct_conn_unlock(conn);
    if (!mine.before && !mine.after && !other.before && !other.after) {
        return;
    }

    tcp = dp_packet_l4(packet);
    if (mine.before || mine.after) {
        uint32_t seq = ntohl(get_16aligned_be32(&tcp->tcp_seq));

        change_be32(tcp, &tcp->tcp_seq, seq + skew_of(&mine, seq));
    }
    if ((other.before || other.after) && TCP_FLAGS(tcp->tcp_ctl) & TCP_ACK) {
        uint32_t ack = ntohl(get_16aligned_be32(&tcp->tcp_ack));

        change_be32(tcp, &tcp->tcp_ack, ack - skew_of_ack(&other, ack));
        correct_sack(tcp, &other);
        finish_packet(packet, IP_VER(*(uint8_t *) dp_packet_l3(packet)) == 6);
    }
}

bool
ct_helper_read(struct conntrack *ct, struct conn *conn, enum ct_helper helper,
               struct dp_packet *packet, const struct ct_packet *p, bool reply,
               bool translated, long long now_ms)
{
    uint32_t own = ct_conn_flags(conn) & (CT_F_FTP | CT_F_TFTP);
    struct ends ends;
    bool sound = true;

    helper = helper && ct_helper_speaks(helper, p->key.proto) ? helper : own;
    if (!helper || p->is_error) {
        return true;
    }
    ends = get_ends(ct, conn, reply);
    if (helper & CT_HELPER_TFTP) {
        if (!reply) {
            read_tftp(ct, conn, &ends, now_ms);
        }
        return true;
    }
    sound = read_ftp(ct, conn, packet, p, reply, translated && conn->extra,
                     &ends, now_ms);
    if (translated && conn->extra) {
        correct_numbers(ct, conn, packet, reply);
    }
    return sound;
}
