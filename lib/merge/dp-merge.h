/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MERGE_H
#define DP_MERGE_H 1

/* dp-merge: one rule for a packet's way through the tables
 * ========================================================
 *
 * Job.  PURE: values in, a rule out; no clock, thread, lock or packet.
 *
 * A packet of an established connection meets a megaflow, a "ct" action, which
 * recirculates, a second megaflow, perhaps another "ct", a third megaflow, and
 * so on to its last output.  A trace tells of all that; dp_merge_compose()
 * makes one match and one list of actions of it, or says why there is none.
 *
 * What the rule promises.  Whatever it does to any packet that it matches,
 * what the trace's megaflows and connections do to it is the same: bytes,
 * ports, order; and the connections stay what they were but for when they end
 * and for TCP's windows.  This holds
 * - as long as each megaflow and connection of the trace is as it was;
 * - for packets that the tracker would not find invalid: whose lengths and
 *   checksums are sound, which a match can't express.  Whoever runs the rule
 *   sees to that, and to windows if they are checked;
 * - without a routing header of IPv6, whose final destination is not in the
 *   destination address.
 *
 * How.  The packet that was traced is followed through the actions once more,
 * bit by bit (dp-merge-view.h).  The mask of the rule is the union of what any
 * stage looked at, where the bit was still the one that the packet had brought
 * along; conditions on bits that an action had fixed by then hold for all
 * packets, or not at all.  Actions keep their order, so whatever leaves on the
 * way leaves as it was there.  "ct" becomes what it does to an established
 * connection's packets: it sets addresses and ports, or does nothing.
 *
 * See also.  Documentation/internals/merge.rst. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "ct/ct-key.h"
#include "merge/dp-merge-why.h"

struct nlattr;

enum { DP_MERGE_MAX_STAGES = 16 };

/* A connection as one "ct" action of the trace met it. */
struct dp_merge_conn {
    /* With which packets come to the tracker: [0] original direction, [1]
     * replies.  Translated, packets of direction 'd' have the reverse of
     * 'keys[!d]'. */
    struct ct_key keys[2];
    bool is_reply;              /* The direction of the packet. */
    bool is_established;        /* Both sides have been seen; TCP's handshake
                                 * is over, and neither closes. */
    bool has_helper;            /* Or another one's helper announced it. */
    uint8_t nat;                /* CS_SRC_NAT or CS_DST_NAT: what "nat" does
                                 * to packets of this direction; or 0. */
    uint32_t mark;
    ovs_u128 label;
};

/* One pass through the pipe.  All is borrowed. */
struct dp_merge_stage {
    const struct flow *key;             /* The megaflow... */
    const struct flow_wildcards *wc;
    const struct nlattr *actions;       /* ...and its actions. */
    size_t actions_len;
    const struct dp_merge_conn *conns;  /* One for each "ct" action. */
    size_t n_conns;
};

struct dp_merge_trace {
    const struct flow *packet;          /* As extraction saw it on arrival. */
    const struct dp_merge_stage *stages;
    size_t n_stages;
};

struct dp_merge_rule {
    struct match match;         /* Of packets as they arrive: recirc_id 0. */
    struct ofpbuf actions;      /* Netlink attributes; none: drop. */

    /* By how many bytes packets are longer in a stage, when they are looked
     * up, than on arrival. */
    int length[DP_MERGE_MAX_STAGES];
};

void dp_merge_rule_init(struct dp_merge_rule *);
void dp_merge_rule_uninit(struct dp_merge_rule *);

/* Fills 'rule', which was initialised, with the rule for 'trace' and returns
 * DP_MERGE_WHY_NONE, or returns what forbids it; the contents of 'rule' are
 * meaningless then. */
enum dp_merge_why dp_merge_compose(const struct dp_merge_trace *trace,
                                   struct dp_merge_rule *rule);

#endif /* dp-merge.h */
