/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_ABI_H
#define SIMNIC_ABI_H 1

/* simnic-abi: what a driver must know of DPDK
 * ===========================================
 *
 * Job.  Declare the part of DPDK's driver interface that this driver uses.
 * Distributions package the headers for applications only; where the driver
 * SDK is installed, HAVE_DPDK_DRIVER_SDK selects its headers and nothing
 * below is used.
 *
 * Owns.  Nothing: declarations only, members that we do not use are padding.
 *
 * Invariants.  Every offset is asserted at compile time against numbers read
 * from DPDK 22.11's own library, x86-64, RTE_MAX_QUEUES_PER_PORT 1024.  Any
 * other DPDK refuses to compile here, and probing a port refuses to run on
 * it, by the checks at the end.
 *
 * See also.  simnic-dev.c (registers the driver and checks the ABI). */

#ifdef HAVE_DPDK_DRIVER_SDK

#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <rte_flow_driver.h>

#else /* !HAVE_DPDK_DRIVER_SDK */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_bus_vdev.h>
#include <rte_config.h>
#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0) \
    || RTE_VERSION >= RTE_VERSION_NUM(23, 0, 0, 0)
#error "simnic-abi.h describes DPDK 22.11 only; use the driver SDK's headers."
#endif
#if !defined __x86_64__ || RTE_MAX_QUEUES_PER_PORT != 1024
#error "simnic-abi.h describes x86-64 with 1024 queues per port only."
#endif

struct rte_mbuf;
struct rte_flow_ops;
struct rte_intr_handle;

/* A slot of 'struct eth_dev_ops' that this driver leaves empty. */
typedef void simnic_unused_op(void);

struct rte_driver {
    void *next[2];
    const char *name;
    const char *alias;
};

struct rte_device {
    void *next[2];
    const char *name;
    const char *bus_info;
    const struct rte_driver *driver;
    const struct rte_bus *bus;
    int numa_node;
    struct rte_devargs *devargs;
};

struct rte_vdev_device {
    void *next[2];
    struct rte_device device;
};

struct rte_vdev_driver {
    void *next[2];
    struct rte_driver driver;
    int (*probe)(struct rte_vdev_device *);
    int (*remove)(struct rte_vdev_device *);
    simnic_unused_op *dma_map;
    simnic_unused_op *dma_unmap;
    uint32_t drv_flags;
};

struct rte_eth_dev_data {
    char name[RTE_ETH_NAME_MAX_LEN];
    void **rx_queues;
    void **tx_queues;
    uint16_t nb_rx_queues;
    uint16_t nb_tx_queues;
    uint8_t pad0[12];                   /* SR-IOV. */
    void *dev_private;
    struct rte_eth_link dev_link;
    struct rte_eth_conf dev_conf;
    uint16_t mtu;
    uint8_t pad1[6];
    uint64_t rx_mbuf_alloc_failed;
    struct rte_ether_addr *mac_addrs;
    uint8_t pad2[1032];
    uint16_t port_id;
    uint8_t promiscuous : 1,
        scattered_rx : 1,
        all_multicast : 1,
        dev_started : 1,
        lro : 1,
        dev_configured : 1,
        flow_configured : 1;
    uint8_t rx_queue_state[RTE_MAX_QUEUES_PER_PORT];
    uint8_t tx_queue_state[RTE_MAX_QUEUES_PER_PORT];
    uint8_t pad3[1];
    uint32_t dev_flags;
    int numa_node;
    uint8_t pad4[590];
    uint16_t backer_port_id;
    uint8_t pad5[4];
    pthread_mutex_t flow_ops_mutex;
    uint8_t pad6[8];
};

struct rte_eth_dev {
    eth_rx_burst_t rx_pkt_burst;
    eth_tx_burst_t tx_pkt_burst;
    eth_tx_prep_t tx_pkt_prepare;
    eth_rx_queue_count_t rx_queue_count;
    eth_rx_descriptor_status_t rx_descriptor_status;
    eth_tx_descriptor_status_t tx_descriptor_status;
    struct rte_eth_dev_data *data;
    void *process_private;
    const struct eth_dev_ops *dev_ops;
    struct rte_device *device;
    struct rte_intr_handle *intr_handle;
    uint8_t pad0[16400];                /* Links and callbacks. */
    enum rte_eth_dev_state state;
    void *security_ctx;
    uint8_t pad1[8];
};

#define SIMNIC_UNUSED_OPS(FIRST, LAST) \
    simnic_unused_op *unused_##FIRST[LAST - FIRST + 1]

