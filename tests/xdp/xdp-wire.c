/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "tests/xdp/xdp-wire.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <sched.h>
#include <unistd.h>

#include "csum.h"
#include "packets.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "tests/xdp/xdp-wire.skel.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"
#include "xdp/dp-xdp-table.h"

/* The kernel sends so many at once. */
#define BATCH 64

void
xdp_wire_make_devices(void)
{
    xdp_rig_unshare();
    xdp_rig_shell(
        "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 && "
        "ip link add in type veth peer name wire0 && "
        "ip link add out type veth peer name wire1");
    xdp_rig_set_up("in", "wire0");
    xdp_rig_set_up("out", "wire1");
}

/* UDP, from 10.1.0.0. */
static void
fill_template(struct xdp_wire *wire)
{
    uint8_t *packet = (uint8_t *) wire->bpf->bss->template;
    struct eth_header *eth = (struct eth_header *) packet;
    struct ip_header *ip = (struct ip_header *) (eth + 1);
    struct udp_header *udp = (struct udp_header *) (ip + 1);

    eth->eth_dst = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,02);
    eth->eth_src = (struct eth_addr) ETH_ADDR_C(00,00,00,00,00,01);
    eth->eth_type = htons(ETH_TYPE_IP);
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tot_len = htons(XDP_WIRE_SIZE - ETH_HEADER_LEN);
    ip->ip_ttl = 64;
    ip->ip_proto = IPPROTO_UDP;
    put_16aligned_be32(&ip->ip_src, htonl(0x0a010000));
    put_16aligned_be32(&ip->ip_dst, htonl(0x0a020001));
    ip->ip_csum = csum(ip, IP_HEADER_LEN);
    udp->udp_src = htons(1000);
    udp->udp_dst = htons(2000);
    udp->udp_len = htons(XDP_WIRE_SIZE - ETH_HEADER_LEN - IP_HEADER_LEN);
}

void
xdp_wire_init(struct xdp_wire *wire)
{
    uint32_t zero = 0;
    int error;

    memset(wire, 0, sizeof *wire);
    wire->in = xdp_rig_ifindex("in");
    wire->out = xdp_rig_ifindex("out");
    wire->bpf = xdp_wire_bpf__open_and_load();
    if (!wire->bpf) {
        dptest_skip("no BPF programs: %s", ovs_strerror(errno));
    }
    fill_template(wire);
    wire->bpf->bss->ifindex = xdp_rig_ifindex("wire0");
    error = -bpf_xdp_attach(xdp_rig_ifindex("wire1"),
                            bpf_program__fd(wire->bpf->progs.wire_receive),
                            XDP_FLAGS_DRV_MODE, NULL);
    if (error) {
        dptest_skip("no XDP program on a veth device: %s",
                    ovs_strerror(error));
    }
    ovs_assert(!bpf_map_update_elem(bpf_map__fd(wire->bpf->maps.wire_dev),
                                    &zero, &wire->out, 0));
}

void
xdp_wire_uninit(struct xdp_wire *wire)
{
    bpf_xdp_detach(xdp_rig_ifindex("wire1"), XDP_FLAGS_DRV_MODE, NULL);
    xdp_wire_bpf__destroy(wire->bpf);
}

void
xdp_wire_set_flows(struct xdp_wire *wire, uint32_t n)
{
    wire->bpf->data->n_flows = n;
    wire->bpf->bss->next_flow = 0;
}

double
xdp_wire_send(struct xdp_wire *wire, uint32_t n)
{
    uint8_t packet[XDP_WIRE_SIZE] = { 0 };
    LIBBPF_OPTS(bpf_test_run_opts, opts,
                .data_in = packet,
                .data_size_in = sizeof packet,
                .repeat = n,
                .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                .batch_size = BATCH);
    int error = -bpf_prog_test_run_opts(
        bpf_program__fd(wire->bpf->progs.wire_send), &opts);

    if (error) {
        dptest_fail("BPF_PROG_TEST_RUN of live frames: %s",
                    ovs_strerror(error));
    }
    return opts.duration;
}

