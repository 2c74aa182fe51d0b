/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_RULE_H
#define DP_OFFLOAD_RULE_H 1

/* dp-offload-rule: the registry of rules
 * ======================================
 *
 * Job.  Keeps one rule for each megaflow, with the flows that it stands for
 * and its mark.  Private to lib/offload.
 *
 * Thread-safety.  As the prototypes say.
 *
 * What a NIC counts is booked to the last member.  When that one goes and the
 * rule may be whole in the NIC, it stays as the rule's heir: what comes with
 * the last reading is its, unless another flow has joined by then. */

#include "heap.h"
#include "mpsc-queue.h"
#include "offload/dp-mark-index.h"
#include "offload/dp-offload-provider.h"
#include "offload/dp-places.h"
#include "offload/dp-rule-state.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

struct dp_offload_info;

/* A lane's flow for a rule. */
struct dp_offload_member {
    struct dp_mark_index *index;        /* Borrowed: the lane outlives it. */
    void *flow;                         /* Counted. */
    uint64_t n_packets;                 /* What the NIC has done for it. */
    uint64_t n_bytes;
    long long int used;                 /* When these were seen to move; 0:
                                         * never. */
};

/* A rule depends on a port: that one has decided whether it runs whole. */
struct dp_rule_link {
    struct ovs_list node;               /* In the port's 'dependants'. */
    struct dp_offload_rule *rule;
    odp_port_t port_no;
    struct dp_offload_port *peer;       /* Counted: it, if what may be in the
                                         * NIC outputs there, or null. */
};

struct dp_offload_rule {
    /* Constant after creation. */
    ovs_u128 mega_ufid;
    struct dp_offload_shard *shard;     /* That it lies in. */
    odp_port_t in_port;
    enum dp_offload_kind kind;

    /* Owner thread (the shard's worker) only. */
    uint32_t put_gen;                   /* Value of 'gen' of the put. */
    uint32_t port_gen;                  /* Of the port at that time. */
    uint8_t n_retries;                  /* Or more. */
    bool replace;                       /* Take it out, put it again. */
    bool pressed;                       /* UNSURE, and its peer has to go. */
    bool returning;                     /* Was taken out to be put again. */
    struct heap_node retry_node;        /* In worker's 'retries', if idx. */
    uint64_t hw_packets;                /* Last reading since the put. */
    uint64_t hw_bytes;

    /* Guarded by the shard's mutex. */
    struct hmap_node node;              /* In shard's 'rules'. */
    struct ovs_list in_node;            /* In the 'rules' of its in-port. */
    struct dp_rule_link *link;          /* Owned: the port that it depends on,
                                         * or null. */
    struct mpsc_queue_node ready_node;  /* In the worker's queue. */
    struct ovs_list whole_node;         /* In shard's 'whole', or in a port's
                                         * 'halved' (owner thread). */
    struct dp_places_seat seat;         /* In a room: owner thread only. */
    struct dp_offload_port *port;       /* Counted; null if absent, but for
                                         * one in line, busy, or ready after
                                         * an operation. */
    void *handle;                       /* The provider's. */
    uint64_t since_us;                  /* Since when 'level' is so: before the
                                         * first put, since its first flow
                                         * came. */
    uint64_t actions_hash;              /* Of the actions that were put, or
                                         * planned last. */
    uint32_t mark;                      /* Or 0. */
    uint32_t gen;                       /* Counts what flows told us. */
    uint32_t ready_us;                  /* Since when it is 'ready': the low
                                         * bits. */
    int16_t error;                      /* With 'why'. */
    uint8_t level;                      /* enum dp_offload_level. */
    uint8_t why;                        /* enum dp_offload_why. */
    const char *state_where;            /* Source location of last mover... */
    uint16_t state_thread;              /* ...and its ovsthread_id. */
    uint8_t state;                      /* enum dp_rule_state. */
    bool replan;                        /* The port of 'link' has changed, or
                                         * the in-port. */
    bool needs_mark;                    /* The last put missed a mark. */
    bool halved;                        /* The last put missed room. */
    bool counts_stay;                   /* The provider can read what a flush
                                         * has taken out. */
    bool ready;                         /* Stands in the queue. */
    bool again;                         /* Became ready while busy. */
    bool flushing;                      /* dp_offload_flush() waits for it. */
    bool marked_once;                   /* 'mark' has been in the NIC. */
    bool mark_mixed;                    /* Once, for packets of any headers. */
    bool mark_sound;                    /* The lanes know that it is only given
                                         * to packets with sound ones. */
    uint8_t best;                       /* Best 'level' that it has had. */

    /* Flows, one or more for each lane; the last one is described to
     * the provider. */
    uint16_t n_members;
    uint16_t n_allocated;               /* 1: it is 'one'. */
    uint16_t tcp_flags;                 /* Of packets that the NIC has done for
                                         * any of them. */
    struct dp_offload_member *members;
    union {
        struct dp_offload_member one;
        void *heir;                     /* If there are no members: who had the
                                         * rule last (counted), if the NIC may
                                         * have counted for it; or null. */
    };
};

/* What a shard knows about a port, while any of its rules needs it. */
struct dp_shard_port {
    struct hmap_node node;              /* In shard's 'ports'. */
    odp_port_t port_no;
    struct ovs_list rules;              /* Whose in-port it is. */
    struct ovs_list dependants;         /* 'struct dp_rule_link's. */
};

