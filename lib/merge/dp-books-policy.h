/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BOOKS_POLICY_H
#define DP_BOOKS_POLICY_H 1

/* dp-books-policy: who may have a merged rule
 * ===========================================
 *
 * Job.  PURE: no clock, no lock.  Remember of which connections a rule was
 * wanted, and how often, since one was last made.
 *
 * The first trace of a connection is good for a try, and so are the 2nd, the
 * 4th, the 8th, and so on.  So what can't be merged costs ever less, however
 * many packets it has; and what finds no place asks ever more urgently.
 *
 * Memory is a small table of cells by hash.  Where two connections want the
 * same cell, the one with more traces wears off by half each time the other
 * comes, and then gives way: heavy ones stay.  All wear off by half now and
 * then, so that one that was refused long ago is tried again.
 *
 * Thread-safety.  None. */

#include <stdbool.h>
#include <stdint.h>

enum { DP_BOOKS_POLICY_CELLS = 4096 };

struct dp_books_policy {
    struct {
        uint32_t hash;
        uint32_t n;             /* Traces; 0: the cell is free. */
    } cells[DP_BOOKS_POLICY_CELLS];
};

void dp_books_policy_init(struct dp_books_policy *);

/* There is a trace of the connection 'hash'.  Returns how many there have been
 * since it was last forgotten, and this one: 1 at least, more if it is well
 * remembered. */
uint32_t dp_books_policy_see(struct dp_books_policy *, uint32_t hash);

/* Is the 'n'th trace one to try? */
bool dp_books_policy_is_try(uint32_t n);

/* The connection has its rule. */
void dp_books_policy_forget(struct dp_books_policy *, uint32_t hash);

/* Lets all wear off. */
void dp_books_policy_age(struct dp_books_policy *);

/* May a rule that had 'n_recent' packets since the last pass but one make room
 * for a connection that has asked for the 'n'th time? */
bool dp_books_policy_gives_way(uint64_t n_recent, uint32_t n);

#endif /* dp-books-policy.h */
