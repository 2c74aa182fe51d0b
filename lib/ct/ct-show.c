/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#include "ct/ct-show.h"

#include "ct/ct.h"
#include "ct-dpif.h"
#include "openvswitch/json.h"
#include "util.h"

/* Counting. */

/* Protocols that are shown by name; the last is all others. */
enum proto { PROTO_TCP, PROTO_UDP, PROTO_ICMP, PROTO_SCTP, PROTO_OTHER,
             N_PROTOS };

static const char *const proto_names[N_PROTOS] = {
    "tcp", "udp", "icmp", "sctp", "other"
};

static const char *const refusal_names[CT_N_REFUSALS] = {
    [CT_REFUSED_FULL] = "maximum",
    [CT_REFUSED_ZONE] = "zone_limit",
    [CT_REFUSED_MEMORY] = "memory",
    [CT_REFUSED_CROWDED] = "table",
    [CT_REFUSED_TUPLE] = "tuple",
    [CT_REFUSED_NAT] = "nat",
};

/* States of those that are not TCP's. */
enum { UNANSWERED, ANSWERED };

struct zone {
    uint64_t n_set_up;          /* So far. */
    uint64_t n_refused[CT_N_REFUSALS];
    uint32_t n;
    uint32_t n_armed;           /* On which rules are built. */
    uint32_t states[N_PROTOS][CT_DPIF_TCPS_MAX_NUM];
};

static enum proto
proto_of(const struct conn *conn)
{
    return (ct_key_is_icmp(&conn->key) ? PROTO_ICMP
            : conn->key.proto == IPPROTO_TCP ? PROTO_TCP
            : conn->key.proto == IPPROTO_UDP ? PROTO_UDP
            : conn->key.proto == IPPROTO_SCTP ? PROTO_SCTP
            : PROTO_OTHER);
}

/* Returns the state of 'conn', which the caller has locked, as dumps show
 * it. */
static int
state_of(const struct conn *conn)
{
    uint8_t state;

    if (conn->key.proto != IPPROTO_TCP) {
        return (ct_conn_flags(conn) & CT_F_SEEN_REPLY ? ANSWERED : UNANSWERED);
    }
    state = MAX(conn->peers[0].state, conn->peers[1].state);
    return state == CT_DPIF_TCPS_FIN_WAIT_2 ? CT_DPIF_TCPS_TIME_WAIT : state;
}

static const char *
state_name(enum proto proto, int state)
{
    return (proto == PROTO_TCP ? ct_dpif_tcp_state_string[state]
            : state == ANSWERED ? "answered" : "unanswered");
}

/* Counts 'conn', if it is live. */
static void
count(struct conn *conn, struct zone *zones)
{
    struct zone *zone = &zones[conn->key.zone];

    ct_conn_lock(conn);
    if (ct_conn_life(conn) == CT_LIVE) {
        zone->n++;
        zone->n_armed += !!(ct_conn_flags(conn) & CT_F_ARMED);
        zone->states[proto_of(conn)][state_of(conn)]++;
    }
    ct_conn_unlock(conn);
}

/* Returns CT_N_ZONES zones; of those but 'only', if that is not NULL, nothing
 * is counted. */
static struct zone *
count_zones(const struct conntrack *ct, const uint16_t *only)
{
    struct zone *zones = xcalloc(CT_N_ZONES, sizeof *zones);
    uint32_t end = ct_slab_end(&ct->conns);

    for (uint32_t i = 1; i < end; i++) {
        struct ct_slab_columns *columns = ct_slab_columns(&ct->conns, i);
        uint16_t zone;
        uint32_t due;

        atomic_read_relaxed(&columns->due[i & CT_SLAB_MASK], &due);
        atomic_read_relaxed(&columns->zone[i & CT_SLAB_MASK], &zone);
        if (due && (!only || zone == *only)) {
            struct conn *conn = ct_table_conn(&ct->table, i);

            if (ct_conn_life(conn) == CT_LIVE) {
                count(conn, zones);
            }
        }
    }
    return zones;
}

/* JSON. */

static void
put_int(struct json *json, const char *name, long long int value)
{
    json_object_put(json, name, json_integer_create(value));
}

static uint64_t
read_u64(const atomic_uint64_t *counter)
{
    uint64_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint64_t *, counter), &value);
    return value;
}

static uint32_t
read_u32(const atomic_uint32_t *number)
{
    uint32_t value;

    atomic_read_relaxed(CONST_CAST(atomic_uint32_t *, number), &value);
    return value;
}

static struct json *
ended_json(const struct conntrack *ct)
{
    struct json *json = json_object_create();

    put_int(json, "expired", read_u64(&ct->n_died[CT_DEATH_EXPIRED]));
    put_int(json, "reopened", read_u64(&ct->n_died[CT_DEATH_REOPENED]));
    put_int(json, "forced", read_u64(&ct->n_died[CT_DEATH_FORCED]));
    put_int(json, "flushed", read_u64(&ct->n_died[CT_DEATH_FLUSHED]));
    return json;
}

