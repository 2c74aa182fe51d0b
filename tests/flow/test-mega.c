/* SPDX-License-Identifier: Apache-2.0 */

/* The names of megaflows, and what lies beside what in a table. */

#include <config.h>

#include "flow/dp-flow-table.h"

#include "dpif.h"
#include "odp-util.h"
#include "openvswitch/match.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "tests/dptest.h"
#include "util.h"

/* A megaflow of IPv4 packets from port 1, of which 'set' says more. */
static struct dp_flow *
make_flow(void (*set)(struct match *, uint32_t value), uint32_t value,
          uint32_t id, unsigned int lane_id)
{
    ovs_u128 ufid = { .u32 = { id, id, id, id } };
    struct match match;

    match_init_catchall(&match);
    match.flow.in_port.odp_port = u32_to_odp(1);
    match.wc.masks.in_port.odp_port = ODPP_NONE;
    match.wc.masks.recirc_id = UINT32_MAX;
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    set(&match, value);
    return dp_flow_create(&match.flow, dp_mask_create(&match.wc), &ufid,
                          lane_id, NULL, 0);
}

/* TOS is not matched, but packets have it. */
static void
some_tos(struct match *match, uint32_t tos)
{
    match->flow.nw_tos = tos;
}

static void
other_port(struct match *match, uint32_t port_no)
{
    match->flow.in_port.odp_port = u32_to_odp(port_no);
}

static void
exact_tos(struct match *match, uint32_t tos)
{
    match_set_nw_dscp(match, tos);
    match_set_nw_ecn(match, tos);
}

static void
exact_source(struct match *match, uint32_t source)
{
    match_set_nw_src(match, htonl(source));
}

static void
wide_source(struct match *match, uint32_t source)
{
    match_set_nw_src_masked(match, htonl(source), htonl(0xffffff00));
    match->flow.nw_src = htonl(source);
}

static bool
same_name(const struct dp_flow *a, const struct dp_flow *b)
{
    return ovs_u128_equals(a->mega_ufid, b->mega_ufid);
}

/* M4: equal masked keys under different masks, or of different ports, are
 * different megaflows; what is not matched, and the lane, make none. */
static void
check_names(void)
{
    struct dp_flow *open = make_flow(some_tos, 0x20, 1, 0);
    struct dp_flow *other = make_flow(some_tos, 0x40, 2, 7);
    struct dp_flow *zero = make_flow(exact_tos, 0, 3, 0);
    struct dp_flow *four = make_flow(exact_tos, 4, 4, 0);
    struct dp_flow *elsewhere = make_flow(other_port, 2, 5, 0);

    ovs_assert(same_name(open, other));
    ovs_assert(!same_name(open, zero));
    ovs_assert(!same_name(zero, four));
    ovs_assert(!same_name(open, elsewhere));
    ovs_assert(open->cls_hash == elsewhere->cls_hash);
    dp_flow_unref(open);
    dp_flow_unref(other);
    dp_flow_unref(zero);
    dp_flow_unref(four);
    dp_flow_unref(elsewhere);
}

static void
insert(struct dp_flow_table *table, struct dp_flow *flow)
{
    flow->mask = dp_flow_table_share_mask(table, flow->in_port, flow->mask);
    ovs_mutex_lock(&table->mutex);
    dp_flow_table_insert(table, flow);
    ovs_mutex_unlock(&table->mutex);
}

static const struct dp_flow *
find_packet(const struct dp_flow_table *table, uint32_t source)
{
    struct flow packet;

    memset(&packet, 0, sizeof packet);
    packet.in_port.odp_port = u32_to_odp(1);
    packet.dl_type = htons(ETH_TYPE_IP);
    packet.nw_src = htonl(source);
    return dp_flow_table_find_key(table, &packet);
}

/* M9: of two megaflows that overlap, each is found by its own name.  M10: a
 * narrow one does not stand in the way of a wide one that was made by another
 * packet: what counts is whether the packet is in a megaflow, not whether its
 * masked key is.  M11: a key that was built from a flow finds it. */
static void
check_overlap(void)
{
    struct dp_flow *narrow = make_flow(exact_source, 0x0a000000, 1, 0);
    struct dp_flow *wide = make_flow(wide_source, 0x0a000005, 2, 0);
    struct dp_flow_table table;

    dp_flow_table_init(&table);
    insert(&table, narrow);
    ovs_assert(find_packet(&table, 0x0a000000) == narrow);
    ovs_assert(!find_packet(&table, 0x0a000005));
    insert(&table, wide);
    ovs_assert(find_packet(&table, 0x0a000005) == wide);
    ovs_assert(find_packet(&table, 0x0a000000));
    ovs_assert(dp_flow_table_find(&table, &narrow->ufid) == narrow);
    ovs_assert(dp_flow_table_find(&table, &wide->ufid) == wide);

    ovs_mutex_lock(&table.mutex);
    dp_flow_table_remove(&table, narrow);
    ovs_mutex_unlock(&table.mutex);
    ovs_assert(find_packet(&table, 0x0a000000) == wide);
    ovs_mutex_lock(&table.mutex);
    dp_flow_table_remove(&table, wide);
    ovs_mutex_unlock(&table.mutex);
    dp_flow_table_uninit(&table);
}

static void
test_mega_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_names();
    check_overlap();
}
DPTEST_REGISTER("mega-M4-M9-M10-M11", test_mega_main);
