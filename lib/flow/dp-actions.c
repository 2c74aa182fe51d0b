/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-actions.h"

#include "dp-packet.h"
#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "ovs-rcu.h"
#include "util.h"
#include "flow/dp-rewrite.h"

static bool
nests_actions(const struct nlattr *a)
{
    int type = nl_attr_type(a);

    return (type == OVS_ACTION_ATTR_CLONE || type == OVS_ACTION_ATTR_SAMPLE
            || type == OVS_ACTION_ATTR_CHECK_PKT_LEN);
}

/* Fills 'step' for one top-level or nested attribute 'a' and returns true, or
 * returns false if odp_execute_actions() does without the datapath's help what
 * 'a' asks. */
bool
dp_actions_step_from_attr(const struct nlattr *a, struct dp_step *step)
{
    enum ovs_action_attr type = nl_attr_type(a);

    memset(step, 0, sizeof *step);
    step->attr = a;
    switch ((int) type) {
    case OVS_ACTION_ATTR_OUTPUT:
        step->type = DP_STEP_OUTPUT;
        step->port = nl_attr_get_odp_port(a);
        return true;

    case OVS_ACTION_ATTR_LB_OUTPUT:
        step->type = DP_STEP_LB_OUTPUT;
        step->arg = nl_attr_get_u32(a);
        return true;

    case OVS_ACTION_ATTR_RECIRC:
        step->type = DP_STEP_RECIRC;
        step->arg = nl_attr_get_u32(a);
        return true;

    case OVS_ACTION_ATTR_METER:
        step->type = DP_STEP_METER;
        step->arg = nl_attr_get_u32(a);
        return true;

    case OVS_ACTION_ATTR_CT:
        step->type = DP_STEP_CT;
        return true;

    case OVS_ACTION_ATTR_TUNNEL_PUSH:
        step->type = DP_STEP_TUNNEL_PUSH;
        return true;

    case OVS_ACTION_ATTR_TUNNEL_POP:
        step->type = DP_STEP_TUNNEL_POP;
        step->port = nl_attr_get_odp_port(a);
        return true;

    case OVS_ACTION_ATTR_USERSPACE:
        step->type = DP_STEP_USERSPACE;
        return true;

    default:
        step->type = nests_actions(a) ? DP_STEP_NESTED : DP_STEP_LEAF;
        return false;
    }
}

static bool
is_edit(const struct dp_step *step)
{
    return step->type == DP_STEP_EDIT || step->type == DP_STEP_REWRITE;
}

/* Steps that leave packets as they are, or that make them be parsed. */
static bool
step_needs_offsets(const struct dp_step *step)
{
    return (step->type != DP_STEP_OUTPUT && step->type != DP_STEP_LB_OUTPUT
            && step->type != DP_STEP_RECIRC && step->type != DP_STEP_METER
            && step->type != DP_STEP_DROP);
}

/* Steps that read metadata, or pass packets on to somebody who may. */
static bool
step_needs_metadata(const struct dp_step *step)
{
    return (step->type != DP_STEP_OUTPUT && step->type != DP_STEP_LB_OUTPUT
            && step->type != DP_STEP_METER && !is_edit(step)
            && step->type != DP_STEP_DROP);
}

/* Returns the port to which packets of 'actions' go if some edits and an
 * output are all that they have, or ODPP_NONE. */
static odp_port_t
find_edited_output(const struct dp_actions *actions)
{
    size_t n = actions->n_steps;

    if (n < 2 || actions->steps[n - 1].type != DP_STEP_OUTPUT) {
        return ODPP_NONE;
    }
    for (size_t i = 0; i < n - 1; i++) {
        if (!is_edit(&actions->steps[i])) {
            return ODPP_NONE;
        }
    }
    return actions->steps[n - 1].port;
}

static bool
is_ipv4_edit(enum dp_edit edit)
{
    return edit == DP_EDIT_SET_IPV4 || edit == DP_EDIT_SET_ALL_IPV4;
}

/* Fills 'step' for 'a', which is not nested. */
static void
compile(const struct nlattr *a, struct dp_step *step)
{
    memset(step, 0, sizeof *step);
    step->edit = dp_edit_compile(a, &step->edit_arg);
    if (step->edit != DP_EDIT_NONE) {
        step->type = DP_STEP_EDIT;
    } else if (!dp_actions_step_from_attr(a, step)
               && nl_attr_type(a) == OVS_ACTION_ATTR_DROP) {
        step->type = DP_STEP_DROP;
    }
}

