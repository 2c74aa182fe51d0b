/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UPCALL_LOG_H
#define OFPROTO_UPCALL_LOG_H 1

/* upcall-log: one log module for all of ofproto/
 * ==============================================
 *
 * Job.  Operators, scripts and tests know the log module of upcalls as
 * "ofproto_dpif_upcall" ("ovs-appctl vlog/set ofproto_dpif_upcall:dbg").  It
 * stays one module, though its code is in several files.  Each .c file of
 * this room includes this header in place of VLOG_DEFINE_THIS_MODULE; the
 * module itself is defined in upcall-log.c. */

#include "openvswitch/vlog.h"

extern struct vlog_module *VLM_ofproto_dpif_upcall;
#define this_module (*VLM_ofproto_dpif_upcall)

#endif /* ofproto/upcall-log.h */
