/* SPDX-License-Identifier: Apache-2.0 */
#ifndef XDP_RIG_H
#define XDP_RIG_H 1

/* xdp-rig: the XDP program, run on packets of a test
 * ==================================================
 *
 * The kernel runs the loaded program on a packet in memory
 * (BPF_PROG_TEST_RUN) and tells what became of it.  Where bpf() is refused the
 * test is skipped. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp/dp-xdp-loader.h"

/* What became of a packet. */
struct xdp_run {
    uint32_t verdict;           /* XDP_*. */
    bool has_meta;
    uint32_t magic;             /* If 'has_meta'. */
    uint32_t mark;
    size_t size;
    uint8_t data[2048];
    uint32_t ns;                /* The mean time of a run. */
};

/* Moves the process to a network namespace of its own, with "lo" alone; skips
 * the test if that is refused. */
void xdp_rig_unshare(void);

/* Loads the program, or skips the test. */
struct dp_xdp_loader *xdp_rig_load(void);

/* Stays on one CPU from now on: the program has memory for each. */
void xdp_rig_pin(void);

/* Runs 'command', which must succeed, in a shell. */
void xdp_rig_shell(const char *command);

/* Sets up 'a' and 'b', two ends of a veth, and waits until they transmit: that
 * a device has a carrier is noted at once, but what it is given before the
 * kernel has got round to it is dropped. */
void xdp_rig_set_up(const char *a, const char *b);

uint32_t xdp_rig_ifindex(const char *name);

/* Returns the link that holds the program of 'ifindex', for the caller to
 * close. */
int xdp_rig_open_link(uint32_t ifindex);

/* The time, in ns. */
uint64_t xdp_rig_now_ns(void);

/* As below, for program 'prog_fd'. */
void xdp_rig_run_program(int prog_fd, uint32_t ifindex, const void *data,
                         size_t size, int repeat, struct xdp_run *);

/* Runs the program on 'size' bytes of 'data', 'repeat' times, as if they had
 * come to queue 0 of 'ifindex'. */
void xdp_rig_run(struct dp_xdp_loader *, uint32_t ifindex, const void *data,
                 size_t size, int repeat, struct xdp_run *);

#endif /* xdp-rig.h */
