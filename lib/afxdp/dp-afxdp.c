/* SPDX-License-Identifier: Apache-2.0 */

/* The netdev classes "afxdp" and "afxdp-nonpmd".
 *
 * Open vSwitch's netdev-linux.c defines the classes, and does what they have
 * in common with other Linux devices.  The rest is called by names that
 * netdev-afxdp.h declares.  They are defined here, so that the linker has no
 * use for the module of Open vSwitch that defines them, too.
 *
 * The options that were asked for, and those in use, are members that struct
 * netdev_linux has for that; 'xsks', whose type is ours to define, leads to
 * all else: 'struct ours'. */

#include <config.h>
#include "netdev-afxdp.h"

#include <errno.h>
#include <sys/resource.h>

#include "afxdp/dp-afxdp-port.h"
#include "afxdp/dp-umem.h"
#include "afxdp/dp-xsk.h"
#include "dp-packet.h"
#include "netdev-linux-private.h"
#include "netdev-linux.h"
#include "netdev-provider.h"
#include "openvswitch/vlog.h"
#include "ovs-thread.h"
#include "ovs/ovs-afxdp.h"
#include "smap.h"
#include "util.h"
#include "xdp/dp-xdp-await.h"
#include "xdp/dp-xdp-link.h"
#include "xdp/dp-xdp-pins.h"

/* The name that "vlog/set" has in Open vSwitch's documentation. */
VLOG_DEFINE_THIS_MODULE(netdev_afxdp);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* As Open vSwitch has it. */
#define MAX_QUEUES 16

/* As long as the netdev. */
struct ours {
    /* The sockets; owned.  NULL: there are none.  Changes only in
     * netdev_afxdp_reconfigure(), while no thread receives or sends. */
    struct dp_afxdp_port *port;

    /* What sockets have counted that are no more, by queue.  Guarded by the
     * netdev's mutex. */
    size_t n_past;
    struct dp_xsk_stats past[MAX_QUEUES];
};

static struct ours *
get_ours(const struct netdev_linux *dev)
{
    return (struct ours *) dev->xsks;
}

static struct dp_afxdp_port *
get_port(const struct netdev_linux *dev)
{
    return get_ours(dev)->port;
}

/* A statistic of each socket that users see. */
struct counter {
    const char *name;
    size_t offset;              /* In struct dp_xsk_stats. */
};

#define COUNTER(NAME) { #NAME, offsetof(struct dp_xsk_stats, NAME) }

static const struct counter counters[] = {
    COUNTER(rx_dropped),
    COUNTER(rx_invalid_descs),
    COUNTER(tx_invalid_descs),
    COUNTER(rx_ring_full),
    COUNTER(rx_fill_ring_empty_descs),
    COUNTER(tx_full),
    COUNTER(tx_too_long),
};
BUILD_ASSERT_DECL(ARRAY_SIZE(counters) * sizeof(uint64_t)
                  == sizeof(struct dp_xsk_stats));

static uint64_t *
get_counter(struct dp_xsk_stats *stats, const struct counter *counter)
{
    return (uint64_t *) ((char *) stats + counter->offset);
}

/* Stores in 'stats' what the sockets of 'dev' have counted, those too that are
 * no more, by queue.  Returns how many queues there are, or were. */
static size_t
read_sockets(const struct netdev_linux *dev,
             struct dp_xsk_stats stats[MAX_QUEUES])
    OVS_REQUIRES(dev->mutex)
{
    const struct ours *ours = get_ours(dev);
    size_t n = ours->port ? dp_afxdp_port_n_queues(ours->port) : 0;

    memcpy(stats, ours->past, sizeof ours->past);
    for (size_t i = 0; i < n; i++) {
        struct dp_xsk_stats now;

        if (dp_xsk_get_stats(dp_afxdp_port_socket(ours->port, i), &now)) {
            continue;
        }
        for (size_t j = 0; j < ARRAY_SIZE(counters); j++) {
            *get_counter(&stats[i], &counters[j])
                += *get_counter(&now, &counters[j]);
        }
    }
    return MAX(n, ours->n_past);
}

