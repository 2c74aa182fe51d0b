/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_DEVICE_H
#define DP_XDP_DEVICE_H 1

/* dp-xdp-device: what a network device can do with XDP
 * ====================================================
 *
 * Job.  Asks the kernel.
 *
 * Thread-safety.  No state. */

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

#endif /* dp-xdp-device.h */
