/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_SHOW_H
#define CT_SHOW_H 1

/* ct-show: what a tracker has, for users
 * ======================================
 *
 * Job.  Figures of the tracker as a whole, and for each zone how many
 * connections it has, by protocol and state.  Text is made of this JSON by
 * ctl/dp-ct-show.h.
 *
 * Thread-safety.  Any thread, between two quiescent states.  Packets go on
 * meanwhile, so the sum of the zones may differ from the total.
 *
 * Cost.  Looks at every connection if zones are asked for, one by one under
 * its lock. */

#include <stdbool.h>
#include <stdint.h>

struct conntrack;
struct json;

/* Returns the figures of the tracker, without its zones. */
struct json *ct_show_json(const struct conntrack *);

/* Returns an array of its zones that have connections or a limit of their own;
 * or, if 'zone' is not NULL, of that one, whatever it has. */
struct json *ct_show_zones_json(const struct conntrack *,
                                const uint16_t *zone);

#endif /* ct-show.h */
