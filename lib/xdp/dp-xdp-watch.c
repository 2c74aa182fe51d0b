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
    ovs_mutex_init(&watches->mutex);
    ovs_list_init(&watches->list);
    watches->next = 0;
}

void
dp_xdp_watches_uninit(struct dp_xdp_watches *watches)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    ovs_assert(ovs_list_is_empty(&watches->list));
    ovs_mutex_destroy(&watches->mutex);
}

void
dp_xdp_watches_hurry(struct dp_xdp_watches *watches)
{
    ovs_mutex_lock(&watches->mutex);
    watches->next = 0;
    ovs_mutex_unlock(&watches->mutex);
}

/* Is anything as it was not when 'watch' last looked? */
static bool
has_changed(struct dp_xdp_watch *watch)
{
    struct dp_xdp_device device = dp_xdp_device_get(watch->ifindex);

    if (device.mtu != watch->device.mtu
        || device.can_transmit != watch->device.can_transmit) {
        watch->device = device;
        return true;
    }
    return watch->also && watch->also(watch->aux);
}

void
dp_xdp_watches_run(struct dp_xdp_watches *watches)
{
    long long int now = time_msec();
    struct dp_xdp_watch *watch;

    ovs_mutex_lock(&watches->mutex);
    if (now >= watches->next) {
        watches->next = now + INTERVAL_MS;
        LIST_FOR_EACH (watch, node, &watches->list) {
            if (has_changed(watch)) {
                watch->changed(watch->aux);
            }
        }
    }
    ovs_mutex_unlock(&watches->mutex);
}

void
dp_xdp_watches_wait(struct dp_xdp_watches *watches)
{
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

struct dp_xdp_device
dp_xdp_watch_look(struct dp_xdp_watches *watches, struct dp_xdp_watch *watch,
                  uint32_t ifindex)
{
    struct dp_xdp_device device;

    ovs_mutex_lock(&watches->mutex);
    watch->ifindex = ifindex;
    device = watch->device = dp_xdp_device_get(ifindex);
    ovs_mutex_unlock(&watches->mutex);
    return device;
}
