/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_PORTS_H
#define CT_PORTS_H 1

/* ct-ports: which ports are worth a try
 * =====================================
 *
 * Job.  Where many connections share one translated address towards one peer,
 * nearly all ports may be taken, and to try one after the other in the table
 * of connections takes long.  This remembers which were found taken, so that
 * each is tried once and then not again before its connection has gone.
 *
 * It is a hint.  The table decides: a port that is not known to be taken is
 * inserted, or found taken.  So what is kept here may be forgotten at any
 * time, and nothing is kept before two connections have wanted the same port.
 *
 * A pool is what differs in nothing but the port: the key of the replies with
 * 0 in its place.
 *
 * Order.  Whoever tries a port notes it as taken first.  Whoever removes a
 * connection takes it out of the table first, and clears the note then.  So no
 * note outlives its connection.
 *
 * Thread-safety.  Any thread.  'mutex' is innermost, and is not taken unless a
 * port was taken when it was wanted.
 *
 * Cost.  Some 100 ns; 8 kB for each pool. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct-key.h"
#include "openvswitch/hmap.h"
#include "ovs-atomic.h"
#include "ovs-thread.h"

struct ct_ports {
    uint64_t seed;              /* Of the hash of keys.  Constant. */
    atomic_count n;             /* Of 'pools'.  Read without 'mutex'. */

    struct ovs_mutex mutex;
    struct hmap pools OVS_GUARDED;
};

/* More pools than this are not kept: for another one, any of them goes. */
#define CT_PORTS_MAX_POOLS 4096

void ct_ports_init(struct ct_ports *, const struct ct_secret *);
void ct_ports_destroy(struct ct_ports *);

/* Returns a port of 'pool' between 'lowest' and 'highest' that is not noted as
 * taken, and notes it: the first one from 'first' on, which is one of them,
 * around the end; -1 if there is none. */
int ct_ports_next(struct ct_ports *, const struct ct_key *pool, uint16_t first,
                  uint16_t lowest, uint16_t highest);

/* 'port' of 'pool' is not taken. */
void ct_ports_clear(struct ct_ports *, const struct ct_key *pool,
                    uint16_t port);

/* The connection with replies of 'reply' has left the table. */
void ct_ports_released(struct ct_ports *, const struct ct_key *reply);

/* Forgets the pools that nobody has asked for since the last call.  For one
 * thread, each minute. */
void ct_ports_expire(struct ct_ports *);

#endif /* ct-ports.h */
