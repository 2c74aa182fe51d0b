/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SHOW_H
#define DP_SHOW_H 1

/* dp-show: making text of JSON
 * ============================
 *
 * Job.  Reads members of objects that were made for users, and writes numbers
 * as sentences have them.
 *
 * Thread-safety.  That of the arguments. */

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"

/* Returns the integer, or the string, member 'name' of 'json', which has
 * it. */
static inline long long int
dp_show_int(const struct json *json, const char *name)
{
    return json_integer(shash_find_data(json_object(json), name));
}

static inline const char *
dp_show_str(const struct json *json, const char *name)
{
    return json_string(shash_find_data(json_object(json), name));
}

/* Returns null if 'json' has no such member. */
static inline const char *
dp_show_find_str(const struct json *json, const char *name)
{
    const struct json *value = shash_find_data(json_object(json), name);

    return value ? json_string(value) : NULL;
}

/* Has 'json' the member 'name', and is it true? */
static inline bool
dp_show_bool(const struct json *json, const char *name)
{
    const struct json *value = shash_find_data(json_object(json), name);

    return value && value->type == JSON_TRUE;
}

/* Returns "s" for numbers but 1. */
static inline const char *
dp_show_s(long long int n)
{
    return n == 1 ? "" : "s";
}

/* Appends " (12.3%WHAT)", the share of 'n' in 'total', unless that is 0. */
static inline void
dp_show_put_share(long long int n, long long int total, const char *what,
                  struct ds *ds)
{
    if (total) {
        ds_put_format(ds, " (%.1f%%%s)", 100.0 * n / total, what);
    }
}

#endif /* dp-show.h */
