/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_ACTION_H
#define SIMNIC_ACTION_H 1

/* simnic-action: rte_flow action lists, checked and compiled
 * ==========================================================
 *
 * Job.  Compile the actions of an rte_flow rule into flags, values and a list
 * of edits.  Refuse what this NIC cannot do, naming the action at fault.
 *
 * Owns.  What the edits own.  Borrows shared (indirect) actions, which the
 * rule table counts.
 *
 * Invariants.  At most one of SIMNIC_ACT_FATES is set.
 *
 * Thread-safety.  Pure functions; constant once compiled, but for RSS, which
 * its owner replaces under the port's mutex.
 *
 * See also.  simnic-flow.h (owns the rules), simnic-edit.h. */

#include <stdbool.h>
#include <stdint.h>

#include <rte_flow.h>

#include "simnic-edit.h"

#define SIMNIC_MAX_QUEUES 64

/* 'simnic_actions.has'. */
#define SIMNIC_ACT_MARK     0x0001
#define SIMNIC_ACT_FLAG     0x0002
#define SIMNIC_ACT_COUNT    0x0004
#define SIMNIC_ACT_AGE      0x0008
#define SIMNIC_ACT_QUEUE    0x0010
#define SIMNIC_ACT_RSS      0x0020
#define SIMNIC_ACT_DROP     0x0040
#define SIMNIC_ACT_PASSTHRU 0x0080
#define SIMNIC_ACT_JUMP     0x0100
#define SIMNIC_ACT_PORT     0x0200
#define SIMNIC_ACT_FATES    0x03f0

struct simnic_shared;           /* simnic-flow.h: an indirect action. */

struct simnic_rss {
    uint64_t types;             /* 0: as the port. */
    uint16_t n_queues;
    bool symmetric;
    uint16_t queue[SIMNIC_MAX_QUEUES];
};

struct simnic_actions {
    uint32_t has;               /* SIMNIC_ACT_*. */
    uint32_t mark;
    uint32_t count_id;
    uint32_t jump_group;
    uint32_t age_s;             /* Seconds. */
    void *age_context;
    uint16_t queue;
    uint16_t port_id;
    struct simnic_rss rss;
    struct simnic_edits edits;
    struct simnic_shared *shared_count;
    struct simnic_shared *shared_age;
    struct simnic_shared *shared_rss;
};

/* What the NIC can do at the moment. */
struct simnic_action_env {
    uint16_t n_rxq;
    uint64_t rss_types;         /* That can be asked for. */
    uint8_t mark_bits;
    uint32_t n_groups;
    bool has_switch;            /* Belongs to a switch domain. */
    bool no_mark;               /* Their delivery was negotiated away. */
    bool no_flag;
    void *aux;

    /* True if 'port_id' is a port of the same switch. */
    bool (*port_ok)(void *aux, uint16_t port_id);

    /* Returns the shared action 'handle', or NULL if there is none. */
    struct simnic_shared *(*shared)(void *aux, const void *handle,
                                    enum rte_flow_action_type *typep);
};

/* Compiles 'actions' for a rule with 'attr'.  Returns 0, or a negative errno
 * value with '*error' filled in.  The caller calls simnic_actions_uninit() in
 * either case. */
int simnic_actions_compile(const struct simnic_action_env *,
                           const struct rte_flow_attr *attr,
                           const struct rte_flow_action actions[],
                           struct simnic_actions *, struct rte_flow_error *);

/* Compiles the configuration of an RSS action; 'cause' is blamed. */
int simnic_rss_compile(const struct simnic_action_env *,
                       const struct rte_flow_action_rss *conf,
                       struct simnic_rss *, const void *cause,
                       struct rte_flow_error *);

void simnic_actions_uninit(struct simnic_actions *);

#endif /* simnic-action.h */
