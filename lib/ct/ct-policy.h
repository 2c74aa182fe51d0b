/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_POLICY_H
#define CT_POLICY_H 1

/* ct-policy: how long connections live without packets
 * ====================================================
 *
 * Job.  Timeout policies by number.  Number DEFAULT_TP_ID is always there.
 * A policy that leaves out an attribute has the default's factory value for
 * it.
 *
 * A policy that is changed is replaced as a whole: a packet sees all of the
 * old one or all of the new one.  Its connections follow at their next packet.
 *
 * Thread-safety.  Readers need RCU only.  Who changes policies takes 'mutex',
 * inside. */

#include <stdbool.h>
#include <stdint.h>
#include "cmap.h"
#include "conntrack.h"
#include "ct-dpif.h"
#include "ovs-thread.h"

struct ct_policy {
    struct timeout_policy up;   /* As it was given, and the factory's values
                                 * for what was not. */
    long long ms[CT_DPIF_TP_ATTR_MAX];
};

struct ct_policies {
    struct cmap by_id;          /* Of struct ct_policy's 'up.node'. */
    struct ovs_mutex mutex;     /* Serialises writers. */
};

void ct_policies_init(struct ct_policies *);
void ct_policies_destroy(struct ct_policies *);

/* Returns the policy 'id', or the default one if there is none: one look-up
 * serves all packets of a burst.  Borrowed until the next quiescent state. */
const struct ct_policy *ct_policy_find(const struct ct_policies *,
                                       uint32_t id);

static inline long long
ct_policy_ms(const struct ct_policy *policy, enum ct_dpif_tp_attr attr)
{
    return policy->ms[attr];
}

/* Returns exactly 'id', or NULL. */
struct ct_policy *ct_policy_get(const struct ct_policies *, uint32_t id);

/* Adds or replaces.  To delete DEFAULT_TP_ID is to restore it.  Returns false
 * if there is no such policy. */
void ct_policy_put(struct ct_policies *,
                   const struct ct_dpif_timeout_policy *);
bool ct_policy_del(struct ct_policies *, uint32_t id);

/* Steps through all policies; NULL at the end. */
const struct ct_policy *ct_policy_next(const struct ct_policies *,
                                       struct cmap_position *);

#endif /* ct-policy.h */
