/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SCHED_LOG_H
#define DP_SCHED_LOG_H 1

/* dp-sched-log: a plan in words
 * =============================
 *
 * Job.  Turn a plan of dp-sched.h, or a verdict of dp-sched-gain.h, into the
 * log lines that users (and their scripts) know.
 *
 * Levels.  Assignments and remote NUMA nodes: INFO.  What the user asked for
 * and does not get (a pin to a missing core, a queue that nobody polls): WARN.
 * Everything about a dry run: DBG.
 *
 * Thread-safety.  As vlog.  The plan is only read. */

#include <stdbool.h>

struct dp_sched;
struct dp_gain;
struct vlog_module;

/* Logs 'plan', which dp_sched_run() made, into 'module'.  A dry run goes to
 * level DBG. */
void dp_sched_log(const struct dp_sched *plan, struct vlog_module *module,
                  bool dry_run);

/* Logs that a dry run begins, or why it doesn't. */
void dp_gain_log(const struct dp_gain *, struct vlog_module *);

#endif /* dp-sched-log.h */
