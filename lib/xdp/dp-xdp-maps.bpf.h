/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_MAPS_BPF_H
#define DP_XDP_MAPS_BPF_H 1

/* dp-xdp-maps: the maps of the XDP program
 * ========================================
 *
 * What is in them is said in xdp/dp-xdp-abi.h.  bpftool shows these names.
 * Part of dp-xdp.bpf.c. */

/* Defines an array that the daemon maps into its memory. */
#define DP_XDP_ARRAY(NAME, N, TYPE)             \
    struct {                                    \
        __uint(type, BPF_MAP_TYPE_ARRAY);       \
        __uint(map_flags, BPF_F_MMAPABLE);      \
        __uint(max_entries, N);                 \
        __type(key, __u32);                     \
        __type(value, TYPE);                    \
    } NAME SEC(".maps")

DP_XDP_ARRAY(markpath_ifindx, DP_XDP_IF_ENTRIES, __u64);
DP_XDP_ARRAY(markpath_ports, DP_XDP_MAX_PORTS, struct dp_xdp_port_entry);
DP_XDP_ARRAY(markpath_lists, DP_XDP_MAX_LISTS, struct dp_xdp_list);
DP_XDP_ARRAY(markpath_masks, DP_XDP_MAX_MASKS, struct dp_xdp_mask);
DP_XDP_ARRAY(markpath_index, 1 << DP_XDP_BUCKET_BITS, struct dp_xdp_bucket);
DP_XDP_ARRAY(markpath_flows, DP_XDP_MAX_FLOWS, struct dp_xdp_flow);

/* As many for each CPU; the daemon says how many that is in all. */
DP_XDP_ARRAY(markpath_stats, DP_XDP_MAX_FLOWS, struct dp_xdp_stats);

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, DP_XDP_MAX_PORTS * DP_XDP_MAX_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} markpath_xsks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, DP_XDP_MAX_PORTS);
    __type(key, __u32);
    __type(value, __u32);
} markpath_devs SEC(".maps");

/* The last one leads nowhere: the daemon writes it to wait for all CPUs. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, DP_XDP_MAX_GROUPS + 1);
    __type(key, __u32);
    __array(values, struct {
        __uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
        __uint(max_entries, DP_XDP_GROUP_PORTS);
        __type(key, __u32);
        __type(value, __u32);
    });
} markpath_groups SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1 << DP_XDP_CACHE_BITS);
    __type(key, __u32);
    __type(value, __u64);
} markpath_cache SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct dp_xdp_cache_state);
} markpath_pause SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, DP_XDP_N_COUNTS);
    __type(key, __u32);
    __type(value, __u64);
} markpath_counts SEC(".maps");

static __always_inline void
count(__u32 what)
{
    __u64 *n = bpf_map_lookup_elem(&markpath_counts, &what);

    if (n) {
        (*n)++;
    }
}

/* Counts a packet of 'size' bytes for 'flow'. */
static __always_inline void
count_flow(__u32 flow, __u32 size, __be16 tcp_flags)
{
    __u32 key = dp_xdp_stats_key(bpf_get_smp_processor_id(), flow);
    struct dp_xdp_stats *stats = bpf_map_lookup_elem(&markpath_stats, &key);

    if (stats) {
        stats->n_packets++;
        stats->n_bytes += size;
        if (tcp_flags) {
            stats->tcp_flags |= tcp_flags;
        }
    }
}

#endif /* dp-xdp-maps.bpf.h */
