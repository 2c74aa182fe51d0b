/* SPDX-License-Identifier: Apache-2.0 */

/* Decrease by the time that a dump takes: it should be near one second.
 * Below, the limit grows only if it stands in the way of what could be dumped
 * in a second (eaa14ad37: with the comparison the other way round it never
 * recovered).
 *
 * Growth has two laws.  In steps of FLOW_LIMIT_STEP it finds out, slowly, what
 * nobody knows yet.  And it doubles while that is safe: what a round has seen
 * and done in time, the next may have twice, unless the lesson forbids.
 * So where all rounds cost the same the limit is, after a few of them, just
 * what a second can do.
 *
 * The lesson comes from rounds that took a tenth of their second, with a
 * thousand flows: shorter ones, or with fewer, tell how the threads were
 * scheduled, and nothing of flows.  It is forgotten slowly, doubling in some
 * 90 rounds, which are 45 s of the usual ones: if tables change now and then,
 * the limit must not grow in between to what the next change takes away again,
 * with the flows in the datapath. */

#include <config.h>

#include "ofproto/flow-limit.h"

#include "util.h"

#define TELLING_MS (1000 / 10)  /* A shorter round teaches nothing. */
#define FADE 128                /* Rounds in which a lesson grows by e. */

/* Returns the lesson after a round that could have done 'capacity' of its
 * 'n_flows' flows in a second. */
static unsigned int
learn(unsigned int lesson, unsigned int n_flows, long long int duration_ms,
      unsigned long long int capacity)
{
    if (n_flows >= FLOW_LIMIT_MIN && duration_ms >= TELLING_MS
        && capacity < lesson) {
        return capacity;
    }
    return MIN(1ULL + lesson + lesson / FADE, FLOW_LIMIT_NO_LESSON);
}

unsigned int
flow_limit_next(unsigned int limit, unsigned int max, unsigned int n_flows,
                long long int duration_ms, unsigned int *lesson,
                enum flow_limit_move *move)
{
    unsigned long long int next = limit;
    unsigned long long int capacity;

    duration_ms = MAX(duration_ms, 1);
    capacity = n_flows * 1000ULL / duration_ms;
    *lesson = learn(*lesson, n_flows, duration_ms, capacity);
    *move = FLOW_LIMIT_KEPT;
    if (duration_ms > FLOW_LIMIT_LONG_DUMP_MS) {
        next /= duration_ms / 1000;
        *move = FLOW_LIMIT_SCALED;
    } else if (duration_ms > 1300) {
        next = next * 3 / 4;
        *move = FLOW_LIMIT_REDUCED;
    } else if (duration_ms < 1000 && next < capacity) {
        unsigned long long int known = MIN(capacity, *lesson);

        next = MAX(next + FLOW_LIMIT_STEP, MIN(2ULL * n_flows, known));
        *move = FLOW_LIMIT_GREW;
    }
    return MIN(max, MAX(next, FLOW_LIMIT_MIN));
}

struct flow_limit_expiry
flow_limit_expiry(unsigned int limit, unsigned int n_flows,
                  long long int max_idle_ms)
{
    return (struct flow_limit_expiry) {
        .max_idle_ms = n_flows > limit ? FLOW_LIMIT_IDLE_MS : max_idle_ms,
        .delete_all = n_flows / 2 > limit
                      || (n_flows / 2 == limit && n_flows % 2),
    };
}

bool
flow_limit_worth_revalidating(unsigned long long int packets,
                              long long int used, long long int now,
                              unsigned int stats_delay_ms,
                              long long int dump_ms,
                              unsigned int max_revalidator_ms,
                              unsigned int min_pps)
{
    if (!used || !min_pps || dump_ms < max_revalidator_ms / 2
        || now - used < stats_delay_ms) {
        return true;
    }
    return (now - used) / (long long int) MAX(packets, 1) < 1000 / min_pps;
}
