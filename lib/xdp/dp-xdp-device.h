/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_DEVICE_H
#define DP_XDP_DEVICE_H 1

/* dp-xdp-device: what a network device can do with XDP
 * ====================================================
 *
 * Job.  Asks the kernel, and hears what it tells by itself.
 *
 * Thread-safety.  No state, but for struct dp_xdp_news: for one thread. */

#include <stdbool.h>
#include <stdint.h>

struct dp_xdp_device {
    uint32_t mtu;               /* 0 if that is not known. */

    /* Do packets that a program redirects to the device leave there?  A driver
     * that can't send them drops them without a word; a veth device can as
     * long as its peer has a program or GRO.  Kernels before 6.3 do not tell:
     * then devices of hardware are believed to. */
    bool can_transmit;
};

/* How many queues the device receives through, or 0 if that is not known. */
unsigned int dp_xdp_device_n_rxqs(const char *name);

/* A device that is not there has no MTU, and can't. */
struct dp_xdp_device dp_xdp_device_get(uint32_t ifindex);

/* Subscriptions to what the kernel tells, of devices of the network namespace
 * of the thread that made them.  Either may be null, if the kernel has no such
 * thing. */
struct nl_sock;

struct dp_xdp_news {
    struct nl_sock *links;      /* MTU; devices that go. */
    struct nl_sock *features;   /* Linux 6.3. */
};

void dp_xdp_news_init(struct dp_xdp_news *);
void dp_xdp_news_uninit(struct dp_xdp_news *);

/* Calls 'cb' for what has been told of a device since: its MTU, whether it can
 * transmit, or, both null, that it is worth a look.  Returns false if
 * something was missed. */
bool dp_xdp_news_run(struct dp_xdp_news *,
                     void (*cb)(void *aux, uint32_t ifindex,
                                const uint32_t *mtu,
                                const bool *can_transmit),
                     void *aux);

/* Wakes poll-loop when there is something to hear. */
void dp_xdp_news_wait(const struct dp_xdp_news *);

#endif /* dp-xdp-device.h */
