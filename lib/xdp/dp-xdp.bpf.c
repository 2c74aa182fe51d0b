/* SPDX-License-Identifier: Apache-2.0 */

/* The XDP program of all ports.
 *
 * A packet is parsed, its flow looked up, and the flow's actions run.  One
 * that is not understood, or of no flow, goes to the AF_XDP socket of its
 * queue, with struct dp_xdp_meta in front, or, if there is no socket, to the
 * kernel's own stack; or nowhere, if the socket has gone with its daemon, and
 * flows were to stay.
 *
 * Where processors must be kept from guessing where a function returns to, a
 * return costs 10 ns, so what each packet needs is one function.  What few
 * packets need are global functions: the kernel verifies each by itself, for
 * any arguments, which limits what it has to look at.
 *
 * 'constants.can' is known to the verifier, which takes out what a program
 * is not to do. */

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "xdp/dp-xdp-abi.h"

#define DP_XDP_STAGE __attribute__((noinline))
#define CAN(WHAT) (constants.can & DP_XDP_CAN_##WHAT)

/* The daemon writes it before it loads the program.  A section of its own, so
 * that nothing else stands in it. */
const volatile struct dp_xdp_constants constants SEC(".rodata.markpath") = {};

#include "xdp/dp-xdp-maps.bpf.h"
#include "xdp/dp-xdp-parse.bpf.h"
#include "xdp/dp-xdp-lookup.bpf.h"
#include "xdp/dp-xdp-act.bpf.h"

/* Returns the entry of the port that has 'ifindex', or 0. */
static __always_inline __u64
find_port(__u32 ifindex)
{
    __u32 base = dp_xdp_if_hash(ifindex);

    for (int i = 0; i < DP_XDP_IF_PROBES; i++) {
        __u32 key = base + i;
        __u64 *entry = bpf_map_lookup_elem(&markpath_ifindx, &key);

        if (entry && *entry >> 32 == ifindex) {
            return *entry;
        }
    }
    return 0;
}

/* Does what the packet's flow says.  Returns a verdict, or TO_USER; then
 * '*mark' is the mark, if there is one. */
static __always_inline int
run_flow(struct xdp_md *ctx, __u32 slot, __u32 *mark)
{
    struct packet packet = {};
    struct dp_xdp_flow *flow;
    __u32 id;

    packet.key.slot = slot;
    if (parse(ctx, &packet)) {
        count(DP_XDP_COUNT_PARSE);
        return TO_USER;
    }
    id = lookup(&packet);
    flow = bpf_map_lookup_elem(&markpath_flows, &id);
    if (!id || !flow) {
        count(DP_XDP_COUNT_MISS);
        return TO_USER;
    }
    if (flow->action.fate == DP_XDP_MARK) {
        *mark = flow->action.mark;
        return TO_USER;
    }
    return act(ctx, &packet, id, &flow->action);
}

SEC("xdp")
int
markpath(struct xdp_md *ctx)
{
    __u64 port = find_port(ctx->ingress_ifindex);
    __u32 slot = dp_xdp_if_slot(port);
    int verdict = TO_USER;
    __u32 mark = 0;

    count(DP_XDP_COUNT_RX);
    if (!slot || ctx->rx_queue_index >= DP_XDP_MAX_QUEUES) {
        count(DP_XDP_COUNT_NO_PORT);
        return XDP_PASS;
    }
    if (CAN(LOOKUP)) {
        verdict = run_flow(ctx, slot, &mark);
    }
    return verdict == TO_USER ? to_user(ctx, port, mark) : verdict;
}

/* No helper that is used here asks for another licence. */
char dp_xdp_license[] SEC("license") = "Apache-2.0";
