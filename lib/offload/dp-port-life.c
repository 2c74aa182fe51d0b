/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-port-life.h"

#include <errno.h>

#include "netdev.h"
#include "odp-util.h"
#include "offload/dp-mark-watch.h"
#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-rule.h"
#include "offload/dp-offload.h"
#include "offload/dp-rule-count.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_offload_port);

/* Marks of a datapath that has no drain epochs are kept this long at least. */
#define DP_OFFLOAD_LIMBO_US UINT64_C(1000000)

/* Between two attempts of a worker to flush a port. */
#define CLEAN_MIN_US UINT64_C(100000)
#define CLEAN_MAX_US UINT64_C(60000000)

/* In a row, by somebody who waits for it. */
enum { FLUSH_ATTEMPTS = 3 };

/* Finds 'port_no', which is to be paused, restarted or removed.  No other port
 * is paused: its rules could not leave the NIC if they output to this one. */
static struct dp_offload_port *
dp_offload_port_find_to_stop(struct dp_offload *offload, odp_port_t port_no)
    OVS_REQUIRES(offload->mutex)
{
    struct dp_offload_port *port = dp_offload_port_find(offload, port_no);

    ovs_assert(!port || !offload->paused || offload->paused == port);
    return port;
}

/* Gives 'port' a new generation; its rules are to be put again.  If they are
 * 'lost', their handles are void, and nobody may be inside; if they have
 * 'gone' even those whose handles were void before have left the NIC. */
static void
dp_offload_port_renew(struct dp_offload *offload,
                      struct dp_offload_port *port, bool lost, bool gone)
{
    uint32_t gen;

    atomic_add_relaxed(&offload->port_gen, 1, &gen);
    gen++;
    if (gone) {
        atomic_store_relaxed(&port->gone_gen, gen);
        atomic_store_relaxed(&port->unsure, false);
    }
    if (lost) {
        /* Who sees the one sees the other. */
        atomic_store_explicit(&port->lost_gen, gen, memory_order_release);
    }
    /* Pairs with the acquire in dp_rule_begin(). */
    atomic_store_explicit(&port->gen, gen, memory_order_release);
}

/* The rules of 'port' have been taken out, all at once, and read: lets what is
 * kept for that go. */
static void
dp_offload_port_settle(struct dp_offload_port *port)
{
    if (port->class->settle) {
        port->class->settle(port->aux);
    }
}

/* Takes all rules of 'port' out of the NIC, which nobody is inside of, after
 * 'error' when it was tried before, or EAGAIN.  'good' tells that their
 * handles are: then their counters are read.  What the NIC confirms, and what
 * it does not, is in the new generation. */
static void
dp_offload_port_flush(struct dp_offload *offload,
                      struct dp_offload_port *port, bool good, int error)
{
    if (good) {
        dp_rules_read_port(offload, port, false);
    }
    for (int i = 0; error && port->class->flush && i < FLUSH_ATTEMPTS; i++) {
        error = port->class->flush(port->aux);
    }
    if (good) {
        dp_rules_read_port(offload, port, true);
    }
    dp_offload_port_settle(port);
    if (error) {
        VLOG_WARN("%s: its rules may have stayed in the NIC: flush failed "
                  "(%s)", port->name, ovs_strerror(error));
        dp_offload_port_doubt(port, false);
    }
    dp_offload_port_renew(offload, port, true, !error);
}

/* Looks for a provider for 'port', which has none.  Returns true if there is
 * one. */
static bool
dp_offload_port_probe(struct dp_offload *offload,
                      struct dp_offload_port *port)
    OVS_REQUIRES(offload->mutex)
{
    for (size_t i = 0; offload->classes[i]; i++) {
        const struct dp_offload_class *class = offload->classes[i];
        struct dp_offload_port_info info = { .mark_bits = DP_MARK_BITS };
        void *aux = NULL;

        if (class->open(class, offload, port->port_no, port->netdev, &aux,
                        &info)) {
            continue;
        }
        ovs_assert(info.mark_bits >= 1 && info.mark_bits <= DP_MARK_BITS);
        dp_marks_port_add(offload->marks, info.mark_bits);
        dp_offload_port_renew(offload, port, true, true);

        ovs_mutex_lock(&port->mutex);
        port->aux = aux;
        port->info = info;
        port->table = dp_places_table_get(&offload->places, class, info.table,
                                          info.capacity);
        port->class = class;
        ovs_mutex_unlock(&port->mutex);

        VLOG_INFO("%s: offloads through %s, marks of %u bits%s", port->name,
                  class->name, info.mark_bits,
                  info.whole && !info.verifies
                  ? ", headers are not verified" : "");
        return true;
    }
    return false;
}

