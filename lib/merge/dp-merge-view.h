/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MERGE_VIEW_H
#define DP_MERGE_VIEW_H 1

/* dp-merge-view: a packet on its way, and all that go the same way
 * ================================================================
 *
 * Job.  PURE.  Follow what the actions make of a packet, and keep apart which
 * of its bits are as it brought them along and which an action has fixed.
 * Whoever makes something depend on a bit says so (dp_merge_view_look()): it
 * is noted as a condition on the packet *as it arrived*, unless it is fixed,
 * for then it is the same in all.  So when the way has ended, the conditions
 * name the packets to which all this happens in the same way.
 *
 * A bit of a field is either fixed or that of the same field at arrival; only
 * VLAN tags move, from one place to the next.
 *
 * Owns.  Nothing.  A view may be copied, for a clone of the packet: both note
 * their conditions in the same place.
 *
 * Thread-safety.  None needed. */

#include "flow.h"

struct dp_merge_view {
    const struct flow *arrival;     /* Borrowed. */
    struct flow_wildcards *seen;    /* Borrowed: bits of 'arrival' that
                                     * something depends on. */
    struct flow now;                /* What extraction would give. */
    struct flow fixed;              /* 1-bits: 'now' is the same in all. */
    int n_pushed;                   /* The first of 'now.vlans'... */
    int n_popped;                   /* ...the others began here. */
    int length;                     /* Bytes more than at arrival. */
};

/* Begins with the packet that looked like 'arrival' when it came in by its
 * port.  Metadata that no port gives are fixed.  Conditions go to 'seen',
 * which becomes empty. */
void dp_merge_view_init(struct dp_merge_view *, const struct flow *arrival,
                        struct flow_wildcards *seen);

/* Makes all that follows depend on the bits of 'now' in 'mask'. */
void dp_merge_view_look(struct dp_merge_view *, const struct flow *mask);

/* Fixes what 'mask', of 'size' bytes, has at offset 'ofs' of 'struct flow' to
 * 'value'.  Not for VLAN tags. */
void dp_merge_view_set(struct dp_merge_view *, size_t ofs, const void *value,
                       const void *mask, size_t size);

/* The same for a whole MEMBER, which gets VALUE, of the member's type. */
#define DP_MERGE_VIEW_SET(VIEW, MEMBER, VALUE)                              \
    do {                                                                    \
        (VIEW)->now.MEMBER = (VALUE);                                       \
        memset(&(VIEW)->fixed.MEMBER, 0xff, sizeof (VIEW)->fixed.MEMBER);   \
    } while (0)

/* Pushes or pops a VLAN tag.  Returns false if there would be more than
 * extraction sees, or if there is none. */
bool dp_merge_view_push_vlan(struct dp_merge_view *, ovs_be16 tpid,
                             ovs_be16 tci);
bool dp_merge_view_pop_vlan(struct dp_merge_view *);

#endif /* dp-merge-view.h */
