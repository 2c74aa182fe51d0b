/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_GEN_H
#define SIMNIC_GEN_H 1

/* simnic-gen: generated traffic
 * =============================
 *
 * Job.  Turn a configuration into streams, and say which stream comes next.
 *
 * Owns.  The table of a Zipf order.
 *
 * Invariants.  The same configuration makes the same streams and, for one
 * queue, the same order of packets.  Stream i belongs to megaflow
 * i % megaflows.
 *
 * Thread-safety.  Streams: see simnic-stream.h.  A picker belongs to the
 * polling core of its queue.
 *
 * Cost.  Next stream: 1 cycle round robin, about 5 otherwise.
 *
 * See also.  simnic-rx.c. */

#include "simnic-devargs.h"
#include "simnic-stream.h"

/* Fills '*ss', to be freed with simnic_streams_uninit().  'own_mac' is the
 * source of 'eth_dst' if the configuration has none.  Returns 0 or a positive
 * errno value. */
int simnic_gen_streams(const struct simnic_config *, const uint8_t own_mac[6],
                       struct simnic_streams *ss);

/* Chooses streams, as indexes below 'n'. */
struct simnic_picker {
    enum simnic_order order;
    uint32_t n;
    uint32_t pos;               /* SIMNIC_RR, and in 'table'. */
    uint64_t random;            /* State of the generator. */
    uint32_t train, left;       /* Packets of a train, and still to come. */
    uint32_t last;              /* The stream of the train. */
    uint32_t hot_n, hot_percent, hot_packets;
    uint32_t hot_pos, hot_left;
    uint32_t *table;            /* SIMNIC_ZIPF: a sample of the order. */
    uint32_t n_table;
};

/* Prepares to choose among 'n' streams; 'queue' makes queues differ.  Returns
 * 0 or ENOMEM. */
int simnic_picker_init(struct simnic_picker *, const struct simnic_config *,
                       uint32_t n, uint16_t queue);
void simnic_picker_uninit(struct simnic_picker *);

/* Stores the next 'count' choices in 'index'. */
void simnic_picker_next(struct simnic_picker *, uint32_t index[],
                        uint32_t count);

#endif /* simnic-gen.h */