enum dp_offload_delivery
dp_offload_prepare(const struct dp_offload *offload, struct netdev *netdev)
{
    for (size_t i = 0; offload->classes[i]; i++) {
        const struct dp_offload_class *class = offload->classes[i];
        enum dp_offload_delivery delivery;

        if (class->prepare && class->prepare(netdev, &delivery)) {
            return delivery;
        }
    }
    return DP_OFFLOAD_DELIVERY_PLAIN;
}

void
dp_offload_port_set_delivery(struct dp_offload *offload, odp_port_t port_no,
                             enum dp_offload_delivery delivery)
{
    struct dp_offload_port *port = dp_offload_port_find(offload, port_no);

    if (port) {
        atomic_store_relaxed(&port->delivery, delivery);
    }
}

int
dp_offload_port_add(struct dp_offload *offload, odp_port_t port_no,
                    struct netdev *netdev)
{
    struct dp_offload_port *port;
    bool found;

    ovs_mutex_lock(&offload->mutex);
    if (dp_offload_port_find(offload, port_no)) {
        ovs_mutex_unlock(&offload->mutex);
        return EEXIST;
    }

    port = xzalloc(sizeof *port);
    port->port_no = port_no;
    port->netdev = netdev ? netdev_ref(netdev) : NULL;
    port->name = (netdev
                  ? xstrdup(netdev_get_name(netdev))
                  : xasprintf("port%"PRIu32, port_no));
    ovs_mutex_init(&port->mutex);
    xpthread_cond_init(&port->cond, NULL);
    for (size_t i = 0; i < DP_OFFLOAD_MAX_WORKERS; i++) {
        dp_places_room_init(&port->full[i]);
        dp_places_room_init(&port->busy[i]);
        ovs_list_init(&port->halved[i].rules);
    }
    dp_mark_limbo_init(&port->limbo);
    atomic_init(&port->n_whole_left, 0);
    atomic_init(&port->n_changes, 0);
    atomic_init(&port->is_full, false);
    atomic_init(&port->unsure, false);
    atomic_init(&port->hurry, false);
    atomic_init(&port->delivery, DP_OFFLOAD_DELIVERY_PLAIN);
    atomic_init(&port->arrival, DP_MARK_UNKNOWN);
    ovs_mutex_init(&port->watch_mutex);
    found = dp_offload_port_probe(offload, port);
    cmap_insert(&offload->ports, &port->node, dp_offload_port_hash(port_no));
    ovs_mutex_unlock(&offload->mutex);

    dp_rules_ready_port(offload, port_no);
    return found ? 0 : EOPNOTSUPP;
}

void
dp_offload_ports_probe(struct dp_offload *offload)
{
    struct dp_offload_port *port;

    ovs_mutex_lock(&offload->mutex);
    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (!port->class && dp_offload_port_probe(offload, port)) {
            dp_rules_ready_port(offload, port->port_no);
        }
    }
    ovs_mutex_unlock(&offload->mutex);
}

void
dp_offload_set_verify(struct dp_offload *offload, bool verify)
{
    struct dp_offload_port *port;

    if (verify == dp_offload_must_verify(offload)) {
        return;
    }
    /* A put that does not know this yet does not know the new generation
     * either. */
    atomic_store_relaxed(&offload->sw.verify, verify);
    ovs_mutex_lock(&offload->mutex);
    CMAP_FOR_EACH (port, node, &offload->ports) {
        dp_offload_port_renew(offload, port, false, false);
    }
    ovs_mutex_unlock(&offload->mutex);
    dp_rules_ready_all(offload);
}

