/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-await.h"

#include <stdlib.h>

#include "if-notifier.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/thread.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-link.h"

#define INTERVAL_MS 1000

struct awaited {
    struct ovs_list node;       /* In 'devices'. */
    uint32_t ifindex;
};

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct ovs_list devices OVS_GUARDED_BY(mutex)
    = OVS_LIST_INITIALIZER(&devices);
static long long int next_look OVS_GUARDED_BY(mutex);

static struct awaited *
find(uint32_t ifindex)
    OVS_REQUIRES(mutex)
{
    struct awaited *device;

    LIST_FOR_EACH (device, node, &devices) {
        if (device->ifindex == ifindex) {
            return device;
        }
    }
    return NULL;
}

static void
forget(struct awaited *device)
    OVS_REQUIRES(mutex)
{
    ovs_list_remove(&device->node);
    free(device);
}

bool
dp_xdp_await_start(uint32_t ifindex)
{
    bool new;

    ovs_mutex_lock(&mutex);
    new = !find(ifindex);
    if (new) {
        struct awaited *device = xmalloc(sizeof *device);

        device->ifindex = ifindex;
        ovs_list_push_back(&devices, &device->node);
    }
    ovs_mutex_unlock(&mutex);
    return new;
}

void
dp_xdp_await_stop(uint32_t ifindex)
{
    struct awaited *device;

    ovs_mutex_lock(&mutex);
    device = find(ifindex);
    if (device) {
        forget(device);
    }
    ovs_mutex_unlock(&mutex);
}

/* Returns whether a device has become free. */
static bool
look(void)
    OVS_REQUIRES(mutex)
{
    struct awaited *device;
    bool any = false;

    LIST_FOR_EACH_SAFE (device, node, &devices) {
        if (!dp_xdp_link_program(device->ifindex)) {
            forget(device);
            any = true;
        }
    }
    return any;
}

void
dp_xdp_await_run(void)
{
    bool any = false;

    ovs_mutex_lock(&mutex);
    if (!ovs_list_is_empty(&devices) && time_msec() >= next_look) {
        next_look = time_msec() + INTERVAL_MS;
        any = look();
    }
    ovs_mutex_unlock(&mutex);
    if (any) {
        if_notifier_manual_report();
    }
}

void
dp_xdp_await_wait(void)
{
    ovs_mutex_lock(&mutex);
    if (!ovs_list_is_empty(&devices)) {
        poll_timer_wait_until(next_look);
    }
    ovs_mutex_unlock(&mutex);
}
