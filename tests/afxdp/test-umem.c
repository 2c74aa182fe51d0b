/* SPDX-License-Identifier: Apache-2.0 */

/* Frames: each is in one place at a time, and none gets lost, however many
 * threads give packets back. */

#include <config.h>
#undef NDEBUG
#include "afxdp/dp-umem.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "netdev.h"
#include "ovs-thread.h"
#include "random.h"
#include "tests/dptest.h"
#include "util.h"

#define N_FRAMES 64

/* Makes a packet as the kernel would: takes a frame, writes 'len' bytes of
 * 'byte' where the kernel writes, and says so. */
static struct dp_packet *
receive(struct dp_umem *umem, uint8_t byte, uint32_t len)
{
    uint64_t offset;

    ovs_assert(dp_umem_gather(umem, 1) >= 1);
    offset = dp_umem_take(umem);
    ovs_assert(offset == dp_umem_frame_start(offset));
    offset += DP_UMEM_HEADROOM + DP_UMEM_KERNEL_HEADROOM;
    memset(umem->area + offset, byte, len);
    return dp_umem_packet(umem, offset, len);
}

static void
check_bytes(const struct dp_packet *packet, uint8_t byte, uint32_t len)
{
    const uint8_t *data = dp_packet_data(packet);

    ovs_assert(dp_packet_size(packet) == len);
    for (uint32_t i = 0; i < len; i++) {
        ovs_assert(data[i] == byte);
    }
}

/* A packet has all of its frame: room in front for tunnel headers, and room
 * behind it. */
static void
test_packet(void)
{
    struct dp_umem *umem = dp_umem_create(4, 0, -1);
    struct dp_packet *packet = receive(umem, 7, 100);

    check_bytes(packet, 7, 100);
    ovs_assert(packet->source == DPBUF_AFXDP);
    ovs_assert(dp_packet_headroom(packet)
               == DP_UMEM_HEADROOM + DP_UMEM_KERNEL_HEADROOM);
    ovs_assert(dp_packet_tailroom(packet) == DP_UMEM_MAX_PACKET - 100);
    memset(dp_packet_push_uninit(packet, 384), 9, 384);
    ovs_assert(dp_packet_data(packet) >= (void *) umem->area);
    dp_packet_delete(packet);

    packet = receive(umem, 8, DP_UMEM_MAX_PACKET);
    ovs_assert(dp_packet_tailroom(packet) == 0);
    dp_packet_delete(packet);
    ovs_assert(dp_umem_gather(umem, 4) == 4);
    dp_umem_close(umem);
}

/* All frames are given out, and all come back, in whatever order. */
static void
test_all(void)
{
    struct dp_umem *umem = dp_umem_create(N_FRAMES, 8, -1);
    struct dp_packet *packets[N_FRAMES];

    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < N_FRAMES; i++) {
            packets[i] = receive(umem, i, 60);
        }
        ovs_assert(dp_umem_gather(umem, 1) == 0);
        for (int i = N_FRAMES; i > 0; i--) {
            int which = random_range(i);

            check_bytes(packets[which],
                        *(uint8_t *) dp_packet_data(packets[which]), 60);
            dp_packet_delete(packets[which]);
            packets[which] = packets[i - 1];
        }
        ovs_assert(dp_umem_gather(umem, N_FRAMES) == N_FRAMES);
    }
    ovs_assert(dp_umem_tx_frame(umem, 0)
               == (uint64_t) N_FRAMES * DP_UMEM_FRAME_SIZE);
    ovs_assert(dp_umem_tx_frame(umem, 7) + DP_UMEM_FRAME_SIZE == umem->size);
    dp_umem_close(umem);
}

/* A mailbox: the owner of the memory puts packets in, another thread deletes
 * them. */
struct mailbox {
    struct ovs_mutex mutex;
    struct dp_packet *packets[N_FRAMES];
    size_t n;
    bool done;
};

