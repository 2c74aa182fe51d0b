/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_REVALIDATE_H
#define OFPROTO_REVALIDATE_H 1

/* revalidate: is this datapath flow still right?
 * ==============================================
 *
 * Job.  Translates the key of a ukey again and compares the outcome with what
 * was installed; attributes statistics to whatever the translation passed
 * through: OpenFlow rules and groups, mirrors, bonds, tunnels, NetFlow, MAC
 * learning, "learn" actions.
 *
 * Which rules get the packets.  Those that handle the flow now, according to
 * the newest translation.  A translation cache is made from certain tables
 * and may name objects that are gone; it is used only while the ukey is
 * current (reval_seq unchanged), else the key is translated again.
 *
 * Neighbors.  A translation into a tunnel whose next hop has an unknown
 * Ethernet address asks for it by ARP or ND, once, and drops.  While such a
 * flow has packets it is translated again, after 1, 2, 4, ... 30 seconds.  And
 * only an upcall takes note of an answer: while neighbors are lacked, flows of
 * ARP and ND that have packets are deleted.
 *
 * Thread-safety.  Any thread, under RCU, with the ukey's mutex held where the
 * prototype says so.  Translation takes no lock that is taken before a ukey's.
 *
 * See also.  ukey.h, revalidator.h (dump), sweep.h, dp-ops.h. */

#include <stdbool.h>
#include <stdint.h>

#include "ofproto/ukey.h"

struct udpif;

enum reval_result {
    REVAL_KEEP,                 /* Right as it is. */
    REVAL_DELETE,               /* Wrong, or not worth finding out. */
    REVAL_MODIFY,               /* Other actions: see ukey_actions(). */
};

/* Why REVAL_DELETE.  Scripts that trace our probes know the numbers. */
enum reval_reason {
    REVAL_WHY_OTHER,            /* None of those below. */
    REVAL_WHY_AVOID_CACHING,    /* Its translation must not be installed. */
    REVAL_WHY_BAD_KEY,          /* The key can't be parsed. */
    REVAL_WHY_IDLE,             /* No packets for too long. */
    REVAL_WHY_LIMIT,            /* Far too many flows. */
    REVAL_WHY_TOO_WIDE,         /* Needs a narrower mask. */
    REVAL_WHY_NO_BRIDGE,        /* Its port is in no bridge. */
    REVAL_WHY_PURGE,            /* Somebody wants all to go. */
    REVAL_WHY_TOO_EXPENSIVE,    /* Not worth finding out. */
    REVAL_WHY_UPDATE_FAILED,    /* The datapath refused an operation. */
    REVAL_WHY_TRANSLATION,      /* Never: packets of such flows are dropped. */
    REVAL_WHY_MISSING,          /* The datapath doesn't have it. */
};

/* Decides about 'ukey', whose counters in the datapath are now '*stats', read
 * in 'dp_layer' (may be NULL); with a null 'stats' nobody knows, and there is
 * nothing to attribute.  Attributes what was not attributed yet, unless
 * it says REVAL_DELETE: then these packets stay for the deletion to count.
 * 'reval_seq' is the version of the tables to be judged by.  With
 * REVAL_DELETE, '*why' has the reason.
 *
 * After REVAL_MODIFY 'ukey' has the new actions and the references on their
 * recirculation ids; the caller brings the datapath in line. */
enum reval_result revalidate_ukey(struct udpif *udpif, struct udpif_key *ukey,
                                  const struct dpif_flow_stats *stats,
                                  const char *dp_layer, uint64_t reval_seq,
                                  enum reval_reason *why)
    OVS_REQUIRES(ukey->mutex);

/* Makes sure that 'ukey' has a translation cache that is current. */
int revalidate_populate_xcache(struct udpif *udpif, struct udpif_key *ukey)
    OVS_REQUIRES(ukey->mutex);

/* Attributes '*delta', the last packets of a flow that has been deleted, and
 * tells NetFlow that the flow has ended. */
void revalidate_push_final_stats(struct udpif *udpif, struct udpif_key *ukey,
                                 struct dpif_flow_stats *delta)
    OVS_EXCLUDED(ukey->mutex);

/* Attributes what NICs have told of flows that have been deleted, since their
 * statistics were pushed (dp-late.h).  Quiesces. */
void revalidate_push_late_stats(struct udpif *udpif);

#endif /* ofproto/revalidate.h */
