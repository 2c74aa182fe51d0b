/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UPCALL_H
#define OFPROTO_UPCALL_H 1

/* upcall: packets that the datapath hands to userspace
 * ====================================================
 *
 * Job.  Find out why a packet came up, translate it if a flow is missing or
 * its flow says so, and make the ukey for the flow to install.  Samples and
 * packets for the controller are consumed here (upcall-sample.h).
 *
 * Two ways in:
 *
 *     lane       dpif calls upcall_cb() in the thread that missed.  It answers
 *                with actions and a mask; the lane installs the flow.
 *     handler    upcall_handler_main() reads the datapath's queue in batches,
 *                installs flows and executes actions itself.
 *
 * Promise about ukeys.  When either way says that a flow is to be installed,
 * its ukey is in the map already, VISIBLE.  If the flow does not make it into
 * the datapath, a handler makes the ukey EVICTED; a lane cannot tell, so the
 * sweep finds out.
 *
 * Statistics.  A missing packet is not in any flow's counters: its translation
 * attributes it.  A packet of a slow flow has been counted by that flow: its
 * translation attributes nothing.
 *
 * Thread-safety.  A 'struct upcall' belongs to one thread, which does not
 * quiesce while it has it.
 *
 * See also.  ukey-map.h, slow-path.h, udpif.h. */

#include <stdbool.h>
#include <stdint.h>

#include "dpif.h"
#include "flow.h"
#include "odp-util.h"
#include "ofproto/ofproto-dpif-xlate.h"
#include "openvswitch/ofpbuf.h"

struct udpif;
struct udpif_key;

enum upcall_kind {
    UPCALL_BAD,                 /* Makes no sense; dropped. */
    UPCALL_MISS,                /* No flow. */
    UPCALL_SLOW_PATH,           /* Its flow wants it to be translated. */
    UPCALL_SFLOW,               /* Sample for sFlow. */
    UPCALL_FLOW_SAMPLE,         /* Sample of an OpenFlow "sample" action. */
    UPCALL_IPFIX,               /* Sample of a bridge's IPFIX. */
    UPCALL_CONTROLLER,          /* For a controller. */
};

struct upcall {
    /* What came up.  Borrowed. */
    enum upcall_kind kind;
    const struct dp_packet *packet;
    const struct flow *flow;            /* In port: as in the datapath. */
    const ovs_u128 *ufid;
    unsigned pmd_id;
    enum odp_key_fitness fitness;       /* Of 'flow' to the datapath's key. */
    const struct nlattr *key;           /* NULL if there is only 'flow'. */
    size_t key_len;
    const struct nlattr *actions;       /* Of a sample, or NULL. */
    const struct nlattr *out_tun_key;   /* Likewise. */
    uint16_t mru;                       /* If a reassembled packet, or 0. */
    uint64_t hash;                      /* Of the packet, or 0. */
    struct user_action_cookie cookie;   /* Unless a miss. */

    /* Where it belongs.  Borrowed until this thread quiesces. */
    struct ofproto_dpif *ofproto;
    ofp_port_t ofp_in_port;
    struct dpif_ipfix *ipfix;
    struct dpif_sflow *sflow;

    /* The outcome of its translation. */
    bool translated;                    /* 'xout' has to be uninitialised? */
    struct xlate_out xout;
    uint64_t reval_seq;                 /* Tables that it used. */
    const struct recirc_id_node *recirc; /* Counted, until a ukey takes it. */
    bool recirc_lost;                   /* Could not be counted? */
    struct ofpbuf slow_actions;         /* To install, if 'xout.slow'. */
    uint64_t slow_stub[128 / 8];
};

/* Called by the userspace datapath in a lane; see dpif.h. */
int upcall_cb(const struct dp_packet *, const struct flow *, ovs_u128 *ufid,
              unsigned pmd_id, enum dpif_upcall_type,
              const struct nlattr *userdata, struct ofpbuf *actions,
              struct flow_wildcards *, struct ofpbuf *put_actions,
              void *udpif);

/* Body of a handler thread; 'handler' is its udpif_handler. */
void *upcall_handler_main(void *handler);

#endif /* ofproto/upcall.h */