/* Nobody counts any more. */
static void
destroy_port(struct netdev_linux *dev)
    OVS_REQUIRES(dev->mutex)
{
    struct ours *ours = get_ours(dev);
    struct dp_xsk_stats stats[MAX_QUEUES];

    ours->n_past = read_sockets(dev, stats);
    memcpy(ours->past, stats, sizeof ours->past);
    dp_afxdp_port_destroy(ours->port);
    ours->port = NULL;
}

/* Memory of a socket is locked.  Where that is limited although the daemon may
 * change limits, they go. */
static void
raise_limit(void)
{
    static struct ovsthread_once once = OVSTHREAD_ONCE_INITIALIZER;

    if (ovsthread_once_start(&once)) {
        struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };

        if (setrlimit(RLIMIT_MEMLOCK, &unlimited)) {
            VLOG_INFO("can't lift the limit of locked memory (%s)",
                      ovs_strerror(errno));
        }
        ovsthread_once_done(&once);
    }
}

/* Nobody calls this in newer versions. */
int
netdev_afxdp_init(void)
{
    return 0;
}

int
netdev_afxdp_construct(struct netdev *netdev)
{
    struct netdev_linux *dev;
    int error = netdev_linux_construct(netdev);

    if (error) {
        return error;
    }
    raise_limit();

    /* Whatever is to be segmented or to get a checksum gets it before. */
    netdev->ol_flags = 0;

    dev = netdev_linux_cast(netdev);
    dev->xsks = xzalloc(sizeof(struct ours));
    dev->requested_n_rxq = 1;
    dev->requested_xdp_mode = OVS_AF_XDP_MODE_BEST_EFFORT;
    dev->requested_need_wakeup = true;
    netdev_request_reconfigure(netdev);
    return 0;
}

void
netdev_afxdp_destruct(struct netdev *netdev)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);

    dp_afxdp_port_destroy(get_port(dev));
    free(dev->xsks);
    ovs_mutex_destroy(&dev->mutex);
}

/* Is 'dev' another device than the one that its sockets are of?  It may have
 * been deleted and made again. */
static bool
is_replaced(const struct netdev_linux *dev, int ifindex)
{
    return (get_port(dev) && ifindex > 0
            && ifindex != dp_afxdp_port_ifindex(get_port(dev)));
}

/* Can our program be attached to device 'ifindex' of 'dev', or is it, or that
 * of an earlier daemon, whose flows were to stay?  Otherwise there is somebody
 * else's.  Then stores that in '*errp', for the database, and has the port
 * configured again when that one has gone. */
static int
check_program(const struct netdev_linux *dev, int ifindex, char **errp)
    OVS_REQUIRES(dev->mutex)
{
    enum dp_xdp_mode mode;

    if (ifindex <= 0 || (get_port(dev) && !is_replaced(dev, ifindex)
                         && !dp_afxdp_port_is_lost(get_port(dev)))
        || dp_xdp_pins_have(ifindex, &mode)) {
        return 0;
    }
    *errp = dp_xdp_link_obstacle(ifindex, netdev_get_name(&dev->up));
    if (!*errp) {
        return 0;
    }
    if (dp_xdp_await_start(ifindex)) {
        VLOG_ERR("%s", *errp);
    }
    return EBUSY;
}

int
netdev_afxdp_set_config(struct netdev *netdev, const struct smap *args,
                        char **errp)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);
    const char *name = netdev_get_name(netdev);
    const char *mode_name = smap_get_def(args, "xdp-mode", "best-effort");
    enum afxdp_mode mode = dp_afxdp_mode_from_name(mode_name);
    int n_rxq = MAX(1, smap_get_int(args, "n_rxq", 1));
    bool need_wakeup = smap_get_bool(args, "use-need-wakeup", true);
    int ifindex = linux_get_ifindex(name);
    int error;

    if (n_rxq > MAX_QUEUES) {
        VLOG_ERR("%s: Too big 'n_rxq' (%d > %d).", name, n_rxq, MAX_QUEUES);
        return EINVAL;
    }
    if (mode == OVS_AF_XDP_MODE_UNSPEC) {
        VLOG_ERR("%s: Incorrect xdp-mode (%s).", name, mode_name);
        return EINVAL;
    }

    ovs_mutex_lock(&dev->mutex);
    error = check_program(dev, ifindex, errp);
    if (!error
        && (dev->requested_n_rxq != n_rxq || dev->requested_xdp_mode != mode
            || dev->requested_need_wakeup != need_wakeup
            || is_replaced(dev, ifindex))) {
        dev->requested_n_rxq = n_rxq;
        dev->requested_xdp_mode = mode;
        dev->requested_need_wakeup = need_wakeup;
        netdev_request_reconfigure(netdev);
    }
    ovs_mutex_unlock(&dev->mutex);
    return error;
}

