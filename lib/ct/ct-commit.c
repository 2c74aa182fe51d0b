/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-commit.h"

#include <errno.h>

#include "conntrack.h"
#include "ct/ct.h"
#include "ct/ct-expect.h"
#include "ct/ct-log.h"
#include "ct/ct-nat.h"
#include "ct/ct-ports.h"

/* What the connection is to be translated to, or NULL.  One that was expected
 * is translated as the one that announced it. */
static const struct nat_action_info_t *
get_nat(const struct ct_commit *c)
{
    const struct nat_action_info_t *nat
        = c->nat && c->expected ? &c->expected->nat : c->nat;

    return ct_nat_is_choice(nat) ? nat : NULL;
}

/* What is fixed for as long as a connection lives. */
static uint32_t
fixed_flags(const struct ct_commit *c, const struct nat_action_info_t *nat)
{
    return ((ct_helper_speaks(c->helper, c->key->proto) ? c->helper : 0)
            | (c->expected ? CT_F_RELATED : 0)
            | (!nat ? 0 : nat->nat_action & NAT_ACTION_SRC ? CT_F_SNAT
               : CT_F_DNAT));
}

void
ct_commit_inherit(struct conntrack *ct, struct ct_expected *x)
{
    struct conn *parent = ct_table_conn(&ct->table, x->parent_index);
    uint32_t generation;

    ct_conn_lock(parent);
    atomic_read_relaxed(&parent->generation, &generation);
    if (generation == x->parent_generation
        && ct_conn_life(parent) == CT_LIVE) {
        ct_conn_get_marks(parent, &x->mark, &x->label);
    }
    ct_conn_unlock(parent);
}

/* Gives 'conn' a struct ct_extra.  Returns false if there is no memory. */
static bool
add_extra(struct conntrack *ct, const struct ct_commit *c, struct conn *conn)
{
    struct ct_extra *extra;

    conn->extra = ct_slab_alloc(&ct->extras);
    if (!conn->extra) {
        ct_refuse(ct, c->key->zone, CT_REFUSED_MEMORY);
        return false;
    }
    extra = ct_slab_at(&ct->extras, conn->extra, sizeof *extra);
    memset(extra, 0, sizeof *extra);
    if (c->expected) {
        extra->parent = c->expected->parent;
        ct_conn_set_marks(conn, c->expected->mark, c->expected->label);
    }
    return true;
}

struct conn *
ct_commit_begin(struct conntrack *ct, const struct ct_commit *c)
{
    const struct nat_action_info_t *nat = get_nat(c);
    uint32_t flags = fixed_flags(c, nat);
    struct conn *conn = ct_new(ct, c->key->zone, nat != NULL);

    if (!conn) {
        return NULL;
    }
    conn->key = *c->key;
    conn->tp_id = c->tp_id;
    ct_conn_set_flags(conn, flags);
    if (flags & (CT_F_RELATED | CT_F_FTP | CT_F_TFTP)
        && !add_extra(ct, c, conn)) {
        ct_abandon(ct, conn);
        return NULL;
    }
    return conn;
}

/* Tries one tuple of replies after the other.  Returns as ct_commit(). */
static int
insert_translated(struct conntrack *ct, const struct ct_commit *c,
                  const struct nat_action_info_t *info, struct conn *conn,
                  struct conn **clash)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    struct ct_nat *nat = ct_table_nat(&ct->table, conn);
    struct ct_nat_search search;
    uint64_t orig, n_taken = 0;
    int error;

    if (c->search && info == c->nat) {
        search = *c->search;
    } else {
        ct_nat_search_init(&search, &ct->secret, info, c->key);
    }
    do {
        if (!ct_nat_search_next(&search, &ct->ports)) {
            error = EADDRNOTAVAIL;
            break;
        }
        ct_nat_set_reply(nat, &search.reply);
        error = ct_commit(ct, conn, c->now_ms, clash);
        n_taken += error == EADDRINUSE;
    } while (error == EADDRINUSE);

    if (n_taken) {
        atomic_add_relaxed(&ct->n_nat_retries, n_taken, &orig);
    }
    if (error == EADDRNOTAVAIL) {
        ct_refuse(ct, c->key->zone, CT_REFUSED_NAT);
        VLOG_WARN_RL(&rl, "Unable to NAT due to tuple space exhaustion - "
                     "if DoS attack, use firewalling and/or zone "
                     "partitioning.");
    } else if (error) {
        ct_ports_released(&ct->ports, &search.reply);
    }
    return error;
}

static int
insert(struct conntrack *ct, const struct ct_commit *c, struct conn *conn,
       struct conn **clash)
{
    const struct nat_action_info_t *nat = get_nat(c);
    int error;

    if (nat) {
        return insert_translated(ct, c, nat, conn, clash);
    }
    error = ct_commit(ct, conn, c->now_ms, clash);
    if (error == EADDRINUSE) {
        ct_refuse(ct, c->key->zone, CT_REFUSED_TUPLE);
    }
    return error;
}

struct conn *
ct_commit_end(struct conntrack *ct, const struct ct_commit *c,
              struct conn *embryo)
{
    struct conn *clash = NULL;
    int error = insert(ct, c, embryo, &clash);

    if (!error) {
        if (c->expected) {
            ct_expect_take(&ct->expects, c->expected);
        }
        return embryo;
    }
    ct_abandon(ct, embryo);
    return error == EEXIST ? clash : NULL;
}
