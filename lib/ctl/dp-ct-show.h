/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_CT_SHOW_H
#define DP_CT_SHOW_H 1

/* dp-ct-show: what a tracker has, as text
 * =======================================
 *
 * Job.  Makes the text of "ct/show" of the JSON that others get
 * (ct/ct-show.h).
 *
 * Thread-safety.  That of the arguments. */

struct ds;
struct json;

/* Appends 'json', the figures of the tracker, unless it is NULL; and a table
 * of 'zones', an array. */
void dp_ct_show_text(const struct json *json, const struct json *zones,
                     struct ds *);

#endif /* dp-ct-show.h */
