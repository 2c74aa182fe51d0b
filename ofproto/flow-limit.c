/* SPDX-License-Identifier: Apache-2.0 */

/* Multiplicative decrease, additive increase, on the time that a dump takes:
 * it should be near one second.  Below one second the limit grows only if it
 * stands in the way of what could be dumped in a second (eaa14ad37: with the
 * comparison the other way round it never recovered). */

#include <config.h>

#include "ofproto/flow-limit.h"

#include "util.h"

unsigned int
flow_limit_next(unsigned int limit, unsigned int max, unsigned int n_flows,
                long long int duration_ms, enum flow_limit_move *move)
{
    unsigned long long int next = limit;

    duration_ms = MAX(duration_ms, 1);
    *move = FLOW_LIMIT_KEPT;
    if (duration_ms > FLOW_LIMIT_LONG_DUMP_MS) {
        next /= duration_ms / 1000;
        *move = FLOW_LIMIT_SCALED;
    } else if (duration_ms > 1300) {
        next = next * 3 / 4;
        *move = FLOW_LIMIT_REDUCED;
    } else if (duration_ms < 1000
               && next < n_flows * 1000ULL / duration_ms) {
        next += 1000;
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
