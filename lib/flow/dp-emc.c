/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-emc.h"

#include "util.h"

void
dp_emc_init(struct dp_emc *emc)
{
    emc->sweep_at = 0;
    emc->insert_inv = 0;
    emc->n_skip = 0;
    emc->hashes = xzalloc_cacheline(DP_EMC_ENTRIES * sizeof *emc->hashes);
    emc->entries = xzalloc_cacheline(DP_EMC_ENTRIES * sizeof *emc->entries);
}

static void
entry_clear(struct dp_emc_entry *entry)
{
    if (entry->flow) {
        dp_flow_unref(entry->flow);
        entry->flow = NULL;
        entry->head.l3_ofs = 0;
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
    free_cacheline(emc->hashes);
}

/* Chooses where 'key' goes: over itself, else a place that costs nobody
 * anything, else by a bit of the hash that has not chosen the places. */
static size_t
choose_place(const struct dp_emc *emc, const struct dp_key *key)
{
    size_t empty = SIZE_MAX;

    for (int i = 0; i < 2; i++) {
        size_t place = dp_emc_place(key->hash, i);
        const struct dp_emc_entry *entry = &emc->entries[place];

        if (!entry->flow || dp_flow_is_dead(entry->flow)) {
            empty = MIN(empty, place);
        } else if (emc->hashes[place] == key->hash
                   && dp_emc_entry_holds(entry, key)) {
            return place;
        }
    }
    return empty != SIZE_MAX ? empty : dp_emc_place(key->hash,
                                                    key->hash >> 31);
}

/* Makes 'flow' the flow of 'key', and takes a reference on it. */
void
dp_emc_insert(struct dp_emc *emc, const struct dp_key *key,
              struct dp_flow *flow)
{
    if (key->n_values > DP_EMC_MAX_VALUES || !dp_flow_try_ref(flow)) {
        return;
    }

    size_t place = choose_place(emc, key);
    struct dp_emc_entry *entry = &emc->entries[place];

    entry_clear(entry);
    emc->hashes[place] = key->hash;
    entry->flow = flow;
    if (key->plain) {
        dp_head_make(&entry->head, key->plain);
    }
    entry->n_values = key->n_values;
    entry->map = key->mf.map;
    memcpy(entry->values, key->values, key->n_values * sizeof key->values[0]);
}

/* Draws how many offers are skipped until the next one is taken, so that one
 * of 'insert_inv' is.  A number for each offer would cost more than the lookup
 * that fails. */
void
dp_emc_set_insert_inv(struct dp_emc *emc, uint32_t insert_inv)
{
    emc->insert_inv = insert_inv;
    emc->n_skip = (insert_inv > 1
                   ? random_uint64() % (2 * (uint64_t) insert_inv - 1) : 0);
}

/* Looks at the next 'n' entries and gives up their flows if they are dead.
 * Called now and then, it bounds how long a deleted flow keeps its memory. */
void
dp_emc_sweep(struct dp_emc *emc, size_t n)
{
    while (n--) {
        struct dp_emc_entry *entry = &emc->entries[emc->sweep_at];

        if (entry->flow && dp_flow_is_dead(entry->flow)) {
            entry_clear(entry);
        }
        emc->sweep_at = (emc->sweep_at + 1) & (DP_EMC_ENTRIES - 1);
    }
}
