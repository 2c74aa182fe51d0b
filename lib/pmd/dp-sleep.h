/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SLEEP_H
#define DP_SLEEP_H 1

/* dp-sleep: how long PMD threads may sleep
 * ========================================
 *
 * Job.  Turn "50,8:0,9:100", a default and exceptions by core, into a table.
 *
 * Owns.  The exceptions, in the heap.
 *
 * Thread-safety.  None needed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DP_SLEEP_MAX_US 10000       /* Longer ones are cut. */

struct dp_sleep_core {
    unsigned int core_id;
    uint32_t us;
};

struct dp_sleep {
    uint32_t us;                    /* Of cores that 'cores' lacks. */
    struct dp_sleep_core *cores;    /* In the order of the string. */
    size_t n_cores;
};

void dp_sleep_init(struct dp_sleep *);      /* Nobody sleeps. */
void dp_sleep_uninit(struct dp_sleep *);
void dp_sleep_clone(struct dp_sleep *, const struct dp_sleep *);
bool dp_sleep_equal(const struct dp_sleep *, const struct dp_sleep *);

/* Sets 'sleep', which is initialised, from 's'.  Returns NULL, or what is
 * wrong with 's', to be freed; what is right has been used then. */
char *dp_sleep_parse(struct dp_sleep *sleep, const char *s);

/* Returns how long the thread on 'core_id' may sleep, in us. */
uint32_t dp_sleep_get(const struct dp_sleep *, unsigned int core_id);

#endif /* dp-sleep.h */
