/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_GLUE_H
#define DP_OFFLOAD_GLUE_H 1

/* dp-offload-glue: the offload engine's view of a datapath
 * ========================================================
 *
 * Job.  Create the engine of a datapath, answer its questions about flows and
 * rx queues (struct dp_offload_env), keep what it tells too late for a flow
 * (dp-late.h), and switch it with "hw-offload".
 *
 * Thread-safety.  create and run: main thread.  The engine calls the rest from
 * its workers. */

#include <stdbool.h>

struct dp_late;
struct dp_offload;
struct dp_offload_env;
struct dp_topology;

/* What the answers come from.  Constant as long as the engine exists. */
struct dp_offload_glue {
    const struct dp_topology *topology; /* Borrowed. */
    struct dp_late *late;               /* Borrowed; may be null. */
};

void dp_offload_glue_env(const struct dp_offload_glue *,
                         struct dp_offload_env *);
struct dp_offload *dp_offload_glue_create(const struct dp_offload_glue *);
void dp_offload_glue_switch(struct dp_offload *, struct dp_topology *,
                            bool enable);
void dp_offload_glue_run(struct dp_offload *, struct dp_topology *,
                         bool hw_offload, bool new_ports);

#endif /* dp-offload-glue.h */
