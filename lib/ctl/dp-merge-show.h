/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MERGE_SHOW_H
#define DP_MERGE_SHOW_H 1

/* dp-merge-show: what there is to be seen of merged flows
 * =======================================================
 *
 * Job.  Figures of a datapath, as text and as JSON, and its merged flows, as
 * "dpctl/dump-flows" shows others.
 *
 * JSON.  Documentation/topics/metrics.rst names the members.
 *
 * Thread-safety.  Any thread that is not quiescent, with the registry
 * locked. */

#include <stdbool.h>

struct dp;
struct dp_flow;
struct ds;
struct json;

void dp_merge_show_text(struct dp *, struct ds *);
struct json *dp_merge_show_json(struct dp *);

/* Which merged flows to show, and how. */
struct dp_merge_dump {
    bool more;                  /* UFIDs, masks and contributors. */
    bool names;                 /* Of ports, not numbers. */
    bool titles;                /* Say which lane they are in. */
    const char *filter;         /* As for "dpctl/dump-flows"; NULL: none. */
    bool only_core;             /* Show those of one lane... */
    unsigned int core_id;       /* ...on this core. */
};

/* Appends the merged flows of a datapath to a string.  Returns NULL, or what
 * is wrong, to be freed. */
char *dp_merge_dump(struct dp *, const struct dp_merge_dump *, struct ds *);

/* Adds to 'json', an object, what became of attempts to merge 'flow', a
 * megaflow: "merged_flows", a number, and "merge_refused", what forbade it, if
 * anything did. */
void dp_merge_put_flow(struct dp *, const struct dp_flow *flow,
                       struct json *json);

#endif /* dp-merge-show.h */
