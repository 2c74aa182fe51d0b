/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_WATCH_H
#define DP_XDP_WATCH_H 1

/* dp-xdp-watch: devices whose abilities may change
 * ================================================
 *
 * Job.  Tells when what dp_xdp_device_get() says about a device changes: the
 * peer of a veth device gets GRO, or somebody sets an MTU.  Only some of that
 * has a notification, so the loader's thread asks once a second.
 *
 * Thread-safety.  Any thread; a mutex, taken inside, and held while the kernel
 * is asked and while 'changed' is called. */

#include "openvswitch/list.h"
#include "openvswitch/thread.h"
#include "xdp/dp-xdp-device.h"

struct dp_xdp_watches {
    struct ovs_mutex mutex;
    struct ovs_list list OVS_GUARDED;   /* Of struct dp_xdp_watch. */
    long long int next OVS_GUARDED;     /* When to ask, in ms. */
};

/* Somebody who wants to know.  'changed' is called by the loader's thread, and
 * so is 'also', if there is any: whether something else has changed.  Neither
 * may call this module. */
struct dp_xdp_watch {
    void (*changed)(void *aux);
    bool (*also)(void *aux);
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

/* Begins to watch; no device at first.  Ends it: 'changed' is not called any
 * more on return. */
void dp_xdp_watch_start(struct dp_xdp_watches *, struct dp_xdp_watch *);
void dp_xdp_watch_stop(struct dp_xdp_watches *, struct dp_xdp_watch *);

/* Watches device 'ifindex' from now on, and returns what it can do. */
struct dp_xdp_device dp_xdp_watch_look(struct dp_xdp_watches *,
                                       struct dp_xdp_watch *,
                                       uint32_t ifindex);

#endif /* dp-xdp-watch.h */
