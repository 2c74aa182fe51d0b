/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

/* In DPDK 22.11 indirect actions are experimental still; their functions are
 * the same in later versions. */
#define ALLOW_EXPERIMENTAL_API

#include "rte/dp-rte-handle.h"

#include "util.h"

void
dp_rte_handles_init(struct dp_rte_handles *hs)
{
    ovs_mutex_init(&hs->mutex);
    ovs_list_init(&hs->list);
}

/* Lets the counter of 'h' go, if it has one and no rule in the NIC needs it
 * any more. */
static void
dp_rte_handle_drop_counter(struct dp_rte_handle *h, uint16_t device)
{
    struct rte_flow_error error;

    if (h->counter && !h->flow && !h->unsure) {
        rte_flow_action_handle_destroy(device, h->counter, &error);
        h->counter = NULL;
    }
}

void
dp_rte_handles_uninit(struct dp_rte_handles *hs, uint16_t device)
{
    struct dp_rte_handle *h;

    LIST_FOR_EACH_POP (h, node, &hs->list) {
        dp_rte_handle_drop_counter(h, device);
        free(h);
    }
    ovs_mutex_destroy(&hs->mutex);
}

struct dp_rte_handle *
dp_rte_handle_create(struct dp_rte_handles *hs, uint16_t device,
                     bool transfer, bool counter)
{
    struct dp_rte_handle *h = xzalloc(sizeof *h);

    if (counter) {
        const struct rte_flow_indir_action_conf conf = {
            .ingress = !transfer,
            .transfer = transfer,
        };
        const struct rte_flow_action count = {
            .type = RTE_FLOW_ACTION_TYPE_COUNT,
        };
        struct rte_flow_error error;

        h->counter = rte_flow_action_handle_create(device, &conf, &count,
                                                   &error);
        if (!h->counter) {
            free(h);
            return NULL;
        }
    }
    ovs_mutex_lock(&hs->mutex);
    ovs_list_push_back(&hs->list, &h->node);
    ovs_mutex_unlock(&hs->mutex);
    return h;
}

void
dp_rte_handle_destroy(struct dp_rte_handles *hs, struct dp_rte_handle *h,
                      uint16_t device)
{
    h->flow = NULL;
    dp_rte_handle_drop_counter(h, device);
    ovs_mutex_lock(&hs->mutex);
    ovs_list_remove(&h->node);
    ovs_mutex_unlock(&hs->mutex);
    free(h);
}

int
dp_rte_handle_query(const struct dp_rte_handle *h, uint16_t device,
                    struct rte_flow_query_count *query,
                    struct rte_flow_error *error)
{
    return rte_flow_action_handle_query(device, h->counter, query, error);
}

unsigned int
dp_rte_handle_query_idle(const struct dp_rte_handle *h, uint16_t device)
{
    static const struct rte_flow_action actions[] = {
        { .type = RTE_FLOW_ACTION_TYPE_AGE },
        { .type = RTE_FLOW_ACTION_TYPE_END },
    };
    struct rte_flow_query_age query;
    struct rte_flow_error error;

    memset(&query, 0, sizeof query);
    if (rte_flow_query(device, h->flow, actions, &query, &error)
        || !query.sec_since_last_hit_valid) {
        return 0;
    }
    return query.sec_since_last_hit * 1000;
}

void
dp_rte_handle_forget(struct dp_rte_handles *hs, struct dp_rte_handle *h)
{
    ovs_mutex_lock(&hs->mutex);
    h->forgotten = true;
    if (!h->counter) {
        ovs_list_remove(&h->node);
        free(h);
    }
    ovs_mutex_unlock(&hs->mutex);
}

void
dp_rte_handles_void(struct dp_rte_handles *hs, bool gone)
{
    struct dp_rte_handle *h;

    ovs_mutex_lock(&hs->mutex);
    LIST_FOR_EACH (h, node, &hs->list) {
        h->flow = NULL;
        h->unsure = !gone;
    }
    ovs_mutex_unlock(&hs->mutex);
}

void
dp_rte_handles_settle(struct dp_rte_handles *hs, uint16_t device)
{
    struct dp_rte_handle *h;

    ovs_mutex_lock(&hs->mutex);
    LIST_FOR_EACH_SAFE (h, node, &hs->list) {
        dp_rte_handle_drop_counter(h, device);
        if (h->forgotten && !h->counter) {
            ovs_list_remove(&h->node);
            free(h);
        }
    }
    ovs_mutex_unlock(&hs->mutex);
}
