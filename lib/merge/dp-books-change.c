/* SPDX-License-Identifier: Apache-2.0 */

/* What contributors tell: a megaflow has changed, and wants its last counts;
 * a port has gone.  Connections tell by the tracker's hooks
 * (dp-books-watch.c). */

#include <config.h>

#include "merge/dp-books-entry.h"

#include "coverage.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "timeval.h"
#include "util.h"
#include "flow/dp-actions.h"
#include "flow/dp-credit.h"

COVERAGE_DEFINE(merge_unsettled);

/* How often to look whether NICs have let the rules of a megaflow go, and how
 * long to wait until the next look. */
enum { SETTLE_LOOKS = 10000, SETTLE_NAP_NS = 100 * 1000 };

void
dp_books_flow_changed(struct dp_books *books, struct dp_flow *flow)
{
    struct dp_books_stage *stage;
    struct dp_credit *credit;

    /* Pairs with the fence in dp_books_entry_create(). */
    atomic_thread_fence(memory_order_seq_cst);
    credit = dp_flow_get_credit(flow);
    if (credit) {
        ovs_mutex_lock(&books->mutex);
        LIST_FOR_EACH (stage, node, &credit->dependents) {
            dp_books_entry_kill(books, stage->entry, DP_BOOKS_CAUSE_FLOW);
        }
        ovs_mutex_unlock(&books->mutex);
    }
}

/* Books what the rules built on the megaflow with 'credit' have counted.
 * Returns true if NICs may have something to tell of those that are dead. */
static bool
settle(struct dp_books *books, struct dp_credit *credit)
    OVS_EXCLUDED(books->mutex)
{
    struct dp_books_stage *stage;
    bool is_open = false;

    ovs_mutex_lock(&books->mutex);
    LIST_FOR_EACH (stage, node, &credit->dependents) {
        struct dp_books_entry *entry = stage->entry;

        /* Before they are booked: they may leave in between. */
        is_open |= (dp_books_entry_get_life(entry) >= DP_BOOKS_DEAD
                    && dp_books_entry_is_in_nic(books, entry));
        dp_books_account(books, entry, time_msec(), false);
    }
    is_open &= !books->is_slow;
    ovs_mutex_unlock(&books->mutex);
    return is_open;
}

void
dp_books_settle_flow(struct dp_books *books, struct dp_flow *flow)
{
    struct dp_credit *credit = dp_flow_get_credit(flow);

    if (!credit) {
        return;
    }
    for (unsigned int i = 0; settle(books, credit); i++) {
        if (i >= books->patience * SETTLE_LOOKS) {
            COVERAGE_INC(merge_unsettled);
            ovs_mutex_lock(&books->mutex);
            books->is_slow = true;
            ovs_mutex_unlock(&books->mutex);
            return;
        }
        if (!i || dp_books_is_urgent(books)) {
            dp_books_reap(books);
        }
        xnanosleep_no_quiesce(SETTLE_NAP_NS);
    }
}

/* Does one of the actions send to 'port'? */
static bool
sends_to(const struct nlattr *actions, size_t len, odp_port_t port)
{
    const struct nlattr *a;
    size_t left;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, actions, len) {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_OUTPUT
            ? nl_attr_get_odp_port(a) == port
            : (nl_attr_type(a) == OVS_ACTION_ATTR_CLONE
               && sends_to(nl_attr_get(a), nl_attr_get_size(a), port))) {
            return true;
        }
    }
    return false;
}

void
dp_books_port_gone(struct dp_books *books, odp_port_t port)
{
    struct dp_books_entry *entry;

    ovs_mutex_lock(&books->mutex);
    LIST_FOR_EACH (entry, node, &books->entries) {
        const struct dp_flow *flow = dp_books_entry_get_flow(entry);
        const struct dp_actions *actions;

        if (flow) {
            actions = dp_flow_get_actions(flow);
            if (flow->in_port == port
                || sends_to(actions->nla, actions->nla_len, port)) {
                dp_books_entry_kill(books, entry, DP_BOOKS_CAUSE_PORT);
            }
        }
    }
    ovs_mutex_unlock(&books->mutex);
}
