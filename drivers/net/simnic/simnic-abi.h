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
 * Invariants.  Every offset is asserted at compile time against a table of
 * numbers that print-abi.c has printed with the headers of that release of
 * DPDK, x86-64, RTE_MAX_QUEUES_PER_PORT 1024.  A DPDK without a table refuses
 * to compile here, and probing a port refuses to run on another than that of
 * the build, by the checks at the end.
 *
 * See also.  simnic-dev.c (registers the driver and checks the ABI). */

#include <rte_version.h>

/* Who answers with an array ends it with 0, and since 24.03 counts, too. */
#if RTE_VERSION < RTE_VERSION_NUM(24, 3, 0, 0)
#define SIMNIC_COUNT_ARG
#define SIMNIC_COUNT(N) ((void) 0)
#else
#define SIMNIC_COUNT_ARG , size_t *n_elements
#define SIMNIC_COUNT(N) ((void) (*n_elements = (N)))
#endif

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

#if RTE_VERSION >= RTE_VERSION_NUM(22, 11, 0, 0) \
    && RTE_VERSION < RTE_VERSION_NUM(23, 0, 0, 0)
#include "simnic-abi-22.11.h"
#elif RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0) \
    && RTE_VERSION < RTE_VERSION_NUM(25, 0, 0, 0)
#include "simnic-abi-24.11.h"
#else
#error "No simnic-abi-*.h is of this DPDK; use the driver SDK's headers."
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
    uint8_t pad6[SIMNIC_SIZE_rte_eth_dev_data
                 - SIMNIC_AT_rte_eth_dev_data_flow_ops_mutex
                 - sizeof(pthread_mutex_t)];
};

struct rte_eth_dev {
    eth_rx_burst_t rx_pkt_burst;
    eth_tx_burst_t tx_pkt_burst;
    eth_tx_prep_t tx_pkt_prepare;
    eth_rx_queue_count_t rx_queue_count;
    eth_rx_descriptor_status_t rx_descriptor_status;
    eth_tx_descriptor_status_t tx_descriptor_status;
    uint8_t pad0[SIMNIC_AT_rte_eth_dev_data - 6 * sizeof(void *)];
    struct rte_eth_dev_data *data;
    void *process_private;
    const struct eth_dev_ops *dev_ops;
    uint8_t pad1[SIMNIC_AT_rte_eth_dev_device
                 - SIMNIC_AT_rte_eth_dev_dev_ops - sizeof(void *)];
    struct rte_device *device;
    struct rte_intr_handle *intr_handle;
    uint8_t pad2[SIMNIC_AT_rte_eth_dev_state
                 - SIMNIC_AT_rte_eth_dev_intr_handle - sizeof(void *)];
    enum rte_eth_dev_state state;
    void *security_ctx;
    uint8_t pad3[SIMNIC_SIZE_rte_eth_dev
                 - SIMNIC_AT_rte_eth_dev_security_ctx - sizeof(void *)];
};

/* Slots between two members that this driver leaves empty. */
#define SIMNIC_GAP(FROM, TO) \
    simnic_unused_op *gap_##TO[SIMNIC_SLOT_##TO - SIMNIC_SLOT_##FROM - 1]

