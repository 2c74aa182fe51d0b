/* SPDX-License-Identifier: Apache-2.0 */

/* The two ends of a wire, see tests/xdp/xdp-wire.h, and what the switch's
 * program is compared with. */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "tests/xdp/xdp-wire-abi.h"

/* The daemon's side writes these. */
__u64 template[XDP_WIRE_SIZE / 8];
__u32 ifindex;                  /* Where packets are sent. */
__u32 n_flows = 1;
__u32 n_masks;
__u32 check_macs;

/* The programs write these. */
__u32 next_flow;
__u64 n_sent;
__u32 stalls;                   /* wire_stall runs... */
__u32 n_stalls;                 /* ...or did, so often. */
__u64 counts[XDP_WIRE_MAX_CPUS][XDP_WIRE_N_COUNTS];

struct {
    __uint(type, BPF_MAP_TYPE_DEVMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} wire_dev SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} wire_xsk SEC(".maps");

/* Sends a packet of the next flow.  The kernel uses its frames again as they
 * come back, so all of it is written that a switch may have changed. */
SEC("xdp")
int
wire_send(struct xdp_md *ctx)
{
    void *data = (void *) (long) ctx->data;
    struct iphdr *ip = data + sizeof(struct ethhdr);
    __u64 *words = data;
    __u32 flow = next_flow;
    __u32 sum;

    if (data + XDP_WIRE_SIZE > (void *) (long) ctx->data_end) {
        return XDP_ABORTED;
    }
    for (int i = 0; i < XDP_WIRE_SIZE / 8; i++) {
        words[i] = template[i];
    }
    ip->saddr |= bpf_htonl(flow & 0xffff);
    sum = (__u16) ~ip->check + bpf_htons(flow & 0xffff);
    ip->check = ~((sum & 0xffff) + (sum >> 16));
    next_flow = flow + 1 < n_flows ? flow + 1 : 0;
    n_sent++;
    return bpf_redirect(ifindex, 0);
}

/* Counts packets, and looks at what the switch has made of them. */
SEC("xdp")
int
wire_receive(struct xdp_md *ctx)
{
    const struct ethhdr *eth = (void *) (long) ctx->data;
    const struct iphdr *ip = (const void *) (eth + 1);
    __u32 cpu = bpf_get_smp_processor_id();

    if (cpu >= XDP_WIRE_MAX_CPUS
        || (const void *) (ip + 1) > (void *) (long) ctx->data_end) {
        return XDP_DROP;
    }
    counts[cpu][XDP_WIRE_RECEIVED]++;
    if (check_macs) {
        const __be16 *dst = (const void *) eth->h_dest;
        const __be16 *src = (const void *) eth->h_source;

        if (dst[0] != src[0] || dst[1] != src[1] || dst[2] != src[2]) {
            counts[cpu][XDP_WIRE_TORN]++;
        } else if (eth->h_dest[0] != XDP_WIRE_MAC
                   || eth->h_dest[1] != (bpf_ntohl(ip->saddr) & 0xff)) {
            counts[cpu][XDP_WIRE_WRONG]++;
        }
    }
    return XDP_DROP;
}

/* Lets everything in: a veth device takes packets that are redirected to it
 * only if its other end has a program. */
SEC("xdp")
int
wire_pass(struct xdp_md *ctx __attribute__((unused)))
{
    return XDP_PASS;
}

/* A function of its own, which the kernel verifies apart: so loops in a loop
 * are no more for it than two. */
__attribute__((noinline)) int
stall_some(int x)
{
#pragma clang loop unroll(disable)
    for (int i = 0; i < 10000; i++) {
        asm volatile ("" : : : "memory");
    }
    return x;
}

/* Does not end for some ms. */
SEC("xdp")
int
wire_stall(struct xdp_md *ctx __attribute__((unused)))
{
    int verdict = XDP_DROP;

    *(volatile __u32 *) &stalls = 1;
    *(volatile __u32 *) &n_stalls += 1;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 2000; i++) {
        verdict = stall_some(verdict);
    }
    *(volatile __u32 *) &stalls = 0;
    return verdict;
}

/* The least that a switch could do. */
SEC("xdp")
int
wire_bare(struct xdp_md *ctx __attribute__((unused)))
{
    return bpf_redirect_map(&wire_dev, 0, XDP_DROP);
}

/* The least that has to be done for a socket. */
SEC("xdp")
int
wire_bare_xsk(struct xdp_md *ctx __attribute__((unused)))
{
    return bpf_redirect_map(&wire_xsk, 0, XDP_DROP);
}

/* A table of flows as one would make it of the kernel's own: a hash of masked
 * keys, as long as ours are without IPv6. */
struct wire_key {
    __u64 words[5];
    __u64 mask;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 65536);
    __type(key, struct wire_key);
    __type(value, __u64);
} wire_hash SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, XDP_WIRE_MAX_MASKS);
    __type(key, __u32);
    __type(value, struct wire_key);
} wire_masks SEC(".maps");

/* Looks the packet up under 'n_masks' masks. */
SEC("xdp")
int
wire_lookup(struct xdp_md *ctx)
{
    const __u64 *packet = (void *) (long) ctx->data;
    __u64 words[5];

    if ((const void *) (packet + 5) > (void *) (long) ctx->data_end) {
        return XDP_ABORTED;
    }
    for (int i = 0; i < 5; i++) {
        words[i] = packet[i];
    }
    for (__u32 m = 0; m < XDP_WIRE_MAX_MASKS && m < n_masks; m++) {
        struct wire_key key = { .mask = m };
        const struct wire_key *mask;
        __u32 number = m;

        mask = bpf_map_lookup_elem(&wire_masks, &number);
        if (!mask) {
            break;
        }
        for (int i = 0; i < 5; i++) {
            key.words[i] = words[i] & mask->words[i];
        }
        if (bpf_map_lookup_elem(&wire_hash, &key)) {
            return XDP_DROP;
        }
    }
    return XDP_PASS;
}

char wire_license[] SEC("license") = "Apache-2.0";
