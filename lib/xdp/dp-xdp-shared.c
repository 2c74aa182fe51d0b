/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-shared.h"

#include "openvswitch/thread.h"
#include "util.h"
#include "xdp/dp-xdp-loader.h"

static struct ovs_mutex mutex = OVS_MUTEX_INITIALIZER;
static struct dp_xdp_loader *shared OVS_GUARDED_BY(mutex);
static unsigned int n_refs OVS_GUARDED_BY(mutex);

int
dp_xdp_shared_ref(struct dp_xdp_loader **loaderp, char **errorp)
{
    int error = 0;

    ovs_mutex_lock(&mutex);
    if (!n_refs) {
        error = dp_xdp_loader_create(&shared, errorp);
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
