/* SPDX-License-Identifier: Apache-2.0 */

/* One pass over the list.  Fates are collected first come, first served, and
 * a second one is refused.  For a transfer rule everything that needs the
 * embedded switch is refused as an error of the *action* if the port has no
 * switch: applications take that as "not this way" and try another, where an
 * error of the attribute is reported to the operator for each flow. */

#include "simnic-action.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>

#define MAX_HEADER 128

struct compiler {
    const struct simnic_action_env *env;
    const struct rte_flow_attr *attr;
    const struct rte_flow_action *action;
    struct simnic_actions *a;
    struct rte_flow_error *error;
};

static int
refuse(const struct compiler *c, int code, const char *why)
{
    return rte_flow_error_set(c->error, code, RTE_FLOW_ERROR_TYPE_ACTION,
                              c->action, why);
}

static int
refuse_conf(const struct compiler *c, int code, const char *why)
{
    return rte_flow_error_set(c->error, code, RTE_FLOW_ERROR_TYPE_ACTION_CONF,
                              c->action, why);
}

static int
set_fate(struct compiler *c, uint32_t fate)
{
    if (c->a->has & SIMNIC_ACT_FATES) {
        return refuse(c, EINVAL, "a rule has one fate only");
    }
    c->a->has |= fate;
    return 0;
}

static int
add_edit(struct compiler *c, enum simnic_edit_op op, const void *arg,
         size_t size)
{
    struct simnic_edits *edits = &c->a->edits;
    struct simnic_edit *e;

    if (!arg && size) {
        return refuse_conf(c, EINVAL, "the action has no configuration");
    }
    if (edits->n >= SIMNIC_MAX_EDITS) {
        return refuse(c, ENOTSUP, "too many changes in one rule");
    }
    if (c->a->has & SIMNIC_ACT_FATES) {
        return refuse(c, ENOTSUP, "a change cannot follow the fate");
    }
    e = &edits->edit[edits->n++];
    memset(e, 0, sizeof *e);
    e->op = op;
    if (size) {
        memcpy(e->arg, arg, size);
    }
    return 0;
}

static int
add_encap(struct compiler *c, const uint8_t *header, size_t size)
{
    struct simnic_edit *e;
    int error;

    if (!header || !size || size > MAX_HEADER) {
        return refuse_conf(c, EINVAL, "bad header to encapsulate with");
    }
    error = add_edit(c, SIMNIC_EDIT_ENCAP, NULL, 0);
    if (error) {
        return error;
    }
    e = &c->a->edits.edit[c->a->edits.n - 1];
    e->raw = malloc(size);
    if (!e->raw) {
        return refuse(c, ENOMEM, "out of memory");
    }
    memcpy(e->raw, header, size);
    e->size = size;
    return 0;
}

/* Checks that the action may be in a rule with these attributes. */
static int
check_domain(const struct compiler *c, bool for_host)
{
    if (c->attr->transfer) {
        if (!c->env->has_switch) {
            return refuse(c, ENOTSUP, "no embedded switch: the port is in "
                          "no switch domain");
        }
        if (for_host) {
            return refuse(c, ENOTSUP, "not in a transfer rule");
        }
    }
    return 0;
}

static int
compile_port(struct compiler *c, uint32_t id)
{
    if (!c->attr->transfer) {
        return refuse(c, ENOTSUP, "only a transfer rule forwards to a port");
    }
    if (id > UINT16_MAX || !c->env->port_ok(c->env->aux, id)) {
        return refuse_conf(c, EINVAL, "no such port in this switch domain");
    }
    c->a->port_id = id;
    return set_fate(c, SIMNIC_ACT_PORT);
}

int
simnic_rss_compile(const struct simnic_action_env *env,
                   const struct rte_flow_action_rss *conf,
                   struct simnic_rss *rss, const void *cause,
                   struct rte_flow_error *error)
{
    const char *why = NULL;
    int code = ENOTSUP;

