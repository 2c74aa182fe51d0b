/* SPDX-License-Identifier: Apache-2.0 */

/* The comparison of masks has two steps.  The first is cheap and right nearly
 * always: does the new translation look at a bit that the installed mask
 * wildcards?  But a translation may look at fields that the packet does not
 * have (it looked at a VLAN that an action pushed, say), which a datapath mask
 * cannot express.  Such a flow would be deleted and installed again, the same,
 * for ever (736a8111e).  So a mismatch gets a second opinion: the new mask is
 * put through the form in which it would be installed, and only if that one is
 * narrower than what is installed the flow goes. */

#include <config.h>

#include "ofproto/revalidate.h"

#include <errno.h>

#include "coverage.h"
#include "ctl/dp-late.h"
#include "dpif-netdev.h"
#include "flow.h"
#include "hash.h"
#include "netdev.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "ofproto/flow-limit.h"
#include "ofproto/netflow.h"
#include "ofproto/ofproto-dpif-xlate-cache.h"
#include "ofproto/ofproto-dpif-xlate.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/ofproto-provider.h"
#include "ofproto/slow-path.h"
#include "ofproto/udpif.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/usdt-probes.h"
#include "ovs-atomic.h"
#include "ovs/ovs-learn.h"
#include "ovs/ovs-offload-delay.h"
#include "seq.h"
#include "timeval.h"

COVERAGE_DEFINE(revalidate_uncredited_packets);

enum { LATE_BATCH = 64 };       /* Flows credited without quiescing. */

/* A key, translated. */
struct xlated_key {
    struct flow flow;                   /* In port: as in the datapath. */
    struct flow_wildcards wc;           /* If asked for. */
    struct xlate_out xout;
    struct ofproto_dpif *ofproto;
    ofp_port_t ofp_in_port;
};

/* Is there anything to credit?  A packet may have been read before its bytes:
 * then they come alone the next time. */
static bool
counts(const struct dpif_flow_stats *stats)
{
    return stats->n_packets || stats->n_bytes;
}

/* Translates 'key' into 'xk', which the caller must give to xlate_out_uninit()
 * if the return value is 0.
 *
 * Stores the actions in 'actions' and the mask in 'xk->wc' unless 'actions' is
 * NULL, the objects concerned in 'xcache' unless that is NULL, and credits
 * 'credit' to these objects unless that is NULL. */
static int
xlate_key(struct udpif *udpif, const struct nlattr *key, size_t key_len,
          const struct dpif_flow_stats *credit, uint16_t tcp_flags,
          struct ofpbuf *actions, struct xlate_cache *xcache,
          struct xlated_key *xk)
{
    enum odp_key_fitness fitness;
    struct xlate_in xin;
    int error;

    fitness = odp_flow_key_to_flow(key, key_len, &xk->flow, NULL);
    if (fitness == ODP_FIT_ERROR) {
        return EINVAL;
    }
    error = xlate_lookup(udpif->backer, &xk->flow, &xk->ofproto, NULL, NULL,
                         NULL, &xk->ofp_in_port, NULL);
    if (error) {
        return error;
    }

    xlate_in_init(&xin, xk->ofproto,
                  ofproto_dpif_get_tables_version(xk->ofproto), &xk->flow,
                  xk->ofp_in_port, NULL, tcp_flags, NULL,
                  actions ? &xk->wc : NULL, actions);
    if (credit && counts(credit)) {
        xin.resubmit_stats = credit;
        xin.allow_side_effects = true;
    }
    xin.xcache = xcache;
    if (xlate_actions(&xin, &xk->xout) == XLATE_BRIDGE_NOT_FOUND) {
        /* It was there a moment ago.  'xk->wc' has not been written. */
        xlate_out_uninit(&xk->xout);
        return ENODEV;
    }
    if (fitness == ODP_FIT_TOO_LITTLE) {
        xk->xout.slow |= SLOW_MATCH;
    }
    return 0;
}

/* Stores in 'out' what remains of 'wc' once it has been installed. */
static bool
mask_as_installed(const struct xlated_key *xk, struct flow_wildcards *out)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf key, mask;
    uint64_t key_stub[1024 / 8];
    bool ok;
    struct odp_flow_key_parms parms = {
        .flow = &xk->flow,
        .mask = &xk->wc.masks,
        .support = xk->ofproto->backer->rt_support.odp,
    };

    ofpbuf_use_stub(&key, key_stub, sizeof key_stub);
    ofpbuf_use_stub(&mask, stub, sizeof stub);
    odp_flow_key_from_flow(&parms, &key);
    parms.key_buf = &key;
    odp_flow_key_from_mask(&parms, &mask);
    ok = odp_flow_key_to_mask(mask.data, mask.size, out, &xk->flow, NULL)
         != ODP_FIT_ERROR;
    ofpbuf_uninit(&mask);
    ofpbuf_uninit(&key);
    return ok;
}

