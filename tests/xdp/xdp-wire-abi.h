/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XDP_WIRE_ABI_H
#define XDP_WIRE_ABI_H 1

/* xdp-wire-abi: what a wire's XDP programs and its tests have in common.
 *
 * A packet that is sent is of flow number 'i', which is the lower half of its
 * IPv4 source.  What is to be seen of the switch's work are Ethernet addresses
 * that both are { XDP_WIRE_MAC, i, version }, with i cut to a byte. */

#define XDP_WIRE_SIZE 64        /* Of a packet, in bytes. */
#define XDP_WIRE_MAC 2
#define XDP_WIRE_MAX_CPUS 64
#define XDP_WIRE_MAX_MASKS 32

/* Counted for each CPU. */
enum xdp_wire_count {
    XDP_WIRE_RECEIVED,
    XDP_WIRE_WRONG,             /* Changed as another flow's packets are. */
    XDP_WIRE_TORN,              /* One address is not the other one. */
    XDP_WIRE_N_COUNTS = 8       /* A cache line. */
};

#endif /* xdp-wire-abi.h */
