/* SPDX-License-Identifier: Apache-2.0 */

/* What was sent stays in the ring until the ring is full; then the oldest are
 * freed, SIMNIC_REFILL at a time.  With fast free, which applications grant
 * if all mbufs come from one pool and nobody else holds them, freeing touches
 * only the first mbuf. */

#include "simnic-tx.h"

#include <rte_cycles.h>

/* Frees 'n' mbufs at 'pkts' that may be shared, chained or of any pool. */
static void
free_any(struct rte_mbuf **pkts, uint32_t n)
{
    struct rte_mbuf *done[SIMNIC_REFILL];
    uint32_t n_done = 0;

    for (uint32_t i = 0; i < n; i++) {
        struct rte_mbuf *m = pkts[i];

        if (m->nb_segs > 1) {
            rte_pktmbuf_free(m);
            continue;
        }
        m = rte_pktmbuf_prefree_seg(m);
        if (!m) {
            continue;
        }
        if (n_done && (m->pool != done[0]->pool || n_done == SIMNIC_REFILL)) {
            rte_mempool_put_bulk(done[0]->pool, (void **) done, n_done);
            n_done = 0;
        }
        done[n_done++] = m;
    }
    if (n_done) {
        rte_mempool_put_bulk(done[0]->pool, (void **) done, n_done);
    }
}

void
simnic_tx_free(struct simnic_txq *q, uint32_t n)
{
    while (n) {
        uint32_t oldest = (q->head - q->pending) & q->mask;
        uint32_t run = RTE_MIN(n, q->mask + 1 - oldest);
        struct rte_mbuf **pkts = &q->ring[oldest];

        if (q->fast_free) {
            rte_mempool_put_bulk(pkts[0]->pool, (void **) pkts, run);
        } else {
            free_any(pkts, run);
        }
        q->pending -= run;
        n -= run;
    }
}

uint16_t
simnic_tx_sink(void *txq, struct rte_mbuf **pkts, uint16_t n)
{
    struct simnic_txq *q = txq;
    struct rte_mbuf **ring;
    uint32_t mask, head;
    uint64_t bytes = 0;

    if (unlikely(!q || !simnic_gate_enter(&q->gate))) {
        return 0;
    }
    ring = q->ring;
    mask = q->mask;
    head = q->head;
    n = RTE_MIN(n, q->n_desc - SIMNIC_REFILL);
    if (unlikely(q->delays)) {
        simnic_delays_count(q->delays, pkts, n, rte_rdtsc());
    }
    while (q->pending + n > q->n_desc) {
        simnic_tx_free(q, RTE_MIN((uint32_t) SIMNIC_REFILL, q->pending));
    }
    for (uint16_t i = 0; i < n; i++) {
        bytes += pkts[i]->pkt_len;
        ring[(head + i) & mask] = pkts[i];
    }
    q->head = head + n;
    q->pending += n;
    q->packets += n;
    q->bytes += bytes;
    simnic_gate_leave(&q->gate);
    return n;
}
