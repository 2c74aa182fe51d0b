/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "conntrack.h"

#include "coverage.h"
#include "dp-packet.h"
#include "ipf.h"
#include "packets.h"
#include "util.h"
#include "ct/ct.h"
#include "ct/ct-commit.h"
#include "ct/ct-execute.h"
#include "ct/ct-expect.h"
#include "ct/ct-frag.h"
#include "ct/ct-helper.h"
#include "ct/ct-nat.h"
#include "ct/ct-packet.h"
#include "ct/ct-state.h"
#include "ct/ct-tell.h"
#include "ovs/ovs-conntrack.h"

/* A burst goes through the tracker in passes, so that what the packets need is
 * on its way from memory while others are looked at:
 *
 *   1. Parse all packets, and prefetch their buckets.  Unless all of them are
 *      plain, some may be fragments: those are put together first, and what is
 *      in the batch then is parsed again.
 *   2. Look at the buckets, and prefetch the connections; then what translated
 *      ones have besides.  Where translated ones may begin, the same for what
 *      they will be translated to.
 *   3. Packet by packet, in order: look up, move the connection on, translate,
 *      write metadata.  A packet sees what those before it have done.
 *
 * The first two have no effect, so bursts of one packet give the same. */

COVERAGE_DEFINE(conntrack_lookup_natted_miss);

/* Arguments of the "ct" action. */
struct ct_args {
    ovs_be16 dl_type;
    uint16_t zone;
    bool force, commit;
    const uint32_t *mark;                       /* Value and mask, or NULL. */
    const struct ovs_key_ct_labels *label;      /* Likewise. */
    const struct nat_action_info_t *nat;        /* NULL for none. */
    enum ct_helper helper;
    struct ct_burst burst;
    struct ct_sights *sights;   /* For what packets met, or NULL. */
};

/* Any constant would do. */
enum { IPF_HASH_BASIS = 0 };

/* What the first pass found out. */
enum ct_entry {
    CT_ENTRY_INVALID,           /* Not to be tracked. */
    CT_ENTRY_CACHED,            /* Has met its connection in this zone. */
    CT_ENTRY_PARSED,
};

/* A packet on its way. */
struct ct_item {
    struct dp_packet *packet;
    struct ct_packet p;
    uint32_t hint;              /* Of ct_table_hint(). */
    struct ct_nat_search *search;       /* Of ct_nat_foresee(), or NULL. */
    struct conn *conn;          /* NULL if there is none. */
    bool reply;                 /* Its direction. */
    uint8_t state;              /* CS_* so far. */
    const struct ct_expected *expected; /* NULL if no connection begins, or one
                                         * that nobody announced. */
};

/* Metadata. */

static inline void
write_tuple(struct pkt_metadata *md, const struct ct_key *key)
{
    ovs_be16 src_port = key->src_port, dst_port = key->dst_port;

    if (ct_key_is_icmp(key)) {
        src_port = htons(ct_key_icmp_type(key));
        dst_port = htons(ct_key_icmp_code(key));
    }
    md->ct_orig_tuple_ipv6 = key->is_ipv6;
    if (key->is_ipv6) {
        md->ct_orig_tuple.ipv6 = (struct ovs_key_ct_tuple_ipv6) {
            .ipv6_src = key->src.ipv6,
            .ipv6_dst = key->dst.ipv6,
            .src_port = src_port,
            .dst_port = dst_port,
            .ipv6_proto = key->proto,
        };
    } else {
        md->ct_orig_tuple.ipv4 = (struct ovs_key_ct_tuple_ipv4) {
            .ipv4_src = key->src.ipv4,
            .ipv4_dst = key->dst.ipv4,
            .src_port = src_port,
            .dst_port = dst_port,
            .ipv4_proto = key->proto,
        };
    }
}

