/* SPDX-License-Identifier: Apache-2.0 */

/* A port's streams are made once, when it is configured first, and classified
 * at each start: queues, RSS and offloads may have changed in between. */

#include "simnic-ethdev.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>

#include "simnic-age.h"
#include "simnic-classify.h"
#include "simnic-dev.h"
#include "simnic-flow.h"
#include "simnic-pcap.h"
#include "simnic-queue.h"
#include "simnic-removal.h"
#include "simnic-rx.h"
#include "simnic-stats.h"
#include "simnic-tx.h"
#include "simnic-wire.h"

#define MAX_FRAME 9728
#define OVERHEAD (RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN + 2 * RTE_VLAN_HLEN)

#define RX_OFFLOADS                                                     \
    (RTE_ETH_RX_OFFLOAD_VLAN_STRIP | RTE_ETH_RX_OFFLOAD_IPV4_CKSUM      \
     | RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM      \
     | RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_SCATTER)
#define TX_OFFLOADS                                                     \
    (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE | RTE_ETH_TX_OFFLOAD_MULTI_SEGS  \
     | RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM     \
     | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_VLAN_INSERT)

static int
infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
    struct simnic_port *port = simnic_port_of(dev);
    const struct simnic_config *c = &port->config;

    info->min_mtu = RTE_ETHER_MIN_MTU;
    info->max_mtu = MAX_FRAME - OVERHEAD;
    info->min_rx_bufsize = SIMNIC_TEMPLATE_BYTES;
    info->max_rx_pktlen = MAX_FRAME;
    info->max_rx_queues = c->queues;
    info->max_tx_queues = SIMNIC_MAX_QUEUES;
    info->max_mac_addrs = 1;
    info->rx_offload_capa = RX_OFFLOADS;
    info->tx_offload_capa = TX_OFFLOADS;
    info->tx_queue_offload_capa = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
    info->reta_size = SIMNIC_RETA_SIZE;
    info->hash_key_size = SIMNIC_RSS_KEY_SIZE;
    info->flow_type_rss_offloads = SIMNIC_RSS_TYPES;
    info->rx_desc_lim.nb_max = SIMNIC_MAX_DESC;
    info->rx_desc_lim.nb_min = SIMNIC_MIN_DESC;
    info->rx_desc_lim.nb_align = SIMNIC_REFILL;
    info->tx_desc_lim = info->rx_desc_lim;
    info->speed_capa = RTE_ETH_LINK_SPEED_100G;
    info->default_rxportconf.ring_size = 512;
    info->default_txportconf.ring_size = 512;
    info->default_rxportconf.burst_size = 32;
    info->default_txportconf.burst_size = 32;
    info->dev_capa = 0;
    pthread_mutex_lock(&port->mutex);
    if (c->caps.keep_rules) {
        info->dev_capa |= (RTE_ETH_DEV_CAPA_FLOW_RULE_KEEP
                           | RTE_ETH_DEV_CAPA_FLOW_SHARED_OBJECT_KEEP);
    }
    pthread_mutex_unlock(&port->mutex);
    if (c->caps.switch_domain >= 0) {
        info->switch_info.name = "net_simnic";
        info->switch_info.domain_id = c->caps.switch_domain;
        info->switch_info.port_id = port->port_id;
    }
    return 0;
}

static const uint32_t *
supported_ptypes_get(struct rte_eth_dev *dev SIMNIC_COUNT_ARG)
{
    static const uint32_t ptypes[] = {
        RTE_PTYPE_L2_ETHER, RTE_PTYPE_L2_ETHER_VLAN, RTE_PTYPE_L2_ETHER_QINQ,
        RTE_PTYPE_L2_ETHER_ARP,
        RTE_PTYPE_L3_IPV4, RTE_PTYPE_L3_IPV4_EXT, RTE_PTYPE_L3_IPV6,
        RTE_PTYPE_L3_IPV6_EXT,
        RTE_PTYPE_L4_TCP, RTE_PTYPE_L4_UDP, RTE_PTYPE_L4_SCTP,
        RTE_PTYPE_L4_ICMP, RTE_PTYPE_L4_FRAG,
        RTE_PTYPE_TUNNEL_VXLAN, RTE_PTYPE_TUNNEL_GRE, RTE_PTYPE_TUNNEL_GENEVE,
        RTE_PTYPE_UNKNOWN
    };

    (void) dev;
    SIMNIC_COUNT(sizeof ptypes / sizeof *ptypes - 1);
    return ptypes;
}

