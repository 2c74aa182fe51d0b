/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "afxdp/dp-umem.h"

#include <errno.h>
#include "flow/dp-pages.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(dp_umem);

struct dp_umem *
dp_umem_create(unsigned int n_rx, unsigned int n_tx, int numa_id)
{
    size_t size = (size_t) (n_rx + n_tx) << DP_UMEM_FRAME_SHIFT;
    struct dp_umem *umem;
    void *area;

    area = dp_pages_map(size, 0, numa_id);
    if (!area) {
        VLOG_WARN("no memory for %u frames (%s)", n_rx + n_tx,
                  ovs_strerror(errno));
        return NULL;
    }

    umem = xzalloc_cacheline(sizeof *umem);
    umem->area = area;
    umem->size = size;
    umem->n_rx = n_rx;
    umem->n_tx = n_tx;
    umem->frames = xzalloc_cacheline(n_rx * sizeof *umem->frames);
    atomic_init(&umem->returned, NULL);
    atomic_init(&umem->n_left, 0);
    umem->free = xmalloc(n_rx * sizeof *umem->free);
    for (unsigned int i = n_rx; i-- > 0;) {
        umem->frames[i].umem = umem;
        umem->frames[i].next = umem->unused;
        umem->unused = &umem->frames[i];
        umem->free[umem->n_free++] = (uint64_t) i << DP_UMEM_FRAME_SHIFT;
    }
    return umem;
}

static void
destroy(struct dp_umem *umem)
{
    dp_pages_unmap(umem->area, umem->size);
    free_cacheline(umem->frames);
    free(umem->free);
    free_cacheline(umem);
}

/* Takes all frames that were given back and leaves 'next' in their place. */
static struct dp_frame *
take_returned(struct dp_umem *umem, struct dp_frame *next)
{
    struct dp_frame *list;

    atomic_read_relaxed(&umem->returned, &list);
    while (!atomic_compare_exchange_weak_explicit(&umem->returned, &list, next,
                                                  memory_order_acq_rel,
                                                  memory_order_relaxed)) {
        continue;
    }
    return list;
}

/* 'n' more packets have come back after dp_umem_close(), or, if it is
 * negative, were found to be out by it. */
static void
settle(struct dp_umem *umem, int n)
{
    int left;

    atomic_sub_explicit(&umem->n_left, n, &left, memory_order_acq_rel);
    if (left == n) {
        destroy(umem);
    }
}

/* Appends what was given back to the free frames. */
static void
collect(struct dp_umem *umem, struct dp_frame *next)
{
    struct dp_frame *frame = take_returned(umem, next);

    while (frame) {
        struct dp_frame *after = frame->next;

        umem->free[umem->n_free++] = frame->offset;
        frame->next = umem->unused;
        umem->unused = frame;
        umem->n_out--;
        frame = after;
    }
}

void
dp_umem_close(struct dp_umem *umem)
{
    if (umem) {
        collect(umem, &umem->closed);
        settle(umem, -(int) umem->n_out);
    }
}

unsigned int
dp_umem_gather(struct dp_umem *umem, unsigned int n)
{
    if (umem->n_free < n && umem->n_out) {
        collect(umem, NULL);
    }
    return umem->n_free;
}

struct dp_packet *
dp_umem_packet(struct dp_umem *umem, uint64_t offset, uint32_t len)
{
    struct dp_frame *frame = umem->unused;

    ovs_assert(frame && offset >> DP_UMEM_FRAME_SHIFT < umem->n_rx);
    umem->unused = frame->next;
    umem->n_out++;
    frame->offset = dp_umem_frame_start(offset);
    dp_packet_use_afxdp(&frame->packet, umem->area + offset,
                        DP_UMEM_FRAME_SIZE, offset - frame->offset);
    dp_packet_set_size(&frame->packet, len);
    return &frame->packet;
}

void
dp_umem_return(struct dp_packet *packet)
{
    struct dp_frame *frame = CONTAINER_OF(packet, struct dp_frame, packet);
    struct dp_umem *umem = frame->umem;
    struct dp_frame *first;

    atomic_read_relaxed(&umem->returned, &first);
    do {
        if (first == &umem->closed) {
            settle(umem, 1);
            return;
        }
        frame->next = first;
    } while (!atomic_compare_exchange_weak_explicit(&umem->returned, &first,
                                                    frame,
                                                    memory_order_release,
                                                    memory_order_relaxed));
}
