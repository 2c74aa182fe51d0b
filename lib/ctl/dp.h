/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_H
#define DP_H 1

/* dp: a userspace datapath
 * ========================
 *
 * Job.  Own all parts of one datapath (ports and lanes, connection tracker,
 * meters, bonds, offload engine) and the registry of all datapaths by name.
 *
 * Life.  Reference counted by the dpifs that have it open; it also lives as
 * long as it has not been destroyed with dp_destroy().
 *
 * Thread-safety.  dp_open() and dp_unref() take the registry's mutex.  What a
 * member needs says its own header. */

#include "dpif-provider.h"
#include "openvswitch/shash.h"
#include "ovs-atomic.h"
#include "seq.h"
#include "sset.h"
#include "ctl/dp-balance.h"
#include "ctl/dp-config.h"
#include "ctl/dp-late.h"
#include "ctl/dp-merging.h"
#include "ctl/dp-offload-glue.h"
#include "ctl/dp-readings.h"
#include "ctl/dp-tracing.h"
#include "pipe/dp-shared.h"
#include "pmd/dp-topology.h"

struct dp_watch;

struct dp {
    /* Constant after creation. */
    const struct dpif_class *class;
    char *name;

    struct ovs_refcount ref_cnt;
    atomic_flag destroyed;

    struct dp_shared shared;
    struct dp_topology topology;
    struct dp_late late;
    struct dp_merging merging;
    struct dp_offload_glue glue;
    struct dp_rebalance *rebalance;     /* Main thread only. */

    struct seq *port_seq;           /* Changes with the set of ports. */

    /* Main thread only. */
    struct dp_config config;
    bool hw_offload;                /* Wanted by "hw-offload". */
    bool first_config;              /* None was set yet. */
    uint64_t last_tnl_conf_seq;
    uint64_t offered_port_seq;      /* Of 'port_seq', seen by the engine. */
    uint64_t seen_lost;             /* Of 'topology.n_lost'. */
    long long int next_local;       /* When to look for the local port, in ms;
                                     * LLONG_MAX: it is there. */
    struct dp_balance balance;
    struct dp_readings drop_readings;   /* What ports have lost. */
    struct dp_watch *watch;         /* NULL: nobody looks. */
    struct dp_tracing tracing;      /* Of live packets. */

    /* Main thread only. */
    dp_purge_callback *purge_cb;
    void *purge_aux;
};

/* Does what the first dp_open() that makes a datapath takes time for: it takes
 * none for that then.  Any thread, but after DPDK is initialized. */
void dp_prepare(void);

/* The first configuration is complete, and packets that have no flow are
 * forwarded: flows that an earlier process has left in the kernel make way for
 * ours.  May be called again. */
void dp_take_over(void);

/* The process is about to destroy all datapaths and end: flows in the kernel
 * stay, if they are to. */
void dp_leave(void);

int dp_open(const char *name, const struct dpif_class *, bool create,
            struct dp **);
void dp_unref(struct dp *);
bool dp_destroy(struct dp *);
void dp_enumerate(struct sset *, const struct dpif_class *);

struct dp *dp_find_for_command(const char *name);
void dp_registry_lock(void);
void dp_registry_unlock(void);
struct dp *dp_registry_find(const char *name);
void dp_registry_add(struct dp *);
void dp_registry_remove(struct dp *);

int dp_add_port(struct dp *, const char *name, const char *type,
                odp_port_t *port_nop);
odp_port_t dp_choose_port(struct dp *, const char *name);

/* Returns the number of the port called 'name', or ODPP_NONE. */
odp_port_t dp_find_port(struct dp *, const char *name);

/* Adds the ports' names to 'names', an odp_portno_names map. */
void dp_get_port_names(struct dp *, struct hmap *names);

int dp_set_config(struct dp *, const struct smap *other_config);
void dp_run(struct dp *);
void dp_wait(struct dp *);

/* Which code looks packets up in classifiers, in all datapaths.  Main thread
 * only. */
enum dp_lookup_impl {
    DP_LOOKUP_AUTOVALIDATOR,    /* "generic", checked. */
    DP_LOOKUP_GENERIC,
    DP_N_LOOKUP_IMPLS
};

const char *dp_lookup_impl_name(enum dp_lookup_impl);
int dp_lookup_impl_priority(enum dp_lookup_impl);
void dp_lookup_impl_apply(struct dp *);
void dp_lookup_impl_set_priority(enum dp_lookup_impl, uint8_t priority);
enum dp_lookup_impl dp_lookup_impl_best(void);
void dp_lookup_impl_count(size_t *n_ports, size_t *n_subtables);

void dp_format_pmd_cores(struct ds *);
bool dp_has_pmd_core(unsigned int core_id);

#endif /* dp.h */
