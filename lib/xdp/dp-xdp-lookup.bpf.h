/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_LOOKUP_BPF_H
#define DP_XDP_LOOKUP_BPF_H 1

/* dp-xdp-lookup: from a key to a flow
 * ===================================
 *
 * The masks of the in-port, one after the other; the first flow that is found
 * is right, since megaflows that overlap have the same actions.  If there are
 * some masks, a cache is asked first.  Part of dp-xdp.bpf.c. */

/* Is flow 'id' there, with mask 'mask_id', and is the packet one of it? */
DP_XDP_STAGE int
verify(const struct packet *packet, __u32 id, __u32 mask_id)
{
    const struct dp_xdp_flow *flow;
    const struct dp_xdp_mask *mask;
    __u64 differ = 0;

    flow = bpf_map_lookup_elem(&markpath_flows, &id);
    mask = bpf_map_lookup_elem(&markpath_masks, &mask_id);
    if (!packet || !flow || !mask || !flow->valid || flow->mask != mask_id) {
        return 0;
    }
    for (int i = 0; i < DP_XDP_N_BASE_WORDS; i++) {
        differ |= (packet->key.words[i] & mask->key.words[i])
                  ^ flow->key.words[i];
    }
    if (CAN(IPV6)) {
        for (int i = DP_XDP_N_BASE_WORDS; i < DP_XDP_N_WORDS; i++) {
            differ |= (packet->key.words[i] & mask->key.words[i])
                      ^ flow->key.words[i];
        }
    }
    return !differ;
}

/* Returns the flow of the packet that has mask 'mask_id', or 0. */
DP_XDP_STAGE __u32
find(const struct packet *packet, __u32 mask_id)
{
    const struct dp_xdp_mask *mask;
    __u32 sig;
    __u64 hash;

    mask = bpf_map_lookup_elem(&markpath_masks, &mask_id);
    if (!packet || !mask) {
        return 0;
    }
    hash = dp_xdp_hash(&packet->key, &mask->key, mask_id, &constants,
                       CAN(IPV6) ? DP_XDP_N_WORDS : DP_XDP_N_BASE_WORDS);
    sig = hash;
    for (int choice = 0; choice < 2; choice++) {
        __u32 number = dp_xdp_hash_bucket(hash, choice);
        const struct dp_xdp_bucket *bucket;

        bucket = bpf_map_lookup_elem(&markpath_index, &number);
        if (!bucket) {
            return 0;
        }
        for (int i = 0; i < DP_XDP_BUCKET_ENTRIES; i++) {
            __u64 entry = *(const volatile __u64 *) &bucket->entries[i];

            if (entry >> 32 == sig && verify(packet, entry, mask_id)) {
                return entry;
            }
        }
        if (!*(const volatile __u64 *) &bucket->n_elsewhere) {
            return 0;
        }
    }
    return 0;
}

/* The hash of the whole key. */
static __always_inline __u64
hash_key(const struct packet *packet)
{
    __u64 h = 0;

    for (int i = 0; i < DP_XDP_N_BASE_WORDS; i++) {
        h += packet->key.words[i] * constants.hash[i];
    }
    if (CAN(IPV6)) {
        for (int i = DP_XDP_N_BASE_WORDS; i < DP_XDP_N_WORDS; i++) {
            h += packet->key.words[i] * constants.hash[i];
        }
    }
    return dp_xdp_hash_mix(h);
}

/* Returns the entry of the cache for 'hash', or null if the CPU does without
 * the cache now. */
static __always_inline __u64 *
find_cache_entry(struct dp_xdp_cache_state *state, __u64 hash)
{
    __u32 i = dp_xdp_cache_index(hash);

    if (state->pause) {
        state->pause--;
        return NULL;
    }
    if (++state->n_lookups > DP_XDP_CACHE_WINDOW) {
        if (state->n_hits < DP_XDP_CACHE_WINDOW / 2) {
            state->pause = DP_XDP_CACHE_PAUSE;
        }
        state->n_lookups = state->n_hits = 0;
    }
    return bpf_map_lookup_elem(&markpath_cache, &i);
}

/* Returns the flow of the packet that one of the masks in list 'id' finds, or
 * 0. */
DP_XDP_STAGE __u32
search(const struct packet *packet, __u32 id)
{
    const struct dp_xdp_list *list = bpf_map_lookup_elem(&markpath_lists, &id);
    __u32 n;

    if (!packet || !list) {
        return 0;
    }
    n = list->n;
    for (__u32 i = 0; i < DP_XDP_LIST_MASKS && i < n; i++) {
        __u32 flow = find(packet, list->masks[i]);

        if (flow) {
            count(DP_XDP_COUNT_INDEX);
            return flow;
        }
    }
    return 0;
}

/* The same, by way of the cache. */
DP_XDP_STAGE __u32
search_cache(const struct packet *packet, __u32 list)
{
    const struct dp_xdp_flow *flow;
    struct dp_xdp_cache_state *state;
    __u32 zero = 0, id;
    __u64 *entry = NULL;
    __u64 hash;

    state = bpf_map_lookup_elem(&markpath_pause, &zero);
    if (!packet || !state) {
        return 0;
    }
    hash = hash_key(packet);
    entry = find_cache_entry(state, hash);
    if (entry && *entry >> 32 == (__u32) hash) {
        id = *entry;
        flow = bpf_map_lookup_elem(&markpath_flows, &id);
        if (flow && verify(packet, id, flow->mask)) {
            state->n_hits++;
            count(DP_XDP_COUNT_CACHE);
            return id;
        }
    }
    id = search(packet, list);
    if (id && entry) {
        *entry = dp_xdp_index_entry(hash, id);
    }
    return id;
}

/* Returns the flow of the packet, or 0. */
DP_XDP_STAGE __u32
lookup(const struct packet *packet)
{
    const struct dp_xdp_port_entry *port;
    const struct dp_xdp_list *list;
    __u32 slot, id;

    if (!packet) {
        return 0;
    }
    slot = packet->key.slot;
    port = bpf_map_lookup_elem(&markpath_ports, &slot);
    if (!port) {
        return 0;
    }
    id = *(const volatile __u64 *) &port->list;
    list = bpf_map_lookup_elem(&markpath_lists, &id);
    if (!id || !list) {
        return 0;
    }
    return (CAN(CACHE) && list->n >= DP_XDP_CACHE_MIN_MASKS
            ? search_cache(packet, id) : search(packet, id));
}

#endif /* dp-xdp-lookup.bpf.h */
