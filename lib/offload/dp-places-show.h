/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PLACES_SHOW_H
#define DP_PLACES_SHOW_H 1

/* dp-places-show: figures about places, for users
 * ===============================================
 *
 * Job.  Tells who has the places in NICs, as JSON and as text.  Private to
 * lib/offload, but for what dp-offload.h declares.
 *
 * Thread-safety.  Control thread. */

struct dp_offload;
struct ds;
struct json;

/* Returns the figures of all tables; the caller frees them. */
struct json *dp_places_json(const struct dp_offload *offload);

/* Appends what dp_places_json() has returned, if anybody rebalances. */
void dp_places_format(const struct json *json, struct ds *ds);

#endif /* dp-places-show.h */