/* Makes the streams, if that has not been done.  Returns 0 or errno. */
static int
make_streams(struct simnic_port *port)
{
    char why[120] = "";
    int error = 0;

    if (port->has_streams) {
        return 0;
    }
    if (port->config.mode == SIMNIC_GEN) {
        error = simnic_gen_streams(&port->config, port->mac.addr_bytes,
                                   &port->streams);
    } else if (port->config.mode == SIMNIC_PCAP) {
        error = simnic_pcap_streams(port->config.file, &port->streams, why,
                                    sizeof why);
    } else {
        return 0;
    }
    if (error) {
        SIMNIC_LOG(ERR, "%s: no streams: %s%s%s\n", port->name,
                   why[0] ? port->config.file : "", why[0] ? ": " : "",
                   why[0] ? why : strerror(error));
        return error;
    }
    port->has_streams = true;
    error = simnic_classify_init(port);
    if (error) {
        simnic_classify_uninit(port);
        simnic_streams_uninit(&port->streams);
        port->has_streams = false;
    }
    return error;
}

static int
set_rss(struct simnic_port *port, const struct rte_eth_rss_conf *conf)
{
    if (conf->rss_hf & ~SIMNIC_RSS_TYPES) {
        SIMNIC_LOG(ERR, "%s: RSS types 0x%" PRIx64 " are not supported\n",
                   port->name, conf->rss_hf & ~SIMNIC_RSS_TYPES);
        return -EINVAL;
    }
    if (conf->rss_key && conf->rss_key_len != SIMNIC_RSS_KEY_SIZE) {
        SIMNIC_LOG(ERR, "%s: an RSS key has %u bytes\n", port->name,
                   SIMNIC_RSS_KEY_SIZE);
        return -EINVAL;
    }
    if (conf->rss_key) {
        simnic_rss_set_key(&port->rss, conf->rss_key);
    }
    port->rss.types = conf->rss_hf;
    return 0;
}

