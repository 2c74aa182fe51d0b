/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-affinity.h"

#include "netdev.h"
#include "ovs-numa.h"
#include "util.h"
#include "flow/dp-log.h"
#include "pmd/dp-port.h"

/* Applies one "QUEUE:CORE" pair.  Returns false if it is malformed.  A queue
 * that the port does not have is passed over: it may come later. */
static bool
apply_pair(struct dp_port *port, const char *pair)
{
    unsigned int queue, core;
    int n = 0;

    if (!ovs_scan(pair, " %u : %u %n", &queue, &core, &n) || pair[n]) {
        return false;
    }
    if (queue < port->n_rxq) {
        port->rxqs[queue].pinned_core = core;
    }
    return true;
}

/* Sets the pinned core of each queue of 'port' from its affinity list. */
void
dp_affinity_apply(struct dp_port *port)
{
    char *list, *next, *pair;
    bool ok = true;

    for (int i = 0; i < port->n_rxq; i++) {
        port->rxqs[i].pinned_core = OVS_CORE_UNSPEC;
    }
    if (!port->affinity) {
        return;
    }
    list = next = xstrdup(port->affinity);
    while (ok && (pair = strsep(&next, ",")) != NULL) {
        ok = !*pair || apply_pair(port, pair);
    }
    free(list);

    if (!ok) {
        VLOG_ERR("%s: pmd-rxq-affinity is '%s', but must be a list of "
                 "QUEUE:CORE pairs; no queue is pinned",
                 netdev_get_name(port->netdev), port->affinity);
        for (int i = 0; i < port->n_rxq; i++) {
            port->rxqs[i].pinned_core = OVS_CORE_UNSPEC;
        }
    }
}
