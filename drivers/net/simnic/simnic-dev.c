/* SPDX-License-Identifier: Apache-2.0 */

/* Registration, probe and removal.
 *
 * Probe refuses to run on a DPDK that is not the one whose structs we know:
 * it compares the version, and looks whether what rte_eth_dev_allocate() has
 * just written is where we think it is. */

#include "simnic-dev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_malloc.h>
#include <rte_version.h>

#include "simnic-ethdev.h"
#include "simnic-telemetry.h"
#include "simnic-wire.h"

int simnic_logtype;

/* The ports' structs, by Ethernet port, and which of them are in use.
 * Guarded by 'ports_mutex', but simnic_port_by_id() reads without it. */
static struct simnic_port *cells[RTE_MAX_ETHPORTS];
static struct simnic_port *ports[RTE_MAX_ETHPORTS];
static pthread_mutex_t ports_mutex = PTHREAD_MUTEX_INITIALIZER;

struct simnic_port *
simnic_port_by_id(uint16_t port_id)
{
    return (port_id < RTE_MAX_ETHPORTS
            ? __atomic_load_n(&ports[port_id], __ATOMIC_ACQUIRE) : NULL);
}

int
simnic_port_with(const char *name, int (*function)(struct simnic_port *,
                                                   void *aux), void *aux)
{
    int error = ENOENT;

    pthread_mutex_lock(&ports_mutex);
    for (uint16_t i = 0; i < RTE_MAX_ETHPORTS; i++) {
        if (ports[i] && (!name || !strcmp(ports[i]->name, name))) {
            error = function(ports[i], aux);
            if (name || error) {
                break;
            }
        }
    }
    pthread_mutex_unlock(&ports_mutex);
    return error;
}

/* Returns a struct for Ethernet port 'port_id', all zero. */
static struct simnic_port *
get_cell(uint16_t port_id)
{
    struct simnic_port *port;

    pthread_mutex_lock(&ports_mutex);
    port = cells[port_id];
    if (port) {
        memset(port, 0, sizeof *port);
    } else {
        size_t size = RTE_ALIGN_CEIL(sizeof *port, RTE_CACHE_LINE_SIZE);

        port = aligned_alloc(RTE_CACHE_LINE_SIZE, size);
        if (port) {
            memset(port, 0, sizeof *port);
        }
        cells[port_id] = port;
    }
    pthread_mutex_unlock(&ports_mutex);
    return port;
}

static void
set_port(uint16_t port_id, struct simnic_port *port)
{
    pthread_mutex_lock(&ports_mutex);
    __atomic_store_n(&ports[port_id], port, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&ports_mutex);
}

static void
choose_mac(struct simnic_port *port)
{
    if (port->config.has_hwaddr) {
        memcpy(&port->mac, port->config.hwaddr, sizeof port->mac);
    } else {
        /* Made of the name, so that it is the same each time. */
        uint32_t h = 2166136261u;

        for (const char *p = port->name; *p; p++) {
            h = (h ^ (uint8_t) *p) * 16777619;
        }
        port->mac.addr_bytes[0] = 0x02;
        port->mac.addr_bytes[1] = 0x5a;
        memcpy(&port->mac.addr_bytes[2], &h, 4);
    }
}

/* Makes the port of 'dev'.  Returns 0 or a negative errno value; the caller
 * releases 'dev' then. */