static int
configure(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);
    const struct rte_eth_conf *conf = &dev->data->dev_conf;
    static const struct rte_eth_rss_conf no_rss;
    bool rss = conf->rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG;
    int retval;

    pthread_mutex_lock(&port->mutex);
    retval = -make_streams(port);
    if (!retval) {
        retval = set_rss(port, rss ? &conf->rx_adv_conf.rss_conf : &no_rss);
    }
    if (!retval) {
        port->n_rxq = dev->data->nb_rx_queues;
        port->n_txq = dev->data->nb_tx_queues;
        simnic_rss_spread(&port->rss, port->n_rxq);
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

static bool
strips_tags(const struct rte_eth_dev *dev)
{
    return (dev->data->dev_conf.rxmode.offloads
            & RTE_ETH_RX_OFFLOAD_VLAN_STRIP);
}

/* Brings everything that depends on the configuration up to date. */
static void
reclassify(struct simnic_port *port)
{
    if (port->has_streams) {
        simnic_classify_all(port);
    }
}

static void
stop_queues(struct simnic_port *port, uint16_t n_rxq)
{
    for (uint16_t i = 0; i < n_rxq; i++) {
        simnic_rxq_stop(port->rxq[i]);
        port->dev->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
    }
}

static int
start(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);
    bool wire = simnic_port_mode_has_wire(port);
    int error = 0;

    pthread_mutex_lock(&port->mutex);
    if (port->removed) {
        pthread_mutex_unlock(&port->mutex);
        return -EIO;
    }
    port->mtu = dev->data->mtu;
    for (uint16_t i = 0; i < port->n_rxq; i++) {
        struct simnic_rxq *q = port->rxq[i];

        if (!q) {
            SIMNIC_LOG(ERR, "%s: rx queue %u was not set up\n", port->name,
                       i);
            stop_queues(port, i);
            pthread_mutex_unlock(&port->mutex);
            return -EINVAL;
        }
        q->conf.offloads |= dev->data->dev_conf.rxmode.offloads;
        error = simnic_rxq_start(port, q);
        if (error) {
            stop_queues(port, i);
            pthread_mutex_unlock(&port->mutex);
            return -error;
        }
        dev->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
    }
    for (uint16_t i = 0; i < port->n_txq; i++) {
        if (!port->txq[i]) {
            continue;
        }
        dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STARTED;
    }
    if (port->has_streams) {
        simnic_streams_prepare(&port->streams, strips_tags(dev), &port->rss);
    }
    dev->rx_pkt_burst = wire ? simnic_wire_rx : simnic_rx_choose(port);
    dev->tx_pkt_burst = wire ? simnic_wire_tx : simnic_tx_sink;
    reclassify(port);
    port->started = true;
    simnic_queues_open(port);
    pthread_mutex_unlock(&port->mutex);
    if (wire) {
        simnic_wire_open(port, true);
    }
    simnic_removal_start(port);
    return 0;
}

static int
stop(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);

    simnic_removal_stop(port);
    if (simnic_port_mode_has_wire(port)) {
        simnic_wire_open(port, false);
    }
    pthread_mutex_lock(&port->mutex);
    simnic_queues_close(port);
    port->started = false;
    simnic_reclaim_run(port, true);
    if (!port->config.caps.keep_rules) {
        port->flow_stats.lost += simnic_flow_flush_all(port);
    }
    if (port->rules.n_aging || port->rules.n_counted) {
        simnic_classify_sync(port, NULL);
    }
    stop_queues(port, port->n_rxq);
    for (uint16_t i = 0; i < port->n_txq; i++) {
        if (port->txq[i]) {
            simnic_txq_stop(port->txq[i]);
        }
        dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
    }
    dev->data->dev_link.link_status = RTE_ETH_LINK_DOWN;
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

void
simnic_ethdev_uninit(struct simnic_port *port)
{
    struct rte_eth_dev *dev = port->dev;

    simnic_wire_leave(port);
    if (port->started) {
        stop(dev);
    }
    for (uint16_t i = 0; i < SIMNIC_MAX_QUEUES; i++) {
        simnic_rxq_release(dev, i);
        simnic_txq_release(dev, i);
    }
    simnic_age_stop(port);
    pthread_mutex_lock(&port->mutex);
    simnic_flow_flush_all(port);
    if (port->has_streams) {
        simnic_classify_uninit(port);
        simnic_streams_uninit(&port->streams);
        port->has_streams = false;
    }
    simnic_rules_uninit(&port->rules);
    pthread_mutex_unlock(&port->mutex);
}

static int
close_port(struct rte_eth_dev *dev)
{
    simnic_dev_close(dev);
    return 0;
}