/* A translation mostly gives the same mask as the last time, which spares us
 * reading the installed one.  (Two masks for one key with the same 64 bits
 * will not happen; if they did, the flow would stay until the next change.) */
static uint64_t
hash_mask(const struct flow_wildcards *wc)
{
    ovs_u128 hash;

    hash_bytes128(wc, sizeof *wc, 0, &hash);
    return hash.u64.lo | 1;
}

/* Is the mask that is installed for 'ukey' too wide for its translation? */
static bool
mask_is_too_wide__(const struct udpif_key *ukey, const struct xlated_key *xk)
{
    struct flow_wildcards installed, wanted;

    if (odp_flow_key_to_mask(ukey->mask, ukey->mask_len, &installed,
                             &xk->flow, NULL) == ODP_FIT_ERROR) {
        return true;
    }
    return (flow_wildcards_has_extra(&installed, &xk->wc)
            && (!mask_as_installed(xk, &wanted)
                || flow_wildcards_has_extra(&installed, &wanted)));
}

static bool
mask_is_too_wide(struct udpif_key *ukey, const struct xlated_key *xk)
    OVS_REQUIRES(ukey->mutex)
{
    uint64_t hash = hash_mask(&xk->wc);

    if (ukey->fits == hash) {
        return false;
    }
    if (mask_is_too_wide__(ukey, xk)) {
        return true;
    }
    ukey->fits = hash;
    return false;
}

/* Brings 'ukey' in line with 'xk' and 'actions', if its mask allows. */
static enum reval_result
compare(struct udpif *udpif, struct udpif_key *ukey, struct xlated_key *xk,
        struct ofpbuf *actions, enum reval_reason *why)
    OVS_REQUIRES(ukey->mutex)
{
    const struct ukey_actions *installed = ukey_actions(ukey);

    if (xk->xout.avoid_caching) {
        *why = REVAL_WHY_AVOID_CACHING;
        return REVAL_DELETE;
    }
    if (xk->xout.slow) {
        ofpbuf_clear(actions);
        slow_path_compose(udpif, xk->ofproto, &xk->flow, xk->ofp_in_port,
                          xk->xout.slow, actions);
    }
    if (mask_is_too_wide(ukey, xk)) {
        *why = REVAL_WHY_TOO_WIDE;
        return REVAL_DELETE;
    }
    if (installed->size == actions->size
        && !memcmp(installed->data, actions->data, actions->size)) {
        return REVAL_KEEP;
    }
    ukey_set_actions(ukey, actions->data, actions->size);
    recirc_refs_swap(&ukey->old_recircs, &ukey->recircs);
    recirc_refs_swap(&ukey->recircs, &xk->xout.recircs);
    return REVAL_MODIFY;
}

/* Neighbors of tunnels. */

#define ASK_AGAIN_MIN_MS 1000
#define ASK_AGAIN_MAX_MS 30000
#define ASK_AGAIN_PER_ROUND 64  /* In all threads; each sends a packet. */

/* Did the translation that filled 'xcache' output to more tunnels than it knew
 * neighbors for? */
static bool
xcache_lacks_neighbor(const struct xlate_cache *xcache)
{
    const struct xc_entry *entry = xcache->entries.data;
    size_t n = xcache->entries.size / sizeof *entry;
    int n_unresolved = 0;

    for (size_t i = 0; i < n; i++) {
        if (entry[i].type == XC_NETDEV) {
            n_unresolved += (entry[i].dev.tx
                             && netdev_get_tunnel_config(entry[i].dev.tx));
        } else if (entry[i].type == XC_TNL_NEIGH) {
            n_unresolved--;
        }
    }
    return n_unresolved > 0;
}

/* Notes whether the translation that has just filled the cache of 'ukey' asked
 * for a neighbor, and when to ask again if there is no answer.  (If there is
 * one, all ukeys are due.) */
