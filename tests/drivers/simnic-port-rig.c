/* SPDX-License-Identifier: Apache-2.0 */

#include "simnic-port-rig.h"

#include <stdlib.h>
#include <string.h>

#include <rte_bus_vdev.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_udp.h>

struct rte_mempool *pool;
struct rte_flow_error error;
const char *test_name;
bool test_ok;

uint16_t
add_port(const char *name, const char *args)
{
    uint16_t port = UINT16_MAX;

    if (rte_vdev_init(name, args)
        || rte_eth_dev_get_port_by_name(name, &port)) {
        return UINT16_MAX;
    }
    return port;
}

int
start_port(uint16_t port, uint16_t n_queues, uint64_t rx_offloads)
{
    struct rte_eth_conf conf;
    int retval;

    memset(&conf, 0, sizeof conf);
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rxmode.offloads = rx_offloads;
    conf.rx_adv_conf.rss_conf.rss_hf = (RTE_ETH_RSS_NONFRAG_IPV4_UDP
                                        | RTE_ETH_RSS_IPV4
                                        | RTE_ETH_RSS_IPV6);
    retval = rte_eth_dev_configure(port, n_queues, 1, &conf);
    for (uint16_t i = 0; !retval && i < n_queues; i++) {
        retval = rte_eth_rx_queue_setup(port, i, 128, 0, NULL, pool);
    }
    if (!retval) {
        retval = rte_eth_tx_queue_setup(port, 0, 128, 0, NULL);
    }
    if (!retval) {
        retval = rte_eth_promiscuous_enable(port);
    }
    return retval ? retval : rte_eth_dev_start(port);
}

uint16_t
open_port(const char *name, const char *args)
{
    uint16_t port = add_port(name, args);

    CHECK(port != UINT16_MAX);
    CHECK(!start_port(port, 1, 0));
    return port;
}

void
close_port(uint16_t port)
{
    char name[RTE_ETH_NAME_MAX_LEN];

    CHECK(!rte_eth_dev_get_name_by_port(port, name));
    CHECK(!rte_eth_dev_stop(port));
    CHECK(!rte_eth_dev_close(port));
    CHECK(!rte_vdev_uninit(name));
}

bool
wait_until_removed(uint16_t port)
{
    for (int i = 0; i < 10000 && !rte_eth_dev_is_removed(port); i++) {
        rte_delay_us_sleep(1000);
    }
    return rte_eth_dev_is_removed(port);
}

unsigned int
receive(uint16_t port, uint16_t queue, struct rte_mbuf **pkts, unsigned int n)
{
    unsigned int got = 0;

    for (int idle = 0; got < n && idle < 100; idle++) {
        uint16_t k = rte_eth_rx_burst(port, queue, pkts + got,
                                      RTE_MIN(n - got, 32u));

        got += k;
        idle = k ? 0 : idle;
    }
    return got;
}

void
rule_init(struct rule *r, uint32_t dst)
{
    memset(r, 0, sizeof *r);
    r->attr.ingress = 1;
    r->item[0].type = RTE_FLOW_ITEM_TYPE_ETH;
    r->item[1].type = RTE_FLOW_ITEM_TYPE_IPV4;
    if (dst) {
        r->ipv4.hdr.dst_addr = rte_cpu_to_be_32(dst);
        r->ipv4_mask.hdr.dst_addr = UINT32_MAX;
        r->item[1].spec = &r->ipv4;
        r->item[1].mask = &r->ipv4_mask;
    }
    r->n_items = 2;
}

void
rule_act(struct rule *r, enum rte_flow_action_type type, const void *conf)
{
    r->action[r->n_actions].type = type;
    r->action[r->n_actions++].conf = conf;
}

void
rule_mark(struct rule *r, uint32_t mark)
{
    r->mark.id = mark;
    rule_act(r, RTE_FLOW_ACTION_TYPE_MARK, &r->mark);
}

void
rule_queue(struct rule *r, uint16_t queue)
{
    r->queue.index = queue;
    rule_act(r, RTE_FLOW_ACTION_TYPE_QUEUE, &r->queue);
}

struct rte_flow *
rule_create(uint16_t port, struct rule *r)
{
    int valid = rte_flow_validate(port, &r->attr, r->item, r->action, &error);
    struct rte_flow *flow;

    memset(&error, 0, sizeof error);
    flow = rte_flow_create(port, &r->attr, r->item, r->action, &error);
    CHECK(!valid == (flow != NULL));
    CHECK(flow || (error.message && error.type));
    return flow;
}

uint64_t
hits(uint16_t port, struct rte_flow *flow)
{
    struct rte_flow_action count = { .type = RTE_FLOW_ACTION_TYPE_COUNT };
    struct rte_flow_query_count query = { .reset = 0 };

    CHECK(!rte_flow_query(port, flow, &count, &query, &error));
    CHECK(query.hits_set && query.bytes_set);
    return query.hits;
}

uint32_t
dst_of(const struct rte_mbuf *m)
{
    const struct rte_ipv4_hdr *ip;

    ip = rte_pktmbuf_mtod_offset(m, const struct rte_ipv4_hdr *, 14);
    return rte_be_to_cpu_32(ip->dst_addr);
}

bool
csums_ok(const struct rte_mbuf *m)
{
    struct rte_ipv4_hdr *ip = rte_pktmbuf_mtod_offset(
        m, struct rte_ipv4_hdr *, 14);
    void *l4 = ip + 1;

    if (rte_ipv4_cksum(ip) != 0 && rte_raw_cksum(ip, 20) != 0xffff) {
        return false;
    }
    return (ip->next_proto_id == IPPROTO_TCP
            ? !rte_ipv4_udptcp_cksum_verify(ip, l4) : true);
}

struct rte_mbuf *
make_packet(uint32_t dst)
{
    struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
    uint8_t *p = m ? (uint8_t *) rte_pktmbuf_append(m, 60) : NULL;
    struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *) (p + 14);
    struct rte_udp_hdr *udp = (struct rte_udp_hdr *) (ip + 1);

    if (!p) {
        abort();
    }
    memset(p, 0, 60);
    memcpy(p, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0", 14);
    ip->version_ihl = 0x45;
    ip->total_length = RTE_BE16(46);
    ip->time_to_live = 9;
    ip->next_proto_id = IPPROTO_UDP;
    ip->src_addr = RTE_BE32(0x0a000001);
    ip->dst_addr = rte_cpu_to_be_32(dst);
    udp->dgram_len = RTE_BE16(26);
    m->l2_len = 14;
    m->l3_len = 20;
    m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
    return m;
}
