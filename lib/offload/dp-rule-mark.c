/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "offload/dp-rule-mark.h"

#include "offload/dp-offload-engine.h"
#include "offload/dp-offload-port.h"
#include "util.h"

int
dp_rule_take_mark(struct dp_offload *offload, struct dp_offload_rule *rule,
                  const struct dp_offload_port *port)
{
    int error = dp_mark_assign(offload->marks, port->info.mark_bits, rule,
                               &rule->mark);

    for (size_t i = 0; !error && i < rule->n_members; i++) {
        dp_mark_index_set(rule->members[i].index, rule->mark,
                          rule->members[i].flow, false);
    }
    rule->marked_once = rule->mark_mixed = rule->mark_sound = false;
    return error;
}

/* Tells the lanes whether packets with the mark of 'rule' are 'sound'. */
static void
dp_rule_tell_sound(struct dp_offload_rule *rule, bool sound)
    OVS_REQUIRES(rule->shard->mutex)
{
    if (sound == rule->mark_sound) {
        return;
    }
    rule->mark_sound = sound;
    for (size_t i = 0; i < rule->n_members; i++) {
        const struct dp_offload_member *m = &rule->members[i];

        /* Two members may be of one lane. */
        if (dp_mark_index_get(m->index, rule->mark) == m->flow) {
            dp_mark_index_set(m->index, rule->mark, m->flow, sound);
        }
    }
}

void
dp_rule_mark_in(struct dp_offload_rule *rule, bool sound)
{
    rule->marked_once = true;
    rule->mark_mixed |= !sound;
    dp_rule_tell_sound(rule, !rule->mark_mixed);
}

void
dp_rule_mark_out(struct dp_offload_rule *rule)
{
    dp_rule_tell_sound(rule, false);
}

/* Takes the mark of 'rule' from the lanes. */
static void
dp_rule_hide_mark(struct dp_offload_rule *rule)
    OVS_REQUIRES(rule->shard->mutex)
{
    for (size_t i = 0; i < rule->n_members; i++) {
        dp_mark_index_clear(rule->members[i].index, rule->mark,
                            rule->members[i].flow);
    }
    rule->mark_sound = false;
}

void
dp_rule_drop_mark(struct dp_offload *offload, struct dp_offload_rule *rule,
                  struct dp_offload_port *port)
{
    if (!rule->mark) {
        return;
    }
    dp_rule_hide_mark(rule);
    if (rule->marked_once) {
        dp_mark_release(offload->marks, rule->mark, rule,
                        port ? &port->limbo : &offload->limbo);
    } else {
        dp_mark_cancel(offload->marks, rule->mark, rule);
    }
    rule->mark = 0;
}

void
dp_rule_lose_mark(struct dp_offload *offload, struct dp_offload_rule *rule)
{
    if (rule->mark) {
        dp_rule_hide_mark(rule);
        dp_mark_lose(offload->marks, rule->mark, rule);
        rule->mark = 0;
    }
}