static void
note_neighbors(struct udpif *udpif, struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex)
{
    /* Other datapaths leave neighbors to the kernel. */
    if (!dpif_is_netdev(udpif->dpif)
        || !xcache_lacks_neighbor(ukey->xcache)) {
        ukey->n_unresolved = 0;
        return;
    }
    atomic_store_relaxed(&udpif->lacked_neighbor, time_msec());
    ukey->ask_again = time_msec() + MIN(ASK_AGAIN_MIN_MS
                                        << MIN(ukey->n_unresolved, 5),
                                        ASK_AGAIN_MAX_MS);
    if (ukey->n_unresolved < UINT8_MAX) {
        ukey->n_unresolved++;
    }
}

/* Is it time to ask again for a neighbor that 'ukey' lacks?  Only for the sake
 * of packets that have come since the last dump. */
static bool
should_ask_again(struct udpif *udpif, const struct udpif_key *ukey,
                 const struct dpif_flow_stats *stats)
    OVS_REQUIRES(ukey->mutex)
{
    return (ukey->n_unresolved
            && stats && stats->n_packets > ukey->stats.n_packets
            && time_msec() >= ukey->ask_again
            && (atomic_count_inc(&udpif->n_asked_again)
                < ASK_AGAIN_PER_ROUND));
}

/* Can packets of 'ukey' tell the Ethernet address of a neighbor? */
static bool
tells_neighbor(const struct udpif_key *ukey)
{
    return (nl_attr_find__(ukey->key, ukey->key_len, OVS_KEY_ATTR_ARP)
            || nl_attr_find__(ukey->key, ukey->key_len, OVS_KEY_ATTR_ND));
}

/* Do packets of 'ukey' that have come since the last dump tell an Ethernet
 * address that a translation has lacked?  Nobody has looked into them.  The
 * next ones should miss, and be heard in the order in which they come: there
 * may be several answers, of which the last one counts. */
static bool
hides_neighbor(struct udpif *udpif, const struct udpif_key *ukey,
               const struct dpif_flow_stats *stats)
    OVS_REQUIRES(ukey->mutex)
{
    long long int lacked;

    atomic_read_relaxed(&udpif->lacked_neighbor, &lacked);
    return (stats->n_packets > ukey->stats.n_packets
            && time_msec() < lacked + 2 * ASK_AGAIN_MAX_MS
            && tells_neighbor(ukey));
}

/* Gives 'ukey' an empty cache. */
static void
clear_xcache(struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex)
{
    if (ukey->xcache) {
        xlate_cache_clear(ukey->xcache);
    } else {
        ukey->xcache = xlate_cache_new();
    }
}

/* Leaves 'ukey' without a cache, for its translation has failed. */
static void
drop_xcache(struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex)
{
    xlate_cache_delete(ukey->xcache);
    ukey->xcache = NULL;
}

/* Translates 'ukey' again, refills its cache, and judges it.
 *
 * There has to be a cache: a translation with neither a cache nor side effects
 * is taken for a dry run, and its actions send nothing to controllers. */
static enum reval_result
revalidate_due(struct udpif *udpif, struct udpif_key *ukey, uint16_t tcp_flags,
               enum reval_reason *why)
    OVS_REQUIRES(ukey->mutex)
{
    uint64_t actions_stub[1024 / 8];
    enum reval_result result;
    struct xlated_key xk;
    struct ofpbuf actions;
    int error;

    /* The old cache names objects that the tables may no longer have. */
    clear_xcache(ukey);
    ofpbuf_use_stub(&actions, actions_stub, sizeof actions_stub);
    OVS_USDT_PROBE(revalidate_ukey__, entry, udpif, ukey, tcp_flags, &actions,
                   &ukey->recircs, ukey->xcache);
    error = xlate_key(udpif, ukey->key, ukey->key_len, NULL, tcp_flags,
                      &actions, ukey->xcache, &xk);
    if (!error) {
        note_neighbors(udpif, ukey);
        result = compare(udpif, ukey, &xk, &actions, why);
        xlate_out_uninit(&xk.xout);
    } else {
        drop_xcache(ukey);
        *why = error == EINVAL ? REVAL_WHY_BAD_KEY : REVAL_WHY_NO_BRIDGE;
        result = REVAL_DELETE;
    }
    OVS_USDT_PROBE(revalidate_ukey__, exit, udpif, ukey, result);
    ofpbuf_uninit(&actions);
    return result;
}

