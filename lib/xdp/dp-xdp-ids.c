/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-ids.h"

#include "util.h"

void
dp_xdp_ids_init(struct dp_xdp_ids *ids, uint32_t n)
{
    *ids = (struct dp_xdp_ids) {
        .size = n,
        .free = xmalloc(n * sizeof *ids->free),
        .resting = xmalloc(n * sizeof *ids->resting),
        .epochs = xmalloc(n * sizeof *ids->epochs),
    };
    for (uint32_t id = n - 1; id > 0; id--) {
        dp_xdp_ids_put(ids, id);
    }
}

void
dp_xdp_ids_uninit(struct dp_xdp_ids *ids)
{
    free(ids->free);
    free(ids->resting);
    free(ids->epochs);
}

uint32_t
dp_xdp_ids_get(struct dp_xdp_ids *ids)
{
    return ids->n_free ? ids->free[--ids->n_free] : 0;
}

void
dp_xdp_ids_put(struct dp_xdp_ids *ids, uint32_t id)
{
    ovs_assert(id && ids->n_free + 1 < ids->size);
    ids->free[ids->n_free++] = id;
}

void
dp_xdp_ids_rest(struct dp_xdp_ids *ids, uint32_t id, uint64_t epoch)
{
    uint32_t i = (ids->head + ids->n_resting) % ids->size;

    ovs_assert(id && ids->n_resting + 1 < ids->size);
    ids->resting[i] = id;
    ids->epochs[i] = epoch;
    ids->n_resting++;
}

void
dp_xdp_ids_settle(struct dp_xdp_ids *ids, uint64_t epoch)
{
    while (ids->n_resting && ids->epochs[ids->head] <= epoch) {
        dp_xdp_ids_put(ids, ids->resting[ids->head]);
        ids->head = (ids->head + 1) % ids->size;
        ids->n_resting--;
    }
}
