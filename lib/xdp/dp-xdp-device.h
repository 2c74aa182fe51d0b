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

/* Do packets that a program redirects to 'ifindex' leave there?  A driver that
 * can't send them drops them without a word; a veth device can as long as its
 * peer has a program or GRO.  Kernels before 6.3 do not tell: then devices of
 * hardware are believed to. */
bool dp_xdp_device_can_transmit(uint32_t ifindex);

#endif /* dp-xdp-device.h */
