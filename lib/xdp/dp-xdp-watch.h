/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_WATCH_H
#define DP_XDP_WATCH_H 1

/* dp-xdp-watch: devices whose abilities may change
 * ================================================
 *
 * Job.  Tells when what dp_xdp_device_get() says about a device changes: the
 * peer of a veth device gets GRO, or somebody sets an MTU.  The kernel tells
 * that by itself, if it is new enough; and the loader's thread asks once a
 * second.  Until somebody has heard of it, XDP redirects packets to where they
 * are dropped: so what the kernel says is taken from its message, since the
 * answer to a question may wait until the change is complete.
 *
 * Thread-safety.  Any thread; a mutex, taken inside, and held while the kernel
 * is asked and while a watch's functions are called. */

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "xdp/dp-xdp-device.h"

struct dp_xdp_watches {
    /* The loader's thread only. */
    struct dp_xdp_news news;

    struct ovs_mutex mutex;
    struct ovs_list list OVS_GUARDED;   /* Of struct dp_xdp_watch. */
    long long int next OVS_GUARDED;     /* When to ask, in ms. */
    bool any OVS_GUARDED;               /* Has a device changed? */
};

/* Somebody who wants to know.  The functions may not call this module. */
struct dp_xdp_watch {
    /* The device is as 'now' says: it was looked at for the first time, by
     * dp_xdp_watch_look(), or has changed since 'before'.  Called one at a
     * time, in the order in which devices were looked at. */
    void (*seen)(void *aux, uint32_t ifindex,
                 const struct dp_xdp_device *now);

    /* After that, if it has changed: called by the loader's thread. */
    void (*changed)(void *aux, const struct dp_xdp_device *before,
                    const struct dp_xdp_device *now);

    /* Called by the loader's thread after any device has changed, or was asked
     * about. */
    void (*looked)(void *aux);
    void *aux;

    /* Private. */
    struct ovs_list node;
    uint32_t ifindex;
    struct dp_xdp_device device;        /* As it was last. */
};

void dp_xdp_watches_init(struct dp_xdp_watches *);
void dp_xdp_watches_uninit(struct dp_xdp_watches *);

/* Has the next run ask, whatever the time; who calls it wakes the thread. */
void dp_xdp_watches_hurry(struct dp_xdp_watches *);

/* Asks if it is time; poll-loop then wakes when it is time again. */
void dp_xdp_watches_run(struct dp_xdp_watches *);
void dp_xdp_watches_wait(struct dp_xdp_watches *);

/* Begins to watch; no device at first.  Ends it: nothing is called any more on
 * return. */
void dp_xdp_watch_start(struct dp_xdp_watches *, struct dp_xdp_watch *);
void dp_xdp_watch_stop(struct dp_xdp_watches *, struct dp_xdp_watch *);

/* Watches device 'ifindex' from now on, and looks at it. */
void dp_xdp_watch_look(struct dp_xdp_watches *, struct dp_xdp_watch *,
                       uint32_t ifindex);

#endif /* dp-xdp-watch.h */
