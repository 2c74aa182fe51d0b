/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPIF_NETDEV_FLOW_H
#define DPIF_NETDEV_FLOW_H 1

/* dpif-netdev-flow: flows for the dpif provider
 * =============================================
 *
 * Job.  The members of struct dpif_class that put, delete, get and dump flows
 * and execute actions; lib/dpif-provider.h says what each does.
 *
 * Identity.  A flow is named by its UFID; a request without one names the UFID
 * that its key hashes to.  A put with a new UFID whose key would hit another
 * megaflow is refused with EEXIST.
 *
 * Thread-safety.  Any thread.  Flow tables are locked one at a time; nothing
 * here needs the topology's mutex, so a dump never waits for a
 * reconfiguration. */

#include "dpif-provider.h"

int dpif_netdev_flow_flush(struct dpif *);
struct dpif_flow_dump *dpif_netdev_flow_dump_create(
    const struct dpif *, bool terse, struct dpif_flow_dump_types *);
int dpif_netdev_flow_dump_destroy(struct dpif_flow_dump *);
struct dpif_flow_dump_thread *dpif_netdev_flow_dump_thread_create(
    struct dpif_flow_dump *);
void dpif_netdev_flow_dump_thread_destroy(struct dpif_flow_dump_thread *);
int dpif_netdev_flow_dump_next(struct dpif_flow_dump_thread *,
                               struct dpif_flow *, int max_flows);
void dpif_netdev_operate(struct dpif *, struct dpif_op **, size_t n_ops,
                         enum dpif_offload_type);

#endif /* dpif-netdev-flow.h */
