/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "afxdp/dp-xsk.h"

#include <errno.h>
#include <linux/if_xdp.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <xdp/xsk.h>

#include "afxdp/dp-umem.h"
#include "dp-packet.h"
#include "netdev.h"
#include "ovs-atomic.h"
#include "util.h"
#include "xdp/dp-xdp-abi.h"

/* A ring of each kind, as long as libxdp makes them by default. */
#define RING_SIZE 2048

/* Enough for the fill ring and the receive ring to be full at once.  Packets
 * that are out are missing in the fill ring only when so many wait in the
 * receive ring. */
#define N_RX_FRAMES (2 * RING_SIZE)

/* As many as fit into the ring: who has a frame has a place there. */
#define N_TX_FRAMES RING_SIZE

/* Frames go into the fill ring so many at a time. */
#define FILL_BATCH NETDEV_MAX_BURST

/* The kernel sends so many packets at most when it is asked to. */
#define KICK_PACKETS 32

/* A socket that was closed has its queue for a moment longer. */
#define BUSY_TRIES 100
#define BUSY_WAIT_MS 5

struct dp_xsk {
    /* Constant after creation. */
    struct xsk_umem *kernel_umem;       /* Owned. */
    struct xsk_socket *socket;          /* Owned. */
    struct dp_umem *umem;               /* Owned; others return packets. */
    int fd;                             /* Borrowed from 'socket'. */
    bool need_wakeup;
    uint32_t magic;

    /* The thread that receives. */
    struct xsk_ring_cons rx;
    struct xsk_ring_prod fill;
    unsigned int n_missing;     /* Frames that the fill ring is short of.  The
                                 * ring itself would tell, but the kernel
                                 * writes to that cache line all the time. */

    /* Published: are there packets in 'tx' that the kernel would not send when
     * it was asked to? */
    atomic_bool tx_stuck;

    /* Guarded by 'tx_mutex'. */
    struct ovs_mutex tx_mutex;
    struct xsk_ring_prod tx;
    struct xsk_ring_cons completion;
    uint64_t tx_free[N_TX_FRAMES];      /* Stack of offsets in the memory. */
    unsigned int n_tx_free;
    uint64_t tx_full;
    uint64_t tx_too_long;
};

/* Makes up for the frames that the kernel has taken out of the fill ring, as
 * far as there are free ones. */
static void
refill(struct dp_xsk *xsk)
{
    while (xsk->n_missing >= FILL_BATCH
           && dp_umem_gather(xsk->umem, FILL_BATCH) >= FILL_BATCH) {
        uint32_t index;

        if (!xsk_ring_prod__reserve(&xsk->fill, FILL_BATCH, &index)) {
            break;
        }
        for (int i = 0; i < FILL_BATCH; i++) {
            *xsk_ring_prod__fill_addr(&xsk->fill, index + i)
                = dp_umem_take(xsk->umem);
        }
        xsk_ring_prod__submit(&xsk->fill, FILL_BATCH);
        xsk->n_missing -= FILL_BATCH;
    }
}

/* Creates the socket over the memory that 'xsk' has.  Returns 0 or an errno
 * value. */
static int
create_socket(struct dp_xsk *xsk, const struct dp_xsk_config *config)
{
    const struct xsk_umem_config umem_config = {
        .fill_size = RING_SIZE,
        .comp_size = RING_SIZE,
        .frame_size = DP_UMEM_FRAME_SIZE,
        .frame_headroom = DP_UMEM_HEADROOM,
    };
    const struct xsk_socket_config socket_config = {
        .rx_size = RING_SIZE,
        .tx_size = RING_SIZE,
        .libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
        .bind_flags = ((config->zerocopy ? XDP_ZEROCOPY : XDP_COPY)
                       | (config->need_wakeup ? XDP_USE_NEED_WAKEUP : 0)),
    };
    int error;

    error = -xsk_umem__create(&xsk->kernel_umem, xsk->umem->area,
                              xsk->umem->size, &xsk->fill, &xsk->completion,
                              &umem_config);
    if (error) {
        xsk->kernel_umem = NULL;
        return error;
    }
    error = -xsk_socket__create(&xsk->socket, config->ifname, config->queue,
                                xsk->kernel_umem, &xsk->rx, &xsk->tx,
                                &socket_config);
    if (error) {
        xsk->socket = NULL;
        xsk_umem__delete(xsk->kernel_umem);
        xsk->kernel_umem = NULL;
    }
    return error;
}

