/* SPDX-License-Identifier: Apache-2.0 */

/* A ukey is one allocation: the struct, then the key, then the mask.  The
 * actions are apart, because they alone change, and readers (sFlow, IPFIX,
 * commands) look at them without a lock.
 *
 * The state machine is a table of bits rather than a chain of conditions, so
 * that the unit test can compare all 49 pairs with the table in the
 * documentation and the model can be generated from the same edges. */

#include <config.h>

#include "ofproto/ukey.h"

#include "coverage.h"
#include "hash.h"
#include "ofproto/ofproto-dpif-xlate-cache.h"
#include "ofproto/upcall-log.h"
#include "ofproto/ukey-map.h"
#include "openvswitch/ofpbuf.h"
#include "ovs-thread.h"
#include "timeval.h"
#include "util.h"

COVERAGE_DEFINE(ukey_invalid_stat_reset);
COVERAGE_DEFINE(ukey_dp_change);

#define EDGE(STATE) (1u << (STATE))

/* For each state, the set of states that may follow. */
static const unsigned int ukey_edges[UKEY_N_STATES] = {
    /* The creator publishes it, or gives up. */
    [UKEY_CREATED] = EDGE(UKEY_VISIBLE) | EDGE(UKEY_DELETED),

    /* The flow was seen, or is deleted, or the datapath refused it. */
    [UKEY_VISIBLE] = (EDGE(UKEY_OPERATIONAL) | EDGE(UKEY_EVICTING)
                      | EDGE(UKEY_EVICTED)),

    /* A modification failed; or it is deleted. */
    [UKEY_OPERATIONAL] = EDGE(UKEY_INCONSISTENT) | EDGE(UKEY_EVICTING),

    /* The only way out is to delete the flow. */
    [UKEY_INCONSISTENT] = EDGE(UKEY_EVICTING),

    /* The flow has gone, or the deletion failed and is to be tried again. */
    [UKEY_EVICTING] = EDGE(UKEY_EVICTED) | EDGE(UKEY_INCONSISTENT),

    /* Replaced or swept. */
    [UKEY_EVICTED] = EDGE(UKEY_DELETED),

    [UKEY_DELETED] = 0,
};

struct udpif_key *
ukey_create(const struct ukey_parms *parms)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    size_t key_size = ROUND_UP(parms->key_len, sizeof(uint64_t));
    struct udpif_key *ukey = xmalloc(sizeof *ukey + key_size
                                     + parms->mask_len);
    char *room = (char *) (ukey + 1);

    memset(ukey, 0, sizeof *ukey);
    if (parms->key_len) {
        memcpy(room, parms->key, parms->key_len);
    }
    ukey->key = ALIGNED_CAST(const struct nlattr *, room);
    ukey->key_len = parms->key_len;
    if (parms->mask_len) {
        memcpy(room + key_size, parms->mask, parms->mask_len);
    }
    ukey->mask = ALIGNED_CAST(const struct nlattr *, room + key_size);
    ukey->mask_len = parms->mask_len;
    ukey->ufid = *parms->ufid;
    ukey->ufid_present = parms->ufid_present;
    ukey->pmd_id = parms->pmd_id;
    ukey->hash = ukey_hash(parms->ufid, parms->pmd_id);
    ukey->key_recirc_id = parms->key_recirc_id;
    ukey->created = time_msec();
    ukey->reval_seq = parms->reval_seq;
    ukey->stats.used = parms->used;
    ukey->state = UKEY_CREATED;
    ukey->state_thread = ovsthread_id_self();
    ukey->state_where = OVS_SOURCE_LOCATOR;
    ovs_mutex_init(&ukey->mutex);
    recirc_refs_init(&ukey->recircs);
    recirc_refs_init(&ukey->old_recircs);
    ovsrcu_init(&ukey->actions, NULL);
    ukey_set_actions(ukey, parms->actions, parms->actions_len);
    return ukey;
}

void
ukey_free__(struct udpif_key *ukey)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    if (ukey->key_recirc_id) {
        recirc_free_id(ukey->key_recirc_id);
    }
    recirc_refs_unref(&ukey->recircs);
    recirc_refs_unref(&ukey->old_recircs);
    xlate_cache_delete(ukey->xcache);
    free(ovsrcu_get_protected(struct ukey_actions *, &ukey->actions));
    ovs_mutex_destroy(&ukey->mutex);
    free(ukey);
}

void
ukey_discard(struct udpif_key *ukey)
{
    if (ukey) {
        ovs_mutex_lock(&ukey->mutex);
        ukey_transition(ukey, UKEY_DELETED);
        ovs_mutex_unlock(&ukey->mutex);
        ukey_free__(ukey);
    }
}

void
ukey_retire_at(struct udpif_key *ukey, const char *where)
{
    ukey_transition_at(ukey, UKEY_DELETED, where);
    ovsrcu_postpone(ukey_free__, ukey);
}

