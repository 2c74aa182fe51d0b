/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_COMMIT_H
#define CT_COMMIT_H 1

/* ct-commit: a new connection
 * ===========================
 *
 * Job.  Makes a connection, chooses its translation, and inserts it, unless a
 * limit, another connection with its tuples or a lack of ports forbids.
 *
 * Who refuses a connection lets the packet go on: it is new, is not
 * translated, and the connection is not there.
 *
 * Thread-safety.  Any thread.  Two that commit the same connection at once get
 * the same one: that which was inserted first. */

#include <stdint.h>

#include "ct/ct-helper.h"
#include "ct/ct-key.h"

struct conn;
struct conntrack;
struct ct_expected;
struct ct_nat_search;
struct nat_action_info_t;

/* What is to be committed. */
struct ct_commit {
    const struct ct_key *key;   /* Of the first packet. */
    long long now_ms;
    uint32_t tp_id;
    enum ct_helper helper;
    const struct nat_action_info_t *nat;        /* Or NULL. */
    const struct ct_nat_search *search; /* Begun with 'nat' and 'key'; or
                                         * NULL. */
    const struct ct_expected *expected;         /* Or NULL. */
};

/* Gives an expectation the mark and the label that its parent has now. */
void ct_commit_inherit(struct conntrack *, struct ct_expected *);

/* Returns an embryo whose state the caller fills in, or NULL if there may be
 * no more. */
struct conn *ct_commit_begin(struct conntrack *, const struct ct_commit *);

/* Inserts 'embryo'.  Returns it, or the connection with the same tuple that
 * another thread has inserted meanwhile, or NULL. */
struct conn *ct_commit_end(struct conntrack *, const struct ct_commit *,
                           struct conn *embryo);

#endif /* ct-commit.h */
