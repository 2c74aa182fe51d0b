/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "rte/dp-rte-probe.h"

#include <netinet/in.h>
#include <rte_flow.h>

#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "rte/dp-rte-actions.h"
#include "rte/dp-rte-match.h"
#include "util.h"

unsigned int
dp_rte_probe_mark(const struct dp_rte_probe *probe)
{
    static const struct rte_flow_item pattern[] = {
        { .type = RTE_FLOW_ITEM_TYPE_ETH },
        { .type = RTE_FLOW_ITEM_TYPE_END },
    };
    static const struct rte_flow_attr attr = { .ingress = 1 };
    struct dp_rte_actions program;

    for (unsigned int bits = DP_MARK_BITS; bits > 0; bits--) {
        uint32_t mark = MIN((UINT32_C(1) << bits) - 1, DP_MARK_MAX);
        struct rte_flow_error error;

        dp_rte_actions_mark(mark, probe->n_rxq, probe->rss_types, &program);
        if (!rte_flow_validate(probe->device, &attr, pattern, program.actions,
                               &error)) {
            return bits;
        }
    }
    return DP_MARK_BITS;
}

bool
dp_rte_probe_age(const struct dp_rte_probe *probe)
{
    static const struct rte_flow_item pattern[] = {
        { .type = RTE_FLOW_ITEM_TYPE_ETH },
        { .type = RTE_FLOW_ITEM_TYPE_END },
    };
    static const struct rte_flow_attr attr = { .ingress = 1 };
    struct dp_rte_actions *drop = xmalloc(sizeof *drop);
    struct rte_flow_error error;
    struct ofpbuf none;
    bool ok;

    ofpbuf_init(&none, 0);
    dp_rte_actions_whole(&none, NULL, NULL, true, drop);
    ok = !rte_flow_validate(probe->device, &attr, pattern, drop->actions,
                            &error);
    ofpbuf_uninit(&none);
    free(drop);
    return ok;
}

enum soundness {
    ANY,
    SOUND_HEADERS,
    SOUND_CHECKSUMS             /* And headers. */
};

/* Does the driver take a rule for what 'match', of packets to a port, matches,
 * at 'priority', of packets that are as sound as that? */
static bool
takes(const struct dp_rte_probe *probe, const struct match *match,
      uint32_t priority, enum soundness soundness)
{
    const struct rte_flow_attr attr = { .ingress = 1, .priority = priority };
    struct dp_rte_pattern *pattern = xmalloc(sizeof *pattern);
    struct dp_rte_actions *mark = xmalloc(sizeof *mark);
    struct rte_flow_error error;
    bool ok;

    ok = !dp_rte_match_translate(match, pattern);
    ovs_assert(ok && dp_rte_match_is_gullible(pattern));
    if (soundness != ANY) {
        dp_rte_match_add_integrity(pattern, soundness == SOUND_CHECKSUMS);
    }
    dp_rte_actions_mark(1, probe->n_rxq, probe->rss_types, mark);
    ok = !rte_flow_validate(probe->device, &attr, pattern->items,
                            mark->actions, &error);
    free(mark);
    free(pattern);
    return ok;
}

/* Makes 'match' one of packets of 'nw_proto' to a port. */
static void
match_port(struct match *match, uint8_t nw_proto)
{
    match_init_catchall(match);
    match_set_packet_type(match, htonl(PT_ETH));
    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_nw_proto(match, nw_proto);
    match_set_nw_frag(match, 0);
    match_set_tp_dst(match, htons(1));
}

bool
dp_rte_probe_integrity(const struct dp_rte_probe *probe)
{
    struct match match;

    match_port(&match, IPPROTO_UDP);
    return takes(probe, &match, 0, SOUND_HEADERS);
}

bool
dp_rte_probe_checksums(const struct dp_rte_probe *probe)
{
    struct match match;

    match_port(&match, IPPROTO_UDP);
    return takes(probe, &match, 0, SOUND_CHECKSUMS);
}

bool
dp_rte_probe_priorities(const struct dp_rte_probe *probe)
{
    struct match match;

    match_port(&match, IPPROTO_UDP);
    return takes(probe, &match, 1, ANY);
}

bool
dp_rte_probe_tcp_flags(const struct dp_rte_probe *probe)
{
    struct match match;

    match_port(&match, IPPROTO_TCP);
    match_set_tcp_flags_masked(&match, htons(TCP_ACK),
                               htons(TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK));
    return takes(probe, &match, 0, ANY);
}