const char *
ukey_state_to_string(enum ukey_state state)
{
    switch (state) {
    case UKEY_CREATED: return "CREATED";
    case UKEY_VISIBLE: return "VISIBLE";
    case UKEY_OPERATIONAL: return "OPERATIONAL";
    case UKEY_INCONSISTENT: return "INCONSISTENT";
    case UKEY_EVICTING: return "EVICTING";
    case UKEY_EVICTED: return "EVICTED";
    case UKEY_DELETED: return "DELETED";
    default: return "<unknown>";
    }
}

bool
ukey_edge_is_legal(enum ukey_state src, enum ukey_state dst)
{
    return (unsigned) src < UKEY_N_STATES && (unsigned) dst < UKEY_N_STATES
           && ukey_edges[src] & EDGE(dst);
}

void
ukey_transition_at(struct udpif_key *ukey, enum ukey_state dst,
                   const char *where)
{
    if (OVS_UNLIKELY(!ukey_edge_is_legal(ukey->state, dst))) {
        VLOG_ABORT("%s: ukey "UUID_FMT" cannot move from %s to %s "
                   "(last moved by thread %u at %s)",
                   where, UUID_ARGS((struct uuid *) &ukey->ufid),
                   ukey_state_to_string(ukey->state),
                   ukey_state_to_string(dst),
                   ukey->state_thread, ukey->state_where);
    }
    ukey->state = dst;
    ukey->state_thread = ovsthread_id_self();
    ukey->state_where = where;
}

void
ukey_saw_flow_at(struct udpif_key *ukey, const char *where)
{
    if (ukey->state == UKEY_VISIBLE) {
        ukey_transition_at(ukey, UKEY_OPERATIONAL, where);
    }
}

void
ukey_refused_at(struct udpif_key *ukey, const char *where)
{
    if (ukey->state == UKEY_VISIBLE) {
        ukey_transition_at(ukey, UKEY_EVICTED, where);
    }
}

void
ukey_set_actions(struct udpif_key *ukey, const void *data, size_t size)
{
    struct ukey_actions *old
        = ovsrcu_get_protected(struct ukey_actions *, &ukey->actions);
    struct ukey_actions *new = xmalloc(sizeof *new + size);

    new->size = size;
    if (size) {
        memcpy(new->data, data, size);
    }
    ovsrcu_set(&ukey->actions, new);
    if (old) {
        ovsrcu_postpone(free, old);
    }
}

void
ukey_adopt_recircs(struct udpif_key *ukey, struct recirc_refs *refs)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    ovs_assert(ukey->state == UKEY_CREATED);
    recirc_refs_swap(&ukey->recircs, refs);
}

/* True if counters read in 'a' and then in 'b' have nothing to do with each
 * other.  TC and the kernel count apart; a datapath that adds up what its
 * hardware and its software count (all others) goes on counting. */
static bool
layers_count_apart(const char *a, const char *b)
{
    return a && b && strcmp(a, b) && (!strcmp(a, "tc") || !strcmp(b, "tc"));
}

void
ukey_take_stats(struct udpif_key *ukey, const struct dpif_flow_stats *now,
                const char *dp_layer, struct dpif_flow_stats *delta)
{
    if (dp_layer && ukey->dp_layer != dp_layer) {
        if (layers_count_apart(ukey->dp_layer, dp_layer)) {
            COVERAGE_INC(ukey_dp_change);
            ukey->stats.n_packets = 0;
            ukey->stats.n_bytes = 0;
        }
        ukey->dp_layer = dp_layer;
    }

    delta->used = now->used;
    delta->tcp_flags = now->tcp_flags;
    if (OVS_LIKELY(now->n_packets >= ukey->stats.n_packets
                   && now->n_bytes >= ukey->stats.n_bytes)) {
        delta->n_packets = now->n_packets - ukey->stats.n_packets;
        delta->n_bytes = now->n_bytes - ukey->stats.n_bytes;
    } else {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

        COVERAGE_INC(ukey_invalid_stat_reset);
        VLOG_WARN_RL(&rl, "Unexpected jump in packet stats from %"PRIu64" to "
                     "%"PRIu64" when handling ukey "UUID_FMT" (bytes: from "
                     "%"PRIu64" to %"PRIu64")",
                     ukey->stats.n_packets, now->n_packets,
                     UUID_ARGS((struct uuid *) &ukey->ufid),
                     ukey->stats.n_bytes, now->n_bytes);
        delta->n_packets = 0;
        delta->n_bytes = 0;
    }

    long long int used = MAX(now->used, ukey->stats.used);
    ukey->stats = *now;
    ukey->stats.used = used;
}

long long int
ukey_last_used(const struct udpif_key *ukey,
               const struct dpif_flow_stats *stats, bool terse,
               long long int now)
{
    if (stats->used) {
        return stats->used;
    } else if (terse && stats->n_packets > ukey->stats.n_packets) {
        return now;
    } else if (terse && ukey->stats.used) {
        return ukey->stats.used;
    } else {
        return ukey->created;
    }
}

void
ukey_check(const struct udpif_key *ukey)
{
    ovs_assert((unsigned) ukey->state < UKEY_N_STATES);
    ovs_assert(ukey->state_where);
    ovs_assert(ukey->hash == ukey_hash(&ukey->ufid, ukey->pmd_id));
    ovs_assert(ukey_actions(ukey));
}
