/* SPDX-License-Identifier: Apache-2.0 */

/* The functions of conntrack.h and conntrack-tp.h but conntrack_execute().
 * All of them must be defined here or there: where one is missing, the linker
 * takes the library's tracker. */

#include <config.h>
#include "ct/ct-control.h"

#include <errno.h>
#include "ct-dpif.h"
#include "ct/ct.h"
#include "ct/ct-clean.h"
#include "ct/ct-helper.h"
#include "ct/ct-log.h"
#include "ct/ct-tell.h"
#include "dp-packet.h"
#include "ipf.h"
#include "ovs/ovs-conntrack-own.h"
#include "timeval.h"
#include "util.h"

#define DEFAULT_MAX_CONNS 3000000

/* As Open vSwitch's tracker has it; ours never waits that long. */
#define DEFAULT_SWEEP_MS 20000

#define KILL_BATCH 64

/* Life of a tracker. */

struct conntrack *
conntrack_init(void)
{
    struct conntrack *ct = xzalloc_cacheline(sizeof *ct);

    ct_secret_init(&ct->secret);
    ct->ipf = ipf_init();
    ct_slab_init(&ct->conns, sizeof(struct conn), true);
    ct_slab_init(&ct->nats, sizeof(struct ct_nat), false);
    ct_slab_init(&ct->extras, sizeof(struct ct_extra), false);
    ct_table_init(&ct->table, &ct->secret, &ct->conns, &ct->nats);
    ct_zones_init(&ct->zones);
    ct_policies_init(&ct->policies);
    ct_expects_init(&ct->expects, &ct->secret);
    ct_ports_init(&ct->ports, &ct->secret);
    atomic_init(&ct->max_conns, DEFAULT_MAX_CONNS);
    atomic_init(&ct->tcp_seq_chk, true);
    atomic_init(&ct->sweep_ms, DEFAULT_SWEEP_MS);
    atomic_init(&ct->listener, NULL);
    ovs_refcount_init(&ct->ref_cnt);
    ct_clean_start(ct);
    return ct;
}

void
ct_unref(struct conntrack *ct)
{
    if (ovs_refcount_unref(&ct->ref_cnt) == 1) {
        ct_clean_destroy(ct->clean);
        ct_table_destroy(&ct->table);
        ct_slab_destroy(&ct->conns);
        ct_slab_destroy(&ct->nats);
        ct_slab_destroy(&ct->extras);
        ct_zones_destroy(&ct->zones);
        ct_policies_destroy(&ct->policies);
        ct_expects_destroy(&ct->expects);
        ct_ports_destroy(&ct->ports);
        free_cacheline(ct);
    }
}

void
conntrack_destroy(struct conntrack *ct)
{
    ct_clean_stop(ct->clean);
    ipf_destroy(ct->ipf);
    ct_unref(ct);
}

struct ipf *
conntrack_ipf_ctx(struct conntrack *ct)
{
    return ct->ipf;
}

void
conntrack_clear(struct dp_packet *packet)
{
    packet->md.ct_state = 0;
    packet->md.conn = NULL;
}

/* Dump. */

static void
put_address(const struct ct_key *key, const union ct_addr *in,
            union ct_dpif_inet_addr *out)
{
    memset(out, 0, sizeof *out);
    if (key->is_ipv6) {
        out->in6 = in->ipv6;
    } else {
        out->ip = in->ipv4;
    }
}

static void
key_to_tuple(const struct ct_key *key, struct ct_dpif_tuple *tuple)
{
    memset(tuple, 0, sizeof *tuple);
    tuple->l3_type = key->is_ipv6 ? AF_INET6 : AF_INET;
    tuple->ip_proto = key->proto;
    put_address(key, &key->src, &tuple->src);
    put_address(key, &key->dst, &tuple->dst);
    tuple->src_port = key->src_port;
    if (ct_key_is_icmp(key)) {
        tuple->icmp_type = ct_key_icmp_type(key);
        tuple->icmp_code = ct_key_icmp_code(key);
    } else {
        tuple->dst_port = key->dst_port;
    }
}

/* Returns the TCP flags that a dump shows of 'peer'. */
static uint8_t
peer_flags(const struct ct_tcp_peer *peer, uint32_t flags)
{
    return ((peer->wscale & CT_WSCALE_SEEN ? CT_DPIF_TCPF_WINDOW_SCALE : 0)
            | (peer->wscale & (CT_WSCALE_UNKNOWN | CT_WSCALE_LOST)
               || flags & CT_F_LIBERAL
               ? CT_DPIF_TCPF_BE_LIBERAL : 0));
}

