/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_STAMP_H
#define SIMNIC_STAMP_H 1

/* simnic-stamp: for how long packets are under way
 * ================================================
 *
 * Job.  Write into a packet when it arrived, and count how long ago that is
 * when it is sent (stamp=).
 *
 * A stamp is the last SIMNIC_STAMP_SIZE bytes of a frame: a magic number and
 * the time stamp counter, as this machine writes them.
 *
 * Thread-safety.  Delays are counted by the owner of a tx queue, and may be
 * read by anyone.
 *
 * Cost.  Sending: a cache line of the packet, and one of the counters.
 *
 * See also.  simnic-rx.c (when a packet arrives), simnic-tx.c (sends it),
 * simnic-telemetry.c (shows delays). */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#define SIMNIC_STAMP_SIZE 16
#define SIMNIC_STAMP_MAGIC UINT64_C(0x73696d6e69637473)

/* Writes a stamp to the end of the frame of 'size' bytes at 'data'. */
static inline void
simnic_stamp_write(uint8_t *data, uint32_t size, uint64_t tsc)
{
    uint64_t stamp[2] = { SIMNIC_STAMP_MAGIC, tsc };

    memcpy(data + size - sizeof stamp, stamp, sizeof stamp);
}

/* Stores when 'm' arrived in '*tsc'.  Returns false if it does not tell. */
bool simnic_stamp_read(const struct rte_mbuf *m, uint64_t *tsc);

/* Packets by how many cycles they were under way: in steps of 8 cycles at
 * first, later of an eighth to a sixteenth of the delay.  The last one has all
 * that were under way for longer. */
#define SIMNIC_N_DELAYS 256

struct simnic_delays {
    uint64_t n[SIMNIC_N_DELAYS];
};

/* Counts those of 'pkts' that have a stamp, which are sent 'now'. */
void simnic_delays_count(struct simnic_delays *, struct rte_mbuf **pkts,
                         uint16_t n, uint64_t now);

/* The shortest delay that is counted in n[i], in cycles. */
uint64_t simnic_delays_min(unsigned int i);

#endif /* simnic-stamp.h */
