/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_EDIT_H
#define DP_EDIT_H 1

/* dp-edit: the changes that most flows make to packets
 * ====================================================
 *
 * Job.  Push and pop a VLAN tag, and set fields of Ethernet, IPv4, IPv6, TCP
 * and UDP, all or under a mask, on a batch of packets.  Everything else that
 * needs no datapath goes through Open vSwitch's odp_execute_actions(), with
 * which these must agree.  Where that trusts that a header is there, these
 * look.
 *
 * Owns.  Nothing.  The argument of an edit is borrowed from the attributes
 * that it was compiled from.
 *
 * Thread-safety.  Any thread; the packets are the caller's.
 *
 * Cost.  Per packet, without a call for most: a tag moves twelve bytes, all
 * fields of a header together update each checksum once by the difference (RFC
 * 1624).  The payload is not touched, which is why SCTP is not here: its
 * checksum covers that, and is no sum. */

struct dp_packet_batch;
struct nlattr;

enum dp_edit {
    DP_EDIT_NONE,               /* Something else. */
    DP_EDIT_PUSH_VLAN,          /* Argument: struct ovs_action_push_vlan. */
    DP_EDIT_POP_VLAN,           /* No argument. */
    DP_EDIT_SET_ETH,            /* Two struct ovs_key_ethernet: key, mask. */
    DP_EDIT_SET_IPV4,           /* Two struct ovs_key_ipv4: key, mask. */
    DP_EDIT_SET_IPV6,           /* Two struct ovs_key_ipv6... */
    DP_EDIT_SET_TCP,            /* ...and so on. */
    DP_EDIT_SET_UDP,

    /* The same without mask: all fields, but for protocol and fragment. */
    DP_EDIT_SET_ALL_ETH,        /* struct ovs_key_ethernet. */
    DP_EDIT_SET_ALL_IPV4,       /* struct ovs_key_ipv4... */
    DP_EDIT_SET_ALL_IPV6,       /* ...and so on. */
    DP_EDIT_SET_ALL_TCP,
    DP_EDIT_SET_ALL_UDP,
};

/* Returns the edit that 'a' asks for, and stores its argument. */
enum dp_edit dp_edit_compile(const struct nlattr *a, const void **arg);

/* Returns the mask of an edit that sets fields, with argument 'arg': what it
 * has there, or that of all fields. */
const void *dp_edit_mask(enum dp_edit, const void *arg);

/* Changes all packets of 'batch', whose offsets must be valid.  Those that say
 * they are Ethernet packets must have an Ethernet header: see dp-header.h. */
void dp_edit_run(struct dp_packet_batch *batch, enum dp_edit,
                 const void *arg);

#endif /* dp-edit.h */