static void
write_invalid(struct dp_packet *packet, uint16_t zone)
{
    struct pkt_metadata *md = &packet->md;

    md->ct_state = CS_TRACKED | CS_INVALID;
    md->ct_zone = zone;
    md->ct_mark = 0;
    md->ct_label = OVS_U128_ZERO;
    md->ct_orig_tuple_ipv6 = false;
    memset(&md->ct_orig_tuple, 0, sizeof md->ct_orig_tuple);
    md->conn = NULL;
}

/* Returns 'label' as the masked set of 'args' leaves it. */
static ovs_u128
mask_label(ovs_u128 label, const struct ct_args *args)
{
    ovs_u128 value, mask;

    memcpy(&value, &args->label[0], sizeof value);
    memcpy(&mask, &args->label[1], sizeof mask);
    label.u64.lo = value.u64.lo | (label.u64.lo & ~mask.u64.lo);
    label.u64.hi = value.u64.hi | (label.u64.hi & ~mask.u64.hi);
    return label;
}

/* Applies the masked sets of 'args' to 'conn'.  What changes nothing is not
 * written, and is no change to a listener. */
static void
set_marks(struct conntrack *ct, struct conn *conn, const struct ct_args *args)
{
    uint32_t old_mark, mark;
    ovs_u128 old_label, label;

    ct_conn_lock(conn);
    ct_conn_get_marks(conn, &old_mark, &old_label);
    mark = args->mark ? args->mark[0] | (old_mark & ~args->mark[1]) : old_mark;
    label = args->label ? mask_label(old_label, args) : old_label;
    if (mark != old_mark || !ovs_u128_equals(label, old_label)) {
        ct_tell_changed(ct, conn, (mark != old_mark ? CT_CHANGE_MARK
                                   : CT_CHANGE_LABEL));
        ct_conn_set_marks(conn, mark, label);
    }
    ct_conn_unlock(conn);
}

/* Applies the masked sets of 'args' to 'conn', and stores mark and label in
 * 'md'.  A connection that another one expected keeps what it inherited. */
static inline void
write_marks(struct conntrack *ct, struct pkt_metadata *md, struct conn *conn,
            const struct ct_args *args)
{
    if (OVS_UNLIKELY(args->mark || args->label)
        && !(ct_conn_flags(conn) & CT_F_RELATED)) {
        set_marks(ct, conn, args);
    }
    ct_conn_get_marks(conn, &md->ct_mark, &md->ct_label);
}

static void
write_metadata(struct conntrack *ct, struct ct_item *item,
               const struct ct_args *args)
{
    struct pkt_metadata *md = &item->packet->md;

    md->ct_state = item->state | CS_TRACKED;
    md->ct_zone = args->zone;
    md->conn = NULL;
    if (item->conn) {
        write_marks(ct, md, item->conn, args);
        write_tuple(md, ct_helper_original(ct, item->conn));
        if (!args->nat) {
            md->conn = item->conn;
            md->reply = item->reply;
            md->icmp_related = item->p.is_error;
        }
    } else if (item->expected) {
        md->ct_mark = item->expected->mark;
        md->ct_label = item->expected->label;
        write_tuple(md, &item->expected->parent);
    } else {
        md->ct_mark = 0;
        md->ct_label = OVS_U128_ZERO;
        write_tuple(md, &item->p.key);
    }
}

/* Finding. */

static bool
is_translated(uint8_t state)
{
    return state & (CS_SRC_NAT | CS_DST_NAT);
}

static inline void
find(struct conntrack *ct, struct ct_item *item, long long now_ms)
{
    bool flip = is_translated(item->state);
    const struct ct_packet *p = &item->p;

    item->conn = ct_table_find(&ct->table, flip ? &p->reverse : &p->key,
                               flip ? &p->key : &p->reverse, p->hash,
                               item->hint, now_ms, &item->reply);
    if (flip) {
        if (item->conn) {
            item->reply = !item->reply;
        } else {
            COVERAGE_INC(conntrack_lookup_natted_miss);
        }
    }
}

/* Finds the connection whose original tuple the metadata have, from when the
 * packet was translated. */
