/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-policy.h"

#include "hash.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(conntrack_tp);

/* Returns the seconds of 'attr', if a policy says nothing. */
static uint32_t
factory(enum ct_dpif_tp_attr attr)
{
    switch (attr) {
    case CT_DPIF_TP_ATTR_TCP_ESTABLISHED:
        return 24 * 60 * 60;

    case CT_DPIF_TP_ATTR_TCP_FIN_WAIT:
        return 15 * 60;

    case CT_DPIF_TP_ATTR_UDP_FIRST:
    case CT_DPIF_TP_ATTR_UDP_SINGLE:
    case CT_DPIF_TP_ATTR_ICMP_FIRST:
        return 60;

    case CT_DPIF_TP_ATTR_TCP_TIME_WAIT:
        return 45;

    case CT_DPIF_TP_ATTR_TCP_SYN_SENT:
    case CT_DPIF_TP_ATTR_TCP_SYN_RECV:
    case CT_DPIF_TP_ATTR_TCP_CLOSE:
    case CT_DPIF_TP_ATTR_UDP_MULTIPLE:
    case CT_DPIF_TP_ATTR_ICMP_REPLY:
        return 30;

    case CT_DPIF_TP_ATTR_TCP_CLOSE_WAIT:
    case CT_DPIF_TP_ATTR_TCP_LAST_ACK:
    case CT_DPIF_TP_ATTR_TCP_SYN_SENT2:
    case CT_DPIF_TP_ATTR_TCP_RETRANSMIT:
    case CT_DPIF_TP_ATTR_TCP_UNACK:
    case CT_DPIF_TP_ATTR_MAX:
    default:
        return 0;               /* No state of ours asks for them. */
    }
}

static uint32_t
hash_id(uint32_t id)
{
    return hash_int(id, 0);
}

static struct ct_policy *
policy_cast(const struct cmap_node *node)
{
    return CONTAINER_OF(node, struct ct_policy, up.node);
}

/* What is in force as long as nobody says anything else. */
static const struct ct_dpif_timeout_policy plain = { .id = DEFAULT_TP_ID };

void
ct_policies_init(struct ct_policies *policies)
{
    cmap_init(&policies->by_id);
    ovs_mutex_init(&policies->mutex);
    ct_policy_put(policies, &plain);
}

void
ct_policies_destroy(struct ct_policies *policies)
{
    struct ct_policy *policy;

    ovs_mutex_lock(&policies->mutex);
    CMAP_FOR_EACH (policy, up.node, &policies->by_id) {
        cmap_remove(&policies->by_id, &policy->up.node,
                    hash_id(policy->up.policy.id));
        ovsrcu_postpone(free, policy);
    }
    ovs_mutex_unlock(&policies->mutex);
    cmap_destroy(&policies->by_id);
    ovs_mutex_destroy(&policies->mutex);
}

struct ct_policy *
ct_policy_get(const struct ct_policies *policies, uint32_t id)
{
    struct ct_policy *policy;

    CMAP_FOR_EACH_WITH_HASH (policy, up.node, hash_id(id), &policies->by_id) {
        if (policy->up.policy.id == id) {
            return policy;
        }
    }
    return NULL;
}

const struct ct_policy *
ct_policy_find(const struct ct_policies *policies, uint32_t id)
{
    const struct ct_policy *policy = ct_policy_get(policies, id);

    return policy ? policy : ct_policy_get(policies, DEFAULT_TP_ID);
}

void
ct_policy_put(struct ct_policies *policies,
              const struct ct_dpif_timeout_policy *in)
{
    struct ct_policy *policy = xzalloc(sizeof *policy);
    struct ct_policy *old;

    policy->up.policy = *in;
    for (int i = 0; i < CT_DPIF_TP_ATTR_MAX; i++) {
        uint32_t *attr = &policy->up.policy.attrs[i];

        if (!(in->present & (1u << i))) {
            *attr = factory(i);
        }
        policy->ms[i] = *attr * 1000LL;
    }

    ovs_mutex_lock(&policies->mutex);
    old = ct_policy_get(policies, in->id);
    if (old) {
        cmap_replace(&policies->by_id, &old->up.node, &policy->up.node,
                     hash_id(in->id));
        ovsrcu_postpone(free, old);
    } else {
        cmap_insert(&policies->by_id, &policy->up.node, hash_id(in->id));
    }
    ovs_mutex_unlock(&policies->mutex);
}

bool
ct_policy_del(struct ct_policies *policies, uint32_t id)
{
    struct ct_policy *policy;

    if (id == DEFAULT_TP_ID) {
        ct_policy_put(policies, &plain);
        return true;
    }
    ovs_mutex_lock(&policies->mutex);
    policy = ct_policy_get(policies, id);
    if (policy) {
        cmap_remove(&policies->by_id, &policy->up.node, hash_id(id));
        ovsrcu_postpone(free, policy);
    }
    ovs_mutex_unlock(&policies->mutex);
    if (!policy) {
        VLOG_WARN("Failed to delete a non-existent timeout policy: id=%"PRIu32,
                  id);
    }
    return policy != NULL;
}

const struct ct_policy *
ct_policy_next(const struct ct_policies *policies, struct cmap_position *pos)
{
    struct cmap_node *node = cmap_next_position(&policies->by_id, pos);

    return node ? policy_cast(node) : NULL;
}