static const char *
mode_in_use(const struct netdev_linux *dev)
{
    return dp_afxdp_mode_name(get_port(dev) ? dp_afxdp_port_mode(get_port(dev))
                              : OVS_AF_XDP_MODE_UNSPEC);
}

int
netdev_afxdp_get_config(const struct netdev *netdev, struct smap *args)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);

    ovs_mutex_lock(&dev->mutex);
    smap_add_format(args, "n_rxq", "%d", netdev->n_rxq);
    smap_add(args, "xdp-mode", dp_afxdp_mode_name(dev->xdp_mode));
    ovs_afxdp_show_mode(args, mode_in_use(dev));
    smap_add(args, "use-need-wakeup", dev->use_need_wakeup ? "true" : "false");
    ovs_mutex_unlock(&dev->mutex);
    return 0;
}

int
netdev_afxdp_get_status(const struct netdev *netdev, struct smap *args)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);
    int error = ovs_linux_get_status(netdev, args);

    if (!error) {
        ovs_mutex_lock(&dev->mutex);
        smap_add(args, "xdp-mode", mode_in_use(dev));
        ovs_mutex_unlock(&dev->mutex);
    }
    return error;
}

/* Somebody has taken the program off the device: it is attached again, or what
 * is there now is named. */
static void
program_lost(void *netdev)
{
    netdev_request_reconfigure(netdev);
}

/* Makes the sockets that were asked for, of device 'ifindex'. */
static int
create_port(struct netdev_linux *dev, int ifindex, int numa_id)
    OVS_REQUIRES(dev->mutex)
{
    const char *name = netdev_get_name(&dev->up);
    const struct dp_afxdp_port_config config = {
        .name = name,
        .ifindex = ifindex,
        .n_queues = dev->requested_n_rxq,
        .mode = dev->requested_xdp_mode,
        .need_wakeup = dev->requested_need_wakeup,
        .numa_id = numa_id,
        .lost = program_lost,
        .aux = &dev->up,
    };
    char *text;
    int error;

    destroy_port(dev);
    dev->up.n_rxq = dev->up.n_txq = dev->requested_n_rxq;
    dev->xdp_mode = dev->requested_xdp_mode;
    dev->use_need_wakeup = dev->requested_need_wakeup;

    error = dp_afxdp_port_create(&config, &get_ours(dev)->port, &text);
    if (error) {
        if (!dp_xdp_link_program(ifindex) || dp_xdp_await_start(ifindex)) {
            VLOG_ERR("%s", text);
        }
        free(text);
        return error;
    }
    dp_xdp_await_stop(ifindex);
    VLOG_INFO("%s: %s XDP mode will be in use.", name, mode_in_use(dev));
    return 0;
}

int
netdev_afxdp_reconfigure(struct netdev *netdev)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);
    const char *name = netdev_get_name(netdev);
    int ifindex = linux_get_ifindex(name);
    int numa_id = netdev_get_numa_id(netdev);
    int error = 0;
    int mtu;

    if (ifindex < 0) {
        return -ifindex;
    }
    if (!netdev_get_mtu(netdev, &mtu) && mtu > DP_UMEM_MAX_MTU) {
        VLOG_WARN("%s: the MTU is %d; packets of more than %d bytes do not fit"
                  " into a frame and are dropped", name, mtu,
                  DP_UMEM_MAX_MTU);
    }

    ovs_mutex_lock(&dev->mutex);
    if (!get_port(dev) || netdev->n_rxq != dev->requested_n_rxq
        || dev->xdp_mode != dev->requested_xdp_mode
        || dev->use_need_wakeup != dev->requested_need_wakeup
        || is_replaced(dev, ifindex)
        || dp_afxdp_port_is_lost(get_port(dev))) {
        error = create_port(dev, ifindex, numa_id);
        netdev_change_seq_changed(netdev);
    }
    ovs_mutex_unlock(&dev->mutex);
    return error;
}

