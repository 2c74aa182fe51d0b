/* SPDX-License-Identifier: Apache-2.0 */

/* Indirect actions: a counter, an age or an RSS that several rules share, or
 * that outlives its rule.
 *
 * The count of a rule that has gone is final: who removed it has waited for
 * the cores that were polling.  For a rule with a counter of its own that
 * would be in vain, since that one goes with it. */

#include "simnic-indirect.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "simnic-age.h"
#include "simnic-classify.h"
#include "simnic-flow.h"

struct simnic_shared *
simnic_indirect_find(void *port_, const void *handle,
                     enum rte_flow_action_type *typep)
{
    struct simnic_port *port = port_;
    struct simnic_shared *s = simnic_slots_find(&port->rules.shared,
                                                (uintptr_t) handle);

    if (s) {
        *typep = s->type;
    }
    return s;
}

static struct simnic_shared *
find(struct simnic_port *port, const struct rte_flow_action_handle *handle,
     struct rte_flow_error *error)
{
    enum rte_flow_action_type type;
    struct simnic_shared *s = simnic_indirect_find(port, handle, &type);

    if (!s) {
        rte_flow_error_set(error, ENOENT, RTE_FLOW_ERROR_TYPE_HANDLE, handle,
                           "no such indirect action");
    }
    return s;
}

struct rte_flow_action_handle *
simnic_indirect_create(struct rte_eth_dev *dev,
                       const struct rte_flow_indir_action_conf *conf,
                       const struct rte_flow_action *action,
                       struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_shared *s = calloc(1, sizeof *s);
    struct simnic_action_env env;
    uint64_t handle = 0;
    int code = 0;

    if (!s) {
        rte_flow_error_set(error, ENOMEM, RTE_FLOW_ERROR_TYPE_UNSPECIFIED,
                           NULL, "out of memory");
        return NULL;
    }
    pthread_mutex_lock(&port->mutex);
    simnic_flow_env(port, &env);
    s->type = action->type;
    if (conf && conf->egress) {
        code = rte_flow_error_set(error, ENOTSUP,
                                  RTE_FLOW_ERROR_TYPE_ATTR_EGRESS, NULL,
                                  "egress rules are not supported");
    } else if (action->type == RTE_FLOW_ACTION_TYPE_RSS) {
        code = simnic_rss_compile(&env, action->conf, &s->rss, action, error);
    } else if (action->type == RTE_FLOW_ACTION_TYPE_AGE) {
        const struct rte_flow_action_age *age = action->conf;

        if (!age || !age->timeout) {
            code = rte_flow_error_set(error, EINVAL,
                                      RTE_FLOW_ERROR_TYPE_ACTION_CONF, action,
                                      "AGE without a timeout");
        } else {
            s->age.timeout_s = age->timeout;
            s->age.context = age->context ? age->context : s;
            s->age.last_seen = rte_rdtsc();
        }
    } else if (action->type != RTE_FLOW_ACTION_TYPE_COUNT) {
        code = rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION,
                                  action, "only COUNT, AGE and RSS can be "
                                  "indirect");
    } else if (port->rules.n_counters >= port->config.caps.counters) {
        code = rte_flow_error_set(error, ENOSPC,
                                  RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL,
                                  "the NIC has no more counters");
    }
    if (!code && !simnic_slots_reserve(&port->rules.shared)) {
        code = rte_flow_error_set(error, ENOMEM,
                                  RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL,
                                  "out of memory");
    }
    if (code) {
        free(s);
    } else {
        s->n_refs = 1;
        s->handle = handle = simnic_slots_put(&port->rules.shared, s);
        port->rules.n_counters += s->type == RTE_FLOW_ACTION_TYPE_COUNT;
    }
    pthread_mutex_unlock(&port->mutex);
    return (struct rte_flow_action_handle *) handle;
}

int
simnic_indirect_destroy(struct rte_eth_dev *dev,
                        struct rte_flow_action_handle *handle,
                        struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_shared *s;
    int retval = -ENOENT;

    pthread_mutex_lock(&port->mutex);
    s = find(port, handle, error);
    if (s && s->n_users) {
        retval = rte_flow_error_set(error, EBUSY, RTE_FLOW_ERROR_TYPE_HANDLE,
                                    handle, "rules use this action");
    } else if (s) {
        simnic_slots_remove(&port->rules.shared, s->handle);
        port->rules.n_counters -= s->type == RTE_FLOW_ACTION_TYPE_COUNT;
        simnic_shared_unref(s);
        retval = 0;
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

int
simnic_indirect_update(struct rte_eth_dev *dev,
                       struct rte_flow_action_handle *handle,
                       const void *update, struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    const struct rte_flow_action *action = update;
    struct simnic_action_env env;
    struct simnic_shared *s;
    struct simnic_rss rss;
    int retval = -ENOENT;

    pthread_mutex_lock(&port->mutex);
    s = find(port, handle, error);
    if (s && (!action || s->type != RTE_FLOW_ACTION_TYPE_RSS
              || action->type != RTE_FLOW_ACTION_TYPE_RSS)) {
        retval = rte_flow_error_set(error, ENOTSUP,
                                    RTE_FLOW_ERROR_TYPE_ACTION, update,
                                    "only an RSS can be updated, by an RSS");
    } else if (s) {
        simnic_flow_env(port, &env);
        retval = simnic_rss_compile(&env, action->conf, &rss, action, error);
        if (!retval) {
            rte_rwlock_write_lock(&port->rules_lock);
            s->rss = rss;
            rte_rwlock_write_unlock(&port->rules_lock);
            if (port->has_streams) {
                simnic_classify_all(port);
            }
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

int
simnic_indirect_query(struct rte_eth_dev *dev,
                      const struct rte_flow_action_handle *handle, void *data,
                      struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_shared *s;
    int retval = -ENOENT;

    pthread_mutex_lock(&port->mutex);
    s = find(port, handle, error);
    if (s && s->n_users) {
        simnic_classify_sync(port, s->user);
    }
    if (s && s->type == RTE_FLOW_ACTION_TYPE_COUNT) {
        simnic_flow_read_counter(port, &s->counter, data);
        retval = 0;
    } else if (s && s->type == RTE_FLOW_ACTION_TYPE_AGE) {
        struct rte_flow_query_age *query = data;
        uint64_t now = rte_rdtsc();

        simnic_age_update(&s->age, now);
        *query = (struct rte_flow_query_age) {
            .aged = s->age.aged,
            .sec_since_last_hit_valid = 1,
            .sec_since_last_hit = (now - s->age.last_seen) / rte_get_tsc_hz(),
        };
        retval = 0;
    } else if (s) {
        retval = rte_flow_error_set(error, ENOTSUP,
                                    RTE_FLOW_ERROR_TYPE_ACTION, NULL,
                                    "an RSS cannot be queried");
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}
