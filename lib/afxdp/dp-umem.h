/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_UMEM_H
#define DP_UMEM_H 1

/* dp-umem: memory that the kernel writes packets into
 * ===================================================
 *
 * Job.  The memory of one AF_XDP socket, cut into frames of
 * DP_UMEM_FRAME_SIZE bytes, and the packets that such frames become.
 *
 * The first 'n_rx' frames are for reception.  A frame is free, or the kernel
 * has it, or it is *out*: somebody has its packet.  The other frames are for
 * transmission; the socket says whose they are.
 *
 * There is a struct dp_packet for each frame, so that no packet that comes
 * costs an allocation, but none has a frame of its own.  All frames take turns
 * in the fill ring, so each that comes back is one that was not used for long;
 * of the packets the one that was given back last is taken, which the
 * processor still has in its cache.
 *
 * Packets go to any thread and come back from any thread, one by one.  Who
 * gives one back pushes it onto a list; the thread that receives, the *owner*,
 * takes the whole list at once, so nobody can see a frame again that was taken
 * meanwhile, and neither side needs a lock.
 *
 * Packets may be out when the socket goes: they wait in other ports' queues.
 * So dp_umem_close() leaves the memory to those who have them; the last one
 * that gives a packet back frees it.
 *
 * Thread-safety.  Functions are for the owner, or for who stands in for it
 * while it is parked; dp_umem_return() is for any thread.
 *
 * Cost.  dp_umem_return(): one atomic operation. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dp-packet.h"
#include "ovs-atomic.h"

#define DP_UMEM_FRAME_SHIFT 12
#define DP_UMEM_FRAME_SIZE (1u << DP_UMEM_FRAME_SHIFT)

/* Room in front of a packet that comes: what the kernel's XDP programs may
 * use, and as much as our packets have that come from elsewhere. */
#define DP_UMEM_HEADROOM 128
#define DP_UMEM_KERNEL_HEADROOM 256

/* The longest packet that fits into a frame. */
#define DP_UMEM_MAX_PACKET (DP_UMEM_FRAME_SIZE - DP_UMEM_HEADROOM \
                            - DP_UMEM_KERNEL_HEADROOM)

/* The MTU that this allows: there are an Ethernet header and two tags, too. */
#define DP_UMEM_MAX_MTU ((int) DP_UMEM_MAX_PACKET - 22)

struct dp_umem;

/* A packet, and the frame that it is in. */
struct dp_frame {
    struct dp_umem *umem;
    struct dp_frame *next;      /* On a list, if nobody has the packet. */
    uint64_t offset;            /* Of the frame, while it is out. */
    struct dp_packet packet;
};

struct dp_umem {
    /* Constant after creation. */
    char *area;                 /* Owned.  Of whole pages. */
    size_t size;                /* Of 'area', in bytes. */
    struct dp_frame *frames;    /* Owned; 'n_rx' of them. */
    unsigned int n_rx;
    unsigned int n_tx;

    /* Owner only. */
    struct dp_frame *unused;    /* Packets that are not out. */
    uint64_t *free;             /* Owned.  Offsets of free frames, a stack. */
    unsigned int n_free;        /* In 'free'. */
    unsigned int n_out;         /* Packets that were given out and, as far as
                                 * the owner has seen, not given back. */

    /* Published. */
    ATOMIC(struct dp_frame *) returned; /* Any thread pushes, the owner takes
                                         * all.  '&closed' says that there is
                                         * no owner any more. */
    atomic_int n_left;          /* Only once there is no owner: packets that
                                 * are out.  Negative while dp_umem_close()
                                 * has yet to add. */
    struct dp_frame closed;     /* Never a frame. */
};

/* Returns memory of 'n_rx' + 'n_tx' frames, on NUMA node 'numa_id' if that is
 * not negative and known, or NULL if there is none. */
struct dp_umem *dp_umem_create(unsigned int n_rx, unsigned int n_tx,
                               int numa_id);

/* The caller gives up 'umem'; the kernel must have given up its memory. */
void dp_umem_close(struct dp_umem *);

/* Makes sure that at least 'n' frames are free, if so many are to be had.
 * Returns how many are free. */
unsigned int dp_umem_gather(struct dp_umem *, unsigned int n);

/* Takes a free frame, of which there must be one, for the kernel to fill.
 * Returns its offset in 'area'. */
static inline uint64_t
dp_umem_take(struct dp_umem *umem)
{
    return umem->free[--umem->n_free];
}

/* Makes a packet of the 'len' bytes that the kernel has written at 'offset',
 * in a frame of reception.  The packet's owner gives it back by
 * dp_packet_delete(). */
struct dp_packet *dp_umem_packet(struct dp_umem *, uint64_t offset,
                                 uint32_t len);

/* Fetches what dp_umem_packet() and who looks at the packet will want. */
static inline void
dp_umem_prefetch(const struct dp_umem *umem, uint64_t offset)
{
    OVS_PREFETCH(umem->area + offset - 1);
    OVS_PREFETCH(umem->area + offset);
}

/* Gives back 'packet', which must be from dp_umem_packet(). */
void dp_umem_return(struct dp_packet *packet);

/* The frame that 'offset' is in: its first byte. */
static inline uint64_t
dp_umem_frame_start(uint64_t offset)
{
    return offset & ~(uint64_t) (DP_UMEM_FRAME_SIZE - 1);
}

/* Offset of frame 'i' of those for transmission. */
static inline uint64_t
dp_umem_tx_frame(const struct dp_umem *umem, unsigned int i)
{
    return (uint64_t) (umem->n_rx + i) << DP_UMEM_FRAME_SHIFT;
}

#endif /* dp-umem.h */
