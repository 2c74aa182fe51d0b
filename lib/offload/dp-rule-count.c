/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-rule-count.h"

#include <errno.h>

#include "offload/dp-offload-clock.h"
#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "offload/dp-offload-step.h"
#include "offload/dp-rule-change.h"
#include "offload/dp-worker-state.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_rule_count);

/* How long to read the counters of one port. */
#define READ_MAX_US UINT64_C(2000000)

/* How long to wait for a reading that is in progress before the next look. */
#define READ_POLL_NS 50000

/* Fills in '*opsp', to read the whole rules of 'port' in 'shard': those whose
 * counts stay, or the others.  Returns how many.  The rules stay, since nobody
 * gets into the port to take them out. */
static size_t
list_readings(struct dp_offload_shard *shard, struct dp_offload_port *port,
              bool counts_stay, struct dp_offload_op **opsp)
    OVS_REQUIRES(shard->mutex)
{
    struct dp_shard_port *sp = dp_shard_port_find(shard, port->port_no);
    struct dp_offload_rule *rule;
    struct dp_offload_op *ops;
    size_t n = 0;

    if (!sp) {
        return 0;
    }
    *opsp = ops = xcalloc(ovs_list_size(&sp->rules), sizeof *ops);
    LIST_FOR_EACH (rule, in_node, &sp->rules) {
        dp_rule_is_locked(rule, shard);
        if (rule->level == DP_OFFLOAD_WHOLE
            && rule->counts_stay == counts_stay
            && !dp_rule_is_lost(rule, port)) {
            struct dp_offload_op *op = &ops[n++];

            op->mega_ufid = rule->mega_ufid;
            op->port_name = port->name;
            op->handle = rule->handle;
            op->level = rule->level;
            op->rule = rule;
            op->port = port;
            op->step = DP_RULE_QUERY;
        }
    }
    return n;
}

/* Has the provider of 'port' carry out 'n' of 'ops', and waits for that. */
static void
read_batch(struct dp_offload_port *port, struct dp_offload_op ops[], size_t n)
{
    struct dp_offload_op *batch[DP_OFFLOAD_BATCH];

    for (size_t i = 0; i < n; i++) {
        batch[i] = &ops[i];
    }
    port->class->query(port->aux, batch, n);
    for (size_t i = 0; i < n; i++) {
        while (ops[i].error == EINPROGRESS) {
            xnanosleep_no_quiesce(READ_POLL_NS);
            port->class->poll(port->aux);
        }
    }
}

/* Reads the rules of 'port' in 'shard' whose counts stay, or the others, until
 * 'end_us'.  Returns the number of those that were not read. */
static size_t
read_shard(struct dp_offload *offload, struct dp_offload_shard *shard,
           struct dp_offload_port *port, bool counts_stay, uint64_t end_us)
{
    struct dp_offload_op *ops = NULL;
    size_t n_done = 0;
    size_t n;

    ovs_mutex_lock(&shard->mutex);
    n = list_readings(shard, port, counts_stay, &ops);
    ovs_mutex_unlock(&shard->mutex);
    while (n_done < n && dp_offload_now_us() < end_us) {
        size_t n_batch = MIN(n - n_done, DP_OFFLOAD_BATCH);

        read_batch(port, &ops[n_done], n_batch);
        ovs_mutex_lock(&shard->mutex);
        for (size_t i = n_done; i < n_done + n_batch; i++) {
            dp_rule_is_locked(ops[i].rule, shard);
            if (!ops[i].error) {
                dp_rule_book(offload, ops[i].rule, &ops[i]);
            }
        }
        ovs_mutex_unlock(&shard->mutex);
        n_done += n_batch;
        ovsrcu_quiesce();
    }
    free(ops);
    return n - n_done;
}

void
dp_rules_read_port(struct dp_offload *offload, struct dp_offload_port *port,
                   bool counts_stay)
{
    uint64_t end_us = dp_offload_now_us() + READ_MAX_US;
    size_t n_unread = 0;

    if (!port->class || !port->class->query) {
        return;
    }
    for (size_t i = 0; i < DP_OFFLOAD_N_SHARDS; i++) {
        n_unread += read_shard(offload, &offload->shards[i], port,
                               counts_stay, end_us);
    }
    if (n_unread) {
        VLOG_WARN("%s: the last counts of %"PRIuSIZE" rules are lost: the NIC "
                  "is too slow", port->name, n_unread);
    }
}
