/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/upcall.h"

#include <errno.h>

#include "coverage.h"
#include "netlink.h"
#include "ofproto/ofproto-dpif-trace.h"
#include "ofproto/slow-path.h"
#include "ofproto/udpif.h"
#include "ofproto/upcall-log.h"
#include "ofproto/upcall-sample.h"
#include "openvswitch/poll-loop.h"
#include "seq.h"
#include "timeval.h"

COVERAGE_DEFINE(upcall_flow_limit_hit);

#define HANDLER_BATCH 64        /* Upcalls that a handler takes at once. */

/* What an upcall is about. */

static enum upcall_kind
classify(enum dpif_upcall_type type, const struct nlattr *userdata,
         struct user_action_cookie *cookie)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    switch (type) {
    case DPIF_UC_MISS:
        return UPCALL_MISS;
    case DPIF_UC_ACTION:
        break;
    case DPIF_N_UC_TYPES:
    default:
        VLOG_WARN_RL(&rl, "upcall has unexpected type %d", (int) type);
        return UPCALL_BAD;
    }

    if (!userdata) {
        VLOG_WARN_RL(&rl, "action upcall missing cookie");
        return UPCALL_BAD;
    }
    if (nl_attr_get_size(userdata) != sizeof *cookie) {
        VLOG_WARN_RL(&rl, "action upcall cookie has unexpected size %"PRIuSIZE,
                     nl_attr_get_size(userdata));
        return UPCALL_BAD;
    }
    memcpy(cookie, nl_attr_get(userdata), sizeof *cookie);
    switch (cookie->type) {
    case USER_ACTION_COOKIE_SFLOW: return UPCALL_SFLOW;
    case USER_ACTION_COOKIE_SLOW_PATH: return UPCALL_SLOW_PATH;
    case USER_ACTION_COOKIE_FLOW_SAMPLE: return UPCALL_FLOW_SAMPLE;
    case USER_ACTION_COOKIE_IPFIX: return UPCALL_IPFIX;
    case USER_ACTION_COOKIE_CONTROLLER: return UPCALL_CONTROLLER;
    default:
        VLOG_WARN_RL(&rl, "invalid user cookie of type %"PRIu16, cookie->type);
        return UPCALL_BAD;
    }
}

/* Finds out what 'upcall' is about and which bridge it belongs to.  Returns 0
 * or a positive errno value: EAGAIN if it makes no sense, ENODEV if nobody
 * owns it.  In any case 'upcall' is left such that upcall_uninit() works. */
static int
upcall_init(struct upcall *upcall, struct udpif *udpif,
            const struct dp_packet *packet, enum dpif_upcall_type type,
            const struct nlattr *userdata, const struct flow *flow,
            const ovs_u128 *ufid, unsigned pmd_id)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

    upcall->packet = packet;
    upcall->flow = flow;
    upcall->ufid = ufid;
    upcall->pmd_id = pmd_id;
    upcall->fitness = ODP_FIT_PERFECT;
    upcall->key = NULL;
    upcall->key_len = 0;
    upcall->actions = NULL;
    upcall->out_tun_key = NULL;
    upcall->mru = 0;
    upcall->hash = 0;
    upcall->translated = false;
    upcall->recirc = NULL;
    upcall->recirc_lost = false;
    ofpbuf_use_stub(&upcall->slow_actions, upcall->slow_stub,
                    sizeof upcall->slow_stub);

    upcall->kind = classify(type, userdata, &upcall->cookie);
    if (upcall->kind == UPCALL_BAD) {
        return EAGAIN;
    } else if (upcall->kind == UPCALL_MISS) {
        return xlate_lookup(udpif->backer, flow, &upcall->ofproto,
                            &upcall->ipfix, &upcall->sflow, NULL,
                            &upcall->ofp_in_port, NULL);
    }

    /* The bridge may be another than the one that received the packet. */
    upcall->ofproto = ofproto_dpif_lookup_by_uuid(
        &upcall->cookie.ofproto_uuid);
    if (!upcall->ofproto) {
        VLOG_INFO_RL(&rl, "upcall could not find ofproto");
        return ENODEV;
    }
    upcall->ipfix = upcall->ofproto->ipfix;
    upcall->sflow = upcall->ofproto->sflow;
    upcall->ofp_in_port = upcall->cookie.ofp_in_port;
    return 0;
}