void
dp_offload_set_merging(struct dp_offload *offload, bool merging)
{
    struct dp_offload_port *port;

    if (merging == dp_offload_is_merging(offload)) {
        return;
    }
    atomic_store_relaxed(&offload->sw.merging, merging);
    ovs_mutex_lock(&offload->mutex);
    CMAP_FOR_EACH (port, node, &offload->ports) {
        if (port->info.priorities) {
            dp_offload_port_renew(offload, port, false, false);
        }
    }
    ovs_mutex_unlock(&offload->mutex);
    dp_rules_ready_all(offload);
}

/* A rule that depends on the port is in its list, or if an operation is under
 * way compares 'n_changes' when it comes there (dp_rule_depend()).  The locks
 * of what the provider has changed, and of the lists, order all that. */
void
dp_offload_output_changed(struct dp_offload *offload, odp_port_t port_no)
{
    struct dp_offload_port *port = dp_offload_port_find(offload, port_no);
    uint32_t orig;

    if (port) {
        atomic_add_relaxed(&port->n_changes, 1, &orig);
        dp_rules_replan_output(offload, port_no);
    }
}

void
dp_offload_input_changed(struct dp_offload *offload, odp_port_t port_no)
{
    dp_rules_replan_input(offload, port_no);
}

static bool
dp_offload_port_is_busy(const struct dp_offload_port *port, bool empty)
    OVS_REQUIRES(port->mutex)
{
    return port->n_calls || port->n_peers || (empty && port->n_rules);
}

/* Waits until nobody is inside 'port', no rule outputs to it and, if 'empty',
 * no rule of it is left, in a quiescent state: a provider may take long.
 * 'port' stays, since only its caller, the control thread, removes ports. */
static void
dp_offload_port_wait(struct dp_offload_port *port, bool empty)
{
    bool busy;

    ovs_mutex_lock(&port->mutex);
    busy = dp_offload_port_is_busy(port, empty);
    ovs_mutex_unlock(&port->mutex);
    if (!busy) {
        /* Nobody gets in any more.  To be quiescent for nothing would begin a
         * grace period, which a reconfiguration lets wait for long. */
        return;
    }

    ovsrcu_quiesce_start();
    ovs_mutex_lock(&port->mutex);
    while (dp_offload_port_is_busy(port, empty)) {
        ovs_mutex_cond_wait(&port->cond, &port->mutex);
    }
    ovs_mutex_unlock(&port->mutex);
    ovsrcu_quiesce_end();
}

/* Pauses 'port': lets nobody in any more, and waits until everybody is out and
 * no rule of another port outputs to it.  Returns true if it was paused
 * before. */
static bool
dp_offload_port_close_door(struct dp_offload *offload,
                           struct dp_offload_port *port)
    OVS_REQUIRES(offload->mutex)
{
    bool paused;

    ovs_mutex_lock(&port->mutex);
    paused = port->state == DP_OFFLOAD_PORT_PAUSED;
    port->state = DP_OFFLOAD_PORT_PAUSED;
    ovs_mutex_unlock(&port->mutex);
    dp_rules_ready_port(offload, port->port_no);
    dp_offload_port_wait(port, false);

    return paused;
}

static void
dp_offload_port_free(struct dp_offload_port *port)
{
    dp_mark_limbo_uninit(&port->limbo);
    xpthread_cond_destroy(&port->cond);
    ovs_mutex_destroy(&port->watch_mutex);
    ovs_mutex_destroy(&port->mutex);
    free(port->name);
    free(port);
}

void
dp_offload_port_del(struct dp_offload *offload, odp_port_t port_no)
{
    struct dp_offload_port *port;
    bool paused;

    ovs_mutex_lock(&offload->mutex);
    port = dp_offload_port_find_to_stop(offload, port_no);
    if (!port) {
        ovs_mutex_unlock(&offload->mutex);
        return;
    }
    offload->paused = NULL;

    /* No new rules from here on.  Those that are there go with one flush, if
     * the provider is able to; how many there are does not matter then. */
    paused = dp_offload_port_close_door(offload, port);
    if (port->class && (port->class->flush || paused)) {
        dp_offload_port_flush(offload, port, !paused, EAGAIN);
    }
    ovs_mutex_lock(&port->mutex);
    port->state = DP_OFFLOAD_PORT_STOPPING;
    ovs_mutex_unlock(&port->mutex);
    dp_rules_ready_port(offload, port_no);
    dp_offload_port_wait(port, true);

    cmap_remove(&offload->ports, &port->node, dp_offload_port_hash(port_no));
    if (port->class) {
        int error = port->class->close(port->aux);

        if (error) {
            VLOG_WARN("%s: its rules may have stayed in the NIC (%s)",
                      port->name, ovs_strerror(error));
        }
        dp_marks_port_del(offload->marks, port->info.mark_bits);
        dp_places_table_put(&offload->places, port->table);
    }

    /* Nobody receives from the port any more. */
    dp_marks_reap(offload->marks, &port->limbo, UINT64_MAX);
    netdev_close(port->netdev);
    ovsrcu_postpone(dp_offload_port_free, port);
    ovs_mutex_unlock(&offload->mutex);

    /* Tell the rules that are left. */
    dp_rules_ready_port(offload, port_no);
}

