/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-actions.h"

#include "netlink.h"
#include "odp-netlink.h"
#include "odp-util.h"
#include "ovs-rcu.h"
#include "util.h"

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
            && step->type != DP_STEP_METER && step->type != DP_STEP_EDIT
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
        if (actions->steps[i].type != DP_STEP_EDIT) {
            return ODPP_NONE;
        }
    }
    return actions->steps[n - 1].port;
}

/* Returns the compiled form of the 'len' bytes of attributes at 'nla'. */
struct dp_actions *
dp_actions_create(const struct nlattr *nla, size_t len)
{
    const struct nlattr *a;
    struct dp_actions *actions;
    struct nlattr *copy;
    unsigned int left;
    size_t n = 0;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, nla, len) {
        n++;
    }

    size_t steps_size = sizeof *actions + n * sizeof actions->steps[0];
    actions = xmalloc(steps_size + len);
    copy = (struct nlattr *) ((char *) actions + steps_size);
    if (len) {
        memcpy(copy, nla, len);
    }
    actions->nla = copy;
    actions->nla_len = len;
    actions->n_steps = 0;

    struct dp_step *prev = NULL;
    NL_ATTR_FOR_EACH_UNSAFE (a, left, copy, len) {
        struct dp_step step;

        step.edit = dp_edit_compile(a, &step.edit_arg);
        if (step.edit != DP_EDIT_NONE) {
            step.type = DP_STEP_EDIT;
            step.last = false;
        } else if (!dp_actions_step_from_attr(a, &step)
                   && nl_attr_type(a) == OVS_ACTION_ATTR_DROP) {
            step.type = DP_STEP_DROP;
        }
        prev = &actions->steps[actions->n_steps++];
        *prev = step;
        if (step.type == DP_STEP_DROP) {
            break;
        }
    }
    if (prev) {
        prev->last = true;
    }
    actions->output = (actions->n_steps == 1 && prev->type == DP_STEP_OUTPUT
                       ? prev->port : ODPP_NONE);
    actions->edited_output = find_edited_output(actions);
    actions->parse = actions->metadata = actions->goes_on = false;
    for (size_t i = 0; i < actions->n_steps; i++) {
        actions->parse |= step_needs_offsets(&actions->steps[i]);
        actions->metadata |= step_needs_metadata(&actions->steps[i]);
        actions->goes_on |= (actions->steps[i].type == DP_STEP_CT
                             || actions->steps[i].type == DP_STEP_RECIRC);
    }
    return actions;
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
