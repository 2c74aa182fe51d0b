/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_PASS_H
#define CT_PASS_H 1

/* ct-pass: packets of conversations go through a tracker
 * ======================================================
 *
 * Job.  Makes packets of conversations (ct-talk.h), chooses the action that
 * sends them through a tracker, does that, and prints what came of it. */

#include <stdbool.h>
#include <stdint.h>
#include "conntrack.h"
#include "packets.h"
#include "tests/ct/ct-rival.h"
#include "tests/ct/ct-talk.h"

struct ds;

/* Arguments of the "ct" action. */
struct ct_pass_action {
    bool commit, force;
    uint16_t zone;
    bool has_mark, has_label, has_nat;
    uint32_t mark[2];
    struct ovs_key_ct_labels label[2];
    struct nat_action_info_t nat;
};

/* Chooses an action for a packet of 't', in its reply direction or not. */
void ct_pass_choose(const struct ct_talk *t, bool reply,
                    struct ct_pass_action *);

/* Returns a packet of 't', or an error about one. */
struct dp_packet *ct_pass_make_packet(struct ct_talk *t, bool reply,
                                      bool is_error);

/* Sends 'batch', of one Ethernet type, through 'ct'. */
void ct_pass_run(const struct ct_rival *, struct conntrack *ct,
                 struct dp_packet_batch *batch, const struct ct_pass_action *,
                 long long now_ms);

/* Appends what a tracker wrote to the metadata of a packet. */
void ct_pass_format(const struct dp_packet *, struct ds *);

#endif /* ct-pass.h */
