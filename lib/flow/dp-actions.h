/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_ACTIONS_H
#define DP_ACTIONS_H 1

/* dp-actions: compiled action lists
 * =================================
 *
 * Job.  Turn a list of OVS_ACTION_ATTR_* attributes into a few typed steps,
 * once, when a flow is installed, so that a packet does not walk attributes.
 * What only a datapath can do (output, recirculate, connection tracking,
 * tunnels, meters, upcalls) has a step type of its own; so have the changes of
 * headers that most flows make.  Those of IPv4 packets that follow each other
 * are one step, a rewrite (flow/dp-rewrite.h).
 *
 * Owns.  A private copy of the attributes, which the steps point into, and
 * rewrites.
 *
 * Thread-safety.  Constant after creation.  A flow publishes its list by RCU
 * and retires it with dp_actions_postpone_free().
 *
 * Cost.  dp_actions_create(): an allocation, and two for a while. */

#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "flow/dp-edit.h"

struct dp_packet_batch;
struct dp_rewrite;
struct nlattr;

enum dp_step_type {
    DP_STEP_OUTPUT,             /* To 'port'. */
    DP_STEP_LB_OUTPUT,          /* To a member of bond 'arg'. */
    DP_STEP_RECIRC,             /* Again, with recirculation ID 'arg'. */
    DP_STEP_METER,              /* Through meter 'arg'. */
    DP_STEP_CT,                 /* Connection tracking, by 'attr'. */
    DP_STEP_TUNNEL_PUSH,        /* Encapsulate, by 'attr'. */
    DP_STEP_TUNNEL_POP,         /* Decapsulate at 'port' and go again. */
    DP_STEP_USERSPACE,          /* Upcall, by 'attr'. */
    DP_STEP_EDIT,               /* Change headers: 'edit' with 'edit_arg'. */
    DP_STEP_REWRITE,            /* Several edits: 'rewrite'. */
    DP_STEP_DROP,               /* Count by 'attr' and drop. */
    DP_STEP_LEAF,               /* 'attr', which needs no datapath. */
    DP_STEP_NESTED,             /* 'attr', which nests other actions. */
};

/* Small, as with many flows each packet has to fetch steps of its own. */
struct dp_step {
    uint8_t type;               /* enum dp_step_type. */
    bool last;                  /* The packets end here. */
    union {
        odp_port_t port;
        uint32_t arg;
        enum dp_edit edit;
    };
    union {                     /* Borrowed from the list. */
        const struct nlattr *attr;
        const void *edit_arg;
        const struct dp_rewrite *rewrite;
    };
};

struct dp_actions {
    const struct nlattr *nla;   /* The attributes that were compiled. */
    uint32_t nla_len;           /* Bytes. */
    uint32_t n_steps;           /* 0: drop. */
    odp_port_t output;          /* Of the only step, or ODPP_NONE. */
    odp_port_t edited_output;   /* Of the last step, if all others are edits,
                                 * of which there are some; or ODPP_NONE. */
    bool parse;                 /* Some step needs the packet's offsets... */
    bool metadata;              /* ...or its metadata. */
    bool goes_on;               /* Some step tracks or recirculates. */
    uint32_t size;              /* Of all this, in bytes. */
    struct dp_step steps[];     /* Rewrites and the attributes' copy follow
                                 * them. */
};

struct dp_actions *dp_actions_create(const struct nlattr *, size_t len);
void dp_actions_free(struct dp_actions *);
void dp_actions_postpone_free(struct dp_actions *);
bool dp_actions_step_from_attr(const struct nlattr *, struct dp_step *);

/* Does step 'step', an edit or a rewrite, to the packets of 'batch'. */
void dp_actions_edit(const struct dp_step *step,
                     struct dp_packet_batch *batch);

#endif /* dp-actions.h */