/* Slots are numbered from 0; RTE_ETH_*() says what each must do. */
struct eth_dev_ops {
    int (*dev_configure)(struct rte_eth_dev *);
    int (*dev_start)(struct rte_eth_dev *);
    int (*dev_stop)(struct rte_eth_dev *);
    int (*dev_set_link_up)(struct rte_eth_dev *);
    int (*dev_set_link_down)(struct rte_eth_dev *);
    int (*dev_close)(struct rte_eth_dev *);
    int (*dev_reset)(struct rte_eth_dev *);
    int (*link_update)(struct rte_eth_dev *, int wait);
    int (*is_removed)(struct rte_eth_dev *);
    int (*promiscuous_enable)(struct rte_eth_dev *);
    int (*promiscuous_disable)(struct rte_eth_dev *);
    int (*allmulticast_enable)(struct rte_eth_dev *);
    int (*allmulticast_disable)(struct rte_eth_dev *);
    SIMNIC_UNUSED_OPS(13, 14);
    int (*mac_addr_set)(struct rte_eth_dev *, struct rte_ether_addr *);
    SIMNIC_UNUSED_OPS(16, 16);
    int (*mtu_set)(struct rte_eth_dev *, uint16_t mtu);
    int (*stats_get)(struct rte_eth_dev *, struct rte_eth_stats *);
    int (*stats_reset)(struct rte_eth_dev *);
    int (*xstats_get)(struct rte_eth_dev *, struct rte_eth_xstat *,
                      unsigned int n);
    int (*xstats_reset)(struct rte_eth_dev *);
    int (*xstats_get_names)(struct rte_eth_dev *,
                            struct rte_eth_xstat_name *, unsigned int n);
    SIMNIC_UNUSED_OPS(23, 23);
    int (*dev_infos_get)(struct rte_eth_dev *, struct rte_eth_dev_info *);
    void (*rxq_info_get)(struct rte_eth_dev *, uint16_t queue,
                         struct rte_eth_rxq_info *);
    void (*txq_info_get)(struct rte_eth_dev *, uint16_t queue,
                         struct rte_eth_txq_info *);
    SIMNIC_UNUSED_OPS(27, 29);
    const uint32_t *(*dev_supported_ptypes_get)(struct rte_eth_dev *);
    SIMNIC_UNUSED_OPS(31, 34);
    int (*vlan_offload_set)(struct rte_eth_dev *, int mask);
    SIMNIC_UNUSED_OPS(36, 40);
    int (*rx_queue_setup)(struct rte_eth_dev *, uint16_t queue,
                          uint16_t n_desc, unsigned int socket,
                          const struct rte_eth_rxconf *,
                          struct rte_mempool *);
    void (*rx_queue_release)(struct rte_eth_dev *, uint16_t queue);
    SIMNIC_UNUSED_OPS(43, 44);
    int (*tx_queue_setup)(struct rte_eth_dev *, uint16_t queue,
                          uint16_t n_desc, unsigned int socket,
                          const struct rte_eth_txconf *);
    void (*tx_queue_release)(struct rte_eth_dev *, uint16_t queue);
    SIMNIC_UNUSED_OPS(47, 49);
    int (*flow_ctrl_get)(struct rte_eth_dev *, struct rte_eth_fc_conf *);
    int (*flow_ctrl_set)(struct rte_eth_dev *, struct rte_eth_fc_conf *);
    SIMNIC_UNUSED_OPS(52, 59);
    int (*rss_hash_update)(struct rte_eth_dev *, struct rte_eth_rss_conf *);
    int (*rss_hash_conf_get)(struct rte_eth_dev *, struct rte_eth_rss_conf *);
    int (*reta_update)(struct rte_eth_dev *,
                       struct rte_eth_rss_reta_entry64 *, uint16_t size);
    int (*reta_query)(struct rte_eth_dev *,
                      struct rte_eth_rss_reta_entry64 *, uint16_t size);
    SIMNIC_UNUSED_OPS(64, 69);
    int (*flow_ops_get)(struct rte_eth_dev *, const struct rte_flow_ops **);
    SIMNIC_UNUSED_OPS(71, 98);
    int (*rx_metadata_negotiate)(struct rte_eth_dev *, uint64_t *features);
    SIMNIC_UNUSED_OPS(100, 112);
};

extern struct rte_eth_dev rte_eth_devices[RTE_MAX_ETHPORTS];

struct rte_eth_dev *rte_eth_dev_allocate(const char *name);
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
void rte_eth_dev_probing_finish(struct rte_eth_dev *);
int rte_eth_dev_release_port(struct rte_eth_dev *);
int rte_eth_dev_callback_process(struct rte_eth_dev *,
                                 enum rte_eth_event_type, void *ret_param);
void rte_vdev_register(struct rte_vdev_driver *);