static struct json *
refused_json(const struct conntrack *ct)
{
    struct json *json = json_object_create();

    for (int i = 0; i < CT_N_REFUSALS; i++) {
        put_int(json, refusal_names[i], read_u64(&ct->n_refused[i]));
    }
    return json;
}

static struct json *
table_json(const struct conntrack *ct)
{
    struct json *json = json_object_create();
    struct ct_table_load load;

    ct_table_get_load(&ct->table, &load);
    put_int(json, "entries", load.n_entries);
    put_int(json, "places", (long long int) load.n_buckets * CT_BUCKET_SLOTS);
    put_int(json, "overflow_buckets", load.n_overflow);
    put_int(json, "table_bytes", load.bytes);
    put_int(json, "record_bytes", (ct_slab_bytes(&ct->conns)
                                   + ct_slab_bytes(&ct->nats)
                                   + ct_slab_bytes(&ct->extras)));
    return json;
}

static struct json *
sweep_json(const struct conntrack *ct)
{
    struct json *json = json_object_create();

    put_int(json, "took_ms", read_u32(&ct->sweep_took_ms));
    put_int(json, "late_ms", read_u32(&ct->sweep_late_ms));
    return json;
}

static struct json *
hidden_json(const struct conntrack *ct)
{
    struct json *json = json_object_create();

    put_int(json, "packets", read_u64(&ct->n_hidden_packets));
    put_int(json, "bytes", read_u64(&ct->n_hidden_bytes));
    return json;
}

struct json *
ct_show_json(const struct conntrack *ct)
{
    struct json *json = json_object_create();

    put_int(json, "connections", read_u32(&ct->n_conns));
    put_int(json, "maximum", read_u32(&ct->max_conns));
    put_int(json, "setups_per_second", read_u32(&ct->setups_per_s));
    put_int(json, "expected",
            atomic_count_get(CONST_CAST(atomic_count *, &ct->expects.n)));
    put_int(json, "nat_retries", read_u64(&ct->n_nat_retries));
    json_object_put(json, "ended", ended_json(ct));
    json_object_put(json, "refused", refused_json(ct));
    json_object_put(json, "table", table_json(ct));
    json_object_put(json, "sweep", sweep_json(ct));
    json_object_put(json, "past_the_tracker", hidden_json(ct));
    return json;
}

static struct json *
states_json(const struct zone *zone, enum proto proto)
{
    struct json *json = NULL;

    for (int i = 0; i < CT_DPIF_TCPS_MAX_NUM; i++) {
        if (zone->states[proto][i]) {
            json = json ? json : json_object_create();
            put_int(json, state_name(proto, i), zone->states[proto][i]);
        }
    }
    return json;
}

/* Adds what the tracker has counted for zone 'number'.  Returns false if that
 * is of no interest unless the zone has connections or a limit. */
static bool
add_counts(const struct ct_zones *zones, uint16_t number, struct zone *zone)
{
    bool refused = false;

    for (int i = 0; i < CT_N_REFUSALS; i++) {
        zone->n_refused[i] = ct_zone_count_refused(zones, number, i);
        refused |= zone->n_refused[i] != 0;
    }
    zone->n_set_up = ct_zone_count_set_up(zones, number);
    return refused;
}

/* 'limit' is NULL if there is none. */
static struct json *
zone_json(uint16_t number, const struct zone *zone, const uint32_t *limit)
{
    struct json *json = json_object_create();
    struct json *refused = json_object_create();

    put_int(json, "zone", number);
    put_int(json, "connections", zone->n);
    put_int(json, "with_rules", zone->n_armed);
    json_object_put(json, "limit", (limit ? json_integer_create(*limit)
                                    : json_null_create()));
    put_int(json, "set_up", zone->n_set_up);
    for (int i = 0; i < CT_N_REFUSALS; i++) {
        put_int(refused, refusal_names[i], zone->n_refused[i]);
    }
    json_object_put(json, "refused", refused);
    for (int i = 0; i < N_PROTOS; i++) {
        struct json *states = states_json(zone, i);

        if (states) {
            json_object_put(json, proto_names[i], states);
        }
    }
    return json;
}

struct json *
ct_show_zones_json(const struct conntrack *ct, const uint16_t *only)
{
    struct json *json = json_array_create_empty();
    struct zone *zones = count_zones(ct, only);

    for (int i = only ? *only : 0; i <= (only ? *only : MAX_ZONE); i++) {
        uint32_t limit;
        bool own = ct_zone_get_limit(&ct->zones, i, &limit);
        bool refused = add_counts(&ct->zones, i, &zones[i]);

        if (own || zones[i].n || refused || only) {
            bool limited = own || ct_zone_get_limit(&ct->zones, DEFAULT_ZONE,
                                                    &limit);

            json_array_add(json, zone_json(i, &zones[i],
                                           limited ? &limit : NULL));
        }
    }
    free(zones);
    return json;
}
