/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_OFFLOAD_DUMMY_H
#define DP_OFFLOAD_DUMMY_H 1

/* dp-offload-dummy: a NIC in memory
 * =================================
 *
 * Job.  Every unit test's hardware.  A provider that keeps rules in a hash
 * table, refuses, delays and fails on demand, and aborts when the engine
 * breaks the contract: puts a rule twice, removes one that is not there, calls
 * while the port is paused, closes a port with operations under way.
 *
 * Thread-safety.  All functions are. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "offload/dp-offload-provider.h"

struct dp_dummy_nic;

/* Rates are per thousand operations. */
struct dp_dummy_config {
    unsigned int mark_bits;     /* 1...24, read when a port is opened. */
    size_t capacity;            /* Rules per port; 0: no limit. */
    size_t whole_capacity;      /* Likewise, of those that run whole; the
                                 * others mark. */
    bool shared;                /* Rules of all ports, rather. */
    bool hidden;                /* The capacity is not told. */
    bool whole;                 /* Runs output to even port numbers. */
    bool peers;                 /* But only to ports that it has, too. */
    bool tags;                  /* Also of packets that get a tag before. */
    bool priorities;            /* Finds merged rules first. */
    bool counts_stay;           /* Counters outlive the rules that are put
                                 * from now on. */
    bool sound;                 /* Marks packets with sound headers only. */
    bool blind;                 /* Does not ask what it installs. */
    unsigned int put_refused;   /* 'put_error'... */
    int put_error;              /* ...or, if that is 0, EINVAL. */
    unsigned int put_busy;      /* EAGAIN. */
    unsigned int put_unsure;    /* ETIMEDOUT, but the rule is there. */
    unsigned int del_failed;    /* EIO, the rule stays. */
    unsigned int flush_failed;  /* EIO, all rules stay; of pauses, too. */
    unsigned int kept;          /* Pauses that failed after which rules survive
                                 * a restart. */
    unsigned int late;          /* EINPROGRESS, done in a later poll. */
    unsigned int delay_us;      /* Of each operation. */
    unsigned int idle_ms;       /* What it says about whole rules. */
    enum dp_offload_restart restart;
};

struct dp_dummy_nic *dp_dummy_nic_create(const struct dp_dummy_config *);

/* All ports must have been closed. */
void dp_dummy_nic_destroy(struct dp_dummy_nic *nic);

const struct dp_offload_class *dp_dummy_nic_class(const struct dp_dummy_nic *);

/* Changes the configuration of a running NIC. */
void dp_dummy_nic_set_config(struct dp_dummy_nic *nic,
                             const struct dp_dummy_config *config);

/* While 'hold', no operation that begins gets done. */
void dp_dummy_nic_hold(struct dp_dummy_nic *nic, bool hold);

/* Number of threads that wait in an operation for the end of that. */
unsigned int dp_dummy_nic_n_held(struct dp_dummy_nic *nic);

/* Number of rules in 'port_no'. */
size_t dp_dummy_nic_count(struct dp_dummy_nic *nic, odp_port_t port_no);

/* Is there a rule 'mega_ufid' in 'port_no'?  If so, stores its mark (0 if it
 * runs whole) and the port that it outputs to. */
bool dp_dummy_nic_find(struct dp_dummy_nic *nic, odp_port_t port_no,
                       const ovs_u128 *mega_ufid, uint32_t *markp,
                       uint32_t *outputp);

/* Packets hit a rule that runs whole.  Returns false if there is none, or the
 * port is paused. */
bool dp_dummy_nic_hit(struct dp_dummy_nic *nic, odp_port_t port_no,
                      const ovs_u128 *mega_ufid, uint64_t n_packets,
                      uint64_t n_bytes, uint16_t tcp_flags);

/* Operations so far, failed ones included. */
uint64_t dp_dummy_nic_n_puts(struct dp_dummy_nic *nic);
uint64_t dp_dummy_nic_n_dels(struct dp_dummy_nic *nic);
uint64_t dp_dummy_nic_n_flushes(struct dp_dummy_nic *nic);

#endif /* dp-offload-dummy.h */