/* Makes 'rewrite' one of the steps from 'step' on, as far as it can have them.
 * Returns how many it has, or 0 if none of them is of IPv4. */
static size_t
gather_edits(const struct dp_step *step, const struct dp_step *end,
             struct dp_rewrite *rewrite)
{
    bool is_ipv4 = false;
    size_t n = 0;

    dp_rewrite_init(rewrite);
    for (; step < end && step->type == DP_STEP_EDIT
         && dp_rewrite_add(rewrite, step->edit, step->edit_arg); step++) {
        is_ipv4 |= is_ipv4_edit(step->edit);
        n++;
    }
    return is_ipv4 ? n : 0;
}

/* Makes rewrites of edits, at 'rewrites', where there is room for as many as
 * there are edits of IPv4. */
static void
join_edits(struct dp_actions *actions, struct dp_rewrite *rewrites)
{
    const struct dp_step *step = actions->steps;
    const struct dp_step *end = step + actions->n_steps;
    bool leaves = find_edited_output(actions) != ODPP_NONE;
    struct dp_step *out = actions->steps;

    while (step < end) {
        struct dp_rewrite rewrite;
        size_t n = gather_edits(step, end, &rewrite);

        if (n) {
            step += n;
            rewrite.keeps_conn = leaves;
            *rewrites = rewrite;
            *out++ = (struct dp_step) { .type = DP_STEP_REWRITE,
                                        .rewrite = rewrites++ };
        } else {
            *out++ = *step++;
        }
    }
    actions->n_steps = out - actions->steps;
}

/* Says what the steps of 'actions' are, taken together. */
static void
summarize(struct dp_actions *actions)
{
    size_t n = actions->n_steps;

    if (n) {
        actions->steps[n - 1].last = true;
    }
    actions->output = (n == 1 && actions->steps[0].type == DP_STEP_OUTPUT
                       ? actions->steps[0].port : ODPP_NONE);
    actions->edited_output = find_edited_output(actions);
    actions->parse = actions->metadata = actions->goes_on = false;
    for (size_t i = 0; i < n; i++) {
        actions->parse |= step_needs_offsets(&actions->steps[i]);
        actions->metadata |= step_needs_metadata(&actions->steps[i]);
        actions->goes_on |= (actions->steps[i].type == DP_STEP_CT
                             || actions->steps[i].type == DP_STEP_RECIRC);
    }
}

/* Returns the compiled form of the 'len' bytes of attributes at 'nla'. */
struct dp_actions *
dp_actions_create(const struct nlattr *nla, size_t len)
{
    const struct nlattr *a;
    struct dp_actions *actions;
    struct dp_rewrite *rewrites;
    unsigned int left;
    size_t n = 0, n_rewrites = 0, size;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, nla, len) {
        const void *arg;

        n_rewrites += is_ipv4_edit(dp_edit_compile(a, &arg));
        n++;
    }

    size = sizeof *actions + n * sizeof actions->steps[0];
    actions = xmalloc(size + n_rewrites * sizeof *rewrites + len);
    rewrites = (struct dp_rewrite *) ((char *) actions + size);
    actions->nla = (struct nlattr *) &rewrites[n_rewrites];
    actions->nla_len = len;
    if (len) {
        memcpy(&rewrites[n_rewrites], nla, len);
    }

    actions->n_steps = 0;
    NL_ATTR_FOR_EACH_UNSAFE (a, left, actions->nla, len) {
        struct dp_step *step = &actions->steps[actions->n_steps++];

        compile(a, step);
        if (step->type == DP_STEP_DROP) {
            break;
        }
    }
    if (n_rewrites) {
        join_edits(actions, rewrites);
    }
    summarize(actions);
    return actions;
}

void
dp_actions_edit(const struct dp_step *step, struct dp_packet_batch *batch)
{
    if (step->type == DP_STEP_REWRITE) {
        struct dp_packet *packet;

        DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
            dp_rewrite_packet(step->rewrite, packet);
        }
    } else {
        dp_edit_run(batch, step->edit, step->edit_arg);
    }
}

void
dp_actions_free(struct dp_actions *actions)
{
    free(actions);
}

/* Frees 'actions' when no thread can still be reading it. */
void
dp_actions_postpone_free(struct dp_actions *actions)
{
    ovsrcu_postpone(dp_actions_free, actions);
}
