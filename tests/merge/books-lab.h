/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BOOKS_LAB_H
#define BOOKS_LAB_H 1

/* books-lab: a lane, megaflows and connections to build merged rules on
 * =====================================================================
 *
 * Job.  All that the books of merged rules (merge/dp-books.h) have to do with,
 * as little of it as will do, so that a test knows what must come out:
 *
 * - connections: UDP, established, in a tracker of their own, numbered;
 * - three stages, and a megaflow for each that all packets go through: the
 *   first asks the tracker, the second pushes a VLAN tag, the third sends;
 * - a lane that counts packets, the long way or by a merged rule, and does
 *   nothing else with them;
 * - and the truth: how much has gone through each stage.
 *
 * Each change has a *serial number*.  Whoever makes one draws it before, and
 * shows it when the change has been acknowledged.  A packet that finds a rule
 * which was built before a change that had been acknowledged when the packet
 * began is a fault.
 *
 * Thread-safety.  lab_run_packet(): the lane's thread.  lab_offer(), age,
 * start, stop: any one at a time.  The others: any thread. */

#include <stdbool.h>
#include <stdint.h>

#include "dpif.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ct/ct-handle.h"
#include "merge/dp-books.h"
#include "offload/dp-offload-dummy.h"
#include "pipe/dp-lane.h"

enum {
    LAB_CONNS = 8,
    LAB_PLACES = 20,            /* Of the carrier, for one connection. */
    LAB_STAGES = 3,
    LAB_SERIALS = LAB_STAGES + 2,       /* Of stages, connection, mark. */
    LAB_IN_PORT = 1,
    LAB_OUT_PORT = 2,
    LAB_VLAN_HEADER = 4,        /* Bytes that stage 2 adds for stage 3. */
    LAB_ZONE = 5,
};

struct lab_rule;

/* Of a connection or of a stage: the numbers drawn and shown last. */
struct lab_serial {
    atomic_uint32_t drawn, shown;
};

struct lab {
    struct conntrack *ct;
    struct dp_books *books;
    struct dp_lane lane;        /* Its turns are, nothing else. */
    struct dp_lane other_lane;  /* For traces of the test's own. */
    struct dp_shared shared;    /* All zeros, but for the engine. */
    struct dp_dummy_nic *nic;   /* NULL: none. */
    ovs_u128 mega_ufids[LAB_CONNS];     /* Names of rules, for the NIC. */

    /* The present. */
    struct ovs_mutex mutex;     /* One at a time changes something. */
    OVSRCU_TYPE(struct dp_flow *) megaflows[LAB_STAGES];
    struct lab_serial flow_serials[LAB_STAGES];
    ATOMIC(uint64_t) handles[LAB_CONNS];        /* lab_get_handle(). */
    struct lab_serial conn_serials[LAB_CONNS];
    struct lab_serial mark_serials[LAB_CONNS];

    /* What the carrier has: one living rule for each connection, at most, and
     * some dead ones. */
    OVSRCU_TYPE(struct lab_rule *) rules[LAB_CONNS][LAB_PLACES];

    /* Of the trace that is being offered; the thread that offers. */
    size_t conn_no;
    uint32_t drawn[LAB_SERIALS];

    /* What the test wants: called from create() or insert(), or NULL; no
     * place; nothing that the carrier can do. */
    void (*meddle_create)(struct lab *);
    void (*meddle_insert)(struct lab *);
    bool is_full, is_foreign;

    /* The truth: what megaflows that have gone told, under 'mutex'; and what
     * the lane has seen. */
    struct dpif_flow_stats told[LAB_STAGES];
    atomic_ullong n_packets, n_bytes;   /* As they arrived. */
    atomic_ullong n_merged;     /* Packets by merged rules... */
    atomic_ullong n_whole;      /* ...that the NIC runs. */
    atomic_ullong n_inserted;   /* Rules, or tried to. */
};

void lab_init(struct lab *);
void lab_uninit(struct lab *);

/* Gives the lab, which has no rule yet, a NIC, which runs rules whole if the
 * last megaflow has been replaced or modified an even number of times. */
void lab_add_nic(struct lab *, const struct dp_dummy_config *);

/* Waits until the NIC runs the rule for the connection, which lives, whole. */
void lab_wait_whole(struct lab *, size_t conn_no);

struct dp_books_stats lab_stats(const struct lab *);

/* Connections. */
struct ct_handle lab_get_handle(const struct lab *, size_t conn_no);

/* Kills the connection and makes another one with its tuple; or gives it
 * another mark. */
void lab_replace_conn(struct lab *, size_t conn_no);
void lab_mark_conn(struct lab *, size_t conn_no);

/* Megaflows. */
struct dp_flow *lab_get_megaflow(const struct lab *, size_t stage);

/* Puts a new one in the place of the present one, and reads its last counts;
 * or gives it new actions. */
void lab_replace_megaflow(struct lab *, size_t stage);
void lab_modify_megaflow(struct lab *, size_t stage);

/* Offers a trace of a packet of the connection. */
struct dp_trace *lab_make_trace(struct lab *, size_t conn_no);
enum dp_books_verdict lab_offer(struct lab *, size_t conn_no);

/* Returns the flow of the living rule for the connection, or NULL. */
struct dp_flow *lab_find_rule(const struct lab *, size_t conn_no);

/* Runs a packet of 'size' bytes: in the NIC, if that has a rule; else in a
 * turn of the lane's own.  Returns true if that was by a merged rule. */
bool lab_run_packet(struct lab *, size_t conn_no, unsigned int size);

/* All is quiet: what megaflows tell and have told is what the lane has seen,
 * exactly. */
void lab_check_counts(struct lab *);

#endif /* books-lab.h */
