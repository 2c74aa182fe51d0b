/* SPDX-License-Identifier: Apache-2.0 */

/* The XDP program of all ports.
 *
 * A packet goes to the AF_XDP socket of its queue, with struct dp_xdp_meta in
 * front, or, if there is no socket, to the kernel's own stack. */

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "xdp/dp-xdp-abi.h"

#define DP_XDP_STAGE __attribute__((noinline))

/* The daemon writes it before it loads the program.  A section of its own, so
 * that nothing else stands in it. */
const volatile struct dp_xdp_constants constants SEC(".rodata.markpath") = {};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, DP_XDP_IF_ENTRIES);
    __type(key, __u32);
    __type(value, __u64);
} markpath_ifindx SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, DP_XDP_MAX_PORTS * DP_XDP_MAX_QUEUES);
    __type(key, __u32);
    __type(value, __u32);
} markpath_xsks SEC(".maps");

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

/* Returns the slot of the port that has 'ifindex', or 0. */
static __always_inline __u32
find_port(__u32 ifindex)
{
    __u32 base = dp_xdp_if_hash(ifindex);

    for (int i = 0; i < DP_XDP_IF_PROBES; i++) {
        __u32 key = base + i;
        __u64 *entry = bpf_map_lookup_elem(&markpath_ifindx, &key);

        if (entry && *entry >> 32 == ifindex) {
            return (__u32) *entry;
        }
    }
    return 0;
}

/* Hands the packet to the socket of its queue, if there is one. */
DP_XDP_STAGE int
to_user(struct xdp_md *ctx, __u32 slot, __u32 mark)
{
    if (!bpf_xdp_adjust_meta(ctx, -(int) sizeof(struct dp_xdp_meta))) {
        struct dp_xdp_meta *meta = (void *) (long) ctx->data_meta;

        if ((void *) (meta + 1) <= (void *) (long) ctx->data) {
            meta->magic = constants.magic;
            meta->mark = mark;
        }
    } else {
        count(DP_XDP_COUNT_NO_META);
    }
    return bpf_redirect_map(&markpath_xsks,
                            dp_xdp_xsks_key(slot, ctx->rx_queue_index),
                            XDP_PASS);
}

SEC("xdp")
int
markpath(struct xdp_md *ctx)
{
    __u32 slot = find_port(ctx->ingress_ifindex);

    count(DP_XDP_COUNT_RX);
    if (!slot || ctx->rx_queue_index >= DP_XDP_MAX_QUEUES) {
        count(DP_XDP_COUNT_NO_PORT);
        return XDP_PASS;
    }
    return to_user(ctx, slot, 0);
}

/* No helper that is used here asks for another licence. */
char dp_xdp_license[] SEC("license") = "Apache-2.0";
