/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-mask.h"

#include "odp-util.h"
#include "openvswitch/util.h"
#include "util.h"

/* Returns a new mask with the 1-bits of 'wc', which must match the ingress
 * port exactly. */
struct dp_mask *
dp_mask_create(const struct flow_wildcards *wc_)
{
    struct flow_wildcards wc = *wc_;
    const uint64_t *bits = (const uint64_t *) &wc.masks;
    struct dp_mask *mask;
    size_t n = 0;

    ovs_assert(wc.masks.in_port.odp_port == ODPP_NONE);
    wc.masks.in_port.odp_port = 0;
    for (size_t i = 0; i < FLOW_U64S; i++) {
        n += bits[i] != 0;
    }
    mask = xmalloc(sizeof *mask + n * sizeof mask->words[0]);
    ovs_refcount_init(&mask->ref_cnt);
    mask->n_words = 0;
    mask->hash = 0;
    for (size_t i = 0; i < FLOW_U64S; i++) {
        if (bits[i]) {
            mask->words[mask->n_words++] = (struct dp_mask_word) {
                .bits = bits[i],
                .map_bit = MAP_1 << (i % MAP_T_BITS),
                .unit = i / MAP_T_BITS,
                .index = i,
            };
            mask->hash = hash_add64(hash_add(mask->hash, i), bits[i]);
        }
    }
    mask->hash = hash_finish(mask->hash, n);
    return mask;
}

struct dp_mask *
dp_mask_ref(const struct dp_mask *mask_)
{
    struct dp_mask *mask = CONST_CAST(struct dp_mask *, mask_);

    ovs_refcount_ref(&mask->ref_cnt);
    return mask;
}

void
dp_mask_unref(struct dp_mask *mask)
{
    if (mask && ovs_refcount_unref(&mask->ref_cnt) == 1) {
        free(mask);
    }
}

bool
dp_mask_equal(const struct dp_mask *a, const struct dp_mask *b)
{
    if (a->hash != b->hash || a->n_words != b->n_words) {
        return false;
    }
    for (size_t i = 0; i < a->n_words; i++) {
        if (a->words[i].index != b->words[i].index
            || a->words[i].bits != b->words[i].bits) {
            return false;
        }
    }
    return true;
}

/* Writes 'mask' into 'wc' in full. */
void
dp_mask_expand(const struct dp_mask *mask, struct flow_wildcards *wc)
{
    memset(wc, 0, sizeof *wc);
    for (size_t i = 0; i < mask->n_words; i++) {
        *flow_u64_lvalue(&wc->masks, mask->words[i].index)
            = mask->words[i].bits;
    }
    wc->masks.in_port.odp_port = ODPP_NONE;
}

/* Like dp_mask_gather(), for a whole flow. */
void
dp_mask_apply(const struct dp_mask *mask, const struct flow *flow,
              uint64_t values[])
{
    for (size_t i = 0; i < mask->n_words; i++) {
        values[i] = (flow_u64_value(flow, mask->words[i].index)
                     & mask->words[i].bits);
    }
}