static void
put_protoinfo(const struct conn *conn, struct ct_dpif_protoinfo *info)
{
    const struct ct_tcp_peer *peers = conn->peers;
    uint32_t flags = ct_conn_flags(conn);

    if (conn->key.proto == IPPROTO_TCP) {
        info->proto = IPPROTO_TCP;
        info->tcp.state_orig = peers[0].state;
        info->tcp.state_reply = peers[1].state;
        info->tcp.wscale_orig = peers[0].wscale & CT_WSCALE_MASK;
        info->tcp.wscale_reply = peers[1].wscale & CT_WSCALE_MASK;
        info->tcp.flags_orig = peer_flags(&peers[0], flags);
        info->tcp.flags_reply = peer_flags(&peers[1], flags);
    }
}

/* Stores what a dump shows of 'conn', whose lock the caller has. */
static void
put_entry(const struct conntrack *ct, const struct conn *conn,
          long long now_ms, struct ct_dpif_entry *entry)
{
    uint32_t flags = ct_conn_flags(conn);
    struct ct_key reply;
    long long expiry;

    memset(entry, 0, sizeof *entry);
    key_to_tuple(&conn->key, &entry->tuple_orig);
    ct_table_get_reply(&ct->table, conn, &reply);
    key_to_tuple(&reply, &entry->tuple_reply);
    entry->zone = conn->key.zone;
    ct_conn_get_marks(conn, &entry->mark, &entry->labels);
    entry->have_labels = true;
    atomic_read_relaxed(&CONST_CAST(struct conn *, conn)->expiry, &expiry);
    entry->timeout = MAX(0, MIN((expiry - now_ms) / 1000, UINT32_MAX));
    put_protoinfo(conn, &entry->protoinfo);
    if (flags & CT_F_RELATED) {
        key_to_tuple(ct_helper_original(ct, conn), &entry->tuple_parent);
    }
    if (flags & (CT_F_FTP | CT_F_TFTP)) {
        entry->helper.name = xstrdup(flags & CT_F_FTP ? "ftp" : "tftp");
    }
}

int
conntrack_dump_start(struct conntrack *ct, struct conntrack_dump *dump,
                     const uint16_t *zone, int *n_buckets)
{
    memset(dump, 0, sizeof *dump);
    dump->ct = ct;
    dump->bucket = 1;           /* The next index. */
    dump->filter_zone = zone != NULL;
    dump->zone = zone ? *zone : 0;
    *n_buckets = 1;
    return 0;
}

/* Returns the first of four records, from 'index' on, which is a multiple of
 * four, one of which has 'zone'; the first of the next block if there is none
 * in this one. */
static uint32_t
skip_other_zones(const struct ct_slab *slab, uint32_t index, uint16_t zone)
{
    const uint64_t ones = 0x0001000100010001;
    struct ct_slab_columns *columns = ct_slab_columns(slab, index);
    uint32_t i = index & CT_SLAB_MASK;

    for (; i < CT_SLAB_BLOCK; i += 4) {
        uint64_t four;

        atomic_read_relaxed(&columns->zones[i / 4], &four);
        four ^= zone * ones;
        if ((four - ones) & ~four & ones << 15) {
            break;              /* One of them is zero now. */
        }
    }
    return (index & ~CT_SLAB_MASK) + i;
}

/* Returns the first record from 'index' on, below 'end', that is worth a look:
 * in use, and of 'zone' unless that is null.  Returns 'end' if there is
 * none. */
static uint32_t
next_in_use(const struct ct_slab *slab, uint32_t index, uint32_t end,
            const uint16_t *zone)
{
    while (index < end) {
        struct ct_slab_columns *columns = ct_slab_columns(slab, index);
        uint16_t its_zone;
        uint32_t due;

        if (zone && !(index % 4)) {
            uint32_t next = skip_other_zones(slab, index, *zone);

            if (next != index) {
                index = next;
                continue;
            }
        }
        atomic_read_relaxed(&columns->due[index & CT_SLAB_MASK], &due);
        atomic_read_relaxed(&columns->zone[index & CT_SLAB_MASK], &its_zone);
        if (due && (!zone || its_zone == *zone)) {
            return index;
        }
        index++;
    }
    return end;
}