    memset(rss, 0, sizeof *rss);
    if (!conf || (conf->queue_num && !conf->queue)) {
        code = EINVAL;
        why = "RSS without its configuration";
    } else if (conf->func != RTE_ETH_HASH_FUNCTION_DEFAULT
               && conf->func != RTE_ETH_HASH_FUNCTION_TOEPLITZ
               && conf->func != RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ) {
        why = "RSS: only Toeplitz";
    } else if (conf->level > 1) {
        why = "RSS: only the outermost headers";
    } else if (conf->key_len) {
        why = "RSS: the key is the port's";
    } else if (conf->types & ~env->rss_types) {
        why = "RSS: a type that cannot be hashed";
    } else if (!conf->queue_num || conf->queue_num > SIMNIC_MAX_QUEUES) {
        code = EINVAL;
        why = "RSS: bad number of queues";
    } else {
        for (uint32_t i = 0; i < conf->queue_num; i++) {
            if (conf->queue[i] >= env->n_rxq) {
                code = EINVAL;
                why = "RSS: no such queue";
            }
            rss->queue[i] = conf->queue[i];
        }
        rss->n_queues = conf->queue_num;
        rss->types = conf->types;
        rss->symmetric = (conf->func
                          == RTE_ETH_HASH_FUNCTION_SYMMETRIC_TOEPLITZ);
    }
    return why ? rte_flow_error_set(error, code,
                                    RTE_FLOW_ERROR_TYPE_ACTION_CONF, cause,
                                    why) : 0;
}

static int
compile_mark(struct compiler *c)
{
    const struct rte_flow_action_mark *mark = c->action->conf;

    if (!mark) {
        return refuse_conf(c, EINVAL, "MARK without its configuration");
    }
    if (c->env->no_mark) {
        return refuse(c, ENOTSUP, "marks are not delivered: negotiated away");
    }
    if (c->env->mark_bits < 32 && mark->id >> c->env->mark_bits) {
        return refuse_conf(c, EINVAL, "the mark is too wide for this NIC");
    }
    if (c->a->has & SIMNIC_ACT_MARK) {
        return refuse(c, EINVAL, "two marks in one rule");
    }
    c->a->mark = mark->id;
    c->a->has |= SIMNIC_ACT_MARK;
    return 0;
}

static int
compile_age(struct compiler *c)
{
    const struct rte_flow_action_age *age = c->action->conf;

    if (!age || !age->timeout) {
        return refuse_conf(c, EINVAL, "AGE without a timeout");
    }
    if (c->a->has & SIMNIC_ACT_AGE) {
        return refuse(c, EINVAL, "two ages in one rule");
    }
    c->a->age_s = age->timeout;
    c->a->age_context = age->context;
    c->a->has |= SIMNIC_ACT_AGE;
    return 0;
}

static int
compile_count(struct compiler *c)
{
    const struct rte_flow_action_count *count = c->action->conf;

    if (c->a->has & SIMNIC_ACT_COUNT) {
        return refuse(c, ENOTSUP, "one counter for each rule");
    }
    c->a->count_id = count ? count->id : 0;
    c->a->has |= SIMNIC_ACT_COUNT;
    return 0;
}

static int
compile_shared(struct compiler *c)
{
    enum rte_flow_action_type type = RTE_FLOW_ACTION_TYPE_VOID;
    struct simnic_shared *shared;

    shared = c->env->shared(c->env->aux, c->action->conf, &type);
    if (!shared) {
        return refuse_conf(c, ENOENT, "no such indirect action");
    }
    switch ((int) type) {
    case RTE_FLOW_ACTION_TYPE_COUNT:
        if (c->a->has & SIMNIC_ACT_COUNT) {
            return refuse(c, ENOTSUP, "one counter for each rule");
        }
        c->a->has |= SIMNIC_ACT_COUNT;
        c->a->shared_count = shared;
        return 0;
    case RTE_FLOW_ACTION_TYPE_AGE:
        if (c->a->has & SIMNIC_ACT_AGE) {
            return refuse(c, EINVAL, "two ages in one rule");
        }
        c->a->has |= SIMNIC_ACT_AGE;
        c->a->shared_age = shared;
        return 0;
    case RTE_FLOW_ACTION_TYPE_RSS:
        c->a->shared_rss = shared;
        return set_fate(c, SIMNIC_ACT_RSS);
    default:
        return refuse(c, ENOTSUP, "this indirect action is not supported");
    }
}

static int
compile_jump(struct compiler *c)
{
    const struct rte_flow_action_jump *jump = c->action->conf;

    if (!jump) {
        return refuse_conf(c, EINVAL, "JUMP without its configuration");
    }
    if (jump->group <= c->attr->group) {
        return refuse_conf(c, EINVAL, "JUMP goes to a higher group only");
    }
    if (jump->group >= c->env->n_groups) {
        return refuse_conf(c, EINVAL, "JUMP to a group that the NIC lacks");
    }
    c->a->jump_group = jump->group;
    return set_fate(c, SIMNIC_ACT_JUMP);
}

