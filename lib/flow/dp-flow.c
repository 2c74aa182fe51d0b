/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-flow.h"

#include <netinet/in.h>

#include "flow/dp-slab.h"
#include "hash.h"
#include "openvswitch/match.h"
#include "util.h"

/* The mask goes into the megaflow's identity: two megaflows with equal masked
 * words but different masks are different megaflows.  128 bits, so that a
 * collision need not be thought of. */
static ovs_u128
mega_ufid(odp_port_t in_port, const struct dp_mask *mask,
          const uint64_t values[])
{
    uint64_t words[1 + 2 * FLOW_U64S];
    ovs_u128 ufid;
    size_t n = 0;

    words[n++] = odp_to_u32(in_port);
    for (size_t i = 0; i < mask->n_words; i++) {
        words[n++] = values[i];
        words[n++] = mask->words[i].bits ^ ((uint64_t) mask->words[i].index
                                            * UINT64_C(0x9e3779b97f4a7c15));
    }
    hash_bytes128(words, n * sizeof words[0], mask->n_words, &ufid);
    return ufid;
}

static size_t
flow_size(const struct dp_mask *mask)
{
    return sizeof(struct dp_flow) + mask->n_words * sizeof(uint64_t);
}

/* Returns a new flow for 'flow' under 'mask', of which it takes over one
 * reference, with one reference for the caller. */
struct dp_flow *
dp_flow_create(const struct flow *flow, struct dp_mask *mask,
               const ovs_u128 *ufid, unsigned int lane_id,
               const struct nlattr *actions, size_t len)
{
    struct dp_flow *f = dp_slab_alloc(flow_size(mask));

    atomic_init(&f->dead, false);
    atomic_init(&f->offered, false);
    atomic_init(&f->generation, 0);
    atomic_init(&f->credit, NULL);
    ovsrcu_init(&f->actions, NULL);
    dp_flow_set_actions(f, actions, len);
    atomic_init(&f->used, 0);
    atomic_init(&f->n_packets, 0);
    atomic_init(&f->n_bytes, 0);
    atomic_init(&f->tcp_flags, 0);
    f->in_port = flow->in_port.odp_port;
    f->dl_type = flow->dl_type;
    f->lane_id = lane_id;
    f->ufid = *ufid;
    f->mask = mask;
    f->key = miniflow_create(flow);
    ovs_refcount_init(&f->ref_cnt);
    dp_mask_apply(mask, flow, f->values);
    f->cls_hash = dp_mask_hash_values(f->values, mask->n_words);
    f->mega_ufid = mega_ufid(f->in_port, mask, f->values);

    /* A megaflow may leave the protocol open; then any packet may be TCP. */
    struct flow_wildcards wc;
    dp_mask_expand(mask, &wc);
    f->can_be_tcp = ((is_ip_any(flow)
                      && (wc.masks.nw_proto != 0xff
                          || flow->nw_proto == IPPROTO_TCP))
                     || wc.masks.dl_type != OVS_BE16_MAX);
    dp_verify_init(&f->verify, flow, &wc);
    return f;
}

/* 'flow', which nobody else knows yet, is a merged one: what it matches may be
 * what a megaflow matches, and yet it is another one. */
void
dp_flow_set_merged(struct dp_flow *flow)
{
    struct flow_wildcards wc;

    dp_mask_expand(flow->mask, &wc);
    if (flow->can_be_tcp) {
        flow->tcp_flags_mask = ntohs(wc.masks.tcp_flags);
        flow->tcp_flags_value = (miniflow_get_tcp_flags(flow->key)
                                 & flow->tcp_flags_mask);
    }
    flow->mega_ufid.u64.hi ^= UINT64_C(0x9e3779b97f4a7c15);
    flow->merged = true;
}

static void
dp_flow_free(struct dp_flow *flow)
{
    struct dp_mask *mask = flow->mask;

    dp_actions_free(ovsrcu_get_protected(struct dp_actions *,
                                         &flow->actions));
    dp_credit_destroy(dp_flow_get_credit(flow));
    free(flow->key);
    dp_slab_free(flow, flow_size(mask));
    dp_mask_unref(mask);
}

void
dp_flow_ref(struct dp_flow *flow)
{
    ovs_refcount_ref(&flow->ref_cnt);
}

/* Takes a reference unless the last one has been given back. */
bool
dp_flow_try_ref(struct dp_flow *flow)
{
    return ovs_refcount_try_ref_rcu(&flow->ref_cnt);
}

void
dp_flow_unref(struct dp_flow *flow)
{
    if (ovs_refcount_unref_relaxed(&flow->ref_cnt) == 1) {
        ovsrcu_postpone(dp_flow_free, flow);
    }
}

/* Publishes new actions and returns the old ones, which the caller must
 * retire.  Callers must exclude each other.  For a moment 'output' may still
 * say what the old actions were, as a lane could that has just read them. */
struct dp_actions *
dp_flow_set_actions(struct dp_flow *flow, const struct nlattr *nla,
                    size_t len)
{
    struct dp_actions *old = ovsrcu_get_protected(struct dp_actions *,
                                                  &flow->actions);
    struct dp_actions *new = dp_actions_create(nla, len);
    uint32_t generation;

    ovsrcu_set(&flow->actions, new);
    atomic_store_relaxed(&flow->output, odp_to_u32(new->output));
    atomic_add_explicit(&flow->generation, 1, &generation,
                        memory_order_release);
    return old;
}

void
dp_flow_get_stats(const struct dp_flow *flow_, struct dpif_flow_stats *stats)
{
    struct dp_flow *flow = CONST_CAST(struct dp_flow *, flow_);
    const struct dp_credit *credit = dp_flow_get_credit(flow);
    unsigned long long int count;
    long long int used;

    /* Pairs with the release in dp_flow_count(): whoever has a packet's bytes
     * has the packet, too. */
    atomic_read_explicit(&flow->n_bytes, &count, memory_order_acquire);
    stats->n_bytes = count;
    atomic_read_relaxed(&flow->n_packets, &count);
    stats->n_packets = count;
    atomic_read_relaxed(&flow->used, &used);
    stats->used = used;
    atomic_read_relaxed(&flow->tcp_flags, &stats->tcp_flags);
    if (OVS_UNLIKELY(credit)) {
        dp_credit_add_stats(credit, stats);
    }
}

/* Zeroes the statistics.  Packets that the owner lane books at this moment
 * may survive or be lost; see DPIF_FP_ZERO_STATS. */
void
dp_flow_clear_stats(struct dp_flow *flow)
{
    struct dp_credit *credit = dp_flow_get_credit(flow);

    if (credit) {
        dp_credit_clear(credit);
    }
    atomic_store_relaxed(&flow->n_packets, 0);
    atomic_store_relaxed(&flow->n_bytes, 0);
    atomic_store_relaxed(&flow->used, 0);
    atomic_store_relaxed(&flow->tcp_flags, 0);
}

/* Writes the unmasked key and the mask into 'match'. */
void
dp_flow_get_match(const struct dp_flow *flow, struct match *match)
{
    memset(match, 0, sizeof *match);
    miniflow_expand(flow->key, &match->flow);
    dp_mask_expand(flow->mask, &match->wc);
}

/* Returns the flow's credit, which is created if there is none.  Callers must
 * exclude each other. */
struct dp_credit *
dp_flow_ensure_credit(struct dp_flow *flow)
{
    struct dp_credit *credit = dp_flow_get_credit(flow);

    if (!credit) {
        credit = dp_credit_create();
        atomic_store_explicit(&flow->credit, credit, memory_order_release);
    }
    return credit;
}