static void
find_by_tuple(struct conntrack *ct, struct ct_item *item,
              const struct ct_args *args)
{
    const struct pkt_metadata *md = &item->packet->md;
    struct ct_key key;

    memset(&key, 0, sizeof key);
    key.zone = md->ct_zone;
    key.is_ipv6 = md->ct_orig_tuple_ipv6;
    if (key.is_ipv6) {
        const struct ovs_key_ct_tuple_ipv6 *t = &md->ct_orig_tuple.ipv6;

        key.src.ipv6 = t->ipv6_src;
        key.dst.ipv6 = t->ipv6_dst;
        key.src_port = t->src_port;
        key.dst_port = t->dst_port;
        key.proto = t->ipv6_proto;
    } else {
        const struct ovs_key_ct_tuple_ipv4 *t = &md->ct_orig_tuple.ipv4;

        key.src.ipv4 = t->ipv4_src;
        key.dst.ipv4 = t->ipv4_dst;
        key.src_port = t->src_port;
        key.dst_port = t->dst_port;
        key.proto = t->ipv4_proto;
    }
    if (ct_key_is_icmp(&key)) {
        uint8_t type = ntohs(key.src_port);

        if (ct_key_icmp_partner(key.is_ipv6, type) < 0) {
            return;
        }
        key.dst_port = ct_key_icmp_port(type, ntohs(key.dst_port));
        key.src_port = item->p.key.src_port;    /* The identifier. */
    }
    item->conn = ct_find(ct, &key, args->burst.now_ms, &item->reply);
    if (item->conn) {
        /* The tuple tells which connection; the packet, which way. */
        item->reply = !!memcmp(&item->p.key.src, &item->conn->key.src,
                               sizeof item->p.key.src);
    }
}

/* A connection that is there. */

/* Moves the connection of 'item' on.  Forgets it if it is over and the packet
 * opens another one. */
static inline void
take(struct ct_item *item, const struct ct_burst *burst)
{
    bool translated = is_translated(item->state);
    uint8_t state;

    item->state &= CS_SRC_NAT | CS_DST_NAT;
    if (item->p.is_error) {
        item->state |= CS_RELATED | (item->reply ? CS_REPLY_DIR : 0);
        return;
    }
    state = ct_state_take(burst, item->conn, item->packet, &item->p,
                          item->reply, translated);
    if (!state) {
        ct_kill(burst->ct, item->conn, CT_DEATH_REOPENED);
        item->conn = NULL;
        return;
    }
    if (state == CS_INVALID) {
        item->state = CS_INVALID;
    } else {
        item->state |= state;
        if (state == CS_ESTABLISHED && item->reply) {
            item->state |= CS_REPLY_DIR;
        }
        if (ct_conn_flags(item->conn) & CT_F_RELATED) {
            item->state |= CS_RELATED;
        }
    }
}

/* Translates the packet, if 'nat' was asked for and it has not been yet. */
static inline void
translate(struct conntrack *ct, struct ct_item *item,
          const struct ct_args *args)
{
    if (args->nat && !(item->state & CS_INVALID)
        && !is_translated(item->state)) {
        item->state |= ct_nat_translate(ct, item->conn, item->packet, &item->p,
                                        item->reply);
    }
}

/* Translates the packet of 'item', which has a connection, if that was asked
 * for, and lets a helper read it. */
static inline void
translate_and_read(struct conntrack *ct, struct ct_item *item,
                   const struct ct_args *args)
{
    uint8_t before = item->state;

    translate(ct, item, args);
    if (OVS_UNLIKELY(args->helper || ct_conn_has_helper(item->conn))
        && !(item->state & CS_INVALID)
        && !ct_helper_read(ct, item->conn, args->helper, item->packet,
                           &item->p, item->reply, item->state != before,
                           args->burst.now_ms)) {
        item->state |= CS_INVALID;
    }
}

/* A new connection. */

/* Commits the connection that the packet of 'item' begins.  Another thread may
 * have done so meanwhile: the packet is one of that connection, then.  Returns
 * false if that is over, and gives way to the packet's. */
