/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "merge/dp-books-policy.h"

#include <string.h>

#include "util.h"

void
dp_books_policy_init(struct dp_books_policy *policy)
{
    memset(policy, 0, sizeof *policy);
}

uint32_t
dp_books_policy_see(struct dp_books_policy *policy, uint32_t hash)
{
    size_t i = hash % DP_BOOKS_POLICY_CELLS;

    if (policy->cells[i].n && policy->cells[i].hash != hash) {
        policy->cells[i].n /= 2;
        if (policy->cells[i].n) {
            return 1;
        }
    }
    policy->cells[i].hash = hash;
    policy->cells[i].n += policy->cells[i].n < UINT32_MAX;
    return policy->cells[i].n;
}

bool
dp_books_policy_is_try(uint32_t n)
{
    return IS_POW2(n);
}

void
dp_books_policy_forget(struct dp_books_policy *policy, uint32_t hash)
{
    size_t i = hash % DP_BOOKS_POLICY_CELLS;

    if (policy->cells[i].hash == hash) {
        policy->cells[i].n = 0;
    }
}

void
dp_books_policy_age(struct dp_books_policy *policy)
{
    for (size_t i = 0; i < DP_BOOKS_POLICY_CELLS; i++) {
        policy->cells[i].n /= 2;
    }
}

bool
dp_books_policy_gives_way(uint64_t n_recent, uint32_t n)
{
    return n_recent < n;
}
