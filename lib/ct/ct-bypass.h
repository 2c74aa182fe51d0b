/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_BYPASS_H
#define CT_BYPASS_H 1

/* ct-bypass: connections whose packets the tracker does not see
 * =============================================================
 *
 * Job.  What must be done for a connection some of whose packets are moved
 * past the tracker, by a NIC or a merged rule:
 *
 *     ct_watch_arm(ct, handle, tag);           See ct-watch.h.
 *     ct_bypass_begin(ct, handle);             Before the first is hidden.
 *     ct_bypass_refresh(ct, &activity, now);   Now and then, and at the end.
 *     ct_bypass_end(ct, handle);               After the last.
 *
 * Windows.  TCP's windows are followed by what segments say, so while some are
 * hidden they are not checked.  When all are seen again, each side's first
 * segment tells where it is, and until both have spoken nothing is checked.
 * What was in flight then may be acknowledged without having been seen: such a
 * connection's acknowledgements need only be of what the other side was
 * allowed to send.  Flags and states count all the time: the tracker must see
 * SYN, FIN and RST.
 *
 * Time.  A connection lives as long as its state and its policy say, from its
 * last packet on, whoever saw that.  A refresh never shortens its life, and
 * never is later than the packet that it tells of.
 *
 * Thread-safety.  Any thread, between two quiescent states.  Takes the
 * connection's lock.  Not from a hook of a listener.  A stale handle does
 * nothing. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct-handle.h"

struct ct_activity {
    struct ct_handle conn;
    bool reply;                 /* The direction of the packets. */
    uint64_t packets, bytes;    /* Since the last time.  Bytes of packets that
                                 * were told before may come later. */
    long long used_ms;          /* When the last of them was seen, or at most
                                 * that; of time_msec(). */
};

/* Both return false if the connection has died.  A second begin or end does
 * nothing: where rules of both directions hide packets, begin comes before the
 * first, and end after the last of them. */
bool ct_bypass_begin(struct conntrack *, struct ct_handle);
bool ct_bypass_end(struct conntrack *, struct ct_handle);

/* Lets the connection live on for what hidden packets tell.  Returns false if
 * it has died: then its rules must go. */
bool ct_bypass_refresh(struct conntrack *, const struct ct_activity *,
                       long long now_ms);

/* For lib/ct: ends the bypass of 'conn', whose lock the caller has, if there
 * is one. */
void ct_bypass_unhide(struct conn *);

#endif /* ct-bypass.h */