static bool
try_to_commit(struct conntrack *ct, struct ct_item *item,
              const struct ct_args *args)
{
    struct ct_commit c = {
        .key = &item->p.key,
        .now_ms = args->burst.now_ms,
        .tp_id = args->burst.tp_id,
        .helper = args->helper,
        .nat = args->nat,
        .search = item->search,
        .expected = item->expected,
    };
    struct conn *embryo = ct_commit_begin(ct, &c);
    uint8_t state = item->state;

    if (!embryo) {
        return true;
    }
    ct_state_begin(&args->burst, embryo, item->packet, &item->p);
    item->conn = ct_commit_end(ct, &c, embryo);
    if (item->conn && item->conn != embryo) {
        item->reply = !ct_key_equal(&item->conn->key, &item->p.key);
        take(item, &args->burst);
        if (OVS_UNLIKELY(!item->conn)) {
            item->reply = false;
            item->state = state;
            return false;
        }
    }
    return true;
}

/* Begins a connection with the packet of 'item', or would if it were to be
 * committed.  'expected' is for what 'item' will point to. */
static void
begin(struct conntrack *ct, struct ct_item *item, const struct ct_args *args,
      struct ct_expected *expected)
{
    item->reply = false;
    if (item->p.is_error || !ct_state_may_begin(item->packet, &item->p)) {
        item->state = CS_INVALID;
        return;
    }
    item->state = CS_NEW;
    if (ct_expect_find(&ct->expects, &item->p.key, args->burst.now_ms,
                       expected)) {
        ct_commit_inherit(ct, expected);
        item->expected = expected;
        item->state |= CS_RELATED;
    }
    while (args->commit && !try_to_commit(ct, item, args)) {
        continue;
    }
}

/* Packets. */

static void
track(struct conntrack *ct, struct ct_item *item, const struct ct_args *args)
{
    struct pkt_metadata *md = &item->packet->md;
    struct ct_expected expected;

    item->expected = NULL;
    item->state = md->ct_state && md->ct_zone == args->zone ? md->ct_state : 0;
    find(ct, item, args->burst.now_ms);
    if (item->conn && args->force && item->reply) {
        ct_kill(ct, item->conn, CT_DEATH_FORCED);
        item->conn = NULL;
    }
    if (item->conn) {
        take(item, &args->burst);
    } else if (is_translated(item->state) && !args->nat) {
        find_by_tuple(ct, item, args);
        if (item->conn) {
            take(item, &args->burst);
        }
    }
    if (!item->conn) {
        begin(ct, item, args, &expected);
    }
    if (item->conn) {
        translate_and_read(ct, item, args);
    }
    write_metadata(ct, item, args);
}

/* A packet that has met its connection in this zone already does not move it
 * on once more, but its text is translated with it.  Returns false if the
 * connection has gone meanwhile. */
static bool
track_cached(struct conntrack *ct, struct ct_item *item,
             const struct ct_args *args)
{
    struct pkt_metadata *md = &item->packet->md;

    item->conn = md->conn;
    if (!ct_conn_is_visible(item->conn, args->burst.now_ms)) {
        return false;
    }
    item->reply = md->reply;
    item->state = md->ct_state;
    if (args->nat) {
        if (ct_conn_flags(item->conn) & (CT_F_SNAT | CT_F_DNAT)) {
            if (!ct_packet_parse(&ct->secret, item->packet, args->dl_type,
                                 args->zone, NULL, &item->p)) {
                return false;
            }
            translate_and_read(ct, item, args);
            md->ct_state = item->state;
        }
        md->conn = NULL;
    }
    md->ct_zone = args->zone;
    write_marks(ct, md, item->conn, args);
    return true;
}

/* First pass.  'last' is the last packet that was parsed, or NULL.  What is
 * not 'plain' may be invalid after all. */