int
dp_xsk_create(const struct dp_xsk_config *config, struct dp_xsk **xskp)
{
    const struct timespec pause = { .tv_nsec = BUSY_WAIT_MS * 1000 * 1000 };
    struct dp_xsk *xsk = xzalloc_cacheline(sizeof *xsk);
    int bytes = RING_SIZE * 2 * DP_UMEM_FRAME_SIZE;
    int error;

    *xskp = NULL;
    ovs_mutex_init(&xsk->tx_mutex);
    atomic_init(&xsk->tx_stuck, false);
    xsk->need_wakeup = config->need_wakeup;
    xsk->magic = config->magic;
    xsk->umem = dp_umem_create(N_RX_FRAMES, N_TX_FRAMES, config->numa_id);
    error = xsk->umem ? create_socket(xsk, config) : ENOMEM;
    for (int i = 0; error == EBUSY && i < BUSY_TRIES; i++) {
        nanosleep(&pause, NULL);
        error = create_socket(xsk, config);
    }
    if (error) {
        dp_xsk_destroy(xsk);
        return error;
    }
    xsk->fd = xsk_socket__fd(xsk->socket);

    /* A whole ring may be on its way: the socket's limit is not to stop it.
     * If the kernel refuses, some packets wait longer. */
    ignore(setsockopt(xsk->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes,
                      sizeof bytes));
    for (unsigned int i = N_TX_FRAMES; i-- > 0;) {
        xsk->tx_free[xsk->n_tx_free++] = dp_umem_tx_frame(xsk->umem, i);
    }
    xsk->n_missing = RING_SIZE;
    refill(xsk);
    *xskp = xsk;
    return 0;
}

void
dp_xsk_destroy(struct dp_xsk *xsk)
{
    if (!xsk) {
        return;
    }
    if (xsk->socket) {
        xsk_socket__delete(xsk->socket);
        xsk_umem__delete(xsk->kernel_umem);
    }
    dp_umem_close(xsk->umem);
    ovs_mutex_destroy(&xsk->tx_mutex);
    free_cacheline(xsk);
}

int
dp_xsk_fd(const struct dp_xsk *xsk)
{
    return xsk->fd;
}

/* Asks the kernel to send the 'n' packets in the transmit ring, or however
 * many there are. */
