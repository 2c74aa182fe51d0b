/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_RIVAL_H
#define CT_RIVAL_H 1

/* ct-rival: our tracker and Open vSwitch's, by one interface
 * ==========================================================
 *
 * Job.  Whatever asks both the same: the functions of each, packets of
 * numbered connections, and senders of them, which know what they cost.
 *
 * Connection number 'n' always is the same, of UDP over IPv4 or of TCP: a
 * client behind one of some addresses, and one server.
 *
 * Thread-safety.  A sender is for one thread. */

#include <stdbool.h>
#include <stdint.h>
#include "conntrack.h"
#include "dp-packet.h"
#include "ovs/ovs-conntrack.h"

enum { CT_RIVAL_ZONE = 1 };

struct ct_rival {
    const char *name;
    struct conntrack *(*init)(void);
    void (*destroy)(struct conntrack *);
    int (*execute)(struct conntrack *, struct dp_packet_batch *,
                   ovs_be16 dl_type, bool force, bool commit, uint16_t zone,
                   const uint32_t *mark, const struct ovs_key_ct_labels *,
                   OVS_CT_PORTS const char *helper,
                   const struct nat_action_info_t *, long long now,
                   uint32_t tp_id);
    int (*flush)(struct conntrack *, const uint16_t *zone);
    int (*dump_start)(struct conntrack *, struct conntrack_dump *,
                      const uint16_t *zone, int *n_buckets);
    int (*dump_next)(struct conntrack_dump *, struct ct_dpif_entry *);
    int (*dump_done)(struct conntrack_dump *);
    int (*get_nconns)(struct conntrack *, uint32_t *);
};

enum { CT_RIVAL_OURS, CT_RIVAL_THEIRS, CT_N_RIVALS };
extern const struct ct_rival ct_rivals[CT_N_RIVALS];

/* Somebody who sends packets, in bursts. */
struct ct_sender {
    /* What the caller wants. */
    const struct ct_rival *rival;
    struct conntrack *ct;
    const struct nat_action_info_t *nat;
    bool commit;
    uint16_t zone;
    uint8_t proto;              /* IPPROTO_UDP, or IPPROTO_TCP: segments from
                                 * the middle of a conversation. */
    bool reply;                 /* From the other side. */
    uint32_t first, n;          /* Connections by number. */
    uint32_t n_packets;         /* At random, or 0: each connection once. */
    uint32_t random;            /* Seed. */

    /* What came of it. */
    long long cpu_ns;           /* The tracker's, of this thread. */
    long long longest_ns;       /* For one burst: the thread's CPU time, or, if
                                 * it slept, as who waits for a mutex does, the
                                 * time on the wall. */
    uint64_t n_bursts;
    uint64_t n_long;            /* Of these took more than 100 us... */
    uint64_t n_slept;           /* ...and in so many it slept. */
    uint32_t states;            /* Of all packets, or-ed. */
    uint32_t n_untranslated;    /* Packets. */
};

/* Sends. */
void ct_sender_run(struct ct_sender *);

/* Lets 'n_threads', one or two, send the connections and packets of 'what' in
 * equal shares.  Returns the CPU time of the longest, in ns, for each packet
 * of all, and stores the rest of what came of it in 'what'. */
double ct_sender_run_all(struct ct_sender *what, int n_threads);

/* CPU time of the calling thread. */
long long ct_rival_cpu_ns(void);

#endif /* ct-rival.h */