static void *
delete_packets(void *mailbox_)
{
    struct mailbox *mailbox = mailbox_;
    bool done = false;

    while (!done) {
        struct dp_packet *packet = NULL;

        ovs_mutex_lock(&mailbox->mutex);
        if (mailbox->n) {
            packet = mailbox->packets[--mailbox->n];
        } else {
            done = mailbox->done;
        }
        ovs_mutex_unlock(&mailbox->mutex);
        if (packet) {
            uint8_t byte = *(uint8_t *) dp_packet_data(packet);

            check_bytes(packet, byte, 64);
            dp_packet_delete(packet);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

/* Three threads give back what the owner gives out.  If 'early', the owner
 * leaves while packets are out. */
static void
run_threads(int n_packets, bool early)
{
    struct dp_umem *umem = dp_umem_create(N_FRAMES, 0, -1);
    struct mailbox mailbox = { .n = 0 };
    pthread_t threads[3];

    ovs_mutex_init(&mailbox.mutex);
    for (int i = 0; i < ARRAY_SIZE(threads); i++) {
        threads[i] = ovs_thread_create("umem", delete_packets, &mailbox);
    }
    for (int i = 0; i < n_packets;) {
        if (dp_umem_gather(umem, 1)) {
            struct dp_packet *packet = receive(umem, i++, 64);

            ovs_mutex_lock(&mailbox.mutex);
            mailbox.packets[mailbox.n++] = packet;
            ovs_mutex_unlock(&mailbox.mutex);
        } else {
            sched_yield();
        }
    }
    if (early) {
        dp_umem_close(umem);
    }
    ovs_mutex_lock(&mailbox.mutex);
    mailbox.done = true;
    ovs_mutex_unlock(&mailbox.mutex);
    for (int i = 0; i < ARRAY_SIZE(threads); i++) {
        xpthread_join(threads[i], NULL);
    }
    if (!early) {
        ovs_assert(dp_umem_gather(umem, N_FRAMES) == N_FRAMES);
        dp_umem_close(umem);
    }
    ovs_mutex_destroy(&mailbox.mutex);
}

/* Whoever comes last frees the memory; AddressSanitizer and its leak check see
 * whether that is done once. */
static void
test_close(void)
{
    for (int n = 0; n <= 3; n++) {
        struct dp_umem *umem = dp_umem_create(N_FRAMES, 0, -1);
        struct dp_packet *packets[3];

        for (int i = 0; i < n; i++) {
            packets[i] = receive(umem, i, 64);
        }
        dp_umem_close(umem);
        for (int i = 0; i < n; i++) {
            check_bytes(packets[i], i, 64);
            dp_packet_delete(packets[i]);
        }
    }
}

/* As in a socket: so many frames wait for packets, and all have their turn. */
#define N_RING 2048

static uint64_t
cpu_time_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
}

/* Receives a burst from 'ring', whose next frame is the 'next'th, looks at the
 * first bytes and gives all back.  Returns the next frame. */
static unsigned int
turn(struct dp_umem *umem, uint64_t ring[], unsigned int next)
{
    struct dp_packet *packets[NETDEV_MAX_BURST];
    unsigned int sum = 0;

    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        dp_umem_prefetch(umem, ring[next + i]);
    }
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        packets[i] = dp_umem_packet(umem, ring[next + i], 64);
        sum += *(uint8_t *) dp_packet_data(packets[i]);
    }
    ovs_assert(!sum);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        dp_packet_delete(packets[i]);
    }
    ovs_assert(dp_umem_gather(umem, NETDEV_MAX_BURST) >= NETDEV_MAX_BURST);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        ring[next + i] = (dp_umem_take(umem) + DP_UMEM_HEADROOM
                          + DP_UMEM_KERNEL_HEADROOM);
    }
    return (next + NETDEV_MAX_BURST) % N_RING;
}

/* Prints what a packet costs in CPU time, without the kernel. */
static void
benchmark(int n_rounds)
{
    const unsigned int n_turns = 100000;
    struct dp_umem *umem = dp_umem_create(2 * N_RING, 0, -1);
    uint64_t ring[N_RING];
    unsigned int next = 0;

    memset(umem->area, 0, umem->size);
    dp_umem_gather(umem, N_RING);
    for (int i = 0; i < N_RING; i++) {
        ring[i] = (dp_umem_take(umem) + DP_UMEM_HEADROOM
                   + DP_UMEM_KERNEL_HEADROOM);
    }
    printf("ns:");
    for (int i = 0; i < n_rounds; i++) {
        uint64_t start = cpu_time_ns();

        for (unsigned int j = 0; j < n_turns; j++) {
            next = turn(umem, ring, next);
        }
        printf(" %.1f", ((double) (cpu_time_ns() - start)
                         / n_turns / NETDEV_MAX_BURST));
    }
    printf("\n");
    for (int i = 0; i < N_RING; i++) {
        dp_packet_delete(dp_umem_packet(umem, ring[i], 64));
    }
    dp_umem_close(umem);
}

static void
test_umem_main(int argc, char *argv[])
{
    if (argc > 1 && !strcmp(argv[1], "benchmark")) {
        benchmark(argc > 2 ? atoi(argv[2]) : 5);
        return;
    }
    test_packet();
    test_all();
    test_close();
    run_threads(10000, false);
    for (int i = 0; i < 50; i++) {
        run_threads(N_FRAMES, true);
    }
}
DPTEST_REGISTER("afxdp-umem", test_umem_main);