int
netdev_afxdp_verify_mtu_size(const struct netdev *netdev OVS_UNUSED, int mtu)
{
    return mtu <= DP_UMEM_MAX_MTU ? 0 : EINVAL;
}

int
netdev_afxdp_rxq_construct(struct netdev_rxq *rxq)
{
    struct netdev_rxq_linux *rx = netdev_rxq_linux_cast(rxq);
    const struct netdev_linux *dev = netdev_linux_cast(rxq->netdev);

    if (!get_port(dev)
        || rxq->queue_id >= dp_afxdp_port_n_queues(get_port(dev))) {
        return ENODEV;
    }
    /* Who waits for packets waits for this. */
    rx->fd = dp_xsk_fd(dp_afxdp_port_socket(get_port(dev), rxq->queue_id));
    return 0;
}

void
netdev_afxdp_rxq_destruct(struct netdev_rxq *rxq OVS_UNUSED)
{
    /* The socket is the port's. */
}

int
netdev_afxdp_rxq_recv(struct netdev_rxq *rxq, struct dp_packet_batch *batch,
                      int *qfill)
{
    const struct dp_afxdp_port *port
        = get_port(netdev_linux_cast(rxq->netdev));

    if (OVS_UNLIKELY(!port)) {
        return EAGAIN;
    }
    return dp_xsk_recv(dp_afxdp_port_socket(port, rxq->queue_id), batch,
                       qfill);
}

int
netdev_afxdp_batch_send(struct netdev *netdev, int qid,
                        struct dp_packet_batch *batch,
                        bool concurrent_txq OVS_UNUSED)
{
    const struct dp_afxdp_port *port = get_port(netdev_linux_cast(netdev));

    if (OVS_UNLIKELY(!port)) {
        dp_packet_delete_batch(batch, true);
        return EIO;
    }
    dp_xsk_send(dp_afxdp_port_socket(port, qid), batch);
    return 0;
}

void
free_afxdp_buf(struct dp_packet *packet)
{
    dp_umem_return(packet);
}

/* Adds to 'stats' what was lost on the way from us to the kernel. */
static void
add_tx_drops(const struct netdev_linux *dev, struct netdev_stats *stats)
    OVS_REQUIRES(dev->mutex)
{
    struct dp_xsk_stats xsk[MAX_QUEUES];
    size_t n = read_sockets(dev, xsk);

    for (size_t i = 0; i < n; i++) {
        stats->tx_dropped += (xsk[i].tx_full + xsk[i].tx_too_long
                              + xsk[i].tx_invalid_descs);
    }
}

int
netdev_afxdp_get_stats(const struct netdev *netdev, struct netdev_stats *stats)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);
    int error;

    ovs_mutex_lock(&dev->mutex);
    error = get_stats_via_netlink(netdev, stats);
    if (error) {
        VLOG_WARN_RL(&rl, "%s: no statistics of the device (%s)",
                     netdev_get_name(netdev), ovs_strerror(error));
    } else {
        add_tx_drops(dev, stats);
    }
    ovs_mutex_unlock(&dev->mutex);
    return error;
}

int
netdev_afxdp_get_custom_stats(const struct netdev *netdev,
                              struct netdev_custom_stats *custom)
{
    struct netdev_linux *dev = netdev_linux_cast(netdev);
    struct dp_xsk_stats stats[MAX_QUEUES];
    size_t n_queues;

    ovs_mutex_lock(&dev->mutex);
    n_queues = read_sockets(dev, stats);
    ovs_mutex_unlock(&dev->mutex);

    custom->size = 0;
    custom->counters = xcalloc(n_queues * ARRAY_SIZE(counters),
                               sizeof *custom->counters);
    for (size_t i = 0; i < n_queues; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(counters); j++) {
            struct netdev_custom_counter *counter
                = &custom->counters[custom->size++];

            snprintf(counter->name, sizeof counter->name, "xsk_queue_%"PRIuSIZE
                     "_%s", i, counters[j].name);
            counter->value = *get_counter(&stats[i], &counters[j]);
        }
    }
    return 0;
}

/* A program is attached as long as this process lives, or is to stay: there is
 * nothing to do when it is about to end. */
void
signal_remove_xdp(struct netdev *netdev OVS_UNUSED)
{
}
