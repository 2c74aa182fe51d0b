/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-exec.h"

#include "dp-packet.h"
#include "netlink.h"
#include "odp-execute.h"
#include "odp-netlink.h"
#include "openvswitch/nsh.h"
#include "random.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "flow/dp-edit.h"
#include "flow/dp-header.h"
#include "pipe/dp-drop.h"
#include "pipe/dp-lane.h"
#include "pipe/dp-live.h"

/* Walks lists of attributes, nested ones, too, so that Open vSwitch's library
 * is given one action at a time, and only packets that have what the action
 * believes they have (dp-header.h).  The others stay as they are and go on
 * with the next action: so does the library with most headers that it does
 * not find.  What has a broken NSH header to be taken off is dropped: it must
 * not pass for what the header carries. */

/* A "hash" of 0 means to the upper layers that there is none: they would ask
 * for it again, and again.  Packets that nobody can parse hash to 0. */
static void
avoid_hash_0(struct dp_packet_batch *batch)
{
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (OVS_UNLIKELY(!packet->md.dp_hash)) {
            packet->md.dp_hash = 1;
        }
    }
}

/* Drops the packets of 'batch' of which too little is left.  (The library of
 * Open vSwitch 3.5 aborts if it copies the copy of an empty packet.) */
static void
drop_short(const struct dp_exec *x, struct dp_packet_batch *batch)
{
    const size_t n = dp_packet_batch_size(batch);
    struct dp_packet *packet;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
        if (OVS_UNLIKELY(dp_packet_is_eth(packet) ? dp_header_is_short(packet)
                         : !dp_packet_size(packet))) {
            dp_drop_count(x->lane, x->in_port, DP_DROP_RX_INVALID, 1,
                          packet);
            dp_packet_delete(packet);
        } else {
            dp_packet_batch_refill(batch, packet, i);
        }
    }
}

static bool
all_meet(const struct dp_packet_batch *batch, struct dp_header_need need)
{
    struct dp_packet *packet;

    if (need.what == DP_NEED_NOTHING) {
        return true;
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (OVS_UNLIKELY(!dp_header_meets(packet, need))) {
            return false;
        }
    }
    return true;
}

/* Does what dp-edit knows: more than the library does, for it minds fragments.
 * Returns false if 'a' is something else. */
static bool
do_edit(struct dp_packet_batch *batch, const struct nlattr *a)
{
    const void *arg;
    enum dp_edit edit = dp_edit_compile(a, &arg);

    if (edit == DP_EDIT_NONE) {
        return false;
    }
    dp_edit_run(batch, edit, arg);
    return true;
}

/* Lets the library do 'a', which nests nothing. */
static void
do_in_library(struct dp_packet_batch *batch, const struct nlattr *a)
{
    odp_execute_actions(NULL, batch, false, a, NLA_ALIGN(a->nla_len), NULL);
}

/* Makes 'packet' one whose NSH header carries nothing that the library knows.
 * It drops such a packet when the header is taken off, and counts. */
static void
spoil_nsh(struct dp_packet *packet)
{
    dp_packet_clear(packet);
    dp_packet_reset_offsets(packet);
    dp_packet_set_l3(packet, dp_packet_put_zeros(packet, NSH_BASE_HDR_LEN));
}

/* Does 'a', which nests nothing, to the packet of 'one' as far as it bears
 * that. */
static void
do_to_one(struct dp_packet_batch *one, const struct nlattr *a,
          struct dp_header_need need)
{
    struct dp_packet *packet = one->packets[0];

    if (dp_header_meets(packet, need)) {
        do_in_library(one, a);
    } else if (dp_header_allows_without_l4(packet, a)) {
        const uint16_t l4_ofs = packet->l4_ofs;

        /* The library walks the headers between the two. */
        packet->l4_ofs = packet->l3_ofs;
        do_in_library(one, a);
        packet->l4_ofs = l4_ofs;
    } else if (nl_attr_type(a) == OVS_ACTION_ATTR_POP_NSH) {
        spoil_nsh(packet);
        do_in_library(one, a);
    }
}

/* Does 'a', which nests nothing, to the packets of 'batch' as far as they bear
 * that. */
void
dp_exec_leaf(const struct dp_exec *x, struct dp_packet_batch *batch,
             const struct nlattr *a)
{
    struct dp_header_need need = dp_header_need_of(a);

    if (do_edit(batch, a)) {
        return;
    } else if (OVS_LIKELY(all_meet(batch, need))) {
        do_in_library(batch, a);
    } else {
        const size_t n = dp_packet_batch_size(batch);
        struct dp_packet_batch one;
        struct dp_packet *packet;
        size_t i;

        DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
            dp_packet_batch_init_packet(&one, packet);
            do_to_one(&one, a, need);
            if (!dp_packet_batch_is_empty(&one)) {
                dp_packet_batch_refill(batch, packet, i);
            }
        }
    }

    switch ((int) nl_attr_type(a)) {
    case OVS_ACTION_ATTR_HASH:
        avoid_hash_0(batch);
        break;

    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_POP_NSH:
    case OVS_ACTION_ATTR_POP_MPLS:
        drop_short(x, batch);   /* What was inside is a packet now. */
        break;

    default:
        break;
    }
}

/* Cuts the packets of 'batch' to the length that "trunc" has noted. */
void
dp_exec_cut(struct dp_packet_batch *batch)
{
    struct dp_packet *packet;

    if (OVS_LIKELY(!batch->trunc)) {
        return;
    }
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        dp_packet_set_size(packet, dp_header_send_len(packet));
    }
    dp_packet_batch_reset_cutlen(batch);
}

