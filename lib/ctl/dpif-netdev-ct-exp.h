/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPIF_NETDEV_CT_EXP_H
#define DPIF_NETDEV_CT_EXP_H 1

/* dpif-netdev-ct-exp: what connection tracking has had since 3.2
 * ==============================================================
 *
 * Job.  Those members of 'struct dpif_class' that older versions of Open
 * vSwitch lack: expected connections, and how often the tracker sweeps.  Built
 * with newer versions only.
 *
 * Errors.  0 or a positive errno value; EOF at the end of a dump.
 *
 * Thread-safety.  Any thread. */

#include "ct-dpif.h"
#include "dpif-provider.h"

struct ct_dpif_exp;

int dpif_netdev_ct_exp_dump_start(struct dpif *, struct ct_dpif_dump_state **,
                                  const uint16_t *zone);
int dpif_netdev_ct_exp_dump_next(struct dpif *, struct ct_dpif_dump_state *,
                                 struct ct_dpif_exp *);
int dpif_netdev_ct_exp_dump_done(struct dpif *, struct ct_dpif_dump_state *);
int dpif_netdev_ct_set_sweep_interval(struct dpif *, uint32_t ms);
int dpif_netdev_ct_get_sweep_interval(struct dpif *, uint32_t *ms);

#endif /* dpif-netdev-ct-exp.h */
