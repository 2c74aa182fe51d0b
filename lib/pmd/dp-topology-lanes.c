/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-topology.h"

#include "netdev-provider.h"
#include "util.h"

/* Queues and ports, on their way to the lanes and back.
 *
 * Lanes are asked, not stopped (dp-pmd.h): first those that lose something let
 * go of it, then those that get something take it.  So a queue never has two
 * lanes, and what lanes have nothing to do with does not concern them: one
 * that is busy with slow packets holds up the control thread only.
 *
 * What all lanes read of a port at any time is its table of tx queues, in
 * which each has a place by its number among the lanes.  Where one of these
 * changes, no lane may send meanwhile, and all are parked. */

/* What a lane gets. */
struct gift {
    struct dp_rxq **polls;      /* What it is to poll from now on. */
    size_t n_polls;
    struct dp_port **ports;     /* That it does not know yet. */
    size_t n_ports;
};

/* Ports that lanes are to forget. */
struct leaving {
    struct dp_port *const *ports;
    size_t n;
};

/* Parks all lanes.  Threads are asked at once and then waited for; the main
 * lane, which others need to get on, comes last: a packet may wait for a lock
 * whose holder waits for the main lane. */
void
dp_topology_park(struct dp_topology *t)
{
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        if (!dp_pmd_is_main(pmd)) {
            dp_pmd_request_park(pmd);
        }
    }
    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        if (!dp_pmd_is_main(pmd)) {
            dp_pmd_park(pmd);
        }
    }
    dp_pmd_park(t->main);
}

void
dp_topology_resume(struct dp_topology *t)
{
    struct dp_pmd *pmd;

    CMAP_FOR_EACH (pmd, node, &t->lanes) {
        dp_pmd_resume(pmd);
    }
}

/* Has the 'n' lanes 'lanes', sorted, do 'job', each with its own element of
 * 'auxes', but for those where that is NULL.  The main lane comes last, like
 * in dp_topology_park(). */
static void
ask_lanes(struct dp_pmd *const lanes[], size_t n, dp_pmd_job *job,
          void *const auxes[])
{
    for (size_t i = 0; i < n; i++) {
        if (auxes[i]) {
            dp_pmd_ask(lanes[i], job, auxes[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        dp_pmd_wait(lanes[i]);
    }
}

/* A job: the lane lets go of queues that are not its own any more, and of
 * ports that leave. */
static void
let_go(struct dp_pmd *pmd, void *leaving_)
{
    const struct leaving *leaving = leaving_;

    dp_pmd_drop_polls(pmd);
    for (size_t i = 0; i < leaving->n; i++) {
        dp_tx_del_port(&pmd->lane, leaving->ports[i]->port_no);
    }
}

/* Takes the queues and output of the 'n' 'ports' away from all lanes. */
void
dp_topology_detach(struct dp_topology *t, struct dp_port *const ports[],
                   size_t n)
{
    struct leaving leaving = { ports, n };
    struct dp_pmd **lanes;
    size_t n_lanes;
    void **auxes;

    if (!n) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        for (int j = 0; j < ports[i]->n_rxq; j++) {
            ports[i]->rxqs[j].pmd = NULL;
        }
    }
    lanes = dp_topology_sorted_lanes(t, &n_lanes);
    auxes = xmalloc(n_lanes * sizeof *auxes);
    for (size_t i = 0; i < n_lanes; i++) {
        auxes[i] = &leaving;
    }
    ask_lanes(lanes, n_lanes, let_go, auxes);
    free(auxes);
    free(lanes);
}

/* Returns how 'n_lanes' lanes share the tx queues of 'port', and stores the
 * number of these in '*n'. */
static enum dp_txq_mode
choose_mode(const struct dp_port *port, size_t n_lanes, int *n)
{
    *n = MAX(netdev_n_txq(port->netdev), 1);
    return (port->by_hash && *n > 1 ? DP_TXQ_HASH
            : *n < n_lanes ? DP_TXQ_XPS
            : DP_TXQ_STATIC);
}

/* Do lanes have 'port'?  It is given to all, and taken from all. */
static bool
is_known(const struct dp_topology *t, const struct dp_port *port)
{
    return dp_tx_find(&t->main->lane.tx, port->port_no) != NULL;
}

/* Must anything that all lanes read change for 'n_lanes' lanes? */
static bool
txqs_differ(const struct dp_topology *t, size_t n_lanes)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        int n;

        if (is_known(t, port)
            && (choose_mode(port, n_lanes, &n) != port->txqs.mode
                || n != port->txqs.n)) {
            return true;
        }
    }
    return false;
}

/* Sets up the tx queues of the ports that no lane knows; if all lanes are
 * 'parked', of all ports, and gives the lanes their numbers. */
static void
configure_txqs(struct dp_topology *t, struct dp_pmd *const lanes[],
               size_t n_lanes, bool parked)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        if (parked || !is_known(t, port)) {
            int n;
            enum dp_txq_mode mode = choose_mode(port, n_lanes, &n);

            dp_txqs_configure(&port->txqs, mode, n);
        }
    }
    for (size_t i = 0; parked && i < n_lanes; i++) {
        lanes[i]->lane.tx.static_qid = i;
        dp_tx_forget_queues(&lanes[i]->lane.tx);
    }
}