/* Is 'ukey' worth a translation, now that it has counted 'n_packets'? */
static bool
worth_revalidating(struct udpif *udpif, const struct udpif_key *ukey,
                   uint64_t n_packets)
    OVS_REQUIRES(ukey->mutex)
{
    uint64_t packets = (n_packets > ukey->stats.n_packets
                        ? n_packets - ukey->stats.n_packets : 0);
    unsigned int delay = ukey->offloaded ? OVS_OFFLOADED_STATS_DELAY : 0;
    long long int dump_ms;

    atomic_read_relaxed(&udpif->dump_duration, &dump_ms);
    return flow_limit_worth_revalidating(packets, ukey->stats.used,
                                         time_msec(), delay, dump_ms,
                                         ofproto_max_revalidator,
                                         ofproto_min_revalidate_pps);
}

/* Gives 'ukey' the cache of a new translation. */
static int
fill_xcache(struct udpif *udpif, struct udpif_key *ukey, uint16_t tcp_flags)
    OVS_REQUIRES(ukey->mutex)
{
    struct xlated_key xk;
    int error;

    clear_xcache(ukey);
    error = xlate_key(udpif, ukey->key, ukey->key_len, NULL, tcp_flags, NULL,
                      ukey->xcache, &xk);
    if (!error) {
        note_neighbors(udpif, ukey);
        xlate_out_uninit(&xk.xout);
    } else {
        drop_xcache(ukey);
    }
    return error;
}

int
revalidate_populate_xcache(struct udpif *udpif, struct udpif_key *ukey)
{
    return (ukey->xcache && ukey->reval_seq == seq_read(udpif->reval_seq)
            ? 0 : fill_xcache(udpif, ukey, ukey->stats.tcp_flags));
}

/* A cached "learn" action is good for one use.  Open vSwitch frees what it
 * needs to add its rule (ofproto_flow_mod_start()), which is right while later
 * uses only refresh that rule.  But the rule may be removed at any time. */
static bool
xcache_learns(const struct xlate_cache *xcache)
{
    const struct xc_entry *entry;
    size_t n = xcache->entries.size / sizeof *entry;

    entry = xcache->entries.data;
    for (size_t i = 0; i < n; i++) {
        if (entry[i].type == XC_LEARN) {
            return true;
        }
    }
    return false;
}

/* Would 'entry', of a "learn" action for packets of which the last came at
 * 'used', replace a rule that a later packet made?  Flows that learn the same
 * rule are credited in any order.  (Open vSwitch looks for itself, but only if
 * the cache was used before.) */
static bool
learns_too_late(const struct xc_entry *entry, long long int used)
{
    const struct rule *rule = entry->learn.ofm->temp_rule;
    const struct cls_rule *visible;
    bool too_late = false;

    if (!OVS_LEARN_KEEPS_PACKET_TIME || !rule) {
        return false;
    }
    visible = classifier_find_rule_exactly(
        &rule->ofproto->tables[rule->table_id].cls, &rule->cr,
        rule->ofproto->tables_version);
    if (visible) {
        struct rule *newer = rule_from_cls_rule(visible);

        ovs_mutex_lock(&newer->mutex);
        too_late = newer->modified > used;
        ovs_mutex_unlock(&newer->mutex);
    }
    return too_late;
}

/* Credits 'stats', whose bytes it may change, to the objects in 'xcache'. */
static void
push_by_cache(struct xlate_cache *xcache, struct dpif_flow_stats *stats,
              bool offloaded)
{
    struct ofpbuf entries = xcache->entries;
    struct xc_entry *entry;

    if (!counts(stats)) {
        return;
    }
    XC_ENTRY_FOR_EACH (entry, &entries) {
        if (entry->type != XC_LEARN
            || !learns_too_late(entry, stats->used)) {
            xlate_push_stats_entry(entry, stats, offloaded);
        }
    }
}

/* Credits 'credit' to what packets of 'key' pass on their way now, by
 * a translation with side effects. */
static void
push_stats_by_translation(struct udpif *udpif, const struct nlattr *key,
                          size_t key_len, const struct dpif_flow_stats *credit)
{
    struct xlated_key xk;

    if (!xlate_key(udpif, key, key_len, credit, credit->tcp_flags, NULL, NULL,
                   &xk)) {
        xlate_out_uninit(&xk.xout);
    } else {
        COVERAGE_ADD(revalidate_uncredited_packets, credit->n_packets);
    }
}

/* Credits 'delta' to what 'ukey' passes on its way, by its cache, which is
 * up to date if there is one. */
