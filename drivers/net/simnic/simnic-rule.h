/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_RULE_H
#define SIMNIC_RULE_H 1

/* simnic-rule: rules, and the way of a packet through them
 * ========================================================
 *
 * Job.  Hold the rules of a port, and evaluate a packet's key against them:
 * transfer domain first, then the ingress one, from group 0 along JUMP and
 * PASSTHRU.  Knows no stream, queue or device.
 *
 * Owns.  Rules and shared actions.  A handle that is given to applications
 * is no pointer (simnic-slots.h).
 *
 * Invariants.  A rule is in one table exactly as long as it is in its slot.
 *
 * Thread-safety.  Writers: the port's mutex and, in modes 'pair' and 'ring',
 * its 'rules_lock' for writing.  simnic_rules_eval(): either of them.
 *
 * Cost.  simnic_rules_eval(): one simnic_table_find() for each rule on the
 * way and one for the miss.
 *
 * See also.  simnic-flow.c (rte_flow), simnic-classify.h (streams). */

#include "simnic-action.h"
#include "simnic-devargs.h"
#include "simnic-slots.h"
#include "simnic-table.h"

#define SIMNIC_MAX_PATH 8

struct simnic_rule;

/* A counter, and what a reader gets to see of it if counters lag. */
struct simnic_counter {
    uint64_t hits;
    uint64_t bytes;
    uint64_t shown_hits;
    uint64_t shown_bytes;
    uint64_t shown_at;                  /* TSC. */
};

/* The rules that a packet meets, in order.  Streams with the same way share
 * one path; that of a single rule is part of the rule. */
struct simnic_path {
    struct simnic_path *next;           /* In a hash chain. */
    uint32_t n_streams;
    uint32_t id;                        /* For slow words; 0: none yet. */
    uint8_t n_rules;
    bool shared;                        /* Allocated, by simnic-classify. */
    bool slow;                          /* The polling core executes it. */
    bool counted;
    bool exact;                         /* By a counter that outlives rules. */
    bool has_mark;
    bool flag;
    bool drop;
    bool to_port;
    uint32_t mark;
    uint16_t port_id;
    struct simnic_rule *rule[SIMNIC_MAX_PATH];
};

struct simnic_age {
    uint32_t timeout_s;
    void *context;
    uint64_t last_hits;
    uint64_t last_seen;                 /* TSC. */
    uint64_t hits;
    bool aged;
    bool reported;
};

/* An indirect action. */
struct simnic_shared {
    uint64_t handle;
    enum rte_flow_action_type type;
    uint32_t n_users;                   /* Rules in a table. */
    uint32_t n_refs;                    /* Its handle, and rules that have not
                                         * been freed. */
    struct simnic_rule *user;           /* The only one, or NULL. */
    struct simnic_counter counter;
    struct simnic_age age;
    struct simnic_rss rss;
};

struct simnic_rule {
    struct simnic_entry entry;          /* First. */
    bool transfer;
    bool checksums;                     /* It asks for sound checksums. */
    uint64_t handle;
    uint32_t has;                       /* SIMNIC_ACT_*. */
    uint32_t mark;
    uint32_t jump_group;
    uint16_t queue;
    uint16_t port_id;
    bool in_slow_path;                  /* A polling core may look at it. */
    struct simnic_rss *rss;             /* Owned, unless shared. */
    struct simnic_edits *edits;         /* Owned; NULL if none. */
    struct simnic_shared *shared_count;
    struct simnic_shared *shared_age;
    struct simnic_shared *shared_rss;
    struct simnic_counter counter;
    struct simnic_age age;
    struct simnic_path path;            /* Of this rule alone. */
};

struct simnic_rules {
    struct simnic_table ingress;
    struct simnic_table transfer;
    struct simnic_slots slots;          /* 'struct simnic_rule's. */
    uint32_t n;
    uint32_t n_aging;
    uint32_t n_counted;
    uint32_t n_checksums;               /* Ask for sound checksums. */
    uint32_t n_edit_jump;               /* Edit, and others see it. */
    bool isolated;
    struct simnic_slots shared;         /* 'struct simnic_shared's... */
    uint32_t n_counters;                /* ...that are COUNTs. */
};

/* What is to happen to a packet. */
struct simnic_verdict {
    uint8_t n_rules;
    struct simnic_rule *rule[SIMNIC_MAX_PATH];
    bool has_mark;
    bool flag;
    bool drop;
    bool edits;
    bool to_port;
    uint32_t mark;
    uint16_t port_id;
    bool has_queue;
    uint16_t queue;
    const struct simnic_rss *rss;       /* NULL: the port's. */
};

/* The packet that is evaluated. */
struct simnic_subject {
    struct simnic_key key;              /* Changed by edits. */
    void *aux;

    /* Fills in a copy of the frame, with headroom, for edits to be tried on.
     * Returns false if it cannot.  May be NULL: 'key' then keeps to the
     * packet as it arrived. */
    bool (*frame)(void *aux, struct simnic_frame *);
};

void simnic_rules_init(struct simnic_rules *);
void simnic_rules_uninit(struct simnic_rules *);

/* Makes a rule of what was compiled and puts it into its table.  Takes over
 * 'actions->edits'.  Returns NULL if out of memory. */
struct simnic_rule *simnic_rules_add(struct simnic_rules *,
                                     const struct rte_flow_attr *,
                                     const struct simnic_match *,
                                     struct simnic_actions *);

/* Takes 'rule' out of its table and slot; simnic_rule_free() frees it. */
void simnic_rules_remove(struct simnic_rules *, struct simnic_rule *);
void simnic_rule_free(struct simnic_rule *);

/* Drops a reference. */
void simnic_shared_unref(struct simnic_shared *);

struct rte_flow *simnic_rule_handle(const struct simnic_rule *);
struct simnic_rule *simnic_rules_from_handle(const struct simnic_rules *,
                                             const struct rte_flow *);

static inline struct simnic_counter *
simnic_rule_counter(struct simnic_rule *rule)
{
    return rule->shared_count ? &rule->shared_count->counter : &rule->counter;
}

static inline struct simnic_age *
simnic_rule_age(struct simnic_rule *rule)
{
    return rule->shared_age ? &rule->shared_age->age : &rule->age;
}

/* Adds 'hits' packets of 'bytes' bytes in all to what 'rule' counts. */
void simnic_rule_account(struct simnic_rule *, uint64_t hits, uint64_t bytes);

/* Evaluates 'subject' and stores the outcome in '*verdict'.  A packet that
 * 'filtered' says the address filter rejects is dropped unless a transfer
 * rule decides about it. */
void simnic_rules_eval(const struct simnic_rules *, struct simnic_subject *,
                       bool filtered, struct simnic_verdict *);

#endif /* simnic-rule.h */
