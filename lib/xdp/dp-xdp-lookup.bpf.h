/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_LOOKUP_BPF_H
#define DP_XDP_LOOKUP_BPF_H 1

/* dp-xdp-lookup: from a key to a flow
 * ===================================
 *
 * The masks of the in-port, one after the other; the first flow that is found
 * is right, since megaflows that overlap have the same actions.  If there are
 * some masks, a cache is asked first.  Part of dp-xdp.bpf.c. */

/* The words of IPv6 are zero in keys of other packets. */
static __always_inline int
has_ipv6(const struct packet *packet)
{
    return CAN(IPV6) && packet->key.dl_type == bpf_htons(ETH_P_IPV6);
}

/* The hash of the packet's key under 'mask'. */
static __always_inline __u64
hash_masked(const struct packet *packet, const struct dp_xdp_key *mask,
            __u32 mask_id)
{
    __u64 h = mask_id * constants.hash[DP_XDP_N_WORDS];

    h += dp_xdp_hash_words(&packet->key, mask, &constants, 0,
                           DP_XDP_N_BASE_WORDS);
    if (has_ipv6(packet)) {
        h += dp_xdp_hash_words(&packet->key, mask, &constants,
                               DP_XDP_N_BASE_WORDS, DP_XDP_N_WORDS);
    }
    return dp_xdp_hash_mix(h);
}

/* The hash of the whole key. */
static __always_inline __u64
hash_key(const struct packet *packet)
{
    __u64 h = 0;

    for (int i = 0; i < DP_XDP_N_BASE_WORDS; i++) {
        h += packet->key.words[i] * constants.hash[i];
    }
    if (has_ipv6(packet)) {
        for (int i = DP_XDP_N_BASE_WORDS; i < DP_XDP_N_WORDS; i++) {
            h += packet->key.words[i] * constants.hash[i];
        }
    }
    return dp_xdp_hash_mix(h);
}

/* Is flow 'id' there, with mask 'mask_id', or with any if that is 0, and is
 * the packet one of it? */
