/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SHARED_H
#define DP_SHARED_H 1

/* dp-shared: what the lanes of a datapath share
 * =============================================
 *
 * Job.  Give a lane all that it needs from its datapath without knowing the
 * datapath: connection tracker, meters, bonds, offload engine, books, the way
 * to the upper layers, and the settings that matter per packet.
 *
 * Owns.  The upcall lock.  The pointers are borrowed: the datapath creates
 * what they point to before its first lane and destroys it after its last.
 *
 * Thread-safety.  Settings are written by the main thread and read by lanes,
 * relaxed: a change may take a burst to be seen.  The upcall callback changes
 * only while 'upcall_rwlock' is held for writing; lanes try to take it for
 * reading and drop what they can't ask about, so that disabling upcalls waits
 * for lanes and never the other way round. */

#include "dpif.h"
#include "fat-rwlock.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"

struct conntrack;
struct dp_bonds;
struct dp_books;
struct dp_live;
struct dp_meters;
struct dp_offload;

struct dp_shared {
    /* Constant after creation. */
    const char *name;           /* Of the datapath, for log lines. */
    struct conntrack *conntrack;
    struct dp_meters *meters;
    struct dp_bonds *bonds;
    struct dp_offload *offload;
    bool fence_registered;      /* See dp-fence.h. */
    bool clock_may_stop;        /* Tests can stop Open vSwitch's clock. */
    struct dp_books *books;     /* Of merged rules; may be NULL. */

    /* Written by the main thread. */
    atomic_uint32_t emc_insert_inv; /* A packet's connection enters the EMC
                                     * with a probability of one in so many;
                                     * 0: never. */
    atomic_bool smc_enable;
    atomic_uint32_t tx_flush_interval;  /* us; 0: at the end of each burst. */
    atomic_bool perf_metrics;           /* Histograms per iteration. */
    atomic_bool validate_lookups;       /* Check what classifiers find. */
    OVSRCU_TYPE(struct dp_live *) live; /* Packets that somebody wants to be
                                         * told about; NULL: none. */

    /* Guarded by 'upcall_rwlock'. */
    struct fat_rwlock upcall_rwlock;
    bool upcalls_enabled;
    upcall_callback *upcall_cb;
    void *upcall_aux;
};

#endif /* dp-shared.h */
