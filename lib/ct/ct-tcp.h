/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_TCP_H
#define CT_TCP_H 1

/* ct-tcp: what a TCP segment means to its connection
 * ==================================================
 *
 * Job.  Follows both sides of a TCP connection, and tells whether a segment
 * can belong to it.  Sequence numbers are followed loosely, as one in the
 * middle must: it sees neither what is lost before nor what is lost behind
 * it.
 *
 * Thread-safety.  Pure functions on memory of the caller, who holds the
 * connection's lock.  No clock, no packet.
 *
 * Source.  G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter",
 * 2nd USENIX Security Symposium 2001 (SANE 2000), and pf's choice of states
 * and tolerances. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/types.h"
#include "ct-dpif.h"

/* One side.  Its sequence numbers are those that it sends itself. */
struct ct_tcp_peer {
    uint32_t seqlo;             /* Highest end of what it has sent. */
    uint32_t seqhi;             /* First that the other side does not allow. */
    uint16_t max_win;           /* Largest window that it offered, unscaled. */
    uint8_t wscale;             /* Shift, and CT_WSCALE_*: what is known. */
    uint8_t state;              /* enum ct_dpif_tcp_state. */
};

enum {
    CT_WSCALE_MASK = 0x0f,
    CT_WSCALE_LOST = 0x10,      /* Its segments went unseen, and none has been
                                 * seen since. */
    CT_WSCALE_GUESSED = 0x20,   /* Its segments went unseen once: it may have
                                 * sent more than 'seqlo' says. */
    CT_WSCALE_UNKNOWN = 0x40,   /* Its SYN has not been seen. */
    CT_WSCALE_SEEN = 0x80,      /* Its SYN had the option. */
};

/* A segment, all in host byte order. */
struct ct_tcp_segment {
    uint32_t seq, ack;
    uint32_t len;               /* Of the payload, bytes. */
    uint16_t win;
    uint8_t flags;              /* TCP_FIN and so on. */
    uint8_t wscale;             /* CT_WSCALE_SEEN and a shift, or 0. */
};

/* How the segment fits. */
enum ct_tcp_fit {
    CT_TCP_INVALID,             /* It does not. */
    CT_TCP_VALID,               /* It does.  Refreshes the connection. */
    CT_TCP_TOLERATED,           /* It does, just so.  Does not refresh. */
    CT_TCP_OPENING,             /* A SYN again before the other side spoke, or
                                 * one of the other side. */
    CT_TCP_REOPENING,           /* A SYN when all is over: a new connection
                                 * begins, this one is to go. */
};

/* How segments are checked, and what was found. */
struct ct_tcp_check {
    bool window;                /* In: is the window tested? */
    bool window_missed;         /* Out: the window test failed, or would. */
};

/* Has 'flags' a combination that no TCP sends? */
bool ct_tcp_flags_are_bad(uint8_t flags);

/* May a segment with 'flags' be the first that is seen of a connection? */
bool ct_tcp_may_begin(uint8_t flags);

/* Stores the state of a connection whose first segment is 'seg'. */
void ct_tcp_begin(struct ct_tcp_peer peers[2], const struct ct_tcp_segment *);

/* Takes 'seg', which is one of the reply direction or not, and moves 'peers'
 * on, unless it is invalid or opens anew. */
enum ct_tcp_fit ct_tcp_take(struct ct_tcp_peer peers[2], bool reply,
                            const struct ct_tcp_segment *seg,
                            struct ct_tcp_check *);

/* As ct_tcp_take(), of what most segments are: between two sides that are
 * established, neither opening nor ending anything, and within the windows.
 * Then it is valid, and nothing but the windows has moved.  Returns false of
 * all others, having done nothing. */
bool ct_tcp_take_plain(struct ct_tcp_peer peers[2], bool reply,
                       const struct ct_tcp_segment *);

/* Forgets where both sides are: segments have gone by unseen.  The next one of
 * each side tells.  Until both have spoken no window is tested. */
void ct_tcp_forget(struct ct_tcp_peer peers[2]);

/* Are both sides of 'peers' established, and none at its end? */
bool ct_tcp_is_established(const struct ct_tcp_peer peers[2]);

/* Which timeout applies to 'peers' after a valid segment. */
enum ct_dpif_tp_attr ct_tcp_timeout(const struct ct_tcp_peer peers[2]);

#endif /* ct-tcp.h */
