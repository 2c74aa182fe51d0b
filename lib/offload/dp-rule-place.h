/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RULE_PLACE_H
#define DP_RULE_PLACE_H 1

/* dp-rule-place: rules, for who gives away the places in a NIC
 * ============================================================
 *
 * Job.  Shows the rules that have a place in a table, or wait for one, and
 * what they have forwarded, to who rebalances (lib/rebalance), and does what
 * it decides: a rule gets leave to come, or is told to leave.  That only
 * changes what rules desire.  The workers do the rest, so everything that
 * holds for other requests holds for these: software has the flow whenever the
 * NIC has not, counters are read before a rule goes, marks are quarantined.
 *
 * Thread-safety.  Any thread, but for configure: control thread.  A shard's
 * mutex is held for DP_RULE_PLACE_CHUNK rules at a time.  Lanes are not
 * involved: their counters are read with relaxed loads. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-offload-provider.h"
#include "offload/dp-places.h"

#define DP_RULE_PLACE_CHUNK 64

struct dp_offload;

/* The books of 'offload'. */
struct dp_places *dp_offload_places(struct dp_offload *offload);

/* Configures them, and has all rules looked at again if that matters to
 * them. */
void dp_offload_configure_places(struct dp_offload *offload,
                                 const struct dp_places_config *config);

/* What is told about a rule. */
struct dp_rule_place {
    ovs_u128 mega_ufid;                 /* Its name. */
    uint64_t n_packets;                 /* By whomever they were counted. */
    uint64_t since_us;                  /* Since when 'level' is so. */
    enum dp_offload_kind kind;
    enum dp_offload_level level;        /* ABSENT: it waits. */
    enum dp_offload_level best;         /* Best 'level' that it has had. */
    bool coming;                        /* Has leave to come. */
    bool evict;                         /* Was told to leave. */
    struct dp_places_rate *rate;        /* For the caller to update. */
};

/* Calls 'cb' with 'aux' and each rule that has a place in 'table', or waits
 * for one, and has flows.  Under a mutex: 'cb' may not call back.  Gives up
 * when '*exit' is true.  Quiesces. */
void dp_rule_places_scan(struct dp_offload *offload,
                         struct dp_places_table *table, atomic_bool *exit,
                         void (*cb)(void *aux, struct dp_rule_place *place),
                         void *aux);

/* The rule 'mega_ufid' gets leave to come into 'table', or is to leave it, if
 * that is still possible.  Returns true if so. */
bool dp_rule_place_move(struct dp_offload *offload,
                        struct dp_places_table *table,
                        const ovs_u128 *mega_ufid, bool in);

/* Has all rules in line of 'table' looked at. */
void dp_rule_places_call_all(struct dp_offload *offload,
                             struct dp_places_table *table);

/* Has the workers read the counters of whole rules.  are_read() tells whether
 * those have been read that were in a NIC when start() returned 'sweep', but
 * for readings that a provider tells later (EINPROGRESS). */
uint64_t dp_rule_places_start_reading(struct dp_offload *offload);
bool dp_rule_places_are_read(struct dp_offload *offload, uint64_t sweep);

#endif /* dp-rule-place.h */