/* Moves the packets of 'batch' into 'own', or puts copies there. */
void
dp_exec_take(struct dp_packet_batch *batch, struct dp_packet_batch *own,
             bool steal)
{
    if (steal) {
        *own = *batch;
        dp_packet_batch_init(batch);
    } else {
        dp_packet_batch_clone(own, batch);
        dp_packet_batch_reset_cutlen(batch);
    }
}

/* Does the actions that 'nest' nests to 'batch', or to a copy of it. */
static void
do_nested(const struct dp_exec *x, struct dp_packet_batch *batch, bool steal,
          const struct nlattr *nest, odp_execute_cb cb)
{
    struct dp_packet_batch own;

    dp_exec_take(batch, &own, steal);
    dp_exec_list(x, &own, true, nest ? nl_attr_get(nest) : NULL,
                 nest ? nl_attr_get_size(nest) : 0, cb);
}

/* Moves packet 'packet' of a batch into 'own', or puts a copy there. */
static void
take(struct dp_packet_batch *own, struct dp_packet *packet, bool steal)
{
    dp_packet_batch_add(own, steal ? packet : dp_packet_clone(packet));
}

/* Drops 'batch' as packets that were not sampled, of which Open vSwitch has
 * the counter. */
static void
drop_unsampled(struct dp_packet_batch *batch)
{
    struct {
        struct nlattr sample, probability;
        uint32_t value;
    } never = {
        .sample = { sizeof never, OVS_ACTION_ATTR_SAMPLE },
        .probability = { NLA_HDRLEN + sizeof never.value,
                         OVS_SAMPLE_ATTR_PROBABILITY },
    };

    odp_execute_actions(NULL, batch, true, &never.sample, sizeof never, NULL);
    dp_packet_batch_init(batch);
}

/* Executes a "sample" action: chance chooses packets for the actions in it. */
static void
do_sample(const struct dp_exec *x, struct dp_packet_batch *batch, bool steal,
          const struct nlattr *a, odp_execute_cb cb)
{
    const struct nlattr *nest, *attr;
    struct dp_packet_batch chosen, others;
    uint32_t probability = UINT32_MAX;
    struct dp_packet *packet;

    attr = nl_attr_find_nested(a, OVS_SAMPLE_ATTR_PROBABILITY);
    if (attr) {
        probability = nl_attr_get_u32(attr);
    }
    nest = nl_attr_find_nested(a, OVS_SAMPLE_ATTR_ACTIONS);
    dp_packet_batch_init(&chosen);
    dp_packet_batch_init(&others);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (random_uint32() < probability) {
            take(&chosen, packet, steal);
        } else if (steal) {
            dp_packet_batch_add(&others, packet);
        }
    }
    if (steal) {
        dp_packet_batch_init(batch);
        drop_unsampled(&others);
    }
    do_nested(x, &chosen, true, nest, cb);
}

/* Executes a "check_pkt_len" action: long packets go one way, others
 * another. */
static void
do_check_pkt_len(const struct dp_exec *x, struct dp_packet_batch *batch,
                 bool steal, const struct nlattr *a, odp_execute_cb cb)
{
    struct dp_packet_batch greater, others;
    struct dp_packet *packet;
    uint16_t limit;

    limit = nl_attr_get_u16(
        nl_attr_find_nested(a, OVS_CHECK_PKT_LEN_ATTR_PKT_LEN));
    dp_packet_batch_init(&greater);
    dp_packet_batch_init(&others);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        uint32_t size = (dp_header_send_len(packet)
                         - dp_packet_l2_pad_size(packet));

        take(size > limit ? &greater : &others, packet, steal);
    }
    if (steal) {
        dp_packet_batch_init(batch);
    }
    do_nested(x, &greater, true, nl_attr_find_nested(
                  a, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER), cb);
    do_nested(x, &others, true, nl_attr_find_nested(
                  a, OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL), cb);
}

/* Executes the 'len' bytes of attributes at 'nla' on the packets of 'batch',
 * and frees them if 'steal'.  What only a datapath can do is handed to 'cb',
 * with 'x', if that is not NULL.  The contract is that of
 * odp_execute_actions(). */
void
dp_exec_list(const struct dp_exec *x, struct dp_packet_batch *batch,
             bool steal, const struct nlattr *nla, size_t len,
             odp_execute_cb cb)
{
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, nla, len) {
        bool last = steal && left <= NLA_ALIGN(a->nla_len);
        struct dp_step step;

        if (dp_packet_batch_is_empty(batch)) {
            return;
        }
        if (dp_actions_step_from_attr(a, &step)) {
            if (cb) {
                cb(CONST_CAST(struct dp_exec *, x), batch, a, last);
                if (last) {
                    return;     /* Stolen. */
                }
            }
            continue;
        }
        switch ((int) nl_attr_type(a)) {
        case OVS_ACTION_ATTR_CLONE:
            do_nested(x, batch, last, a, cb);
            break;

        case OVS_ACTION_ATTR_SAMPLE:
            do_sample(x, batch, last, a, cb);
            break;

        case OVS_ACTION_ATTR_CHECK_PKT_LEN:
            do_check_pkt_len(x, batch, last, a, cb);
            break;

        case OVS_ACTION_ATTR_DROP:
            if (OVS_UNLIKELY(x->lane && x->lane->live)) {
                step.type = DP_STEP_DROP;
                step.attr = a;
                dp_live_begin_step(x, batch, &step);
            }
            dp_exec_leaf(x, batch, a); /* Counts. */
            dp_packet_delete_batch(batch, steal);
            return;

        default:
            dp_exec_leaf(x, batch, a);
            break;
        }
    }
    dp_packet_delete_batch(batch, steal);
}