static int
reset(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    simnic_flow_flush_all(port);
    port->rules.isolated = false;
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static int
link_update(struct rte_eth_dev *dev, int wait)
{
    struct simnic_port *port = simnic_port_of(dev);
    struct rte_eth_link link = {
        .link_speed = RTE_ETH_SPEED_NUM_100G,
        .link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
        .link_autoneg = RTE_ETH_LINK_AUTONEG,
    };
    bool up;

    (void) wait;
    pthread_mutex_lock(&port->mutex);
    up = port->started && !port->link_down && !port->removed;
    pthread_mutex_unlock(&port->mutex);
    if (up && port->config.mode == SIMNIC_PAIR) {
        up = simnic_wire_is_up(port);
    }
    link.link_status = up ? RTE_ETH_LINK_UP : RTE_ETH_LINK_DOWN;
    if (!up) {
        link.link_speed = RTE_ETH_SPEED_NUM_NONE;
    }
    __atomic_store(&dev->data->dev_link, &link, __ATOMIC_RELAXED);
    return 0;
}

static int
set_link(struct rte_eth_dev *dev, bool down)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    port->link_down = down;
    pthread_mutex_unlock(&port->mutex);
    if (simnic_port_mode_has_wire(port) && port->started) {
        simnic_wire_open(port, !down);
    }
    return link_update(dev, 0);
}

static int
set_link_up(struct rte_eth_dev *dev)
{
    return set_link(dev, false);
}

static int
set_link_down(struct rte_eth_dev *dev)
{
    return set_link(dev, true);
}

static int
is_removed(struct rte_eth_dev *dev)
{
    return simnic_port_of(dev)->removed;
}

