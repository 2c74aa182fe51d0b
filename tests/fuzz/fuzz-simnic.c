/* SPDX-License-Identifier: Apache-2.0 */

/* net_simnic's parser stays within the frame, and headers that it has found
 * are where it says that they are.
 *
 * Input: how much of the frame is there, and the frame. */

#include <config.h>
#undef NDEBUG

#include "drivers/net/simnic/simnic-key.h"
#include "packets.h"
#include "dp-packet.h"
#include "tests/fuzz/fuzz.h"
#include "util.h"

static void
check_place(const struct simnic_layer *l, const struct simnic_place *p,
            size_t size)
{
    bool ip = l->present & (SIMNIC_L3_IPV4 | SIMNIC_L3_IPV6);
    bool l3 = ip || l->present & SIMNIC_L3_ARP;

    ovs_assert(p->payload <= size);
    ovs_assert(p->l2 <= p->payload);
    ovs_assert(l3 ? p->l3 && p->l3 < p->payload : !p->l3);
    ovs_assert(l->l4 ? p->l4 && p->l4 > p->l3 && p->l4 < p->payload : !p->l4);
    ovs_assert(!l->l4 || ip);
    ovs_assert(!l->sound || ip);
    ovs_assert(!(l->sound & SIMNIC_SOUND_L4)
               || (l->l4 && l->sound & SIMNIC_SOUND_L3));
    ovs_assert(!(l->present & SIMNIC_L2_MORE_VLAN)
               || l->present & SIMNIC_L2_VLAN);
    ovs_assert(!(l->present & SIMNIC_L2_VLAN3)
               || l->present & SIMNIC_L2_MORE_VLAN);
}

static void
fuzz_simnic(struct fuzz_input *in)
{
    unsigned int more = fuzz_u8(in);
    struct dp_packet *packet = fuzz_packet(in, 0);
    size_t size = dp_packet_size(packet);
    struct simnic_parsed whole, parsed;

    simnic_key_parse(dp_packet_data(packet), size, size + more, &parsed);
    check_place(&parsed.key.layer[0], &parsed.place[0], size);
    if (parsed.place[1].payload) {
        ovs_assert(parsed.key.tunnel);
        ovs_assert(parsed.place[1].payload >= parsed.place[0].payload);
        check_place(&parsed.key.layer[1], &parsed.place[1], size);
    }

    /* What is behind the first part tells only whether lengths are right. */
    simnic_key_parse(dp_packet_data(packet), size, size, &whole);
    for (int i = 0; i < 2; i++) {
        ovs_assert(!(whole.key.layer[i].sound & ~parsed.key.layer[i].sound));
        whole.key.layer[i].sound = parsed.key.layer[i].sound;
    }
    ovs_assert(!memcmp(&whole.key, &parsed.key, sizeof whole.key));
    ovs_assert(whole.ptype == parsed.ptype);
    if (parsed.key.tunnel) {
        simnic_key_decap(&parsed.key);
        ovs_assert(!parsed.key.tunnel);
        ovs_assert(parsed.key.layer[0].present & SIMNIC_L2_ETH);
    }
    dp_packet_delete(packet);
}
FUZZ_REGISTER("simnic", fuzz_simnic);