static inline enum ct_entry
enter(struct conntrack *ct, struct ct_item *item, const struct ct_item *last,
      const struct ct_args *args, bool plain)
{
    const struct pkt_metadata *md = &item->packet->md;
    const struct ct_packet *last_p = last ? &last->p : NULL;

    if (md->ct_state == CS_INVALID) {
        return CT_ENTRY_INVALID;        /* What reassembly says of it. */
    }
    if (md->ct_state && md->conn && md->ct_zone == args->zone
        && !args->force && !args->helper) {
        return CT_ENTRY_CACHED;
    }
    if (!(plain ? ct_packet_parse_plain : ct_packet_parse)(
            &ct->secret, item->packet, args->dl_type, args->zone, last_p,
            &item->p)) {
        return CT_ENTRY_INVALID;
    }
    if (!last || item->p.hash != last->p.hash) {
        ct_table_prefetch(&ct->table, item->p.hash);
    }
    return CT_ENTRY_PARSED;
}

/* Adds what 'item' met to 'sights'. */
static void
show(struct ct_sights *sights, const struct ct_item *item)
{
    struct ct_sight *sight = &sights->a[sights->n++];

    memset(sight, 0, sizeof *sight);
    sight->packet = item->packet;
    if (item->conn) {
        sight->conn = ct_handle_of(item->conn);
        sight->reply = item->reply;
    }
}

/* Packets on their way, all of a burst. */
struct ct_items {
    size_t n, n_parsed;
    struct ct_item all[NETDEV_MAX_BURST];
    struct ct_item *parsed[NETDEV_MAX_BURST];
    enum ct_entry entries[NETDEV_MAX_BURST];
    struct ct_nat_search searches[NETDEV_MAX_BURST];    /* Of 'parsed'. */
};

/* Begins to look for what new connections are to be translated to, and asks
 * the memory for who may have that already. */
static void
foresee(struct conntrack *ct, struct ct_items *items,
        const struct ct_args *args)
{
    uint32_t hashes[NETDEV_MAX_BURST], hints[NETDEV_MAX_BURST];
    size_t n = 0;

    for (size_t i = 0; i < items->n_parsed; i++) {
        struct ct_item *item = items->parsed[i];

        if (!item->hint) {
            item->search = &items->searches[i];
            hashes[n++] = ct_nat_foresee(item->search, ct, args->nat,
                                         &item->p.key);
        }
    }
    for (size_t i = 0; i < n; i++) {
        hints[i] = ct_table_hint(&ct->table, hashes[i]);
    }
    for (size_t i = 0; i < n; i++) {
        ct_table_warm(&ct->table, hints[i]);
    }
}

/* Second pass, over those that were parsed.  Packets of one connection often
 * come one after the other. */
static void
look_ahead(struct conntrack *ct, struct ct_items *items,
           const struct ct_args *args)
{
    struct ct_item *const *parsed = items->parsed;
    size_t n = items->n_parsed;

    for (size_t i = 0; i < n; i++) {
        uint32_t hash = parsed[i]->p.hash;

        parsed[i]->hint = (i && hash == parsed[i - 1]->p.hash
                           ? parsed[i - 1]->hint
                           : ct_table_hint(&ct->table, hash));
    }
    if (args->commit && ct_nat_is_choice(args->nat)) {
        foresee(ct, items, args);
    }
    for (size_t i = 0; i < n; i++) {
        ct_table_warm(&ct->table, parsed[i]->hint);
    }
}

/* First pass.  Returns false if one of 'batch' is invalid, or not 'plain'. */
static inline bool
enter_all(struct conntrack *ct, struct ct_items *items,
          const struct dp_packet_batch *batch, const struct ct_args *args,
          bool plain)
{
    const struct ct_item *last = NULL;

    items->n = dp_packet_batch_size(batch);
    items->n_parsed = 0;
    for (size_t i = 0; i < items->n; i++) {
        struct ct_item *item = &items->all[i];

        item->packet = batch->packets[i];
        item->hint = 0;
        item->search = NULL;
        items->entries[i] = enter(ct, item, last, args, plain);
        if (OVS_LIKELY(items->entries[i] == CT_ENTRY_PARSED)) {
            items->parsed[items->n_parsed++] = item;
            last = item;
        } else if (plain && items->entries[i] == CT_ENTRY_INVALID) {
            return false;
        }
    }
    return true;
}

