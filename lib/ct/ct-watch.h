/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_WATCH_H
#define CT_WATCH_H 1

/* ct-watch: tells a listener what becomes of connections
 * ======================================================
 *
 * Job.  Whoever moves packets past the tracker has taken for granted that a
 * connection is established, and has a certain mark and label.  This tells him
 * *before* that ceases to be true, so that what he has built on it is gone, or
 * at least fenced, before anybody can see the change.
 *
 * A tracker has one listener at most.  It *arms* the connections that it
 * builds on:
 *
 *     why = ct_watch_arm(ct, handle, tag);     From now on it is told.
 *     ct_handle_view(ct, handle, &view);       What is true now...
 *     ...build on it, unless told meanwhile that it is true no longer...
 *
 * An armed connection is told of once, by changed() or leaving(), and is not
 * armed any more when that returns; whoever builds anew arms anew.  'tag' is
 * the listener's own number for the connection.
 *
 * What is "before".  Both hooks run in the thread that is about to make the
 * change, under the connection's lock.  No packet and no command sees the
 * change until the hook has returned, and ct_watch_arm() waits for it.  Where
 * two threads want to change the same connection, one of them tells, and the
 * other waits.  An armed connection does not cease to be there by time alone:
 * the sweeper asks the listener (expiring()), tells him, and then kills it.
 *
 * What hooks may do.  All but flushed() and configured() run in threads that
 * move packets: they must not wait, and must not call the tracker about the
 * same connection, but for ct_handle_is_valid() and ct_handle_put().  A lock
 * that they take must not be held by anybody who calls the tracker.  To store
 * into an atomic of one's own and to push onto a queue of one's own is what
 * they are made for.
 *
 * A hook that is NULL is not called.
 *
 * Cost.  Packets pay a bit of a word that they have read anyway, whether there
 * is a listener or not; a new connection, and one that becomes established,
 * pay the load of a pointer besides.
 *
 * Thread-safety.  Start and stop: the main thread.  Arm and disarm: any
 * thread, between two quiescent states.  The connection's lock is innermost:
 * see above for hooks. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct-handle.h"

struct ct_listener;

/* Why there is no connection any more. */
enum ct_death {
    CT_DEATH_EXPIRED,
    CT_DEATH_REOPENED,          /* A SYN after all was over. */
    CT_DEATH_FORCED,            /* ct(commit,force) from the other side. */
    CT_DEATH_FLUSHED,
    CT_N_DEATHS
};

/* Why a connection is not established any more: because it dies, or... */
enum ct_leaving {
    CT_LEAVING_EXPIRED = CT_DEATH_EXPIRED,
    CT_LEAVING_REOPENED = CT_DEATH_REOPENED,
    CT_LEAVING_FORCED = CT_DEATH_FORCED,
    CT_LEAVING_FLUSHED = CT_DEATH_FLUSHED,
    CT_LEAVING_CLOSED,          /* FIN. */
    CT_LEAVING_RESET,           /* RST. */
    CT_N_LEAVINGS
};

/* What changes of a connection that stays established.  If both do, the mark
 * is named. */
enum ct_change {
    CT_CHANGE_MARK,
    CT_CHANGE_LABEL,
};

/* What changes for all connections. */
enum ct_setting {
    CT_SETTING_ZONE_LIMIT,      /* 'number': the zone, or DEFAULT_ZONE. */
    CT_SETTING_TIMEOUT_POLICY,  /* 'number': its id. */
    CT_SETTING_WINDOW_CHECK,    /* 'number': 0 if off. */
};

struct ct_listener {
    /* Of all connections, not only of armed ones, and soon after: it is new;
     * both directions have been seen, so that it may perhaps be armed; it is
     * dead.  Each once, by the thread that did it: so another thread may tell
     * of something later a little earlier. */
    void (*committed)(struct ct_listener *, struct ct_handle);
    void (*established)(struct ct_listener *, struct ct_handle);
    void (*deleted)(struct ct_listener *, struct ct_handle, enum ct_death);

    /* Of armed ones, before.  See above. */
    void (*changed)(struct ct_listener *, struct ct_handle, uint32_t tag,
                    enum ct_change);
    void (*leaving)(struct ct_listener *, struct ct_handle, uint32_t tag,
                    enum ct_leaving);

    /* An armed connection's time is over, as far as the tracker knows.
     * Returns true if the listener has not yet looked whether packets went
     * past the tracker: it is asked again at the next sweep, and the
     * connection stays till then.  Whoever returns true sees to it that he
     * looks, and calls ct_bypass_refresh() or ct_watch_disarm().  NULL: it is
     * over. */
    bool (*expiring)(struct ct_listener *, struct ct_handle, uint32_t tag);

    /* All connections that were there of '*zone', or of all zones if NULL,
     * are dead, and the user waits for the answer.  Main thread, no lock.  May
     * wait until rules have left a NIC, and be quiescent meanwhile. */
    void (*flushed)(struct ct_listener *, const uint16_t *zone);

    /* Before a setting changes.  Connections that are there stay, and have the
     * new timeouts at their next packet or refresh.  Main thread, no lock. */
    void (*configured)(struct ct_listener *, enum ct_setting, int number);
};

/* Lets 'listener', borrowed until ct_watch_stop(), be told of the connections
 * of the tracker, which has no listener. */
void ct_watch_start(struct conntrack *, struct ct_listener *);

/* Ends that: when it returns no hook runs, nothing is armed, and no packet is
 * taken to be hidden (ct-bypass.h).  Quiesces.  Does nothing if there is no
 * listener. */
void ct_watch_stop(struct conntrack *);

/* Whether a connection can be built on. */
enum ct_armed {
    CT_ARMED,                   /* It is armed. */
    CT_ARMED_GONE,              /* It is dead: the handle is stale. */
    CT_ARMED_NEW,               /* Not established, or no longer. */
    CT_ARMED_ICMP,              /* Its packets may be errors of others. */
    CT_ARMED_HELPER,            /* A helper reads its text. */
    CT_ARMED_RELATED,           /* Another connection has announced it. */
    CT_N_ARMED
};

/* Arms the connection, or gives one that is armed another 'tag'.  Without a
 * listener, nobody is told. */
enum ct_armed ct_watch_arm(struct conntrack *, struct ct_handle, uint32_t tag);

/* Ends that, unless it was armed again with another tag.  When it returns,
 * neither changed() nor leaving() runs for 'tag'. */
void ct_watch_disarm(struct conntrack *, struct ct_handle, uint32_t tag);

#endif /* ct-watch.h */
