/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pmd/dp-sleep.h"

#include <inttypes.h>
#include <string.h>

#include "util.h"

void
dp_sleep_init(struct dp_sleep *sleep)
{
    memset(sleep, 0, sizeof *sleep);
}

void
dp_sleep_uninit(struct dp_sleep *sleep)
{
    free(sleep->cores);
    dp_sleep_init(sleep);
}

void
dp_sleep_clone(struct dp_sleep *sleep, const struct dp_sleep *from)
{
    *sleep = *from;
    sleep->cores = (from->n_cores
                    ? xmemdup(from->cores,
                              from->n_cores * sizeof *from->cores) : NULL);
}

bool
dp_sleep_equal(const struct dp_sleep *a, const struct dp_sleep *b)
{
    return (a->us == b->us && a->n_cores == b->n_cores
            && (!a->n_cores
                || !memcmp(a->cores, b->cores,
                           a->n_cores * sizeof *a->cores)));
}

/* Reads 's' as a time in us.  Returns NULL or what is wrong with it. */
static char *
parse_time(const char *s, uint32_t *us)
{
    char *tail;
    long long int value = strtoll(s, &tail, 10);    /* Saturates. */

    if (tail == s || *tail) {
        return xasprintf("'%s' is not a number", s);
    }
    *us = MAX(0, MIN(value, DP_SLEEP_MAX_US));
    return (*us == value ? NULL
            : xasprintf("%s must be in the range 0 to %d", s,
                        DP_SLEEP_MAX_US));
}

/* Takes the exception 's', "CORE:TIME" with the colon at 'colon'.  The last
 * one for a core counts.  Returns NULL or what is wrong with it. */
static char *
parse_exception(struct dp_sleep *sleep, const char *s, char *colon)
{
    struct dp_sleep_core core = { .us = 0 };
    char *problem;

    *colon = '\0';
    if (!str_to_uint(s, 10, &core.core_id)) {
        return xasprintf("'%s' is not the number of a core", s);
    }
    problem = parse_time(colon + 1, &core.us);
    if (!problem || core.us) {
        sleep->cores = xrealloc(sleep->cores, ((sleep->n_cores + 1)
                                               * sizeof *sleep->cores));
        sleep->cores[sleep->n_cores++] = core;
    }
    return problem;
}

char *
dp_sleep_parse(struct dp_sleep *sleep, const char *s)
{
    char *copy = xstrdup(s), *first_problem = NULL;
    char *save = NULL;

    for (char *item = strtok_r(copy, ", ", &save); item;
         item = strtok_r(NULL, ", ", &save)) {
        char *colon = strchr(item, ':');
        char *problem = (colon ? parse_exception(sleep, item, colon)
                         : parse_time(item, &sleep->us));

        if (first_problem) {
            free(problem);
        } else {
            first_problem = problem;
        }
    }
    free(copy);
    return first_problem;
}

uint32_t
dp_sleep_get(const struct dp_sleep *sleep, unsigned int core_id)
{
    for (size_t i = sleep->n_cores; i > 0; i--) {
        if (sleep->cores[i - 1].core_id == core_id) {
            return sleep->cores[i - 1].us;
        }
    }
    return sleep->us;
}