/* RTE_ETH_*() says what each must do. */
struct eth_dev_ops {
    int (*dev_configure)(struct rte_eth_dev *);
    int (*dev_start)(struct rte_eth_dev *);
    int (*dev_stop)(struct rte_eth_dev *);
    int (*dev_set_link_up)(struct rte_eth_dev *);
    int (*dev_set_link_down)(struct rte_eth_dev *);
    int (*dev_close)(struct rte_eth_dev *);
    int (*dev_reset)(struct rte_eth_dev *);
    int (*link_update)(struct rte_eth_dev *, int wait);
    SIMNIC_GAP(link_update, is_removed);
    int (*is_removed)(struct rte_eth_dev *);
    int (*promiscuous_enable)(struct rte_eth_dev *);
    int (*promiscuous_disable)(struct rte_eth_dev *);
    int (*allmulticast_enable)(struct rte_eth_dev *);
    int (*allmulticast_disable)(struct rte_eth_dev *);
    SIMNIC_GAP(allmulticast_disable, mac_addr_set);
    int (*mac_addr_set)(struct rte_eth_dev *, struct rte_ether_addr *);
    SIMNIC_GAP(mac_addr_set, mtu_set);
    int (*mtu_set)(struct rte_eth_dev *, uint16_t mtu);
    int (*stats_get)(struct rte_eth_dev *, struct rte_eth_stats *);
    int (*stats_reset)(struct rte_eth_dev *);
    int (*xstats_get)(struct rte_eth_dev *, struct rte_eth_xstat *,
                      unsigned int n);
    int (*xstats_reset)(struct rte_eth_dev *);
    int (*xstats_get_names)(struct rte_eth_dev *,
                            struct rte_eth_xstat_name *, unsigned int n);
    SIMNIC_GAP(xstats_get_names, dev_infos_get);
    int (*dev_infos_get)(struct rte_eth_dev *, struct rte_eth_dev_info *);
    void (*rxq_info_get)(struct rte_eth_dev *, uint16_t queue,
                         struct rte_eth_rxq_info *);
    void (*txq_info_get)(struct rte_eth_dev *, uint16_t queue,
                         struct rte_eth_txq_info *);
    SIMNIC_GAP(txq_info_get, dev_supported_ptypes_get);
    const uint32_t *(*dev_supported_ptypes_get)(struct rte_eth_dev *
                                                SIMNIC_COUNT_ARG);
    SIMNIC_GAP(dev_supported_ptypes_get, vlan_offload_set);
    int (*vlan_offload_set)(struct rte_eth_dev *, int mask);
    SIMNIC_GAP(vlan_offload_set, rx_queue_setup);
    int (*rx_queue_setup)(struct rte_eth_dev *, uint16_t queue,
                          uint16_t n_desc, unsigned int socket,
                          const struct rte_eth_rxconf *,
                          struct rte_mempool *);
    void (*rx_queue_release)(struct rte_eth_dev *, uint16_t queue);
    SIMNIC_GAP(rx_queue_release, tx_queue_setup);
    int (*tx_queue_setup)(struct rte_eth_dev *, uint16_t queue,
                          uint16_t n_desc, unsigned int socket,
                          const struct rte_eth_txconf *);
    void (*tx_queue_release)(struct rte_eth_dev *, uint16_t queue);
    SIMNIC_GAP(tx_queue_release, flow_ctrl_get);
    int (*flow_ctrl_get)(struct rte_eth_dev *, struct rte_eth_fc_conf *);
    int (*flow_ctrl_set)(struct rte_eth_dev *, struct rte_eth_fc_conf *);
    SIMNIC_GAP(flow_ctrl_set, rss_hash_update);
    int (*rss_hash_update)(struct rte_eth_dev *, struct rte_eth_rss_conf *);
    int (*rss_hash_conf_get)(struct rte_eth_dev *, struct rte_eth_rss_conf *);
    int (*reta_update)(struct rte_eth_dev *,
                       struct rte_eth_rss_reta_entry64 *, uint16_t size);
    int (*reta_query)(struct rte_eth_dev *,
                      struct rte_eth_rss_reta_entry64 *, uint16_t size);
    SIMNIC_GAP(reta_query, flow_ops_get);
    int (*flow_ops_get)(struct rte_eth_dev *, const struct rte_flow_ops **);
    SIMNIC_GAP(flow_ops_get, rx_metadata_negotiate);
    int (*rx_metadata_negotiate)(struct rte_eth_dev *, uint64_t *features);
    simnic_unused_op *rest[SIMNIC_SIZE_eth_dev_ops / sizeof(void *)
                           - SIMNIC_SLOT_rx_metadata_negotiate - 1];
};

extern struct rte_eth_dev rte_eth_devices[RTE_MAX_ETHPORTS];

struct rte_eth_dev *rte_eth_dev_allocate(const char *name);
struct rte_eth_dev *rte_eth_dev_allocated(const char *name);
void rte_eth_dev_probing_finish(struct rte_eth_dev *);
int rte_eth_dev_release_port(struct rte_eth_dev *);
int rte_eth_dev_callback_process(struct rte_eth_dev *,
                                 enum rte_eth_event_type, void *ret_param);
void rte_vdev_register(struct rte_vdev_driver *);

#include <rte_flow_driver.h>

#define SIMNIC_ABI_AT(STRUCT, MEMBER)                                   \
    _Static_assert((offsetof(struct STRUCT, MEMBER)                     \
                    == SIMNIC_AT_##STRUCT##_##MEMBER),                  \
                   #STRUCT "." #MEMBER " is not where it should be");
#define SIMNIC_ABI_SLOT(MEMBER)                                         \
    _Static_assert((offsetof(struct eth_dev_ops, MEMBER)                \
                    == SIMNIC_SLOT_##MEMBER * sizeof(void *)),          \
                   "eth_dev_ops." #MEMBER " is not where it should be");
#define SIMNIC_ABI_SIZE(STRUCT)                                         \
    _Static_assert(sizeof(struct STRUCT) == SIMNIC_SIZE_##STRUCT,       \
                   #STRUCT " has not the size that it should have");
#include "simnic-abi.def"
#undef SIMNIC_ABI_AT
#undef SIMNIC_ABI_SLOT
#undef SIMNIC_ABI_SIZE

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
