/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XDP_WIRE_H
#define XDP_WIRE_H 1

/* xdp-wire: packets through real devices, at full speed
 * =====================================================
 *
 * Two pairs of veth devices.  What is sent on "wire0" comes in at "in"; a
 * switch, or whatever is to be measured, is between "in" and "out"; what
 * leaves there is received, counted and dropped at "wire1":
 *
 *     sender -> wire0 = in [ switch ] out = wire1 -> receiver
 *
 * Sender and receiver are XDP programs, the sender run by BPF_PROG_TEST_RUN
 * with live frames.  If the switch is one, too, all of that happens on the CPU
 * of the sending thread, one batch after the other: nothing is lost, and the
 * time for a packet is that of its whole way.
 *
 * All ends with the process; devices go with their network namespace.  One
 * wire for a process.
 *
 * Thread-safety.  One thread sends.  Any may count. */

#include <stdbool.h>
#include <stdint.h>

#include "tests/xdp/xdp-wire-abi.h"

struct dp_xdp_action;
struct dp_xdp_loader;
struct dp_xdp_port;
struct xdp_wire_bpf;

struct xdp_wire {
    struct xdp_wire_bpf *bpf;   /* Programs, and their variables. */
    uint32_t in;                /* Indexes of interfaces. */
    uint32_t out;

    /* The switch, if there is one. */
    struct dp_xdp_loader *loader;
    struct dp_xdp_port *in_port;
    struct dp_xdp_port *out_port;
};

/* Makes the devices, in a network namespace of the process's own, or skips the
 * test. */
void xdp_wire_make_devices(void);

/* Finds the devices in the network namespace, loads the programs, and attaches
 * the receiver.  Skips the test if that is refused. */
void xdp_wire_init(struct xdp_wire *);
void xdp_wire_uninit(struct xdp_wire *);

/* Packets are of 'n' flows from now on, in turn. */
void xdp_wire_set_flows(struct xdp_wire *, uint32_t n);

/* Sends 'n' packets.  Returns the mean time for one, in ns.  Ends with some ms
 * of waiting for the kernel. */
double xdp_wire_send(struct xdp_wire *, uint32_t n);

/* Packets so far. */
uint64_t xdp_wire_sent(const struct xdp_wire *);
uint64_t xdp_wire_count(const struct xdp_wire *, enum xdp_wire_count);

/* Has program 'fd' run on interface 'in', which has one already that the
 * kernel knows as a link. */
void xdp_wire_replace_program(const struct xdp_wire *, int fd);

/* The switch: our program, which can do 'can', on "in" and "out". */
void xdp_wire_init_switch(struct xdp_wire *, uint32_t can);
void xdp_wire_uninit_switch(struct xdp_wire *);

/* Has the switch's program be one that can do 'can'. */
void xdp_wire_set_can(struct xdp_wire *, uint32_t can);

/* Puts flow 'i' with mask number 'mask_i'.  Returns 0 or a positive errno
 * value. */
int xdp_wire_put(struct xdp_wire *, uint32_t i, uint32_t mask_i,
                 const struct dp_xdp_action *, uint32_t *flowp);

/* Takes a flow out, as soon as nobody looks at it any more. */
void xdp_wire_del(struct xdp_wire *, uint32_t flow);

/* Puts flows 0 to 'n' - 1, each with a mask of its own, whose packets go to
 * "out".  Packets are of these from now on. */
void xdp_wire_put_flows(struct xdp_wire *, uint32_t n, uint32_t *flows);
void xdp_wire_del_flows(struct xdp_wire *, uint32_t n, const uint32_t *flows);

/* Stays on CPU 'cpu' from now on: the calling thread.  One that sends and goes
 * to another CPU may lose packets: the first one still has the queues. */
void xdp_wire_pin(unsigned int cpu);

#endif /* xdp-wire.h */
