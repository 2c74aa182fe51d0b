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
#include "flow/dp-slab.h"

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

/* Returns the port to which packets go if the 'n' 'steps' are some edits and
 * an output, or ODPP_NONE. */
static odp_port_t
find_edited_output(const struct dp_step *steps, size_t n)
{
    if (n < 2 || steps[n - 1].type != DP_STEP_OUTPUT) {
        return ODPP_NONE;
    }
    for (size_t i = 0; i < n - 1; i++) {
        if (!is_edit(&steps[i])) {
            return ODPP_NONE;
        }
    }
    return steps[n - 1].port;
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

/* Makes rewrites of edits among the 'n' 'steps', at 'rewrites', where there is
 * room for 'n'.  Returns how many steps are left, and stores how many are
 * rewrites. */
static size_t
join_edits(struct dp_step *steps, size_t n, struct dp_rewrite *rewrites,
           size_t *n_rewrites)
{
    bool leaves = find_edited_output(steps, n) != ODPP_NONE;
    const struct dp_step *step = steps;
    struct dp_step *out = steps;

    *n_rewrites = 0;
    while (step < &steps[n]) {
        struct dp_rewrite *rewrite = &rewrites[*n_rewrites];
        size_t n_edits = gather_edits(step, &steps[n], rewrite);

        if (n_edits) {
            step += n_edits;
            rewrite->keeps_conn = leaves;
            *out++ = (struct dp_step) { .type = DP_STEP_REWRITE,
                                        .rewrite = rewrite };
            ++*n_rewrites;
        } else {
            *out++ = *step++;
        }
    }
    return out - steps;
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
    actions->edited_output = find_edited_output(actions->steps, n);
    actions->parse = actions->metadata = actions->goes_on = false;
    for (size_t i = 0; i < n; i++) {
        actions->parse |= step_needs_offsets(&actions->steps[i]);
        actions->metadata |= step_needs_metadata(&actions->steps[i]);
        actions->goes_on |= (actions->steps[i].type == DP_STEP_CT
                             || actions->steps[i].type == DP_STEP_RECIRC);
    }
}

/* Compiles the 'len' bytes of attributes at 'nla' into 'steps', as far as
 * packets get.  Returns how many there are. */
static size_t
compile_all(const struct nlattr *nla, size_t len, struct dp_step *steps)
{
    const struct nlattr *a;
    unsigned int left;
    size_t n = 0;

    NL_ATTR_FOR_EACH_UNSAFE (a, left, nla, len) {
        compile(a, &steps[n++]);
        if (steps[n - 1].type == DP_STEP_DROP) {
            break;
        }
    }
    return n;
}

/* Returns room for 'n_steps' and the 'len' bytes of attributes at 'nla', which
 * are copied, and for 'n_rewrites', at '*rewrites'.  These begin at a cache
 * line, so that a packet needs two lines in all. */
static struct dp_actions *
allocate(const struct nlattr *nla, size_t len, size_t n_steps,
         size_t n_rewrites, struct dp_rewrite **rewrites)
{
    size_t head = sizeof(struct dp_actions) + n_steps * sizeof(struct dp_step);
    struct dp_actions *actions;
    size_t size;

    if (n_rewrites) {
        head = ROUND_UP(head, CACHE_LINE_SIZE);
    }
    size = head + n_rewrites * sizeof **rewrites + len;
    actions = dp_slab_alloc(size);
    actions->size = size;
    actions->n_steps = n_steps;
    *rewrites = (struct dp_rewrite *) ((char *) actions + head);
    actions->nla = (struct nlattr *) &(*rewrites)[n_rewrites];
    actions->nla_len = len;
    if (len) {
        memcpy(&(*rewrites)[n_rewrites], nla, len);
    }
    return actions;
}

/* 'step' points into 'actions' as the one that it is a copy of points to 'nla'
 * or 'from'. */
static void
point_to_copy(struct dp_step *step, const struct dp_actions *actions,
              const struct nlattr *nla, const struct dp_rewrite *rewrites,
              const struct dp_rewrite *from)
{
    if (step->type == DP_STEP_REWRITE) {
        step->rewrite = &rewrites[step->rewrite - from];
    } else if (step->attr) {
        step->attr = ALIGNED_CAST(const struct nlattr *,
                                  ((const char *) actions->nla
                                   + ((const char *) step->attr
                                      - (const char *) nla)));
    }
}

/* Returns the compiled form of the 'len' bytes of attributes at 'nla'. */
struct dp_actions *
dp_actions_create(const struct nlattr *nla, size_t len)
{
    size_t max = len / NLA_HDRLEN;
    struct dp_step *steps = xmalloc(max * sizeof *steps);
    struct dp_rewrite *scratch = xmalloc(max * sizeof *scratch);
    struct dp_rewrite *rewrites;
    struct dp_actions *actions;
    size_t n_rewrites, n;

    n = join_edits(steps, compile_all(nla, len, steps), scratch, &n_rewrites);
    actions = allocate(nla, len, n, n_rewrites, &rewrites);
    memcpy(actions->steps, steps, n * sizeof *steps);
    memcpy(rewrites, scratch, n_rewrites * sizeof *rewrites);
    for (size_t i = 0; i < n; i++) {
        point_to_copy(&actions->steps[i], actions, nla, rewrites, scratch);
    }
    summarize(actions);
    free(scratch);
    free(steps);
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
    if (actions) {
        dp_slab_free(actions, actions->size);
    }
}

/* Frees 'actions' when no thread can still be reading it. */
void
dp_actions_postpone_free(struct dp_actions *actions)
{
    ovsrcu_postpone(dp_actions_free, actions);
}