#define SIMNIC_ABI_AT(STRUCT, MEMBER, OFFSET)                           \
    _Static_assert(offsetof(struct STRUCT, MEMBER) == (OFFSET),         \
                   #STRUCT "." #MEMBER " is not at " #OFFSET)
#define SIMNIC_ABI_SLOT(MEMBER, SLOT) \
    SIMNIC_ABI_AT(eth_dev_ops, MEMBER, (SLOT) * sizeof(void *))
#define SIMNIC_ABI_SIZE(STRUCT, SIZE)                                   \
    _Static_assert(sizeof(struct STRUCT) == (SIZE),                     \
                   #STRUCT " has not " #SIZE " bytes")

SIMNIC_ABI_SIZE(rte_driver, 32);
SIMNIC_ABI_AT(rte_driver, name, 16);
SIMNIC_ABI_SIZE(rte_device, 64);
SIMNIC_ABI_AT(rte_device, name, 16);
SIMNIC_ABI_AT(rte_device, driver, 32);
SIMNIC_ABI_AT(rte_device, numa_node, 48);
SIMNIC_ABI_AT(rte_device, devargs, 56);
SIMNIC_ABI_SIZE(rte_vdev_device, 80);
SIMNIC_ABI_AT(rte_vdev_device, device, 16);
SIMNIC_ABI_SIZE(rte_vdev_driver, 88);
SIMNIC_ABI_AT(rte_vdev_driver, probe, 48);
SIMNIC_ABI_AT(rte_vdev_driver, drv_flags, 80);

SIMNIC_ABI_SIZE(rte_eth_dev_data, 6144);
SIMNIC_ABI_AT(rte_eth_dev_data, rx_queues, 64);
SIMNIC_ABI_AT(rte_eth_dev_data, nb_rx_queues, 80);
SIMNIC_ABI_AT(rte_eth_dev_data, dev_private, 96);
SIMNIC_ABI_AT(rte_eth_dev_data, dev_link, 104);
SIMNIC_ABI_AT(rte_eth_dev_data, dev_conf, 112);
SIMNIC_ABI_AT(rte_eth_dev_data, mtu, 2384);
SIMNIC_ABI_AT(rte_eth_dev_data, rx_mbuf_alloc_failed, 2392);
SIMNIC_ABI_AT(rte_eth_dev_data, mac_addrs, 2400);
SIMNIC_ABI_AT(rte_eth_dev_data, port_id, 3440);
SIMNIC_ABI_AT(rte_eth_dev_data, rx_queue_state, 3443);
SIMNIC_ABI_AT(rte_eth_dev_data, tx_queue_state, 4467);
SIMNIC_ABI_AT(rte_eth_dev_data, dev_flags, 5492);
SIMNIC_ABI_AT(rte_eth_dev_data, numa_node, 5496);
SIMNIC_ABI_AT(rte_eth_dev_data, backer_port_id, 6090);
SIMNIC_ABI_AT(rte_eth_dev_data, flow_ops_mutex, 6096);

SIMNIC_ABI_SIZE(rte_eth_dev, 16512);
SIMNIC_ABI_AT(rte_eth_dev, rx_queue_count, 24);
SIMNIC_ABI_AT(rte_eth_dev, data, 48);
SIMNIC_ABI_AT(rte_eth_dev, process_private, 56);
SIMNIC_ABI_AT(rte_eth_dev, dev_ops, 64);
SIMNIC_ABI_AT(rte_eth_dev, device, 72);
SIMNIC_ABI_AT(rte_eth_dev, intr_handle, 80);
SIMNIC_ABI_AT(rte_eth_dev, state, 16488);
SIMNIC_ABI_AT(rte_eth_dev, security_ctx, 16496);

SIMNIC_ABI_SIZE(eth_dev_ops, 904);
SIMNIC_ABI_SLOT(link_update, 7);
SIMNIC_ABI_SLOT(promiscuous_enable, 9);
SIMNIC_ABI_SLOT(mac_addr_set, 15);
SIMNIC_ABI_SLOT(mtu_set, 17);
SIMNIC_ABI_SLOT(xstats_get_names, 22);
SIMNIC_ABI_SLOT(dev_infos_get, 24);
SIMNIC_ABI_SLOT(dev_supported_ptypes_get, 30);
SIMNIC_ABI_SLOT(vlan_offload_set, 35);
SIMNIC_ABI_SLOT(rx_queue_setup, 41);
SIMNIC_ABI_SLOT(tx_queue_setup, 45);
SIMNIC_ABI_SLOT(flow_ctrl_get, 50);
SIMNIC_ABI_SLOT(rss_hash_update, 60);
SIMNIC_ABI_SLOT(reta_query, 63);
SIMNIC_ABI_SLOT(flow_ops_get, 70);
SIMNIC_ABI_SLOT(rx_metadata_negotiate, 99);

#include <rte_flow_driver.h>

SIMNIC_ABI_SIZE(rte_flow_ops, 296);

#endif /* !HAVE_DPDK_DRIVER_SDK */

/* Whether the DPDK that the process runs with is the one that is described
 * here: by what rte_version() says; and by what rte_eth_dev_allocate() has
 * just written to 'dev', one of 'devices', for a port with 'name'.  Each
 * returns 0, or EPROTO with the reason in the 'size' bytes at 'why'. */
int simnic_abi_check_version(const char *version, char *why, size_t size);
int simnic_abi_check_layout(const struct rte_eth_dev *devices,
                            const struct rte_eth_dev *dev, const char *name,
                            char *why, size_t size);

#endif /* simnic-abi.h */
