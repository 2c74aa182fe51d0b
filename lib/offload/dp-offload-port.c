/* SPDX-License-Identifier: Apache-2.0 */

/* A port object is found by workers under RCU, but that does not keep a
 * provider's port alive: who wants to call a provider enters the port first
 * and leaves it afterwards.  Pause and removal (dp-port-life.c) close the
 * door, then wait until everybody is out.  A rule that is in the NIC, or waits
 * for room there, counts as one of the port's rules; the port does not go
 * before they have gone. */

#include <config.h>
#include "offload/dp-offload-port.h"

#include "hash.h"
#include "odp-util.h"
#include "offload/dp-offload-engine.h"
#include "ovs-thread.h"
#include "util.h"

uint32_t
dp_offload_port_hash(odp_port_t port_no)
{
    return hash_int(odp_to_u32(port_no), 0);
}

struct dp_offload_port *
dp_offload_port_find(const struct dp_offload *offload, odp_port_t port_no)
{
    struct dp_offload_port *port;

    CMAP_FOR_EACH_WITH_HASH (port, node, dp_offload_port_hash(port_no),
                             &offload->ports) {
        if (port->port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

enum dp_offload_why
dp_offload_port_enter(struct dp_offload_port *port, bool attach, bool removal)
{
    enum dp_offload_why why = DP_OFFLOAD_WHY_NONE;

    ovs_mutex_lock(&port->mutex);
    if (port->state == DP_OFFLOAD_PORT_STOPPING && !removal) {
        why = DP_OFFLOAD_WHY_NO_PORT;
    } else if (!port->class) {
        why = DP_OFFLOAD_WHY_NO_PROVIDER;
    } else if (port->state == DP_OFFLOAD_PORT_PAUSED
               || port->state == DP_OFFLOAD_PORT_CLEANING) {
        why = DP_OFFLOAD_WHY_PORT_PAUSED;
    } else {
        port->n_calls++;
        port->n_rules += attach;
    }
    ovs_mutex_unlock(&port->mutex);

    return why;
}

void
dp_offload_port_leave(struct dp_offload_port *port, bool detach)
{
    ovs_mutex_lock(&port->mutex);
    ovs_assert(port->n_calls);
    port->n_calls--;
    port->n_rules -= detach;
    if (!port->n_calls || !port->n_rules) {
        xpthread_cond_broadcast(&port->cond);
    }
    ovs_mutex_unlock(&port->mutex);
}

void
dp_offload_port_detach(struct dp_offload_port *port)
{
    ovs_mutex_lock(&port->mutex);
    ovs_assert(port->n_rules);
    if (!--port->n_rules) {
        xpthread_cond_broadcast(&port->cond);
    }
    ovs_mutex_unlock(&port->mutex);
}

void
dp_offload_port_unpeer(struct dp_offload_port *port)
{
    ovs_mutex_lock(&port->mutex);
    ovs_assert(port->n_peers);
    if (!--port->n_peers) {
        xpthread_cond_broadcast(&port->cond);
    }
    ovs_mutex_unlock(&port->mutex);
}

/* A port that is flushed receives and sends all the same. */
static bool
dp_offload_port_is_up__(const struct dp_offload_port *port)
    OVS_REQUIRES(port->mutex)
{
    return (port->state == DP_OFFLOAD_PORT_RUNNING
            || port->state == DP_OFFLOAD_PORT_CLEANING);
}

bool
dp_offload_port_is_up(struct dp_offload_port *port)
{
    bool up;

    ovs_mutex_lock(&port->mutex);
    up = dp_offload_port_is_up__(port);
    ovs_mutex_unlock(&port->mutex);

    return up;
}

enum dp_offload_port_state
dp_offload_port_state(struct dp_offload_port *port)
{
    enum dp_offload_port_state state;

    ovs_mutex_lock(&port->mutex);
    state = port->state;
    ovs_mutex_unlock(&port->mutex);

    return state;
}

void
dp_offload_port_doubt(struct dp_offload_port *port, bool urgent)
{
    if (urgent) {
        atomic_store_relaxed(&port->hurry, true);
    }
    atomic_store_relaxed(&port->unsure, true);
}

struct dp_offload_port *
dp_offload_port_peer(const struct dp_offload *offload,
                     const struct dp_offload_class *class, odp_port_t port_no,
                     struct dp_offload_port_info *info)
{
    struct dp_offload_port *port = dp_offload_port_find(offload, port_no);
    bool found = false;

    if (port) {
        ovs_mutex_lock(&port->mutex);
        if (port->class == class && dp_offload_port_is_up__(port)) {
            *info = port->info;
            port->n_peers++;
            found = true;
        }
        ovs_mutex_unlock(&port->mutex);
    }
    return found ? port : NULL;
}

uint32_t
dp_offload_port_n_changes(const struct dp_offload *offload,
                          odp_port_t port_no)
{
    struct dp_offload_port *port = dp_offload_port_find(offload, port_no);
    uint32_t n = 0;

    if (port) {
        atomic_read_relaxed(&port->n_changes, &n);
    }
    return n;
}

bool
dp_offload_peer(const struct dp_offload *offload,
                const struct dp_offload_class *class, odp_port_t port_no,
                struct dp_offload_port_info *info)
{
    struct dp_offload_port *port = dp_offload_port_peer(offload, class,
                                                        port_no, info);

    if (port) {
        dp_offload_port_unpeer(port);
    }
    return port != NULL;
}