static void
upcall_uninit(struct upcall *upcall)
{
    if (upcall->translated) {
        xlate_out_uninit(&upcall->xout);
    }
    if (upcall->recirc) {
        recirc_id_node_unref(upcall->recirc);
    }
    ofpbuf_uninit(&upcall->slow_actions);
}

/* Translation. */

/* Explains, with a trace, why the translation of 'upcall' failed, if the
 * tables are to blame: they lead into the woods.  What is wrong with a packet,
 * or with the packet for these tables, is no reason to warn. */
static void
log_translation_error(const struct upcall *upcall, enum xlate_error xerr)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    bool tables_to_blame = (xerr == XLATE_RECURSION_TOO_DEEP
                            || xerr == XLATE_TOO_MANY_RESUBMITS);

    if (tables_to_blame && !VLOG_DROP_WARN(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ofproto_trace(upcall->ofproto, upcall->flow, upcall->packet, NULL, 0,
                      NULL, &ds, false);
        VLOG_WARN("%s", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

/* Translates 'upcall' into 'actions' for its packet and, unless 'wc' is null,
 * a mask. */
static void
upcall_translate(struct udpif *udpif, struct upcall *upcall,
                 struct ofpbuf *actions, struct flow_wildcards *wc)
{
    struct dpif_flow_stats stats;
    enum xlate_error xerr;
    struct xlate_in xin;

    /* Before the tables are looked at: if they change meanwhile, the ukey is
     * due for revalidation from its birth. */
    upcall->reval_seq = seq_read(udpif->reval_seq);

    dpif_flow_stats_extract(upcall->flow, upcall->packet, time_msec(),
                            &stats);
    xlate_in_init(&xin, upcall->ofproto,
                  ofproto_dpif_get_tables_version(upcall->ofproto),
                  upcall->flow, upcall->ofp_in_port, NULL, stats.tcp_flags,
                  upcall->packet, wc, actions);
    if (upcall->kind == UPCALL_MISS) {
        xin.resubmit_stats = &stats;
        if (xin.frozen_state) {
            /* The flow to install keeps the frozen state alive.  If it dies
             * this very moment no flow may be made of it. */
            const struct recirc_id_node *node
                = recirc_id_node_from_state(xin.frozen_state);

            if (recirc_id_node_try_ref_rcu(node)) {
                upcall->recirc = node;
            } else {
                upcall->recirc_lost = true;
            }
        }
    }

    xerr = xlate_actions(&xin, &upcall->xout);
    upcall->translated = true;
    if (OVS_UNLIKELY(xerr)) {
        log_translation_error(upcall, xerr);
    }

    if (upcall->fitness == ODP_FIT_TOO_LITTLE) {
        /* The datapath cannot tell such flows apart. */
        upcall->xout.slow |= SLOW_MATCH;
    }
    if (upcall->xout.slow) {
        slow_path_compose(udpif, upcall->ofproto, upcall->flow,
                          upcall->ofp_in_port, upcall->xout.slow,
                          &upcall->slow_actions);
    }
    if (wc) {
        /* Without a bridge, which may just have been deleted, nobody has
         * looked at anything, and 'wc' is as it was. */
        if (!udpif_megaflows_enabled() || xerr == XLATE_BRIDGE_NOT_FOUND) {
            flow_wildcards_init_for_packet(wc, upcall->flow);
        }
        /* A translation that reads or writes the in port may leave the mask of
         * an OpenFlow port, which has half the bits of a datapath's. */
        wc->masks.in_port.odp_port = ODPP_NONE;
    }
}

/* Does what 'upcall' is about.  Returns true if it has been translated, false
 * if it has been consumed. */
static bool
upcall_process(struct udpif *udpif, struct upcall *upcall,
               struct ofpbuf *actions, struct flow_wildcards *wc)
{
    if (upcall->kind == UPCALL_MISS || upcall->kind == UPCALL_SLOW_PATH) {
        upcall_translate(udpif, upcall, actions, wc);
        return true;
    }
    upcall_sample(udpif, upcall);
    return false;
}

/* Flows. */

/* Is a flow to be made of 'upcall', which has been translated? */
static bool
upcall_wants_flow(struct udpif *udpif, const struct upcall *upcall)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    unsigned int limit;

    if (upcall->kind != UPCALL_MISS || upcall->xout.avoid_caching) {
        return false;
    }
    if (upcall->recirc_lost) {
        VLOG_DBG_RL(&rl, "upcall: no reference for recirc flow");
        return false;
    }

    atomic_read_relaxed(&udpif->flow_limit, &limit);
    if (OVS_UNLIKELY(udpif_n_flows(udpif) >= limit)) {
        COVERAGE_INC(upcall_flow_limit_hit);
        VLOG_WARN_RL(&rl, "upcall: datapath reached the dynamic limit of %u "
                     "flows.", limit);
        return false;
    }
    return true;
}

/* Makes a ukey for the flow of 'upcall' and puts it into the map.  Returns
 * NULL if there is one already. */
static struct udpif_key *
upcall_install_ukey(struct udpif *udpif, struct upcall *upcall,
                    const struct ofpbuf *actions,
                    const struct flow_wildcards *wc)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);
    uint64_t key_stub[ODPUTIL_FLOW_KEY_BYTES / 8];
    uint64_t mask_stub[ODPUTIL_FLOW_KEY_BYTES / 8];
    struct ofpbuf key, mask;
    struct udpif_key *ukey;
    enum ukey_install result;
    struct odp_flow_key_parms parms = {
        .flow = upcall->flow,
        .mask = &wc->masks,
        .support = upcall->ofproto->backer->rt_support.odp,
    };

    if (upcall->key) {
        ofpbuf_use_const(&key, upcall->key, upcall->key_len);
    } else {
        ofpbuf_use_stub(&key, key_stub, sizeof key_stub);
        odp_flow_key_from_flow(&parms, &key);
    }
    ofpbuf_use_stub(&mask, mask_stub, sizeof mask_stub);
    parms.key_buf = &key;
    odp_flow_key_from_mask(&parms, &mask);

    const struct ofpbuf *put = (upcall->xout.slow ? &upcall->slow_actions
                                : actions);
    struct ukey_parms uparms = {
        .key = key.data, .key_len = key.size,
        .mask = mask.data, .mask_len = mask.size,
        .actions = put->data, .actions_len = put->size,
        .ufid = upcall->ufid,
        .ufid_present = upcall->ofproto->backer->rt_support.ufid,
        .pmd_id = upcall->pmd_id,
        .reval_seq = upcall->reval_seq,
        .used = time_msec(),
        .key_recirc_id = upcall->recirc ? upcall->recirc->id : 0,
    };
    ukey = ukey_create(&uparms);
    upcall->recirc = NULL;              /* The ukey has the reference. */
    ukey_adopt_recircs(ukey, &upcall->xout.recircs);

    result = ukey_map_install(udpif->ukeys, ukey);
    if (ukey_install_ok(result)) {
        udpif_count_new_flow(udpif);
    } else {
        ukey_discard(ukey);
        ukey = NULL;
        if (result == UKEY_CONFLICT) {
            VLOG_WARN_RL(&rl, "upcall_cb failure: ukey installation fails");
        }
    }
    ofpbuf_uninit(&mask);
    ofpbuf_uninit(&key);
    return ukey;
}