/* Changes a filter and classifies anew. */
static int
set_filter(struct rte_eth_dev *dev, bool *filter, bool value)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    if (*filter != value) {
        *filter = value;
        if (port->started) {
            reclassify(port);
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static int
promiscuous_enable(struct rte_eth_dev *dev)
{
    return set_filter(dev, &simnic_port_of(dev)->promiscuous, true);
}

static int
promiscuous_disable(struct rte_eth_dev *dev)
{
    return set_filter(dev, &simnic_port_of(dev)->promiscuous, false);
}

static int
allmulticast_enable(struct rte_eth_dev *dev)
{
    return set_filter(dev, &simnic_port_of(dev)->allmulticast, true);
}

static int
allmulticast_disable(struct rte_eth_dev *dev)
{
    return set_filter(dev, &simnic_port_of(dev)->allmulticast, false);
}

static int
mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    port->mac = *mac;
    if (port->started) {
        reclassify(port);
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static int
mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    port->mtu = mtu;
    if (port->started) {
        reclassify(port);
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

/* Tags are stripped by templates, which a running port reads. */
static int
vlan_offload_set(struct rte_eth_dev *dev, int mask)
{
    struct simnic_port *port = simnic_port_of(dev);

    if (mask & RTE_ETH_VLAN_STRIP_MASK && port->started) {
        SIMNIC_LOG(ERR, "%s: stop the port to change VLAN stripping\n",
                   port->name);
        return -EBUSY;
    }
    return 0;
}

static void
rxq_info_get(struct rte_eth_dev *dev, uint16_t queue,
             struct rte_eth_rxq_info *info)
{
    const struct simnic_rxq *q = simnic_port_of(dev)->rxq[queue];

    info->mp = q->pool;
    info->conf = q->conf;
    info->nb_desc = q->n_desc;
    info->scattered_rx = 0;
}

static void
txq_info_get(struct rte_eth_dev *dev, uint16_t queue,
             struct rte_eth_txq_info *info)
{
    const struct simnic_txq *q = simnic_port_of(dev)->txq[queue];

    info->conf = q->conf;
    info->nb_desc = q->n_desc;
}

static int
rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
    struct simnic_port *port = simnic_port_of(dev);
    int retval;

    pthread_mutex_lock(&port->mutex);
    retval = set_rss(port, conf);
    if (!retval && port->started) {
        reclassify(port);
    }
    pthread_mutex_unlock(&port->mutex);
    return retval;
}

static int
rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    conf->rss_hf = port->rss.types;
    conf->rss_key_len = SIMNIC_RSS_KEY_SIZE;
    if (conf->rss_key) {
        memcpy(conf->rss_key, port->rss.key, SIMNIC_RSS_KEY_SIZE);
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static int
reta_update(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta,
            uint16_t size)
{
    struct simnic_port *port = simnic_port_of(dev);

    if (size != SIMNIC_RETA_SIZE) {
        return -EINVAL;
    }
    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < size; i++) {
        if (reta[i / 64].mask >> i % 64 & 1) {
            port->rss.reta[i] = reta[i / 64].reta[i % 64];
        }
    }
    if (port->started) {
        reclassify(port);
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static int
reta_query(struct rte_eth_dev *dev, struct rte_eth_rss_reta_entry64 *reta,
           uint16_t size)
{
    struct simnic_port *port = simnic_port_of(dev);

    if (size != SIMNIC_RETA_SIZE) {
        return -EINVAL;
    }
    pthread_mutex_lock(&port->mutex);
    for (uint16_t i = 0; i < size; i++) {
        if (reta[i / 64].mask >> i % 64 & 1) {
            reta[i / 64].reta[i % 64] = port->rss.reta[i];
        }
    }
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

static int
flow_ctrl_get(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf)
{
    (void) dev;
    memset(conf, 0, sizeof *conf);
    conf->mode = RTE_ETH_FC_NONE;
    return 0;
}

static int
flow_ctrl_set(struct rte_eth_dev *dev, struct rte_eth_fc_conf *conf)
{
    (void) dev;
    return conf->mode == RTE_ETH_FC_NONE ? 0 : -ENOTSUP;
}

static int
flow_ops_get(struct rte_eth_dev *dev, const struct rte_flow_ops **ops)
{
    (void) dev;
    *ops = &simnic_flow_ops;
    return 0;
}

/* Marks and flags are delivered unless the application says it does not want
 * them; metadata there is none. */
static int
rx_metadata_negotiate(struct rte_eth_dev *dev, uint64_t *features)
{
    struct simnic_port *port = simnic_port_of(dev);

    pthread_mutex_lock(&port->mutex);
    *features &= RTE_ETH_RX_METADATA_USER_FLAG | RTE_ETH_RX_METADATA_USER_MARK;
    port->no_mark_delivery = !(*features & RTE_ETH_RX_METADATA_USER_MARK);
    port->no_flag_delivery = !(*features & RTE_ETH_RX_METADATA_USER_FLAG);
    pthread_mutex_unlock(&port->mutex);
    return 0;
}

const struct eth_dev_ops simnic_ethdev_ops = {
    .dev_configure = configure,
    .dev_start = start,
    .dev_stop = stop,
    .dev_set_link_up = set_link_up,
    .dev_set_link_down = set_link_down,
    .dev_close = close_port,
    .dev_reset = reset,
    .link_update = link_update,
    .is_removed = is_removed,
    .promiscuous_enable = promiscuous_enable,
    .promiscuous_disable = promiscuous_disable,
    .allmulticast_enable = allmulticast_enable,
    .allmulticast_disable = allmulticast_disable,
    .mac_addr_set = mac_addr_set,
    .mtu_set = mtu_set,
    .stats_get = simnic_stats_get,
    .stats_reset = simnic_stats_reset,
    .xstats_get = simnic_xstats_get,
    .xstats_reset = simnic_xstats_reset,
    .xstats_get_names = simnic_xstats_get_names,
    .dev_infos_get = infos_get,
    .rxq_info_get = rxq_info_get,
    .txq_info_get = txq_info_get,
    .dev_supported_ptypes_get = supported_ptypes_get,
    .vlan_offload_set = vlan_offload_set,
    .rx_queue_setup = simnic_rxq_setup,
    .rx_queue_release = simnic_rxq_release,
    .tx_queue_setup = simnic_txq_setup,
    .tx_queue_release = simnic_txq_release,
    .flow_ctrl_get = flow_ctrl_get,
    .flow_ctrl_set = flow_ctrl_set,
    .rss_hash_update = rss_hash_update,
    .rss_hash_conf_get = rss_hash_conf_get,
    .reta_update = reta_update,
    .reta_query = reta_query,
    .flow_ops_get = flow_ops_get,
    .rx_metadata_negotiate = rx_metadata_negotiate,
};
