/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-watch.h"

#include "openvswitch/poll-loop.h"
#include "timeval.h"

#define INTERVAL_MS 1000

void
dp_xdp_watches_init(struct dp_xdp_watches *watches)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    dp_xdp_news_init(&watches->news);
    ovs_mutex_init(&watches->mutex);
    ovs_list_init(&watches->list);
    watches->next = 0;
    watches->any = false;
}

void
dp_xdp_watches_uninit(struct dp_xdp_watches *watches)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    ovs_assert(ovs_list_is_empty(&watches->list));
    ovs_mutex_destroy(&watches->mutex);
    dp_xdp_news_uninit(&watches->news);
}

void
dp_xdp_watches_hurry(struct dp_xdp_watches *watches)
{
    ovs_mutex_lock(&watches->mutex);
    watches->next = 0;
    ovs_mutex_unlock(&watches->mutex);
}

/* The device of 'watch' is as 'now' says: tells that if it is new. */
static void
update(struct dp_xdp_watches *watches, struct dp_xdp_watch *watch,
       struct dp_xdp_device now)
    OVS_REQUIRES(watches->mutex)
{
    struct dp_xdp_device before = watch->device;

    if (now.mtu != before.mtu || now.can_transmit != before.can_transmit) {
        watch->device = now;
        watches->any = true;
        watch->seen(watch->aux, watch->ifindex, &now);
        watch->changed(watch->aux, &before, &now);
    }
}

/* The kernel has told that of a device. */
static void
told(void *watches_, uint32_t ifindex, const uint32_t *mtu,
     const bool *can_transmit)
{
    struct dp_xdp_watches *watches = watches_;
    struct dp_xdp_watch *watch;

    ovs_mutex_lock(&watches->mutex);
    LIST_FOR_EACH (watch, node, &watches->list) {
        if (watch->ifindex == ifindex) {
            struct dp_xdp_device now = watch->device;

            if (mtu) {
                now.mtu = *mtu;
            } else if (can_transmit) {
                now.can_transmit = *can_transmit;
            } else {
                now = dp_xdp_device_get(ifindex);
            }
            update(watches, watch, now);
        }
    }
    ovs_mutex_unlock(&watches->mutex);
}

void
dp_xdp_watches_run(struct dp_xdp_watches *watches)
{
    bool all = dp_xdp_news_run(&watches->news, told, watches);
    long long int now = time_msec();
    struct dp_xdp_watch *watch;

    ovs_mutex_lock(&watches->mutex);
    if (!all || now >= watches->next) {
        watches->next = now + INTERVAL_MS;
        watches->any = true;
        LIST_FOR_EACH (watch, node, &watches->list) {
            update(watches, watch, dp_xdp_device_get(watch->ifindex));
        }
    }
    if (watches->any) {
        watches->any = false;
        LIST_FOR_EACH (watch, node, &watches->list) {
            watch->looked(watch->aux);
        }
    }
    ovs_mutex_unlock(&watches->mutex);
}

void
dp_xdp_watches_wait(struct dp_xdp_watches *watches)
{
    dp_xdp_news_wait(&watches->news);
    ovs_mutex_lock(&watches->mutex);
    poll_timer_wait_until(watches->next);
    ovs_mutex_unlock(&watches->mutex);
}

void
dp_xdp_watch_start(struct dp_xdp_watches *watches, struct dp_xdp_watch *watch)
{
    watch->ifindex = 0;
    watch->device = (struct dp_xdp_device) { .mtu = 0 };
    ovs_mutex_lock(&watches->mutex);
    ovs_list_push_back(&watches->list, &watch->node);
    ovs_mutex_unlock(&watches->mutex);
}

void
dp_xdp_watch_stop(struct dp_xdp_watches *watches, struct dp_xdp_watch *watch)
{
    ovs_mutex_lock(&watches->mutex);
    ovs_list_remove(&watch->node);
    ovs_mutex_unlock(&watches->mutex);
}

void
dp_xdp_watch_look(struct dp_xdp_watches *watches, struct dp_xdp_watch *watch,
                  uint32_t ifindex)
{
    ovs_mutex_lock(&watches->mutex);
    watch->ifindex = ifindex;
    watch->device = dp_xdp_device_get(ifindex);
    watch->seen(watch->aux, ifindex, &watch->device);
    ovs_mutex_unlock(&watches->mutex);
}
