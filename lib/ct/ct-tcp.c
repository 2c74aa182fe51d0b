/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-tcp.h"

#include "packets.h"
#include "util.h"

/* How far a segment may be off where its place is not known exactly: a window
 * without a scale, and a segment of a common size. */
#define SLACK (UINT16_MAX + 1500)

/* An RFC 7323 shift that is larger counts as this. */
#define MAX_SHIFT 14

/* Is 'a' behind 'b', or equal, on the circle of sequence numbers? */
static inline bool
seq_geq(uint32_t a, uint32_t b)
{
    return (int32_t) (a - b) >= 0;
}

/* Raises '*number' to 'to'. */
static inline void
raise_to(uint32_t *number, uint32_t to)
{
    if (seq_geq(to, *number)) {
        *number = to;
    }
}

/* Where a segment lies, after what its flags and the state of the connection
 * say about its numbers. */
struct place {
    uint32_t seq, end, ack;
    uint32_t win;               /* In units of the sender's scale. */
    uint8_t shift, peer_shift;  /* Of the windows of both sides. */
    bool check_ack;
};

/* Returns the number behind the last one that 'seg' takes. */
static uint32_t
segment_end(const struct ct_tcp_segment *seg)
{
    return (seg->seq + seg->len + !!(seg->flags & TCP_SYN)
            + !!(seg->flags & TCP_FIN));
}

/* The window of a SYN is never scaled.  Returns it as if it were. */
static uint32_t
scale_down(uint32_t win, uint8_t shift)
{
    return (win + (1u << shift) - 1) >> shift;
}

bool
ct_tcp_flags_are_bad(uint8_t flags)
{
    if (flags & TCP_SYN ? flags & (TCP_FIN | TCP_RST)
        : !(flags & (TCP_ACK | TCP_RST))) {
        return true;
    }
    return !(flags & TCP_ACK) && flags & (TCP_FIN | TCP_PSH | TCP_URG);
}

bool
ct_tcp_may_begin(uint8_t flags)
{
    return (flags & (TCP_SYN | TCP_ACK)) != (TCP_SYN | TCP_ACK);
}

void
ct_tcp_begin(struct ct_tcp_peer peers[2], const struct ct_tcp_segment *seg)
{
    uint8_t wscale = seg->flags & TCP_SYN ? seg->wscale : CT_WSCALE_UNKNOWN;
    uint32_t win = MAX(seg->win, 1);

    if (wscale & CT_WSCALE_SEEN) {
        win = scale_down(win, wscale & CT_WSCALE_MASK);
    }
    peers[0] = (struct ct_tcp_peer) {
        .state = CT_DPIF_TCPS_SYN_SENT,
        .seqlo = seg->seq,
        .seqhi = segment_end(seg) + 1,
        .max_win = win,
        .wscale = wscale,
    };
    peers[1] = (struct ct_tcp_peer) {
        .state = CT_DPIF_TCPS_CLOSED,
        .seqhi = 1,
        .max_win = 1,
        .wscale = seg->flags & TCP_SYN ? 0 : CT_WSCALE_UNKNOWN,
    };
}

/* Learns from the first SYN of the second side whether windows are scaled:
 * both sides must have offered it. */
static void
learn_scale(struct ct_tcp_peer *src, struct ct_tcp_peer *dst,
            const struct ct_tcp_segment *seg, struct place *place)
{
    uint8_t peer_shift = dst->wscale & CT_WSCALE_MASK;

    if (!(dst->wscale & CT_WSCALE_SEEN)) {
        return;
    }
    src->wscale = seg->wscale;
    if (seg->wscale & CT_WSCALE_SEEN) {
        place->shift = seg->wscale & CT_WSCALE_MASK;
        place->win = scale_down(seg->win, place->shift);
        place->peer_shift = peer_shift;
    } else {
        dst->max_win = MIN((uint32_t) dst->max_win << peer_shift, UINT16_MAX);
        dst->wscale = 0;
    }
}

/* The first segment of its side tells where the side is. */
static void
learn_side(struct ct_tcp_peer *src, const struct ct_tcp_peer *dst,
           struct place *place)
{
    uint32_t limit = place->end + MAX((uint32_t) dst->max_win
                                      << place->peer_shift, 1);

    src->seqlo = place->seq;
    src->state = CT_DPIF_TCPS_SYN_SENT;
    if (src->seqhi == 1 || seq_geq(limit, src->seqhi)) {
        src->seqhi = limit;
        place->check_ack = false;
    }
    src->max_win = MAX(src->max_win, place->win);
}

/* Stores the shifts that apply to both windows in a segment with 'flags'. */
static inline void
get_shifts(const struct ct_tcp_peer *src, const struct ct_tcp_peer *dst,
           uint8_t flags, struct place *place)
{
    uint8_t both = src->wscale & dst->wscale;

    if (flags & TCP_SYN) {
        return;
    }
    if (both & CT_WSCALE_SEEN) {
        place->shift = src->wscale & CT_WSCALE_MASK;
        place->peer_shift = dst->wscale & CT_WSCALE_MASK;
    } else if (both & CT_WSCALE_UNKNOWN) {
        place->shift = place->peer_shift = MAX_SHIFT;
    }
}