static int
init_port(struct rte_eth_dev *dev, struct rte_vdev_device *vdev,
          const struct simnic_config *config)
{
    struct rte_eth_dev_data *data = dev->data;
    struct simnic_private *private;
    struct simnic_port *port;
    int error;

    private = rte_zmalloc("simnic", sizeof *private, 0);
    data->dev_private = private;
    data->mac_addrs = rte_zmalloc("simnic", sizeof *data->mac_addrs, 0);
    port = get_cell(data->port_id);
    if (!private || !data->mac_addrs || !port) {
        return -ENOMEM;
    }
    private->port = port;

    snprintf(port->name, sizeof port->name, "%s", data->name);
    port->dev = dev;
    port->port_id = data->port_id;
    port->config = *config;
    port->mtu = data->mtu;
    pthread_mutex_init(&port->mutex, NULL);
    rte_rwlock_init(&port->rules_lock);
    simnic_rss_init(&port->rss);
    simnic_rules_init(&port->rules);
    choose_mac(port);
    *data->mac_addrs = port->mac;
    if (simnic_port_mode_has_wire(port)) {
        error = simnic_wire_join(port);
        if (error) {
            SIMNIC_LOG(ERR, "%s: link %s: %s\n", port->name, config->link,
                       error == EBUSY ? "has two ends already"
                       : strerror(error));
            pthread_mutex_destroy(&port->mutex);
            return -error;
        }
    }

    dev->device = &vdev->device;
    dev->dev_ops = &simnic_ethdev_ops;
    dev->process_private = NULL;
    data->dev_flags |= (RTE_ETH_DEV_FLOW_OPS_THREAD_SAFE
                        | RTE_ETH_DEV_INTR_RMV
                        | RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS);
    data->numa_node = vdev->device.numa_node;
    data->dev_link.link_speed = RTE_ETH_SPEED_NUM_100G;
    data->dev_link.link_duplex = RTE_ETH_LINK_FULL_DUPLEX;
    set_port(port->port_id, port);
    return 0;
}

static int
probe(struct rte_vdev_device *vdev)
{
    const char *name = vdev->device.name;
    const char *args = vdev->device.devargs ? vdev->device.devargs->args : "";
    struct simnic_config config;
    struct rte_eth_dev *dev;
    char why[200];
    int retval;

    if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
        SIMNIC_LOG(ERR, "%s: not in a secondary process\n", name);
        return -ENOTSUP;
    }
    if (simnic_abi_check_version(rte_version(), why, sizeof why)) {
        SIMNIC_LOG(CRIT, "%s: %s\n", name, why);
        return -EPROTO;
    }
    if (simnic_config_parse(&config, args, why, sizeof why)) {
        SIMNIC_LOG(ERR, "%s: %s\n", name, why);
        return -EINVAL;
    }
    if (rte_eth_dev_allocated(name)) {
        SIMNIC_LOG(ERR, "%s: there is a port of that name\n", name);
        return -EEXIST;
    }
    dev = rte_eth_dev_allocate(name);
    if (!dev) {
        SIMNIC_LOG(ERR, "%s: no free Ethernet port\n", name);
        return -ENOMEM;
    }
    if (simnic_abi_check_layout(rte_eth_devices, dev, name, why,
                                sizeof why)) {
        /* We do not know enough of it even to release it. */
        SIMNIC_LOG(CRIT, "%s: %s\n", name, why);
        return -EPROTO;
    }
    retval = init_port(dev, vdev, &config);
    if (retval) {
        rte_eth_dev_release_port(dev);
        return retval;
    }
    rte_eth_dev_probing_finish(dev);
    SIMNIC_LOG(INFO, "%s: mode %s\n", name, simnic_mode_name(config.mode));
    return 0;
}

/* Releases what the port has.  rte_eth_dev_close() releases 'dev' itself
 * afterwards. */
void
simnic_dev_close(struct rte_eth_dev *dev)
{
    struct simnic_port *port = simnic_port_of(dev);

    if (simnic_port_by_id(port->port_id) == port) {
        set_port(port->port_id, NULL);
        simnic_ethdev_uninit(port);
        pthread_mutex_destroy(&port->mutex);
    }
}

/* The application may have closed the port before it removes the device. */
static int
remove_port(struct rte_vdev_device *vdev)
{
    struct rte_eth_dev *dev = rte_eth_dev_allocated(vdev->device.name);

    if (!dev) {
        return 0;
    }
    if (dev->data->dev_started) {
        SIMNIC_LOG(NOTICE, "%s: removed while it is started\n",
                   vdev->device.name);
        rte_eth_dev_stop(dev->data->port_id);
    }
    simnic_dev_close(dev);
    return rte_eth_dev_release_port(dev);
}

static struct rte_vdev_driver driver = {
    .driver = { .name = "net_simnic" },
    .probe = probe,
    .remove = remove_port,
};

/* Runs when the plugin is loaded. */
static void __attribute__((constructor))
simnic_register(void)
{
    simnic_logtype = rte_log_register_type_and_pick_level("pmd.net.simnic",
                                                          RTE_LOG_NOTICE);
    rte_vdev_register(&driver);
    simnic_telemetry_register();
}
