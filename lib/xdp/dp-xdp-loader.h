/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_LOADER_H
#define DP_XDP_LOADER_H 1

/* dp-xdp-loader: the XDP program on network interfaces
 * ====================================================
 *
 * Job.  Loads the program once, attaches it to interfaces, and tells it which
 * socket is to get the packets of which queue.  Knows no netdev and no flow.
 *
 * An attachment is a bpf_link that only this process holds: when the process
 * ends, however it does, the program leaves the interface; unless it is to
 * persist (below).  A program that is there already is left alone.
 *
 * Owns.  The program, its maps, and the attachments.
 *
 * Thread-safety.  Any thread; a mutex, taken inside.  No thread that forwards
 * packets has a reason to call.
 *
 * Errors.  A positive errno value; where there is 'errorp', what to tell the
 * user, which the caller frees.  EBUSY: somebody else's program is there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "xdp/dp-xdp-link.h"

struct dp_xdp_groups;
struct dp_xdp_loader;
struct dp_xdp_maps;
struct dp_xdp_port;
struct dp_xdp_table;
struct dp_xdp_watches;

/* Loads the program.  All ports must be detached before it is destroyed. */
int dp_xdp_loader_create(struct dp_xdp_loader **, char **errorp);
void dp_xdp_loader_destroy(struct dp_xdp_loader *);

/* What struct dp_xdp_meta has in 'magic'. */
uint32_t dp_xdp_loader_magic(const struct dp_xdp_loader *);

/* The flows that the program finds, and the sets of ports that it sends
 * packets to; borrowed from the loader. */
struct dp_xdp_table *dp_xdp_loader_table(const struct dp_xdp_loader *);
struct dp_xdp_groups *
dp_xdp_loader_groups(const struct dp_xdp_loader *);

/* Who wants to know of changes of devices; borrowed from the loader, whose
 * thread looks. */
struct dp_xdp_watches *dp_xdp_loader_watches(struct dp_xdp_loader *);

/* The maps of all programs, borrowed from the loader. */
const struct dp_xdp_maps *dp_xdp_loader_maps(const struct dp_xdp_loader *);

/* Programs.
 *
 * The program that runs is one that can do what is needed, and little more:
 * at first it only hands packets to sockets.  Another one is loaded by a
 * thread of the loader, which takes the kernel some ms, and takes the place of
 * the old one on all ports; no packet is lost, and the maps stay.  What nobody
 * has needed for minutes is left out again. */

/* The caller needs a program that can do 'can', of DP_XDP_CAN_*, until
 * dp_xdp_loader_release().  Returns 0 if it runs; EAGAIN if it is being
 * loaded, EOPNOTSUPP if the kernel does not take it: then the caller has
 * nothing to release. */
int dp_xdp_loader_acquire(struct dp_xdp_loader *, uint32_t can);
void dp_xdp_loader_release(struct dp_xdp_loader *, uint32_t can);

/* What the program that runs can do, its file descriptor, and how many
 * instructions the kernel looked at to verify it.  Another one may run at any
 * time. */
uint32_t dp_xdp_loader_can(struct dp_xdp_loader *);
int dp_xdp_loader_prog_fd(struct dp_xdp_loader *);
uint32_t dp_xdp_loader_verified(struct dp_xdp_loader *);

/* Loads a program that can do 'can' and has it run, now.  For tests; and what
 * the loader's thread does. */
int dp_xdp_loader_switch(struct dp_xdp_loader *, uint32_t can, char **errorp);

/* Something was taken out of the table: the thread finds out when its epoch is
 * over. */
void dp_xdp_loader_wake(struct dp_xdp_loader *);

/* Something has changed that watches look at: the thread looks now.  Not for
 * functions of a watch. */
void dp_xdp_loader_look(struct dp_xdp_loader *);

/* Waits until every CPU has left the program: some ms. */
void dp_xdp_loader_synchronize(struct dp_xdp_loader *);

/* Persistence.
 *
 * If programs are to *persist* their links have names (dp-xdp-pins.h) and stay
 * when the process ends, with the flows that their maps have.  Packets of
 * other flows are dropped then: the kernel's stack has never got them.
 *
 * The loader of the next process finds the link of an interface when it
 * attaches to it, whether its own programs are to persist or not.  The old
 * program goes on, with its own maps, until that process can forward what has
 * no flow yet (dp_xdp_loader_take_over()); then the new one takes its place,
 * and no packet is lost. */

/* Programs persist from now on, or no longer. */
void dp_xdp_loader_set_persist(struct dp_xdp_loader *, bool);

/* Whoever reads sockets can forward all packets.  From now on our program runs
 * on every interface that it is attached to, and what else an earlier process
 * has left is removed. */
void dp_xdp_loader_take_over(struct dp_xdp_loader *);

/* The process is about to end in good order.  If programs persist, what it
 * does from now on, as to remove all flows and detach all ports, is not done
 * to what it leaves behind. */
void dp_xdp_loader_leave(struct dp_xdp_loader *);

/* Attaches the program to interface 'ifindex', of this network namespace, in
 * 'mode'.  Without sockets packets go to the kernel's stack, as if the
 * program were not there. */
int dp_xdp_attach(struct dp_xdp_loader *, uint32_t ifindex, enum dp_xdp_mode,
                  struct dp_xdp_port **portp, char **errorp);

/* 'port' has all its sockets; if programs persist, its does from now on.  The
 * loader's thread looks once a second whether it is on the interface still.
 * When it is not any more, or somebody has put another one in its place, it
 * says so and calls 'lost', once, which must not call this module; then
 * nothing is left but to detach the port.  It warns, too, if the interface has
 * queues without a socket. */
void dp_xdp_port_watch(struct dp_xdp_port *, void (*lost)(void *aux),
                       void *aux);

/* Has that happened? */
bool dp_xdp_port_is_lost(const struct dp_xdp_port *);

/* Detaches it, forgets the sockets, and frees 'port'.  The interface may be
 * gone. */
void dp_xdp_detach(struct dp_xdp_port *);

/* The program's name of the port, from 1 on, see xdp/dp-xdp-abi.h. */
uint32_t dp_xdp_port_slot(const struct dp_xdp_port *);

/* The slot of the port that is attached to 'ifindex', or 0. */
uint32_t dp_xdp_find_slot(struct dp_xdp_loader *, uint32_t ifindex);

/* The interface 'ifindex', if it is attached, transmits packets up to an MTU
 * of 'mtu' that are redirected to it; 0, as at first, none.  Sets of ports
 * that it is in are outdated if that is new. */
void dp_xdp_set_output(struct dp_xdp_loader *, uint32_t ifindex,
                       uint32_t mtu);

/* Returns the interface of the port with 'slot', if it transmits up to 'mtu';
 * or 0. */
uint32_t dp_xdp_find_output(struct dp_xdp_loader *, uint32_t slot,
                            uint32_t mtu);

/* AF_XDP socket 'fd', bound to 'queue' of the interface of 'port', gets the
 * packets of that queue from now on.  The kernel forgets it when it is
 * closed.  ENOBUFS: 'queue' is beyond what the program can tell apart. */
int dp_xdp_port_set_socket(struct dp_xdp_port *, unsigned int queue, int fd);

/* Nobody gets the packets of 'queue' from now on. */
void dp_xdp_port_clear_socket(struct dp_xdp_port *, unsigned int queue);

/* The counter 'what', of enum dp_xdp_count, of all CPUs. */
uint64_t dp_xdp_loader_count(const struct dp_xdp_loader *, unsigned int what);

#endif /* dp-xdp-loader.h */