int
conntrack_dump_next(struct conntrack_dump *dump, struct ct_dpif_entry *entry)
{
    const uint16_t *zone = dump->filter_zone ? &dump->zone : NULL;
    struct conntrack *ct = dump->ct;
    uint32_t end = ct_slab_end(&ct->conns);
    long long now_ms = time_msec();

    for (;;) {
        uint32_t index = next_in_use(&ct->conns, dump->bucket, end, zone);
        struct conn *conn;
        bool found;

        if (index >= end) {
            dump->bucket = end;
            return EOF;
        }
        dump->bucket = index + 1;
        conn = ct_table_conn(&ct->table, index);
        if (!ct_conn_is_visible(conn, now_ms)
            || (zone && conn->key.zone != *zone)) {
            continue;
        }
        ct_conn_lock(conn);
        found = ct_conn_is_visible(conn, now_ms);
        if (found) {
            put_entry(ct, conn, now_ms, entry);
        }
        ct_conn_unlock(conn);
        if (found) {
            return 0;
        }
    }
}

int
conntrack_dump_done(struct conntrack_dump *dump OVS_UNUSED)
{
    return 0;
}

/* Flush. */

int
conntrack_flush(struct conntrack *ct, const uint16_t *zone)
{
    uint32_t end = ct_slab_end(&ct->conns);
    uint32_t found[KILL_BATCH];
    size_t n = 0;

    for (uint32_t index = next_in_use(&ct->conns, 1, end, zone); index < end;
         index = next_in_use(&ct->conns, index + 1, end, zone)) {
        found[n++] = index;
        if (n == KILL_BATCH) {
            ct_kill_all(ct, found, n, CT_DEATH_FLUSHED);
            n = 0;
        }
    }
    ct_kill_all(ct, found, n, CT_DEATH_FLUSHED);
    ct_tell_flushed(ct, zone);
    return 0;
}

/* Stores the key of 'tuple', which a user gave.  Returns false if no
 * connection can have it. */
static bool
tuple_to_key(const struct ct_dpif_tuple *tuple, uint16_t zone,
             struct ct_key *key)
{
    memset(key, 0, sizeof *key);
    key->zone = zone;
    key->proto = tuple->ip_proto;
    if (tuple->l3_type == AF_INET) {
        key->src.ipv4 = tuple->src.ip;
        key->dst.ipv4 = tuple->dst.ip;
    } else if (tuple->l3_type == AF_INET6) {
        key->is_ipv6 = true;
        key->src.ipv6 = tuple->src.in6;
        key->dst.ipv6 = tuple->dst.in6;
    } else {
        return false;
    }
    key->src_port = tuple->src_port;
    if (ct_key_is_icmp(key)) {
        key->dst_port = ct_key_icmp_port(tuple->icmp_type, tuple->icmp_code);
        return ct_key_icmp_partner(key->is_ipv6, tuple->icmp_type) >= 0;
    }
    key->dst_port = tuple->dst_port;
    return true;
}

int
conntrack_flush_tuple(struct conntrack *ct, const struct ct_dpif_tuple *tuple,
                      uint16_t zone)
{
    struct conn *conn = NULL;
    struct ct_key key;
    bool reply;

    if (tuple_to_key(tuple, zone, &key)) {
        conn = ct_find(ct, &key, time_msec(), &reply);
    }
    if (!conn) {
        VLOG_DBG("no connection has the tuple that is to be flushed");
        return ENOENT;
    }
    ct_kill(ct, conn, CT_DEATH_FLUSHED);
    ct_tell_flushed(ct, &zone);
    return 0;
}

/* Expectations. */

int
conntrack_exp_dump_start(struct conntrack *ct, struct conntrack_dump *dump,
                         const uint16_t *zone)
{
    int n_buckets;

    conntrack_dump_start(ct, dump, zone, &n_buckets);
    dump->bucket = ct_expect_dump(&ct->expects);
    return 0;
}

int
conntrack_exp_dump_next(struct conntrack_dump *dump, struct ct_dpif_exp *exp)
{
    struct ct_expected x;

    while (ct_expect_dump_next(&dump->ct->expects, &dump->bucket, &x)) {
        if (!dump->filter_zone || x.key.zone == dump->zone) {
            struct ct_dpif_tuple tuple, parent;

            key_to_tuple(&x.key, &tuple);
            key_to_tuple(&x.parent, &parent);
            ovs_exp_set(exp, &tuple, &parent, x.key.zone, x.mark, x.label);
            return 0;
        }
    }
    return EOF;
}

int
conntrack_exp_dump_done(struct conntrack_dump *dump OVS_UNUSED)
{
    return 0;
}

