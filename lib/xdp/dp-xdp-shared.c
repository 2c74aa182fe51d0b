/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-shared.h"

#include "openvswitch/thread.h"
#include "util.h"
#include "xdp/dp-xdp-loader.h"
#include "xdp/dp-xdp-pins.h"

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct dp_xdp_loader *shared OVS_GUARDED_BY(mutex);
static unsigned int n_refs OVS_GUARDED_BY(mutex);
static bool persist OVS_GUARDED_BY(mutex);
static bool took_over OVS_GUARDED_BY(mutex);

int
dp_xdp_shared_ref(struct dp_xdp_loader **loaderp, char **errorp)
{
    int error = 0;

    ovs_mutex_lock(&mutex);
    if (!n_refs) {
        error = dp_xdp_loader_create(&shared, errorp);
        if (!error) {
            dp_xdp_loader_set_persist(shared, persist);
            if (took_over) {
                dp_xdp_loader_take_over(shared);
            }
        }
    }
    if (!error) {
        n_refs++;
    }
    *loaderp = error ? NULL : shared;
    ovs_mutex_unlock(&mutex);
    return error;
}

void
dp_xdp_shared_unref(void)
{
    ovs_mutex_lock(&mutex);
    ovs_assert(n_refs > 0);
    if (!--n_refs) {
        dp_xdp_loader_destroy(shared);
        shared = NULL;
    }
    ovs_mutex_unlock(&mutex);
}

void
dp_xdp_shared_set_persist(bool persist_)
{
    ovs_mutex_lock(&mutex);
    if (persist != persist_) {
        persist = persist_;
        if (n_refs) {
            dp_xdp_loader_set_persist(shared, persist);
        }
    }
    ovs_mutex_unlock(&mutex);
}

static bool
is_used(uint32_t ifindex OVS_UNUSED, void *aux OVS_UNUSED)
{
    return false;
}

void
dp_xdp_shared_take_over(void)
{
    ovs_mutex_lock(&mutex);
    if (!took_over) {
        took_over = true;
        if (n_refs) {
            dp_xdp_loader_take_over(shared);
        } else {
            dp_xdp_pins_sweep(is_used, NULL);
        }
    }
    ovs_mutex_unlock(&mutex);
}

void
dp_xdp_shared_leave(void)
{
    ovs_mutex_lock(&mutex);
    if (n_refs) {
        dp_xdp_loader_leave(shared);
    }
    ovs_mutex_unlock(&mutex);
}