/* Lanes. */

int
upcall_cb(const struct dp_packet *packet, const struct flow *flow,
          ovs_u128 *ufid, unsigned pmd_id, enum dpif_upcall_type type,
          const struct nlattr *userdata, struct ofpbuf *actions,
          struct flow_wildcards *wc, struct ofpbuf *put_actions, void *udpif_)
{
    struct udpif *udpif = udpif_;
    struct upcall upcall;
    int error;

    error = upcall_init(&upcall, udpif, packet, type, userdata, flow, ufid,
                        pmd_id);
    if (!error && upcall_process(udpif, &upcall, actions, wc)) {
        if (upcall.xout.slow && put_actions) {
            ofpbuf_put(put_actions, upcall.slow_actions.data,
                       upcall.slow_actions.size);
        }
        if (!wc || !upcall_wants_flow(udpif, &upcall)
            || !upcall_install_ukey(udpif, &upcall, actions, wc)) {
            error = ENOSPC;
        }
    }
    upcall_uninit(&upcall);
    return error;
}

/* Handlers. */

/* An upcall that a handler has received, with room for all it points to. */
struct handler_slot {
    struct dpif_upcall dupcall;
    struct ofpbuf recv_buf;
    uint64_t recv_stub[512 / 8];
    struct flow flow;
    struct upcall upcall;
    struct flow_wildcards wc;
    struct ofpbuf actions;              /* For the packet. */
    uint64_t actions_stub[1024 / 8];
    struct udpif_key *ukey;             /* Of the flow to install, or NULL. */
};