static __always_inline int
verify(const struct packet *packet, __u32 id, __u32 mask_id)
{
    const struct dp_xdp_flow *flow;
    const struct dp_xdp_mask *mask;
    __u64 differ = 0;

    flow = bpf_map_lookup_elem(&markpath_flows, &id);
    if (!flow || !flow->valid || (mask_id && flow->mask != mask_id)) {
        return 0;
    }
    mask_id = flow->mask;
    mask = bpf_map_lookup_elem(&markpath_masks, &mask_id);
    if (!mask) {
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

/* Returns the flow of the packet in 'bucket', or 0. */
static __always_inline __u32
find_in_bucket(const struct packet *packet, const struct dp_xdp_bucket *bucket,
               __u64 hash, __u32 mask_id)
{
#pragma clang loop unroll(disable)
    for (int i = 0; i < DP_XDP_BUCKET_ENTRIES; i++) {
        __u64 entry = *(const volatile __u64 *) &bucket->entries[i];

        if (entry >> 32 == (__u32) hash && verify(packet, entry, mask_id)) {
            return entry;
        }
    }
    return 0;
}

/* Returns the bucket where flows of mask 'mask_id' that have the packet begin,
 * or null.  Stores the hash in '*hash'. */
static __always_inline const struct dp_xdp_bucket *
find_bucket(const struct packet *packet, __u32 mask_id, __u64 *hash)
{
    const struct dp_xdp_mask *mask;
    __u32 number;

    mask = bpf_map_lookup_elem(&markpath_masks, &mask_id);
    if (!mask) {
        return NULL;
    }
    *hash = hash_masked(packet, &mask->key, mask_id);
    number = dp_xdp_hash_bucket(*hash, 0);
    return bpf_map_lookup_elem(&markpath_index, &number);
}

/* Returns the flow of the packet that has mask 'mask_id', or 0. */
DP_XDP_STAGE __u32
find(const struct packet *packet, __u32 mask_id)
{
    const struct dp_xdp_bucket *bucket;
    __u32 number, id;
    __u64 hash;

    if (!packet) {
        return 0;
    }
    bucket = find_bucket(packet, mask_id, &hash);
    if (!bucket) {
        return 0;
    }
    id = find_in_bucket(packet, bucket, hash, mask_id);
    if (id || !(bucket->tags & DP_XDP_BUCKET_ELSEWHERE)) {
        return id;
    }
    number = dp_xdp_hash_bucket(hash, 1);
    bucket = bpf_map_lookup_elem(&markpath_index, &number);
    return bucket ? find_in_bucket(packet, bucket, hash, mask_id) : 0;
}

/* Returns the flow of the packet that one of the masks in list 'list_id' finds
 * from mask 'first' on, or 0. */
DP_XDP_STAGE __u32
search_on(const struct packet *packet, __u32 list_id, __u32 first)
{
    const struct dp_xdp_list *list;

    list = bpf_map_lookup_elem(&markpath_lists, &list_id);
    if (!packet || !list) {
        return 0;
    }
#pragma clang loop unroll(disable)
    for (__u32 i = 0; i < DP_XDP_LIST_MASKS && i < list->n; i++) {
        __u32 flow = i < first ? 0 : find(packet, list->masks[i]);

        if (flow) {
            return flow;
        }
    }
    return 0;
}

/* The same, from the first mask on.  Goes past masks that have no flow by
 * tags alone, and most often the first one that may have one has it. */
static __always_inline __u32
search(const struct packet *packet, const struct dp_xdp_list *list,
       __u32 list_id)
{
    const struct dp_xdp_bucket *bucket = NULL;
    __u32 n = list->n, i, mask_id = 0, id;
    __u64 hash = 0;

#pragma clang loop unroll(disable)
    for (i = 0; i < DP_XDP_LIST_MASKS && i < n; i++) {
        mask_id = list->masks[i];
        bucket = find_bucket(packet, mask_id, &hash);
        if (!bucket
            || dp_xdp_tags_match(*(const volatile __u64 *) &bucket->tags,
                                 hash)) {
            break;
        }
        bucket = NULL;
    }
    if (!bucket) {
        return 0;
    }
    id = find_in_bucket(packet, bucket, hash, mask_id);
    if (!id) {
        id = search_on(packet, list_id, i);
    }
    if (id) {
        count(DP_XDP_COUNT_INDEX);
    }
    return id;
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

/* Returns the flow that the cache has for the packet, whose key has 'hash', or
 * 0.  Stores the entry to write then, or null, in '*entryp'. */
static __always_inline __u32
ask_cache(const struct packet *packet, __u64 hash, __u64 **entryp)
{
    struct dp_xdp_cache_state *state;
    __u32 zero = 0, id;
    __u64 *entry;

    state = bpf_map_lookup_elem(&markpath_pause, &zero);
    if (!state) {
        return 0;
    }
    *entryp = entry = find_cache_entry(state, hash);
    if (entry && *entry >> 32 == (__u32) hash) {
        id = *entry;
        if (verify(packet, id, 0)) {
            state->n_hits++;
            count(DP_XDP_COUNT_CACHE);
            return id;
        }
    }
    return 0;
}

/* Returns the flow of the packet, or 0. */
static __always_inline __u32
lookup(const struct packet *packet)
{
    const struct dp_xdp_port_entry *port;
    const struct dp_xdp_list *list;
    __u32 slot = packet->key.slot;
    __u64 *entry = NULL, hash = 0;
    __u32 list_id, id;

    port = bpf_map_lookup_elem(&markpath_ports, &slot);
    if (!port) {
        return 0;
    }
    list_id = *(const volatile __u64 *) &port->list;
    list = bpf_map_lookup_elem(&markpath_lists, &list_id);
    if (!list_id || !list) {
        return 0;
    }
    if (CAN(CACHE) && list->n >= DP_XDP_CACHE_MIN_MASKS) {
        hash = hash_key(packet);
        id = ask_cache(packet, hash, &entry);
        if (id) {
            return id;
        }
    }
    id = search(packet, list, list_id);
    if (id && entry) {
        *entry = dp_xdp_index_entry(hash, id);
    }
    return id;
}

#endif /* dp-xdp-lookup.bpf.h */