void
dp_offload_port_pause(struct dp_offload *offload, odp_port_t port_no)
{
    struct dp_offload_port *port;

    ovs_mutex_lock(&offload->mutex);
    port = dp_offload_port_find_to_stop(offload, port_no);
    if (port) {
        bool paused = dp_offload_port_close_door(offload, port);

        offload->paused = port;
        if (!paused && port->class && port->class->pause) {
            int error;

            dp_rules_read_port(offload, port, false);
            error = port->class->pause(port->aux);
            dp_rules_read_port(offload, port, true);
            dp_offload_port_settle(port);
            if (error) {
                dp_offload_port_flush(offload, port, false, error);
                dp_rules_ready_port(offload, port_no);
            }
        }
    }
    ovs_mutex_unlock(&offload->mutex);
}

void
dp_offload_port_restart(struct dp_offload *offload, odp_port_t port_no)
{
    enum dp_offload_restart result = DP_OFFLOAD_KEPT;
    struct dp_offload_port_info info;
    struct dp_offload_port *port;
    bool unsure;

    dp_offload_port_pause(offload, port_no);

    ovs_mutex_lock(&offload->mutex);
    port = dp_offload_port_find(offload, port_no);
    if (port) {
        info = port->info;
        if (port->class && port->class->restart) {
            result = port->class->restart(port->aux, &info);
        }
        atomic_read_relaxed(&port->unsure, &unsure);
        if (unsure) {
            /* The device may be in a better mood now. */
            dp_offload_port_flush(offload, port, false, EAGAIN);
        } else if (result != DP_OFFLOAD_KEPT) {
            dp_offload_port_renew(offload, port, result == DP_OFFLOAD_LOST,
                                  result == DP_OFFLOAD_LOST);
        }
        if (port->class && info.mark_bits != port->info.mark_bits) {
            dp_marks_port_add(offload->marks, info.mark_bits);
            dp_marks_port_del(offload->marks, port->info.mark_bits);
        }

        ovs_mutex_lock(&port->mutex);
        port->info.mark_bits = info.mark_bits;
        port->info.whole = info.whole;
        port->info.verifies = info.verifies;
        port->info.priorities = info.priorities;
        port->info.capacity = info.capacity;
        port->info.device = info.device;
        port->info.domain = info.domain;
        port->state = DP_OFFLOAD_PORT_RUNNING;
        ovs_mutex_unlock(&port->mutex);
        offload->paused = NULL;
    }
    ovs_mutex_unlock(&offload->mutex);

    if (port) {
        dp_rules_ready_port(offload, port_no);
    }
}

/* Flushes 'port' if nobody is inside; if not, nobody gets in any more.  In the
 * time between, and while it is flushed, software has the flows.  Returns true
 * if it was flushed.
 *
 * The control thread may pause the port meanwhile: it waits then as for any
 * operation. */
static bool
dp_offload_port_clean(struct dp_offload *offload,
                      struct dp_offload_port *port)
{
    bool inside = false;

    ovs_mutex_lock(&port->mutex);
    if (port->state == DP_OFFLOAD_PORT_RUNNING) {
        port->state = DP_OFFLOAD_PORT_CLEANING;
    }
    if (port->state == DP_OFFLOAD_PORT_CLEANING && !port->n_calls) {
        port->n_calls++;
        inside = true;
    }
    ovs_mutex_unlock(&port->mutex);
    if (!inside) {
        return false;
    }
    atomic_store_relaxed(&port->hurry, false);