static void
push_stats(struct udpif *udpif, struct udpif_key *ukey,
           const struct dpif_flow_stats *delta)
    OVS_REQUIRES(ukey->mutex)
{
    /* Tunnel entries change the number of bytes. */
    struct dpif_flow_stats push = *delta;

    if (!ukey->xcache || xcache_learns(ukey->xcache)) {
        fill_xcache(udpif, ukey, delta->tcp_flags);
    }
    if (ukey->xcache) {
        push_by_cache(ukey->xcache, &push, ukey->offloaded);
    } else {
        COVERAGE_ADD(revalidate_uncredited_packets, delta->n_packets);
    }
}

enum reval_result
revalidate_ukey(struct udpif *udpif, struct udpif_key *ukey,
                const struct dpif_flow_stats *stats, const char *dp_layer,
                uint64_t reval_seq, enum reval_reason *why)
{
    enum reval_result result = REVAL_KEEP;
    struct dpif_flow_stats delta;

    /* It may be ahead: translated since this round began. */
    if (ukey->reval_seq < reval_seq) {
        if (stats && !worth_revalidating(udpif, ukey, stats->n_packets)) {
            *why = REVAL_WHY_TOO_EXPENSIVE;
            return REVAL_DELETE;
        }
        result = revalidate_due(udpif, ukey, (stats ? stats
                                              : &ukey->stats)->tcp_flags,
                                why);
        /* The cache, if there was a translation, is that of the new tables. */
        ukey->reval_seq = reval_seq;
    } else if (should_ask_again(udpif, ukey, stats)) {
        result = revalidate_due(udpif, ukey, stats->tcp_flags, why);
    }
    if (!stats || result == REVAL_DELETE) {
        return result;
    }

    if (hides_neighbor(udpif, ukey, stats)) {
        *why = REVAL_WHY_OTHER;
        return REVAL_DELETE;
    }
    ukey_take_stats(ukey, stats, dp_layer, &delta);
    if (counts(&delta)) {
        push_stats(udpif, ukey, &delta);
    }
    return result;
}

/* Tells NetFlow, if there is any, that the flow of 'key' has ended. */
static void
end_netflow(struct udpif *udpif, const struct nlattr *key, size_t key_len)
{
    struct netflow *netflow = NULL;
    struct ofproto_dpif *ofproto;
    ofp_port_t ofp_in_port;
    struct flow flow;

    if (netflow_exists()
        && odp_flow_key_to_flow(key, key_len, &flow, NULL) != ODP_FIT_ERROR
        && !xlate_lookup(udpif->backer, &flow, &ofproto, NULL, NULL,
                         &netflow, &ofp_in_port, NULL)
        && netflow) {
        flow.in_port.ofp_port = ofp_in_port;
        netflow_flow_clear(netflow, &flow);
    }
}

void
revalidate_push_final_stats(struct udpif *udpif, struct udpif_key *ukey,
                            struct dpif_flow_stats *delta)
{
    bool pushed = !counts(delta);

    if (!pushed) {
        ovs_mutex_lock(&ukey->mutex);
        if (tells_neighbor(ukey)) {
            /* Late, and in no order: a cache has no side effects. */
            drop_xcache(ukey);
            push_stats(udpif, ukey, delta);
            pushed = true;
        } else if (ukey->xcache
                   && ukey->reval_seq == seq_read(udpif->reval_seq)) {
            push_stats(udpif, ukey, delta);
            pushed = true;
        }
        ovs_mutex_unlock(&ukey->mutex);
    }
    if (!pushed) {
        push_stats_by_translation(udpif, ukey->key, ukey->key_len, delta);
    }
    end_netflow(udpif, ukey->key, ukey->key_len);
}

void
revalidate_push_late_stats(struct udpif *udpif)
{
    uint64_t stub[DPIF_FLOW_BUFSIZE / 8];
    struct dpif_flow_stats stats;
    struct ofpbuf key;

    if (!udpif->has_late_stats) {
        return;
    }
    ofpbuf_use_stub(&key, stub, sizeof stub);
    for (int n = 0; dp_late_take(udpif->dpif, &key, &stats); n++) {
        push_stats_by_translation(udpif, key.data, key.size, &stats);
        end_netflow(udpif, key.data, key.size);
        ofpbuf_clear(&key);
        if (n % LATE_BATCH == LATE_BATCH - 1) {
            ovsrcu_quiesce();
        }
    }
    ofpbuf_uninit(&key);
}