static int
compile_push_vlan(struct compiler *c)
{
    const struct rte_flow_action_of_push_vlan *push = c->action->conf;

    if (push && push->ethertype != RTE_BE16(0x8100)
        && push->ethertype != RTE_BE16(0x88a8)) {
        return refuse_conf(c, EINVAL, "bad TPID");
    }
    return add_edit(c, SIMNIC_EDIT_PUSH_VLAN, push, 2);
}

static int
compile_vxlan_encap(struct compiler *c)
{
    const struct rte_flow_action_vxlan_encap *encap = c->action->conf;
    uint8_t header[MAX_HEADER];
    size_t size;

    size = (encap && encap->definition
            ? simnic_edit_vxlan_header(encap->definition, header,
                                       sizeof header) : 0);
    return add_encap(c, header, size);
}

static int
compile_raw_decap(struct compiler *c)
{
    const struct rte_flow_action_raw_decap *decap = c->action->conf;
    int error;

    if (!decap || !decap->size || decap->size > MAX_HEADER) {
        return refuse_conf(c, EINVAL, "bad size of header to remove");
    }
    error = add_edit(c, SIMNIC_EDIT_CUT, NULL, 0);
    if (!error) {
        c->a->edits.edit[c->a->edits.n - 1].size = decap->size;
    }
    return error;
}

static int
compile_edit(struct compiler *c)
{
    const void *conf = c->action->conf;

    switch ((int) c->action->type) {
    case RTE_FLOW_ACTION_TYPE_SET_MAC_SRC:
        return add_edit(c, SIMNIC_EDIT_ETH_SRC, conf, 6);
    case RTE_FLOW_ACTION_TYPE_SET_MAC_DST:
        return add_edit(c, SIMNIC_EDIT_ETH_DST, conf, 6);
    case RTE_FLOW_ACTION_TYPE_SET_IPV4_SRC:
        return add_edit(c, SIMNIC_EDIT_IPV4_SRC, conf, 4);
    case RTE_FLOW_ACTION_TYPE_SET_IPV4_DST:
        return add_edit(c, SIMNIC_EDIT_IPV4_DST, conf, 4);
    case RTE_FLOW_ACTION_TYPE_SET_IPV6_SRC:
        return add_edit(c, SIMNIC_EDIT_IPV6_SRC, conf, 16);
    case RTE_FLOW_ACTION_TYPE_SET_IPV6_DST:
        return add_edit(c, SIMNIC_EDIT_IPV6_DST, conf, 16);
    case RTE_FLOW_ACTION_TYPE_SET_TP_SRC:
        return add_edit(c, SIMNIC_EDIT_TP_SRC, conf, 2);
    case RTE_FLOW_ACTION_TYPE_SET_TP_DST:
        return add_edit(c, SIMNIC_EDIT_TP_DST, conf, 2);
    case RTE_FLOW_ACTION_TYPE_SET_TTL:
        return add_edit(c, SIMNIC_EDIT_TTL, conf, 1);
    case RTE_FLOW_ACTION_TYPE_DEC_TTL:
        return add_edit(c, SIMNIC_EDIT_DEC_TTL, NULL, 0);
    case RTE_FLOW_ACTION_TYPE_OF_PUSH_VLAN:
        return compile_push_vlan(c);
    case RTE_FLOW_ACTION_TYPE_OF_POP_VLAN:
        return add_edit(c, SIMNIC_EDIT_POP_VLAN, NULL, 0);
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_VID:
        return add_edit(c, SIMNIC_EDIT_VLAN_VID, conf, 2);
    case RTE_FLOW_ACTION_TYPE_OF_SET_VLAN_PCP:
        return add_edit(c, SIMNIC_EDIT_VLAN_PCP, conf, 1);
    case RTE_FLOW_ACTION_TYPE_VXLAN_ENCAP:
        return compile_vxlan_encap(c);
    case RTE_FLOW_ACTION_TYPE_VXLAN_DECAP:
        return add_edit(c, SIMNIC_EDIT_DECAP_TUNNEL, NULL, 0);
    case RTE_FLOW_ACTION_TYPE_RAW_ENCAP: {
        const struct rte_flow_action_raw_encap *encap = conf;

        return add_encap(c, encap ? encap->data : NULL,
                         encap ? encap->size : 0);
    }
    case RTE_FLOW_ACTION_TYPE_RAW_DECAP:
        return compile_raw_decap(c);
    default:
        return refuse(c, ENOTSUP, "this action is not supported");
    }
}

