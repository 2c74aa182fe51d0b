/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XSK_H
#define DP_XSK_H 1

/* dp-xsk: an AF_XDP socket
 * ========================
 *
 * Job.  Receives from one queue of a network device, and sends through it.
 * Brings the packets there that an XDP program redirects to it; attaching the
 * program, and telling it about the socket, is for others.
 *
 * Owns.  The socket, its four rings, and its memory (dp-umem.h), which may
 * outlive it.
 *
 * What is received stays in the frame that the kernel wrote it to.  A mark
 * that the program has put in front of a packet (struct dp_xdp_meta) becomes
 * the mark of the packet, as if a NIC had set it.  What is sent is copied,
 * since it mostly comes from the memory of another socket.
 *
 * The fill ring is kept full as long as there are free frames; when there are
 * none, the kernel drops what comes, and counts it.
 *
 * Thread-safety.  One thread receives from a socket.  Any may send through it:
 * there is a mutex, taken once per batch.  dp_xsk_get_stats() is for any
 * thread.  While a socket is created or destroyed nobody else may use it.
 *
 * Cost.  Receiving takes no system call unless the driver asks to be woken;
 * sending one per batch, at least with devices that are not zero-copy. */

#include <stdbool.h>
#include <stdint.h>
#include "openvswitch/thread.h"

struct dp_packet_batch;
struct dp_xsk;

struct dp_xsk_config {
    const char *ifname;         /* Borrowed during the call. */
    unsigned int queue;         /* Of the device. */
    int numa_id;                /* Where the memory should be, or negative. */
    bool zerocopy;              /* The driver must use our memory itself. */
    bool need_wakeup;           /* Does the kernel say when to be woken? */
    uint32_t magic;             /* Of struct dp_xdp_meta; 0: there is none. */
};

struct dp_xsk_stats {
    /* From the kernel.  Those that it does not know are 0. */
    uint64_t rx_dropped;
    uint64_t rx_invalid_descs;
    uint64_t tx_invalid_descs;
    uint64_t rx_ring_full;
    uint64_t rx_fill_ring_empty_descs;

    /* Packets that were not sent. */
    uint64_t tx_full;           /* The device takes no more. */
    uint64_t tx_too_long;       /* They do not fit into a frame. */
};

/* Stores a new socket in '*xskp' and returns 0, or returns an errno value:
 * EOPNOTSUPP if the driver lacks the mode, EINVAL if the device lacks the
 * queue, EBUSY if somebody else has a socket there. */
int dp_xsk_create(const struct dp_xsk_config *, struct dp_xsk **xskp);
void dp_xsk_destroy(struct dp_xsk *);

/* Of the socket: for the XDP program, and to wait for packets.  Borrowed. */
int dp_xsk_fd(const struct dp_xsk *);

/* Stores in 'batch' what has come.  Returns 0 or EAGAIN.  If 'n_waitingp' is
 * nonnull, stores there how many more packets wait. */
int dp_xsk_recv(struct dp_xsk *, struct dp_packet_batch *batch,
                int *n_waitingp);

/* Sends 'batch', and takes the packets. */
void dp_xsk_send(struct dp_xsk *, struct dp_packet_batch *batch);

/* Returns 0 or an errno value. */
int dp_xsk_get_stats(struct dp_xsk *, struct dp_xsk_stats *);

#endif /* dp-xsk.h */
