/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PROMISC_H
#define DP_PROMISC_H 1

/* dp-promisc: devices that receive what is not for them
 * =====================================================
 *
 * Job.  Has the device of a netdev receive every packet, whoever it is for.
 *
 * The kernel counts who wants that of a device.  One of them is a packet
 * socket, which receives nothing and is known to the device by its index.  It
 * goes with the daemon, however that ends, or with the device.  So nothing has
 * to be restored, least of all on a device that only has the same name.  As
 * with the kernel's own datapath, "ip -d link" shows "promiscuity", and "ip
 * link" no flag.
 *
 * (The flag is no way.  Netdevs set and restore flags by the device's name,
 * all of them together, as they were when last heard of.  So a device that
 * somebody has just set up is set down again.)
 *
 * Netdevs that are no Linux devices have the flag only.
 *
 * Owns.  The socket, or a reference on the netdev.
 *
 * Thread-safety.  As the netdev's flags: control thread. */

struct netdev;
struct netdev_saved_flags;

struct dp_promisc {
    int ifindex;                /* Of a Linux device, or 0. */
    int fd;                     /* The socket, or -1. */
    struct netdev_saved_flags *flags;   /* What the netdev has to restore. */
};

/* Names the device.  Returns 0, or a positive errno value: there is none. */
int dp_promisc_init(struct dp_promisc *, const struct netdev *);

/* Has it receive everything from now on, if it does not.  Returns 0 or a
 * positive errno value. */
int dp_promisc_start(struct dp_promisc *, struct netdev *);
void dp_promisc_stop(struct dp_promisc *);

#endif /* dp-promisc.h */