uint64_t
xdp_wire_sent(const struct xdp_wire *wire)
{
    return *(const volatile uint64_t *) &wire->bpf->bss->n_sent;
}

uint64_t
xdp_wire_count(const struct xdp_wire *wire, enum xdp_wire_count what)
{
    uint64_t sum = 0;

    for (int cpu = 0; cpu < XDP_WIRE_MAX_CPUS; cpu++) {
        sum += *(const volatile uint64_t *) &wire->bpf->bss->counts[cpu][what];
    }
    return sum;
}

void
xdp_wire_replace_program(const struct xdp_wire *wire, int prog_fd)
{
    int fd = xdp_rig_open_link(wire->in);

    ovs_assert(!bpf_link_update(fd, prog_fd, NULL));
    close(fd);
}

/* The switch. */

static struct dp_xdp_port *
attach(struct xdp_wire *wire, uint32_t ifindex)
{
    struct dp_xdp_port *port;
    char *why;

    if (dp_xdp_attach(wire->loader, ifindex, DP_XDP_NATIVE, &port, &why)) {
        dptest_fail("%s", why);
    }
    return port;
}

void
xdp_wire_init_switch(struct xdp_wire *wire, uint32_t can)
{
    wire->loader = xdp_rig_load();
    wire->in_port = attach(wire, wire->in);
    wire->out_port = attach(wire, wire->out);
    xdp_wire_set_can(wire, can);
}

void
xdp_wire_uninit_switch(struct xdp_wire *wire)
{
    dp_xdp_table_check(dp_xdp_loader_table(wire->loader));
    dp_xdp_detach(wire->out_port);
    dp_xdp_detach(wire->in_port);
    dp_xdp_loader_destroy(wire->loader);
}

void
xdp_wire_set_can(struct xdp_wire *wire, uint32_t can)
{
    char *why;

    if (dp_xdp_loader_switch(wire->loader, can, &why)) {
        dptest_fail("%s", why);
    }
}

int
xdp_wire_put(struct xdp_wire *wire, uint32_t i, uint32_t mask_i,
             const struct dp_xdp_action *action, uint32_t *flowp)
{
    struct dp_xdp_key key, mask;

    memset(&key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    key.slot = dp_xdp_port_slot(wire->in_port);
    key.dl_type = htons(ETH_TYPE_IP);
    key.nw_src = htonl(0x0a010000 | i);
    mask.slot = UINT16_MAX;
    mask.dl_type = OVS_BE16_MAX;
    mask.nw_src = OVS_BE32_MAX;
    mask.dl_src[0] = mask_i;            /* Zero in all packets. */
    return dp_xdp_table_put(dp_xdp_loader_table(wire->loader), &key, &mask,
                            action, flowp);
}

void
xdp_wire_del(struct xdp_wire *wire, uint32_t flow)
{
    struct dp_xdp_table *table = dp_xdp_loader_table(wire->loader);

    dp_xdp_table_del(table, flow);
    dp_xdp_table_forget(table, flow);
    dp_xdp_loader_wake(wire->loader);
}

void
xdp_wire_put_flows(struct xdp_wire *wire, uint32_t n, uint32_t *flows)
{
    const struct dp_xdp_action action = {
        .fate = DP_XDP_OUTPUT,
        .out = dp_xdp_port_slot(wire->out_port),
    };

    for (uint32_t i = 0; i < n; i++) {
        ovs_assert(!xdp_wire_put(wire, i, i, &action, &flows[i]));
    }
    xdp_wire_set_flows(wire, n);
}

void
xdp_wire_del_flows(struct xdp_wire *wire, uint32_t n, const uint32_t *flows)
{
    for (uint32_t i = 0; i < n; i++) {
        xdp_wire_del(wire, flows[i]);
    }
}

void
xdp_wire_pin(unsigned int cpu)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ovs_assert(!sched_setaffinity(0, sizeof cpus, &cpus));
}
