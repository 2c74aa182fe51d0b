/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_LIVE_SHOW_H
#define DP_LIVE_SHOW_H 1

/* dp-live-show: what became of packets, for users
 * ===============================================
 *
 * Job.  Turn packets that were traced (pipe/dp-live.h) into JSON, and that
 * into text.  What is said of a megaflow is what it is now, if it is still
 * there.
 *
 * JSON.  Documentation/topics/metrics.rst names the members.
 *
 * Thread-safety.  Main thread, which is not quiescent. */

struct dp;
struct dp_live;
struct ds;
struct json;

/* Takes all packets that 'live' has finished.  'began_us' is when that was
 * asked for. */
struct json *dp_live_show_json(struct dp *, struct dp_live *live,
                               long long int began_us);

/* Appends 'json', which dp_live_show_json() has made, as text.  The events of
 * type "found" may have got one more member: "openflow", lines of text. */
void dp_live_show_text(const struct json *json, struct ds *);

#endif /* dp-live-show.h */
