/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_DROP_SHOW_H
#define DP_DROP_SHOW_H 1

/* dp-drop-show: what there is to be seen of packets that were dropped
 * ===================================================================
 *
 * Job.  What lanes and ports have dropped, as JSON, with rates.  Lanes
 * remember what they have dropped in each of the last seconds; what ports have
 * lost is compared with readings before, which are the datapath's.
 *
 * JSON.  Documentation/topics/metrics.rst names the members.
 *
 * Thread-safety.  dp_drop_reasons_json(): any thread that is not quiescent,
 * with the registry locked.  The rest: main thread. */

#include <stdbool.h>

struct dp;
struct json;

/* Which drops to show. */
struct dp_drop_filter {
    const char *port;           /* NULL: of all ports. */
    bool by_pmd;                /* Each thread by itself. */
};

/* Returns an array of drops, most packets first; NULL if there is no port of
 * that name. */
struct json *dp_drop_show_json(struct dp *, const struct dp_drop_filter *);

/* Returns an object that has, by the name of the reason, what lanes have
 * dropped from 'port', or from all if that is NULL. */
struct json *dp_drop_reasons_json(struct dp *, const char *port);

#endif /* dp-drop-show.h */
