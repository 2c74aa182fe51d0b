/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_CONTROL_H
#define CT_CONTROL_H 1

/* ct-control: what is asked of the tracker, but for packets
 * =========================================================
 *
 * Job.  The functions of conntrack.h and conntrack-tp.h but
 * conntrack_execute(), and one that these headers lack.
 *
 * Thread-safety.  As conntrack.h says: any thread, but for the creation and
 * the destruction of a tracker. */

#include "cmap.h"

struct conntrack;
struct ct_dpif_timeout_policy;

/* Steps through all timeout policies: stores one and returns true, or returns
 * false at the end.  '*pos' is all zeros at the beginning. */
bool conntrack_next_timeout_policy(struct conntrack *,
                                   struct cmap_position *pos,
                                   struct ct_dpif_timeout_policy *);

#endif /* ct-control.h */