/* Settings. */

int
conntrack_get_nconns(struct conntrack *ct, uint32_t *n_conns)
{
    atomic_read_relaxed(&ct->n_conns, n_conns);
    return 0;
}

int
conntrack_get_maxconns(struct conntrack *ct, uint32_t *max_conns)
{
    atomic_read_relaxed(&ct->max_conns, max_conns);
    return 0;
}

int
conntrack_set_maxconns(struct conntrack *ct, uint32_t max_conns)
{
    atomic_store_relaxed(&ct->max_conns, max_conns);
    return 0;
}

int
conntrack_set_tcp_seq_chk(struct conntrack *ct, bool enabled)
{
    ct_tell_setting(ct, CT_SETTING_WINDOW_CHECK, enabled);
    atomic_store_relaxed(&ct->tcp_seq_chk, enabled);
    return 0;
}

bool
conntrack_get_tcp_seq_chk(struct conntrack *ct)
{
    return ct_checks_tcp_seq(ct);
}

int
conntrack_set_sweep_interval(struct conntrack *ct, uint32_t ms)
{
    atomic_store_relaxed(&ct->sweep_ms, ms);
    return 0;
}

uint32_t
conntrack_get_sweep_interval(struct conntrack *ct)
{
    uint32_t ms;

    atomic_read_relaxed(&ct->sweep_ms, &ms);
    return ms;
}

/* Zone limits. */

static bool
is_zone(int32_t zone)
{
    return zone == DEFAULT_ZONE || (zone >= MIN_ZONE && zone <= MAX_ZONE);
}

struct ovs_zone_info
zone_limit_get(struct conntrack *ct, int32_t zone)
{
    struct ovs_zone_info info = { .zone = DEFAULT_ZONE, .limit = 0 };
    uint32_t count = 0;

    if (is_zone(zone) && ct_zone_get_limit(&ct->zones, zone, &info.limit)) {
        info.zone = zone;
    } else if (!ct_zone_get_limit(&ct->zones, DEFAULT_ZONE, &info.limit)) {
        info.limit = 0;
        zone = DEFAULT_ZONE;    /* No limit, so nothing that is compared. */
    }
    if (zone >= MIN_ZONE && zone <= MAX_ZONE) {
        count = ct_zone_count(&ct->zones, zone);
    }
    ovs_zone_info_set_count(&info, count);
    return info;
}

int
zone_limit_update(struct conntrack *ct, int32_t zone, uint32_t limit)
{
    if (!is_zone(zone)) {
        VLOG_WARN("Request to create zone limit for invalid zone %d", zone);
        return EINVAL;
    }
    ct_tell_setting(ct, CT_SETTING_ZONE_LIMIT, zone);
    VLOG_INFO("%s zone limit of %u for zone %d",
              ct_zone_set_limit(&ct->zones, zone, limit)
              ? "Changed" : "Created", limit, zone);
    return 0;
}

int
zone_limit_delete(struct conntrack *ct, ovs_deleted_zone zone)
{
    ct_tell_setting(ct, CT_SETTING_ZONE_LIMIT, zone);
    if (is_zone(zone) && ct_zone_clear_limit(&ct->zones, zone)) {
        VLOG_INFO("Deleted zone limit for zone %d", zone);
    } else {
        VLOG_INFO("Attempted delete of non-existent zone limit: zone %d",
                  zone);
    }
    return 0;
}

/* Timeout policies. */

int
timeout_policy_update(struct conntrack *ct, struct timeout_policy *tp)
{
    ct_tell_setting(ct, CT_SETTING_TIMEOUT_POLICY, tp->policy.id);
    ct_policy_put(&ct->policies, &tp->policy);
    return 0;
}

int
timeout_policy_delete(struct conntrack *ct, uint32_t id)
{
    ct_tell_setting(ct, CT_SETTING_TIMEOUT_POLICY, id);
    return ct_policy_del(&ct->policies, id) ? 0 : ENOENT;
}

struct timeout_policy *
timeout_policy_get(struct conntrack *ct, int32_t id)
{
    struct ct_policy *policy = ct_policy_get(&ct->policies, id);

    return policy ? &policy->up : NULL;
}

bool
conntrack_next_timeout_policy(struct conntrack *ct, struct cmap_position *pos,
                              struct ct_dpif_timeout_policy *tp)
{
    const struct ct_policy *policy = ct_policy_next(&ct->policies, pos);

    if (policy) {
        *tp = policy->up.policy;
    }
    return policy != NULL;
}