/* Lets the datapath drop packets of a port that nobody owns (yet). */
static void
install_drop_flow(struct udpif *udpif, const struct handler_slot *slot)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    bool ufid_present = udpif->backer->rt_support.ufid;

    VLOG_INFO_RL(&rl, "received packet on unassociated datapath port "
                 "%"PRIu32, slot->flow.in_port.odp_port);
    dpif_flow_put(udpif->dpif, DPIF_FP_CREATE, slot->dupcall.key,
                  slot->dupcall.key_len, NULL, 0, NULL, 0,
                  ufid_present ? &slot->dupcall.ufid : NULL, PMD_ID_NULL,
                  NULL);
}

static void
slot_release(struct handler_slot *slot)
{
    upcall_uninit(&slot->upcall);
    dp_packet_uninit(&slot->dupcall.packet);
    ofpbuf_uninit(&slot->actions);
    ofpbuf_uninit(&slot->recv_buf);
}

/* Works on the upcall that was received into 'slot'.  Returns true if there is
 * something left to do about it, false if it is done and released. */
static bool
slot_process(struct udpif *udpif, struct handler_slot *slot)
{
    struct dpif_upcall *dupcall = &slot->dupcall;
    struct upcall *upcall = &slot->upcall;
    enum odp_key_fitness fitness;
    int error;

    slot->ukey = NULL;
    ofpbuf_use_stub(&slot->actions, slot->actions_stub,
                    sizeof slot->actions_stub);

    fitness = odp_flow_key_to_flow(dupcall->key, dupcall->key_len,
                                   &slot->flow, NULL);
    if (fitness == ODP_FIT_ERROR) {
        dp_packet_uninit(&dupcall->packet);
        ofpbuf_uninit(&slot->actions);
        ofpbuf_uninit(&slot->recv_buf);
        return false;
    }

    error = upcall_init(upcall, udpif, &dupcall->packet, dupcall->type,
                        dupcall->userdata, &slot->flow, &dupcall->ufid,
                        PMD_ID_NULL);
    if (!error) {
        upcall->fitness = fitness;
        upcall->key = dupcall->key;
        upcall->key_len = dupcall->key_len;
        upcall->actions = dupcall->actions;
        upcall->out_tun_key = dupcall->out_tun_key;
        upcall->mru = dupcall->mru ? nl_attr_get_u16(dupcall->mru) : 0;
        upcall->hash = dupcall->hash ? nl_attr_get_u64(dupcall->hash) : 0;

        /* The packet's headers say more than the key. */
        odp_key_to_dp_packet(dupcall->key, dupcall->key_len,
                             &dupcall->packet);
        flow_extract(&dupcall->packet, &slot->flow);

        error = (upcall_process(udpif, upcall, &slot->actions, &slot->wc)
                 ? 0 : EAGAIN);
    } else if (error == ENODEV && upcall->kind == UPCALL_MISS) {
        install_drop_flow(udpif, slot);
    }
    if (error) {
        slot_release(slot);
        return false;
    }
    return true;
}