/* First pass, and what comes before it.  An empty batch is for who takes
 * fragments that have been put together. */
static void
begin_burst(struct conntrack *ct, struct ct_items *items,
            struct dp_packet_batch *batch, const struct ct_args *args)
{
    if (OVS_UNLIKELY(!enter_all(ct, items, batch, args, true) || !items->n)) {
        struct ct_veil veil;

        ct_frag_hide(&veil, batch, args->dl_type);
        ipf_preprocess_conntrack(ct->ipf, batch, args->burst.now_ms,
                                 args->dl_type, args->zone, IPF_HASH_BASIS);
        ct_frag_show(&veil, args->dl_type);
        enter_all(ct, items, batch, args, false);
    }
}

static void
execute(struct conntrack *ct, struct dp_packet_batch *batch,
        const struct ct_args *args)
{
    struct ct_items items;

    begin_burst(ct, &items, batch, args);
    if (items.n_parsed > 1) {
        look_ahead(ct, &items, args);
    }
    for (size_t i = 0; i < items.n; i++) {
        struct ct_item *item = &items.all[i];
        enum ct_entry entry = items.entries[i];

        if (entry == CT_ENTRY_CACHED && !track_cached(ct, item, args)) {
            entry = (ct_packet_parse(&ct->secret, item->packet, args->dl_type,
                                     args->zone, NULL, &item->p)
                     ? CT_ENTRY_PARSED : CT_ENTRY_INVALID);
        }
        if (entry == CT_ENTRY_PARSED) {
            track(ct, item, args);
        } else if (entry == CT_ENTRY_INVALID) {
            item->conn = NULL;
            write_invalid(item->packet, args->zone);
        }
    }
    if (OVS_UNLIKELY(args->sights)) {
        args->sights->n = 0;
        for (size_t i = 0; i < items.n; i++) {
            show(args->sights, &items.all[i]);
        }
    }
}

/* Finishes fragments that waited in vain for the rest of their datagrams.
 * They come last, and reassembly writes their state alone: the other fields
 * are what they were when it got them, perhaps of another zone, or never
 * written. */
static void
write_expired(struct dp_packet_batch *batch, uint16_t zone)
{
    size_t i = dp_packet_batch_size(batch);

    while (i && batch->packets[i - 1]->md.ct_state == CS_INVALID) {
        write_invalid(batch->packets[--i], zone);
    }
}

void
ct_execute(struct conntrack *ct, struct dp_packet_batch *batch,
           ovs_be16 dl_type, bool force, bool commit_, uint16_t zone,
           const uint32_t *mark, const struct ovs_key_ct_labels *label,
           const char *helper, const struct nat_action_info_t *nat,
           long long now_ms, uint32_t tp_id, struct ct_sights *sights)
{
    struct ct_args args = {
        .dl_type = dl_type,
        .zone = zone,
        .force = force,
        .commit = commit_,
        .mark = mark,
        .label = label,
        .nat = nat,
        .helper = ct_helper_from_name(helper),
        .burst = {
            .ct = ct,
            .now_ms = now_ms,
            .tp_id = tp_id,
            .policy = ct_policy_find(&ct->policies, tp_id),
        },
        .sights = sights,
    };

    execute(ct, batch, &args);
    ipf_postprocess_conntrack(ct->ipf, batch, now_ms, dl_type);
    write_expired(batch, zone);
}

int
conntrack_execute(struct conntrack *ct, struct dp_packet_batch *batch,
                  ovs_be16 dl_type, bool force, bool commit_, uint16_t zone,
                  const uint32_t *mark, const struct ovs_key_ct_labels *label,
                  OVS_CT_PORTS const char *helper,
                  const struct nat_action_info_t *nat, long long now_ms,
                  uint32_t tp_id)
{
    ct_execute(ct, batch, dl_type, force, commit_, zone, mark, label, helper,
               nat, now_ms, tp_id, NULL);
    return 0;
}