/* Finds out where 'seg' lies, which 'src' sends to 'dst'. */
static struct place
locate(struct ct_tcp_peer *src, struct ct_tcp_peer *dst,
       const struct ct_tcp_segment *seg)
{
    struct place place = {
        .seq = seg->seq,
        .end = segment_end(seg),
        .ack = seg->ack,
        .win = seg->win,
        .check_ack = true,
    };

    get_shifts(src, dst, seg->flags, &place);
    if (src->state < CT_DPIF_TCPS_SYN_SENT) {
        if (seg->flags & TCP_SYN) {
            learn_scale(src, dst, seg, &place);
        }
        learn_side(src, dst, &place);
    }

    if (!(seg->flags & TCP_ACK) || (!seg->ack && seg->flags & TCP_RST)) {
        place.ack = dst->seqlo;         /* It acknowledges nothing new. */
    }
    if (place.seq == place.end) {
        place.seq = place.end = src->seqlo;     /* It sends nothing new. */
    }
    return place;
}

/* May 'src' reset with 'seg'?  Who wants to must know where the side is. */
static bool
may_reset(const struct ct_tcp_peer *src, const struct ct_tcp_segment *seg)
{
    return (seg->seq - src->seqlo + 1 <= 2
            || (src->wscale & CT_WSCALE_GUESSED
                && seq_geq(seg->seq, src->seqlo)
                && seq_geq(src->seqhi, seg->seq)));
}

/* Is the segment at 'place' one that 'src' may send and 'dst' expects? */
static inline bool
is_in_window(const struct ct_tcp_peer *src, const struct ct_tcp_peer *dst,
             const struct ct_tcp_segment *seg, const struct place *place)
{
    int32_t skew = place->check_ack ? dst->seqlo - place->ack : 0;

    if (dst->wscale & CT_WSCALE_GUESSED && skew < 0) {
        /* What was in flight unseen is acknowledged, perhaps.  It was within
         * the window. */
        skew = MIN((int32_t) (dst->seqhi - place->ack), 0);
    }
    return (seq_geq(src->seqhi, place->end)
            && seq_geq(place->seq, src->seqlo - ((uint32_t) dst->max_win
                                                 << place->peer_shift))
            && skew >= -SLACK
            && skew <= (int64_t) SLACK << place->shift
            && (!(seg->flags & TCP_RST) || may_reset(src, seg)));
}

/* Is the segment at 'place' near enough where one side is silent yet, or at
 * its end? */
static bool
is_tolerable(const struct ct_tcp_peer *src, const struct ct_tcp_peer *dst,
             const struct place *place)
{
    return ((dst->state < CT_DPIF_TCPS_SYN_SENT
             || dst->state >= CT_DPIF_TCPS_FIN_WAIT_2
             || src->state >= CT_DPIF_TCPS_FIN_WAIT_2)
            && seq_geq(src->seqhi + SLACK, place->end)
            && seq_geq(place->seq, src->seqlo - SLACK));
}

/* Moves the windows of both sides. */
static inline void
move_windows(struct ct_tcp_peer *src, struct ct_tcp_peer *dst,
             const struct place *place)
{
    uint32_t limit = place->ack + MAX(place->win << place->shift, 1);

    src->max_win = MAX(src->max_win, place->win);
    raise_to(&src->seqlo, place->end);
    raise_to(&dst->seqhi, limit);
    if (dst->wscale & CT_WSCALE_GUESSED) {
        raise_to(&dst->seqlo, place->ack);
    }
}

/* Moves the windows by 'seg', at 'place', while one side is lost.  A segment
 * tells where both sides are, at least: it may be old data once more, but it
 * acknowledges only what 'dst' has sent. */
static void
relearn(struct ct_tcp_peer *src, struct ct_tcp_peer *dst,
        const struct ct_tcp_segment *seg, const struct place *place)
{
    uint32_t limit = place->ack + MAX(place->win << place->shift, 1);

    if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_ACK) {
        return;
    }
    if (src->wscale & dst->wscale & CT_WSCALE_LOST) {
        src->seqlo = segment_end(seg);
        dst->seqlo = place->ack;
    }
    if (src->wscale & CT_WSCALE_LOST) {
        dst->seqhi = limit;
    }
    raise_to(&src->seqlo, segment_end(seg));
    raise_to(&dst->seqlo, place->ack);
    raise_to(&dst->seqhi, limit);
    src->wscale = (src->wscale & ~CT_WSCALE_LOST) | CT_WSCALE_GUESSED;
}

void
ct_tcp_forget(struct ct_tcp_peer peers[2])
{
    for (int i = 0; i < 2; i++) {
        peers[i].wscale |= CT_WSCALE_LOST;
        peers[i].max_win = UINT16_MAX;  /* It may have offered that. */
    }
}