struct dp_offload_shard {
    PADDED_MEMBERS(CACHE_LINE_SIZE,
        struct ovs_mutex mutex;

        /* Guarded by 'mutex'. */
        struct hmap rules;              /* 'struct dp_offload_rule's. */
        struct hmap ports;              /* 'struct dp_shard_port's. */
        struct ovs_list whole;          /* Those that run whole. */
        struct dp_offload_worker *worker;
    );
};

struct dp_offload_shard *dp_rule_shard(const struct dp_offload *offload,
                                       const ovs_u128 *mega_ufid);

struct dp_offload_rule *dp_rule_find(const struct dp_offload_shard *shard,
                                     const ovs_u128 *mega_ufid)
    OVS_REQUIRES(shard->mutex);

void dp_shard_init(struct dp_offload_shard *shard);

/* 'shard' must have no rules. */
void dp_shard_uninit(struct dp_offload_shard *shard);

struct dp_offload_rule *dp_rule_create(struct dp_offload *offload,
                                       struct dp_offload_shard *shard,
                                       const struct dp_offload_info *info)
    OVS_REQUIRES(shard->mutex);

/* Moves 'rule' to 'state'.  Aborts if there is no such edge, and tells who
 * moved it last. */
#define dp_rule_go(RULE, STATE) \
    dp_rule_go_at(RULE, STATE, OVS_SOURCE_LOCATOR)
void dp_rule_go_at(struct dp_offload_rule *rule, enum dp_rule_state state,
                   const char *where)
    OVS_REQUIRES(rule->shard->mutex);

/* Frees 'rule', which is DEAD and stands nowhere but in the registry. */
void dp_rule_destroy(struct dp_offload *offload, struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Puts 'rule' on its worker's queue if it is not there. */
void dp_rule_ready(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Put on the workers' queues: all rules; or those of 'port_no', which has
 * come, changed, or is to go: whose in-port it is, and who depend on it.  The
 * latter costs no more than there are of them. */
void dp_rules_ready_all(struct dp_offload *offload);
void dp_rules_ready_port(struct dp_offload *offload, odp_port_t port_no);

/* Put on the workers' queues, to be planned anew: those that depend on
 * 'port_no'; those whose in-port it is. */
void dp_rules_replan_output(struct dp_offload *offload, odp_port_t port_no);
void dp_rules_replan_input(struct dp_offload *offload, odp_port_t port_no);

/* Returns the port that what may be in the NIC for 'rule' outputs to, if that
 * is another one than its own, or null. */
static inline struct dp_offload_port *
dp_rule_peer(const struct dp_offload_rule *rule)
{
    return rule->link ? rule->link->peer : NULL;
}

/* Makes 'rule', which has no peer, depend on 'port_no' alone; ODPP_NONE: on
 * none. */
void dp_rule_set_out_port(struct dp_offload_rule *rule, odp_port_t port_no)
    OVS_REQUIRES(rule->shard->mutex);

/* What 'shard' knows about 'port_no', or null. */
struct dp_shard_port *dp_shard_port_find(const struct dp_offload_shard *shard,
                                         odp_port_t port_no)
    OVS_REQUIRES(shard->mutex);

/* Makes dp_offload_flush() wait for 'rule', or not any more. */
void dp_rule_set_flushing(struct dp_offload *offload,
                          struct dp_offload_rule *rule, bool flushing)
    OVS_REQUIRES(rule->shard->mutex);

/* Members.  add() returns false if 'flow' is one already. */
bool dp_rule_member_add(struct dp_offload *offload,
                        struct dp_offload_rule *rule,
                        struct dp_mark_index *index, void *flow)
    OVS_REQUIRES(rule->shard->mutex);
bool dp_rule_member_del(struct dp_offload *offload,
                        struct dp_offload_rule *rule,
                        struct dp_mark_index *index, void *flow)
    OVS_REQUIRES(rule->shard->mutex);
void dp_rule_members_clear(struct dp_offload *offload,
                           struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);
struct dp_offload_member *dp_rule_member_find(
    const struct dp_offload_rule *rule, const void *flow)
    OVS_REQUIRES(rule->shard->mutex);

/* Returns the number of packets that software has counted for 'rule', as far
 * as the datapath can tell. */
uint64_t dp_rule_soft_packets(const struct dp_offload *offload,
                              const struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex);

/* Returns a hash of what stands in 'actions' from 'ofs' on. */
uint64_t dp_rule_hash_actions(const struct ofpbuf *actions, size_t ofs);

/* Tells the analysis of locks that who holds the mutex of 'shard' holds that
 * of the shard of 'rule'. */
#if defined(__clang__)
#define DP_RULE_LOCKED(RULE) \
    __attribute__((assert_exclusive_lock((RULE)->shard->mutex)))
#else
#define DP_RULE_LOCKED(RULE)
#endif
static inline void
dp_rule_is_locked(const struct dp_offload_rule *rule,
                  const struct dp_offload_shard *shard)
    DP_RULE_LOCKED(rule)
{
    ovs_assert(rule->shard == shard);
}

#endif /* dp-offload-rule.h */
