/* SPDX-License-Identifier: Apache-2.0 */

/* Several merged rules of one connection, one megaflow, or for the same
 * packets. */

#include <config.h>
#undef NDEBUG

#include "merge/dp-books.h"

#include "timeval.h"
#include "util.h"
#include "flow/dp-flow.h"
#include "merge/dp-trace.h"
#include "tests/dptest.h"
#include "tests/merge/books-lab.h"

/* Offers a trace of a reply of the connection. */
static enum dp_books_verdict
offer_reply(struct lab *lab, size_t conn_no)
{
    struct dp_trace *trace = lab_make_trace(lab, conn_no);
    struct flow *packet = &trace->packet;
    ovs_be32 addr = packet->nw_src;
    ovs_be16 port = packet->tp_src;

    packet->nw_src = packet->nw_dst;
    packet->nw_dst = addr;
    packet->tp_src = packet->tp_dst;
    packet->tp_dst = port;
    trace->stages[0].conns[0].reply = true;
    lab->conn_no = conn_no;
    return dp_books_offer(lab->books, trace);
}

/* M8, M36: all rules of a connection die with it, and all that are built on a
 * megaflow. */
static void
test_all_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct lab lab;

    lab_init(&lab);
    for (int i = 0; i < 2; i++) {
        ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
        ovs_assert(offer_reply(&lab, 0) == DP_BOOKS_MADE);
        ovs_assert(lab_offer(&lab, 1) == DP_BOOKS_MADE);
        ovs_assert(lab_stats(&lab).n_rules == 3);
        ovs_assert(lab_stats(&lab).n_conns == 2);
        if (!i) {
            lab_mark_conn(&lab, 0);
            ovs_assert(!lab_find_rule(&lab, 0) && lab_find_rule(&lab, 1));
            ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_MARK] == 2);
            lab_mark_conn(&lab, 1);
        } else {
            lab_modify_megaflow(&lab, 1);
            ovs_assert(!lab_find_rule(&lab, 0) && !lab_find_rule(&lab, 1));
            ovs_assert(lab_stats(&lab).n_killed[DP_BOOKS_CAUSE_FLOW] == 3);
        }
        ovs_assert(!lab_stats(&lab).n_rules);
        dp_books_age(lab.books, time_msec());
        ovs_assert(!lab_stats(&lab).n_conns);
    }
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-kill-all-M8-M29-M36", test_all_main);

/* Each lane has rules of its own. */
static void
test_lanes_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dp_trace *trace;
    struct lab lab;

    lab_init(&lab);
    ovs_assert(lab_offer(&lab, 0) == DP_BOOKS_MADE);
    trace = lab_make_trace(&lab, 0);
    trace->lane = &lab.other_lane;
    ovs_assert(dp_books_offer(lab.books, trace) == DP_BOOKS_MADE);
    ovs_assert(lab_stats(&lab).n_rules == 2);
    dp_books_carrier_gone(lab.books, &lab.other_lane);
    ovs_assert(lab_stats(&lab).n_rules == 1 && lab_find_rule(&lab, 0));
    lab_uninit(&lab);
}
DPTEST_REGISTER("merge-lanes-M40", test_lanes_main);