/* Moves the states of both sides by a segment with 'flags'. */
static void
move_states(struct ct_tcp_peer *src, struct ct_tcp_peer *dst, uint8_t flags)
{
    if (flags & TCP_FIN && src->state < CT_DPIF_TCPS_CLOSING) {
        src->state = CT_DPIF_TCPS_CLOSING;
    }
    if (flags & TCP_RST) {
        src->state = dst->state = CT_DPIF_TCPS_TIME_WAIT;
    }
}

static void
acknowledge(struct ct_tcp_peer *dst)
{
    if (dst->state == CT_DPIF_TCPS_SYN_SENT) {
        dst->state = CT_DPIF_TCPS_ESTABLISHED;
    } else if (dst->state == CT_DPIF_TCPS_CLOSING) {
        dst->state = CT_DPIF_TCPS_FIN_WAIT_2;
    }
}

/* 'src' opens the connection, or tries again.  If 'dst' has done so before,
 * nobody waits for a SYN|ACK to tell where 'src' is. */
static void
open_side(struct ct_tcp_peer *src, struct ct_tcp_peer *dst,
          const struct ct_tcp_segment *seg)
{
    if (src->state < CT_DPIF_TCPS_SYN_SENT) {
        struct place place = locate(src, dst, seg);

        move_windows(src, dst, &place);
    }
}

enum ct_tcp_fit
ct_tcp_take(struct ct_tcp_peer peers[2], bool reply,
            const struct ct_tcp_segment *seg, struct ct_tcp_check *check)
{
    struct ct_tcp_peer *src = &peers[reply];
    struct ct_tcp_peer *dst = &peers[!reply];
    struct place place;

    check->window_missed = false;
    if ((seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
        if (src->state >= CT_DPIF_TCPS_FIN_WAIT_2
            && dst->state >= CT_DPIF_TCPS_FIN_WAIT_2) {
            return CT_TCP_REOPENING;
        }
        if (src->state <= CT_DPIF_TCPS_SYN_SENT) {
            open_side(src, dst, seg);
            return CT_TCP_OPENING;
        }
    }

    place = locate(src, dst, seg);
    if (OVS_UNLIKELY((src->wscale | dst->wscale) & CT_WSCALE_LOST)) {
        relearn(src, dst, seg, &place);
        if (seg->flags & TCP_ACK) {
            acknowledge(dst);
        }
        move_states(src, dst, seg->flags);
        return CT_TCP_VALID;
    }
    check->window_missed = !is_in_window(src, dst, seg, &place);
    if (!check->window_missed || !check->window) {
        move_windows(src, dst, &place);
        if (seg->flags & TCP_ACK) {
            acknowledge(dst);
        }
        move_states(src, dst, seg->flags);
        return CT_TCP_VALID;
    }
    if (is_tolerable(src, dst, &place)) {
        check->window_missed = false;
        move_windows(src, dst, &place);
        move_states(src, dst, seg->flags);
        return CT_TCP_TOLERATED;
    }
    return CT_TCP_INVALID;
}

bool
ct_tcp_take_plain(struct ct_tcp_peer peers[2], bool reply,
                  const struct ct_tcp_segment *seg)
{
    struct ct_tcp_peer *src = &peers[reply];
    struct ct_tcp_peer *dst = &peers[!reply];
    struct place place = {
        .seq = seg->len ? seg->seq : src->seqlo,
        .ack = seg->ack,
        .win = seg->win,
        .check_ack = true,
    };

    if ((seg->flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK)) != TCP_ACK
        || !ct_tcp_is_established(peers)
        || (src->wscale | dst->wscale) & (CT_WSCALE_LOST
                                          | CT_WSCALE_GUESSED)) {
        return false;
    }
    place.end = place.seq + seg->len;
    get_shifts(src, dst, TCP_ACK, &place);
    if (!is_in_window(src, dst, seg, &place)) {
        return false;
    }
    move_windows(src, dst, &place);
    return true;
}

bool
ct_tcp_is_established(const struct ct_tcp_peer peers[2])
{
    return (peers[0].state == CT_DPIF_TCPS_ESTABLISHED
            && peers[1].state == CT_DPIF_TCPS_ESTABLISHED);
}

enum ct_dpif_tp_attr
ct_tcp_timeout(const struct ct_tcp_peer peers[2])
{
    uint8_t lowest = MIN(peers[0].state, peers[1].state);
    uint8_t highest = MAX(peers[0].state, peers[1].state);

    return (lowest >= CT_DPIF_TCPS_FIN_WAIT_2 ? CT_DPIF_TP_ATTR_TCP_CLOSE
            : lowest >= CT_DPIF_TCPS_CLOSING ? CT_DPIF_TP_ATTR_TCP_TIME_WAIT
            : lowest < CT_DPIF_TCPS_ESTABLISHED ? CT_DPIF_TP_ATTR_TCP_SYN_RECV
            : highest >= CT_DPIF_TCPS_CLOSING ? CT_DPIF_TP_ATTR_TCP_FIN_WAIT
            : CT_DPIF_TP_ATTR_TCP_ESTABLISHED);
}