/* Installs the flows and executes the packets of 'n' translated upcalls. */
static void
handle_upcalls(struct udpif *udpif, struct handler_slot *slots, size_t n)
{
    struct dpif_op ops[HANDLER_BATCH * 2], *opsp[HANDLER_BATCH * 2];
    struct udpif_key *ukeys[HANDLER_BATCH * 2];
    size_t n_ops = 0;

    for (size_t i = 0; i < n; i++) {
        struct handler_slot *slot = &slots[i];
        struct upcall *upcall = &slot->upcall;

        if (upcall_wants_flow(udpif, upcall)) {
            slot->ukey = upcall_install_ukey(udpif, upcall, &slot->actions,
                                             &slot->wc);
        }
        if (slot->ukey) {
            const struct ukey_actions *put = ukey_actions(slot->ukey);

            ukeys[n_ops] = slot->ukey;
            ops[n_ops++] = (struct dpif_op) {
                .type = DPIF_OP_FLOW_PUT,
                .flow_put = {
                    .flags = DPIF_FP_CREATE,
                    .key = slot->ukey->key,
                    .key_len = slot->ukey->key_len,
                    .mask = slot->ukey->mask,
                    .mask_len = slot->ukey->mask_len,
                    .actions = ALIGNED_CAST(const struct nlattr *, put->data),
                    .actions_len = put->size,
                    .ufid = slot->ukey->ufid_present ? upcall->ufid : NULL,
                    .pmd_id = upcall->pmd_id,
                },
            };
        }
        if (slot->actions.size) {
            ukeys[n_ops] = NULL;
            ops[n_ops++] = (struct dpif_op) {
                .type = DPIF_OP_EXECUTE,
                .execute = {
                    .packet = &slot->dupcall.packet,
                    .flow = upcall->flow,
                    .actions = slot->actions.data,
                    .actions_len = slot->actions.size,
                    .needs_help = (upcall->xout.slow & SLOW_ACTION) != 0,
                    .mtu = upcall->mru,
                    .hash = upcall->hash,
                },
            };
        }
    }

    for (size_t i = 0; i < n_ops; i++) {
        opsp[i] = &ops[i];
    }
    dpif_operate(udpif->dpif, opsp, n_ops, DPIF_OFFLOAD_AUTO);

    /* A revalidator may have been faster: these functions only go forward
     * from VISIBLE. */
    for (size_t i = 0; i < n_ops; i++) {
        if (ukeys[i]) {
            ovs_mutex_lock(&ukeys[i]->mutex);
            if (ops[i].error) {
                ukey_refused(ukeys[i]);
            } else {
                ukey_saw_flow(ukeys[i]);
            }
            ovs_mutex_unlock(&ukeys[i]->mutex);
        }
    }
}

/* Takes a batch of upcalls from the datapath.  Returns how many it found. */
static size_t
recv_upcalls(struct udpif_handler *handler, struct handler_slot *slots)
{
    struct udpif *udpif = handler->udpif;
    size_t n = 0, n_received;

    for (n_received = 0; n_received < HANDLER_BATCH; n_received++) {
        struct handler_slot *slot = &slots[n];

        ofpbuf_use_stub(&slot->recv_buf, slot->recv_stub,
                        sizeof slot->recv_stub);
        if (dpif_recv(udpif->dpif, handler->id, &slot->dupcall,
                      &slot->recv_buf)) {
            ofpbuf_uninit(&slot->recv_buf);
            break;
        }
        n += slot_process(udpif, slot);
    }

    if (n) {
        handle_upcalls(udpif, slots, n);
        for (size_t i = 0; i < n; i++) {
            slot_release(&slots[i]);
        }
    }
    return n_received;
}

void *
upcall_handler_main(void *handler_)
{
    struct udpif_handler *handler = handler_;
    struct udpif *udpif = handler->udpif;
    struct handler_slot *slots = xmalloc_cacheline(HANDLER_BATCH
                                                   * sizeof *slots);

    while (!latch_is_set(&udpif->exit_latch)) {
        if (recv_upcalls(handler, slots)) {
            poll_immediate_wake();
        } else {
            dpif_recv_wait(udpif->dpif, handler->id);
            latch_wait(&udpif->exit_latch);
        }
        poll_block();
    }
    free_cacheline(slots);
    return NULL;
}
