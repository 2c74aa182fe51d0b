/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_AFXDP_PORT_H
#define DP_AFXDP_PORT_H 1

/* dp-afxdp-port: the sockets of a network device
 * ==============================================
 *
 * Job.  Attaches our XDP program to a device and makes an AF_XDP socket for
 * each of its first queues, in the mode that was asked for, or in the fastest
 * that works.
 *
 * A device that has an XDP program of somebody else's is left alone: the
 * administrator may need it.
 *
 * Owns.  The attachment and the sockets.
 *
 * Thread-safety.  Creating and destroying is for one thread, while nobody
 * receives or sends.
 *
 * Errors.  A positive errno value: EBUSY if somebody else's program or socket
 * is there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "netdev-afxdp.h"

struct dp_afxdp_port;
struct dp_xsk;

struct dp_afxdp_port_config {
    const char *name;           /* Of the device; borrowed during the call. */
    uint32_t ifindex;
    unsigned int n_queues;      /* At least 1. */
    enum afxdp_mode mode;
    bool need_wakeup;
    int numa_id;                /* Where the memory should be, or negative. */

    /* Called once, by a thread of the loader, if somebody takes the program
     * off the device.  It must not call this module. */
    void (*lost)(void *aux);
    void *aux;
};

/* Stores a new port in '*portp' and returns 0, or returns an errno value and
 * stores what to tell the user in '*errorp', which the caller frees. */
int dp_afxdp_port_create(const struct dp_afxdp_port_config *,
                         struct dp_afxdp_port **portp, char **errorp);
void dp_afxdp_port_destroy(struct dp_afxdp_port *);

/* The mode that is in use: neither unspecified nor "best-effort". */
enum afxdp_mode dp_afxdp_port_mode(const struct dp_afxdp_port *);

/* The device that it was made for. */
uint32_t dp_afxdp_port_ifindex(const struct dp_afxdp_port *);

/* Has somebody taken the program off the device?  Then no packets come, and
 * nothing helps but a new port. */
bool dp_afxdp_port_is_lost(const struct dp_afxdp_port *);

size_t dp_afxdp_port_n_queues(const struct dp_afxdp_port *);

/* The socket of 'queue', below n_queues.  Borrowed. */
struct dp_xsk *dp_afxdp_port_socket(const struct dp_afxdp_port *,
                                    unsigned int queue);

/* What users call 'mode', and back; OVS_AF_XDP_MODE_UNSPEC for a name that
 * there is not. */
const char *dp_afxdp_mode_name(enum afxdp_mode);
enum afxdp_mode dp_afxdp_mode_from_name(const char *);

#endif /* dp-afxdp-port.h */
