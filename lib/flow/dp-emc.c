/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-emc.h"

#include "util.h"

void
dp_emc_init(struct dp_emc *emc)
{
    emc->sweep_at = 0;
    emc->entries = xzalloc_cacheline(DP_EMC_ENTRIES * sizeof *emc->entries);
}

static void
entry_clear(struct dp_emc_entry *entry)
{
    if (entry->flow) {
        dp_flow_unref(entry->flow);
        entry->flow = NULL;
    }
}

/* Empties the cache. */
void
dp_emc_flush(struct dp_emc *emc)
{
    for (size_t i = 0; i < DP_EMC_ENTRIES; i++) {
        entry_clear(&emc->entries[i]);
    }
}

void
dp_emc_uninit(struct dp_emc *emc)
{
    dp_emc_flush(emc);
    free_cacheline(emc->entries);
}

/* Chooses where 'key' goes: over itself, else a place that costs nobody
 * anything, else by a bit of the hash that has not chosen the places. */
static struct dp_emc_entry *
choose_place(const struct dp_emc *emc, const struct dp_key *key)
{
    struct dp_emc_entry *empty = NULL;

    for (int i = 0; i < 2; i++) {
        struct dp_emc_entry *entry = dp_emc_place(emc, key->hash, i);

        if (!entry->flow || dp_flow_is_dead(entry->flow)) {
            empty = empty ? empty : entry;
        } else if (dp_emc_entry_holds(entry, key)) {
            return entry;
        }
    }
    return empty ? empty : dp_emc_place(emc, key->hash, key->hash >> 31);
}

/* Makes 'flow' the flow of 'key', and takes a reference on it. */
void
dp_emc_insert(struct dp_emc *emc, const struct dp_key *key,
              struct dp_flow *flow)
{
    if (key->n_values > DP_EMC_MAX_VALUES || !dp_flow_try_ref(flow)) {
        return;
    }

    struct dp_emc_entry *entry = choose_place(emc, key);

    entry_clear(entry);
    entry->flow = flow;
    entry->hash = key->hash;
    entry->n_values = key->n_values;
    entry->map = key->mf.map;
    memcpy(entry->values, key->values, key->n_values * sizeof key->values[0]);
}

/* Looks at one entry and gives up its flow if it is dead.  Called now and
 * then, it bounds how long a deleted flow keeps its memory. */
void
dp_emc_sweep(struct dp_emc *emc)
{
    struct dp_emc_entry *entry = &emc->entries[emc->sweep_at];

    if (entry->flow && dp_flow_is_dead(entry->flow)) {
        entry_clear(entry);
    }
    emc->sweep_at = (emc->sweep_at + 1) & (DP_EMC_ENTRIES - 1);
}