    dp_offload_port_flush(offload, port, true, EAGAIN);
    ovs_mutex_lock(&port->mutex);
    if (port->state == DP_OFFLOAD_PORT_CLEANING) {
        port->state = DP_OFFLOAD_PORT_RUNNING;
    }
    ovs_mutex_unlock(&port->mutex);
    dp_offload_port_leave(port, false);
    dp_rules_ready_port(offload, port->port_no);
    return true;
}

void
dp_offload_ports_clean(struct dp_offload *offload)
{
    uint64_t now_us = dp_offload_now_us();
    struct dp_offload_port *port;

    CMAP_FOR_EACH (port, node, &offload->ports) {
        bool unsure, hurry;

        atomic_read_relaxed(&port->unsure, &unsure);
        atomic_read_relaxed(&port->hurry, &hurry);
        if (now_us >= port->clean_us + CLEAN_MAX_US) {
            port->clean_wait_us = CLEAN_MIN_US;
        }
        if (unsure && port->class->flush
            && (hurry || now_us >= port->clean_us)
            && dp_offload_port_clean(offload, port)) {
            port->clean_us = now_us + port->clean_wait_us;
            port->clean_wait_us = MIN(2 * port->clean_wait_us, CLEAN_MAX_US);
            break;              /* It has quiesced: the others next time. */
        }
    }
}

/* Returns the epoch for which the marks of all ports are drained, by the
 * clock alone. */
static uint64_t
dp_offload_drained_by_clock(struct dp_offload *offload)
{
    uint64_t now_us = dp_offload_now_us();

    if (now_us - offload->sample_us > DP_OFFLOAD_LIMBO_US) {
        offload->drained_epoch = offload->sample_epoch;
        atomic_read_relaxed(&offload->marks->epoch.current,
                            &offload->sample_epoch);
        offload->sample_us = now_us;
    }
    return offload->drained_epoch;
}

/* Returns true if 'port', which the caller has entered, is up and has not been
 * down since the last look.  Otherwise what its queues have proved is void: a
 * lane can't tell a port that is down from empty rings.  Proofs for epochs
 * from 'up_epoch' on count.
 *
 * A netdev changes its flags and then its sequence number with its mutex held,
 * which netdev_get_flags() takes: a change is seen in the one or in the
 * other. */
static bool
dp_offload_port_stayed_up(struct dp_offload *offload,
                          struct dp_offload_port *port)
{
    enum netdev_flags flags;
    uint64_t seq;

    if (!port->netdev) {
        return true;
    }
    seq = netdev_get_change_seq(port->netdev);
    if (netdev_get_flags(port->netdev, &flags) || !(flags & NETDEV_UP)
        || netdev_get_change_seq(port->netdev) != seq) {
        port->up_seq = 0;
        return false;
    } else if (port->up_seq != seq) {
        port->up_seq = seq;
        port->up_epoch = dp_marks_open_epoch(offload->marks);
        return false;
    }
    return true;
}

static void
dp_offload_port_reap(struct dp_offload *offload, struct dp_offload_port *port)
{
    const struct dp_offload_env *env = &offload->env;
    uint64_t drained;

    /* Inside, the netdev stays.  Who removes the port empties its limbo; while
     * it is paused nothing is drained. */
    if (dp_mark_limbo_is_empty(offload->marks, &port->limbo)
        || dp_offload_port_enter(port, false, false)) {
        return;
    }
    drained = env->port_drained(env->aux, port->port_no);
    if (dp_offload_port_stayed_up(offload, port)
        && drained >= port->up_epoch) {
        dp_marks_reap(offload->marks, &port->limbo, drained);
    }
    dp_offload_port_leave(port, false);
}

void
dp_offload_ports_reap(struct dp_offload *offload)
{
    struct dp_offload_port *port;

    if (offload->env.port_drained) {
        CMAP_FOR_EACH (port, node, &offload->ports) {
            dp_offload_port_reap(offload, port);
        }
    } else {
        uint64_t drained = dp_offload_drained_by_clock(offload);

        CMAP_FOR_EACH (port, node, &offload->ports) {
            dp_marks_reap(offload->marks, &port->limbo, drained);
        }
    }
    dp_marks_reap(offload->marks, &offload->limbo, UINT64_MAX);
}