static int
compile_action(struct compiler *c)
{
    const void *conf = c->action->conf;
    int error = check_domain(c, false);

    if (error) {
        return error;
    }
    switch ((int) c->action->type) {
    case RTE_FLOW_ACTION_TYPE_MARK:
        error = check_domain(c, true);
        return error ? error : compile_mark(c);
    case RTE_FLOW_ACTION_TYPE_FLAG:
        if (c->env->no_flag) {
            return refuse(c, ENOTSUP,
                          "flags are not delivered: negotiated away");
        }
        c->a->has |= SIMNIC_ACT_FLAG;
        return check_domain(c, true);
    case RTE_FLOW_ACTION_TYPE_QUEUE: {
        const struct rte_flow_action_queue *queue = conf;

        if (!queue || queue->index >= c->env->n_rxq) {
            return refuse_conf(c, EINVAL, "QUEUE: no such queue");
        }
        c->a->queue = queue->index;
        error = check_domain(c, true);
        return error ? error : set_fate(c, SIMNIC_ACT_QUEUE);
    }
    case RTE_FLOW_ACTION_TYPE_RSS:
        error = check_domain(c, true);
        if (!error) {
            error = simnic_rss_compile(c->env, conf, &c->a->rss, c->action,
                                       c->error);
        }
        return error ? error : set_fate(c, SIMNIC_ACT_RSS);
    case RTE_FLOW_ACTION_TYPE_DROP:
        return set_fate(c, SIMNIC_ACT_DROP);
    case RTE_FLOW_ACTION_TYPE_PASSTHRU:
        return set_fate(c, SIMNIC_ACT_PASSTHRU);
    case RTE_FLOW_ACTION_TYPE_COUNT:
        return compile_count(c);
    case RTE_FLOW_ACTION_TYPE_AGE:
        return compile_age(c);
    case RTE_FLOW_ACTION_TYPE_JUMP:
        return compile_jump(c);
    case RTE_FLOW_ACTION_TYPE_INDIRECT:
        return compile_shared(c);
    case RTE_FLOW_ACTION_TYPE_PORT_ID: {
        const struct rte_flow_action_port_id *port = conf;

        if (!port || port->original) {
            return refuse_conf(c, ENOTSUP, "PORT_ID: needs an id");
        }
        return compile_port(c, port->id);
    }
    case RTE_FLOW_ACTION_TYPE_REPRESENTED_PORT: {
        const struct rte_flow_action_ethdev *port = conf;

        return (port ? compile_port(c, port->port_id)
                : refuse_conf(c, EINVAL, "REPRESENTED_PORT: needs a port"));
    }
    default:
        return compile_edit(c);
    }
}

int
simnic_actions_compile(const struct simnic_action_env *env,
                       const struct rte_flow_attr *attr,
                       const struct rte_flow_action actions[],
                       struct simnic_actions *a, struct rte_flow_error *error)
{
    struct compiler c = {
        .env = env, .attr = attr, .a = a, .error = error,
    };
    size_t n = 0;

    memset(a, 0, sizeof *a);
    if (!actions) {
        return rte_flow_error_set(error, EINVAL,
                                  RTE_FLOW_ERROR_TYPE_ACTION_NUM, NULL,
                                  "no actions");
    }
    for (c.action = actions; c.action->type != RTE_FLOW_ACTION_TYPE_END;
         c.action++) {
        int retval;

        if (c.action->type == RTE_FLOW_ACTION_TYPE_VOID) {
            continue;
        }
        retval = compile_action(&c);
        if (retval) {
            return retval;
        }
        n++;
    }
    if (!n) {
        return rte_flow_error_set(error, EINVAL,
                                  RTE_FLOW_ERROR_TYPE_ACTION_NUM, actions,
                                  "a rule without actions");
    }
    return 0;
}

void
simnic_actions_uninit(struct simnic_actions *a)
{
    simnic_edits_uninit(&a->edits);
}
