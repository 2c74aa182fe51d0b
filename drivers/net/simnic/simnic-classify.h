/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_CLASSIFY_H
#define SIMNIC_CLASSIFY_H 1

/* simnic-classify: what the hardware decides about each stream
 * ============================================================
 *
 * Job.  Keep the words of all streams of a port in step with its rules, its
 * RSS configuration and its filters.  Attribute hits to rules.
 *
 * Owns.  Indexes of streams, paths of several rules, the waste that polling
 * cores may still look at.
 *
 * Invariants.  Unless a change is under way, the word of each stream is what
 * evaluating its packet from scratch would give.
 *
 * Thread-safety.  All functions need the port's mutex.  Polling cores only
 * read words (one load) and, for slow words, paths; a path or rule that went
 * is freed after every rx queue has finished the burst it was in.
 *
 * Cost.  A rule visits the streams that match it, about 0.3 us each; the
 * first rule with a new mask sorts all streams by it (0.1 s for a million).
 *
 * See also.  simnic-rx.c (reads the words). */

#include "simnic-port.h"

/* Prepares for port->streams.  Returns 0 or ENOMEM. */
int simnic_classify_init(struct simnic_port *);

/* Forgets the streams.  No queue may be polled. */
void simnic_classify_uninit(struct simnic_port *);

/* Decides about all streams anew. */
void simnic_classify_all(struct simnic_port *);

/* Decides anew about the streams that 'match' selects, after a rule with that
 * match in 'group' has come, or, if 'rule' is nonnull, gone. */
void simnic_classify_changed(struct simnic_port *,
                             const struct simnic_match *match, uint32_t group,
                             const struct simnic_rule *rule);

/* Attributes all hits up to now.  'rule' nonnull: at least those of it. */
void simnic_classify_sync(struct simnic_port *, struct simnic_rule *rule);

/* Hash and queue of a packet for the host. */
uint16_t simnic_classify_queue(const struct simnic_port *,
                               const struct simnic_verdict *,
                               const struct simnic_key *, uint32_t *hashp);

/* True if the address filter rejects 'key'. */
bool simnic_classify_filtered(const struct simnic_port *,
                              const struct simnic_key *, uint32_t size);

/* Gives up 'rule' (already out of its table) or 'path'. */
void simnic_reclaim_rule(struct simnic_port *, struct simnic_rule *);

/* Frees what no queue can look at any more; all of it if 'force'. */
void simnic_reclaim_run(struct simnic_port *, bool force);

/* The path of a slow word. */
static inline const struct simnic_path *
simnic_path_by_id(const struct simnic_port *port, uint32_t id)
{
    return port->classes.chunk[id / SIMNIC_PATH_CHUNK]
                              [id % SIMNIC_PATH_CHUNK];
}

#endif /* simnic-classify.h */