/* Makes lanes the owners of queues, as 'plan' says. */
static void
set_owners(struct dp_topology *t, const struct dp_sched *plan)
{
    struct dp_port *port;

    HMAP_FOR_EACH (port, node, &t->ports) {
        for (int i = 0; i < port->n_rxq; i++) {
            port->rxqs[i].pmd = (netdev_is_pmd(port->netdev)
                                 ? NULL : t->main);
        }
    }
    for (size_t i = 0; i < plan->n_cores; i++) {
        dp_topology_lane(t, plan->cores[i].core_id)->isolated
            = plan->cores[i].isolated;
    }
    for (size_t i = 0; i < plan->n_rxqs; i++) {
        const struct dp_sched_core *core
            = dp_sched_core_of(plan, &plan->rxqs[i]);
        struct dp_rxq *rxq = plan->rxqs[i].aux;

        rxq->pmd = core ? dp_topology_lane(t, core->core_id) : NULL;
    }
}

/* Has those lanes let go of queues that have other owners now. */
static void
drop_queues(struct dp_pmd *const lanes[], size_t n_lanes)
{
    void **auxes = xcalloc(n_lanes, sizeof *auxes);
    struct leaving nobody = { NULL, 0 };

    for (size_t i = 0; i < n_lanes; i++) {
        for (size_t j = 0; j < lanes[i]->n_polls; j++) {
            if (lanes[i]->polls[j]->pmd != lanes[i]) {
                auxes[i] = &nobody;
            }
        }
    }
    ask_lanes(lanes, n_lanes, let_go, auxes);
    free(auxes);
}

static void
add_poll(struct gift *gift, struct dp_rxq *rxq)
{
    gift->polls = xrealloc(gift->polls,
                           (gift->n_polls + 1) * sizeof *gift->polls);
    gift->polls[gift->n_polls++] = rxq;
}

/* Fills 'gifts', one for each lane: queues in the order of 'plan', those of
 * the main lane, and ports that are new. */
static void
fill_gifts(const struct dp_topology *t, struct dp_pmd *const lanes[],
           size_t n_lanes, const struct dp_sched *plan, struct gift gifts[])
{
    struct dp_port *port;

    for (size_t i = 0; i < plan->n_rxqs; i++) {
        struct dp_rxq *rxq = plan->rxqs[i].aux;

        if (rxq->pmd) {
            add_poll(&gifts[rxq->pmd->lane.tx.static_qid], rxq);
        }
    }
    HMAP_FOR_EACH (port, node, &t->ports) {
        for (int i = 0; i < port->n_rxq && !netdev_is_pmd(port->netdev);
             i++) {
            add_poll(&gifts[n_lanes - 1], &port->rxqs[i]);
        }
        for (size_t i = 0; i < n_lanes; i++) {
            struct gift *gift = &gifts[i];

            if (!dp_tx_find(&lanes[i]->lane.tx, port->port_no)) {
                gift->ports = xrealloc(gift->ports, ((gift->n_ports + 1)
                                                     * sizeof *gift->ports));
                gift->ports[gift->n_ports++] = port;
            }
        }
    }
}

/* Does 'pmd' poll what it should already? */
static bool
has_queues(const struct dp_pmd *pmd, const struct gift *gift)
{
    return (pmd->n_polls == gift->n_polls
            && (!gift->n_polls
                || !memcmp(pmd->polls, gift->polls,
                           gift->n_polls * sizeof *gift->polls)));
}

/* A job: the lane takes what it gets. */
static void
take(struct dp_pmd *pmd, void *gift_)
{
    struct gift *gift = gift_;

    if (!has_queues(pmd, gift)) {
        dp_pmd_set_polls(pmd, gift->polls, gift->n_polls);
        gift->polls = NULL;
    }
    for (size_t i = 0; i < gift->n_ports; i++) {
        struct dp_port *port = gift->ports[i];

        dp_tx_add_port(&pmd->lane.tx, port->port_no, port->netdev,
                       &port->txqs);
    }
}

/* Hands out what is new. */
static void
give(struct dp_topology *t, struct dp_pmd *const lanes[], size_t n_lanes,
     const struct dp_sched *plan)
{
    struct gift *gifts = xcalloc(n_lanes, sizeof *gifts);
    void **auxes = xcalloc(n_lanes, sizeof *auxes);

    fill_gifts(t, lanes, n_lanes, plan, gifts);
    for (size_t i = 0; i < n_lanes; i++) {
        if (gifts[i].n_ports || !has_queues(lanes[i], &gifts[i])) {
            auxes[i] = &gifts[i];
        }
    }
    ask_lanes(lanes, n_lanes, take, auxes);
    for (size_t i = 0; i < n_lanes; i++) {
        free(gifts[i].polls);
        free(gifts[i].ports);
    }
    free(gifts);
    free(auxes);
}

/* Gives all lanes the queues of 'plan' and all ports.  If there are 'other
 * lanes' than before, those that are new are parked. */
void
dp_topology_hand_out(struct dp_topology *t, const struct dp_sched *plan,
                     bool other_lanes)
{
    size_t n_lanes;
    struct dp_pmd **lanes = dp_topology_sorted_lanes(t, &n_lanes);
    bool park = other_lanes || txqs_differ(t, n_lanes);

    if (park) {
        dp_topology_park(t);
    }
    configure_txqs(t, lanes, n_lanes, park);
    set_owners(t, plan);
    drop_queues(lanes, n_lanes);
    give(t, lanes, n_lanes, plan);
    if (park) {
        dp_topology_resume(t);
    }
    free(lanes);
}
