/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_EDIT_H
#define SIMNIC_EDIT_H 1

/* simnic-edit: changes that a rule makes to a packet
 * ==================================================
 *
 * Job.  Apply a list of header changes (set a field, push or pop a tag,
 * encapsulate, decapsulate) to a frame, keeping lengths and checksums right.
 *
 * Owns.  The bytes that an encapsulation prepends.
 *
 * Invariants.  A change that does not apply to the frame at hand (a TCP port
 * of an ARP packet) leaves the frame as it is, as a NIC does.
 *
 * Thread-safety.  A list is constant once built; any thread may apply it.
 *
 * Cost.  Parses the frame, again after each change of its structure.
 *
 * See also.  simnic-action.h (builds the lists). */

#include <stdbool.h>
#include <stdint.h>

#include <rte_flow.h>

enum simnic_edit_op {
    SIMNIC_EDIT_ETH_SRC,
    SIMNIC_EDIT_ETH_DST,
    SIMNIC_EDIT_IPV4_SRC,
    SIMNIC_EDIT_IPV4_DST,
    SIMNIC_EDIT_IPV6_SRC,
    SIMNIC_EDIT_IPV6_DST,
    SIMNIC_EDIT_TP_SRC,
    SIMNIC_EDIT_TP_DST,
    SIMNIC_EDIT_TTL,
    SIMNIC_EDIT_DEC_TTL,
    SIMNIC_EDIT_PUSH_VLAN,      /* arg: TPID; bytes follow as 'encap'. */
    SIMNIC_EDIT_POP_VLAN,
    SIMNIC_EDIT_VLAN_VID,
    SIMNIC_EDIT_VLAN_PCP,
    SIMNIC_EDIT_ENCAP,          /* Prepends 'size' bytes at 'raw'. */
    SIMNIC_EDIT_DECAP_TUNNEL,   /* VXLAN. */
    SIMNIC_EDIT_CUT             /* Removes the first 'size' bytes. */
};

struct simnic_edit {
    enum simnic_edit_op op;
    uint16_t size;
    uint8_t arg[16];            /* Network byte order. */
    uint8_t *raw;               /* Owned; SIMNIC_EDIT_ENCAP only. */
};

#define SIMNIC_MAX_EDITS 16

struct simnic_edits {
    unsigned int n;
    struct simnic_edit edit[SIMNIC_MAX_EDITS];
};

/* A frame that can grow to the front. */
struct simnic_frame {
    uint8_t *data;
    uint32_t size;              /* Bytes at 'data', all in one piece. */
    uint32_t headroom;          /* Free bytes before 'data'. */
    uint32_t more;              /* Bytes of the packet in other segments. */
};

/* Applies 'edits' to 'frame'.  Returns false if the frame was too short or
 * had too little headroom; it is then partly changed. */
bool simnic_edits_apply(const struct simnic_edits *, struct simnic_frame *);

/* Frees what the list owns and empties it. */
void simnic_edits_uninit(struct simnic_edits *);

/* Builds the header that 'definition' (items ETH, VLAN, IPV4 or IPV6, UDP,
 * VXLAN, END) describes, of at most 'room' bytes.  Returns its size, or 0 if
 * the items are not in that order or lack values. */
size_t simnic_edit_vxlan_header(const struct rte_flow_item definition[],
                                uint8_t *header, size_t room);

#endif /* simnic-edit.h */
