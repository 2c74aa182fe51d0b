/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/ct/ct-pass.h"

#include <inttypes.h>

#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "random.h"
#include "ovs/ovs-conntrack.h"

void
ct_pass_choose(const struct ct_talk *t, bool reply,
               struct ct_pass_action *a)
{
    memset(a, 0, sizeof *a);
    a->zone = random_range(12) ? t->zone : random_range(CT_TALK_ZONES);
    /* Theirs aborts when what looks like a reply begins a translated one. */
    a->commit = random_range(2) && !(reply && t->nat != CT_TALK_NAT_NONE);
    a->force = a->commit && !random_range(12);
    a->has_nat = t->nat != CT_TALK_NAT_NONE && random_range(8);
    if (t->nat == CT_TALK_NAT_BARE && a->commit) {
        a->has_nat = false;     /* Theirs stores a tuple of zeros. */
    }
    if (a->has_nat) {
        ct_talk_choose_nat(t, &a->nat);
    }
    if (a->commit && !random_range(3)) {
        a->has_mark = random_range(2);
        a->mark[1] = random_range(2) ? UINT32_MAX : random_uint32();
        a->mark[0] = random_uint32() & a->mark[1];
        a->has_label = random_range(2);
        for (size_t i = 0; i < 4; i++) {
            a->label[1].ct_labels_32[i] = random_range(2) ? UINT32_MAX : 0xff;
            a->label[0].ct_labels_32[i]
                = random_uint32() & a->label[1].ct_labels_32[i];
        }
    }
}

struct dp_packet *
ct_pass_make_packet(struct ct_talk *t, bool reply, bool is_error)
{
    size_t payload = random_range(2) ? 0 : random_range(100);
    struct dp_packet *p = dp_packet_new(512);
    struct flow flow;

    if (is_error) {
        ct_talk_put_error(p, t, reply);
    } else {
        ct_talk_put_plain(p, t, reply, payload);
    }
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    return p;
}

void
ct_pass_run(const struct ct_rival *rival, struct conntrack *ct,
            struct dp_packet_batch *batch, const struct ct_pass_action *a,
            long long now_ms)
{
    const struct eth_header *eth = dp_packet_data(batch->packets[0]);

    rival->execute(ct, batch, eth->eth_type, a->force, a->commit, a->zone,
                   a->has_mark ? a->mark : NULL,
                   a->has_label ? a->label : NULL, OVS_CT_NO_PORTS NULL,
                   a->has_nat ? &a->nat : NULL, now_ms, 0);
}

void
ct_pass_format(const struct dp_packet *p, struct ds *ds)
{
    const struct pkt_metadata *md = &p->md;

    ds_put_format(ds, "state=%02x zone=%d mark=%x label=%"PRIx64"%016"PRIx64,
                  md->ct_state, md->ct_zone, md->ct_mark, md->ct_label.u64.hi,
                  md->ct_label.u64.lo);
    if (md->ct_orig_tuple_ipv6) {
        const struct ovs_key_ct_tuple_ipv6 *t = &md->ct_orig_tuple.ipv6;

        ds_put_format(ds, " %d>%d %d>%d %d", t->ipv6_src.s6_addr[15],
                      t->ipv6_dst.s6_addr[15], ntohs(t->src_port),
                      ntohs(t->dst_port), t->ipv6_proto);
    } else {
        const struct ovs_key_ct_tuple_ipv4 *t = &md->ct_orig_tuple.ipv4;

        ds_put_format(ds, " %x>%x %d>%d %d", ntohl(t->ipv4_src),
                      ntohl(t->ipv4_dst), ntohs(t->src_port),
                      ntohs(t->dst_port), t->ipv4_proto);
    }
}
