/* SPDX-License-Identifier: Apache-2.0 */

/* Indirect actions: a counter, an age or an RSS that several rules share.
 * Their handles are pointers, found in the port's list before they are used:
 * there are few of them. */

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

    for (struct simnic_shared *s = port->rules.shared; s; s = s->next) {
        if (s == handle) {
            *typep = s->type;
            return s;
        }
    }
    return NULL;
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
    }
    if (code) {
        free(s);
        s = NULL;
    } else {
        s->next = port->rules.shared;
        port->rules.shared = s;
    }
    pthread_mutex_unlock(&port->mutex);
    return (struct rte_flow_action_handle *) s;
}

int
simnic_indirect_destroy(struct rte_eth_dev *dev,
                        struct rte_flow_action_handle *handle,
                        struct rte_flow_error *error)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct simnic_shared *s, **sp;
    int retval = -ENOENT;

    pthread_mutex_lock(&port->mutex);
    s = find(port, handle, error);
    if (s && s->n_users) {
        retval = rte_flow_error_set(error, EBUSY, RTE_FLOW_ERROR_TYPE_HANDLE,
                                    handle, "rules use this action");
    } else if (s) {
        for (sp = &port->rules.shared; *sp != s; sp = &(*sp)->next) {
            continue;
        }
        *sp = s->next;
        free(s);
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
    if (s) {
        simnic_classify_sync(port, NULL);
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