static void
kick(struct dp_xsk *xsk, unsigned int n)
{
    int error = EAGAIN;

    /* Often EAGAIN only says that there is more. */
    for (unsigned int i = 0; i <= n / KICK_PACKETS + 1; i++) {
        error = (sendto(xsk->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0
                 ? errno : 0);
        if (error != EAGAIN) {
            break;
        }
    }
    /* Other errors mean that the device is down or gone: there is no hurry. */
    atomic_store_relaxed(&xsk->tx_stuck, error == EAGAIN || error == EBUSY
                                         || error == ENOBUFS);
}

/* Wakes the kernel if it has asked for that. */
static void
wake(struct dp_xsk *xsk)
{
    bool stuck;

    if (xsk->need_wakeup && xsk_ring_prod__needs_wakeup(&xsk->fill)) {
        struct pollfd pfd = { .fd = xsk->fd, .events = POLLIN };

        ignore(poll(&pfd, 1, 0));
    }
    atomic_read_relaxed(&xsk->tx_stuck, &stuck);
    if (OVS_UNLIKELY(stuck)) {
        kick(xsk, 0);
    }
}

/* Takes the mark that the XDP program may have put in front of 'packet'.  It
 * is wiped: the frame may be used again by a program or a driver that writes
 * nothing.  What says that there is no mark may stay. */
static void
take_mark(const struct dp_xsk *xsk, struct dp_packet *packet)
{
    char *where = (char *) dp_packet_data(packet) - sizeof(struct dp_xdp_meta);
    struct dp_xdp_meta meta;

    memcpy(&meta, where, sizeof meta);
    if (meta.magic == xsk->magic && meta.mark && xsk->magic) {
        memset(where, 0, sizeof meta);
        dp_packet_set_flow_mark(packet, meta.mark);
    }
}

int
dp_xsk_recv(struct dp_xsk *xsk, struct dp_packet_batch *batch, int *n_waitingp)
{
    const struct xdp_desc *descs[NETDEV_MAX_BURST];
    uint32_t index;
    uint32_t n = xsk_ring_cons__peek(&xsk->rx, NETDEV_MAX_BURST, &index);

    dp_packet_batch_init(batch);
    if (n_waitingp) {
        *n_waitingp = xsk_cons_nb_avail(&xsk->rx, RING_SIZE);
    }
    wake(xsk);
    if (!n) {
        refill(xsk);
        return EAGAIN;
    }

    for (uint32_t i = 0; i < n; i++) {
        descs[i] = xsk_ring_cons__rx_desc(&xsk->rx, index + i);
        dp_umem_prefetch(xsk->umem, descs[i]->addr);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct dp_packet *packet = dp_umem_packet(xsk->umem, descs[i]->addr,
                                                  descs[i]->len);

        take_mark(xsk, packet);
        dp_packet_batch_add(batch, packet);
    }
    xsk_ring_cons__release(&xsk->rx, n);
    xsk->n_missing += n;
    refill(xsk);
    return 0;
}

/* Takes back the frames whose packets have been sent. */
static void
reclaim(struct dp_xsk *xsk)
    OVS_REQUIRES(xsk->tx_mutex)
{
    uint32_t index;
    uint32_t n = xsk_ring_cons__peek(&xsk->completion, RING_SIZE, &index);

    for (uint32_t i = 0; i < n; i++) {
        xsk->tx_free[xsk->n_tx_free++]
            = *xsk_ring_cons__comp_addr(&xsk->completion, index + i);
    }
    if (n) {
        xsk_ring_cons__release(&xsk->completion, n);
    }
}

/* Copies 'packet' to a frame in the transmit ring.  Returns false if it can't,
 * and counts why. */
static bool
put_packet(struct dp_xsk *xsk, const struct dp_packet *packet)
    OVS_REQUIRES(xsk->tx_mutex)
{
    uint32_t size = dp_packet_size(packet);
    struct xdp_desc *desc;
    uint32_t index;

    if (OVS_UNLIKELY(size > DP_UMEM_FRAME_SIZE)) {
        xsk->tx_too_long++;
        return false;
    }
    if (OVS_UNLIKELY(!xsk->n_tx_free
                     || !xsk_ring_prod__reserve(&xsk->tx, 1, &index))) {
        xsk->tx_full++;
        return false;
    }
    desc = xsk_ring_prod__tx_desc(&xsk->tx, index);
    desc->addr = xsk->tx_free[--xsk->n_tx_free];
    desc->len = size;
    desc->options = 0;
    memcpy(xsk->umem->area + desc->addr, dp_packet_data(packet), size);
    return true;
}

void
dp_xsk_send(struct dp_xsk *xsk, struct dp_packet_batch *batch)
{
    struct dp_packet *packet;
    unsigned int n = 0;

    ovs_mutex_lock(&xsk->tx_mutex);
    reclaim(xsk);
    if (OVS_UNLIKELY(xsk->n_tx_free < dp_packet_batch_size(batch))) {
        kick(xsk, N_TX_FRAMES);
        reclaim(xsk);
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        n += put_packet(xsk, packet);
    }
    if (n) {
        xsk_ring_prod__submit(&xsk->tx, n);
        if (!xsk->need_wakeup || xsk_ring_prod__needs_wakeup(&xsk->tx)) {
            kick(xsk, n);
        }
    }
    ovs_mutex_unlock(&xsk->tx_mutex);
    dp_packet_delete_batch(batch, true);
}

int
dp_xsk_get_stats(struct dp_xsk *xsk, struct dp_xsk_stats *stats)
{
    struct xdp_statistics kernel;
    socklen_t size = sizeof kernel;

    memset(&kernel, 0, sizeof kernel);
    if (getsockopt(xsk->fd, SOL_XDP, XDP_STATISTICS, &kernel, &size)) {
        return errno;
    }
    ovs_mutex_lock(&xsk->tx_mutex);
    *stats = (struct dp_xsk_stats) {
        .rx_dropped = kernel.rx_dropped,
        .rx_invalid_descs = kernel.rx_invalid_descs,
        .tx_invalid_descs = kernel.tx_invalid_descs,
        .rx_ring_full = kernel.rx_ring_full,
        .rx_fill_ring_empty_descs = kernel.rx_fill_ring_empty_descs,
        .tx_full = xsk->tx_full,
        .tx_too_long = xsk->tx_too_long,
    };
    ovs_mutex_unlock(&xsk->tx_mutex);
    return 0;
}
