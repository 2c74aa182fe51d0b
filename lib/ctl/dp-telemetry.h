/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_TELEMETRY_H
#define DP_TELEMETRY_H 1

/* dp-telemetry: /markpath/... on DPDK's telemetry socket
 * ======================================================
 *
 *     /markpath/offload/ports         names of the engine's ports
 *     /markpath/offload/ports,NAME    what offload/show tells about one
 *     /markpath/offload/rules         how many: all, in NICs, by reason
 *     /markpath/offload/stats         dpctl/offload-stats-show
 *     /markpath/ct/stats              what ct/show tells, but for zones
 *     /markpath/ct/zones              numbers of zones, of the first 512
 *     /markpath/ct/zones,NUMBER       what ct/show tells about one
 *     /markpath/merge/stats           what merge/show tells
 *     /markpath/drops                 what lanes have dropped, by reason
 *     /markpath/drops,NAME            the same, from one port
 *
 * Thread-safety.  Main thread. */

/* Registers the commands as soon as DPDK is there.  Cheap to call often. */
void dp_telemetry_run(void);

#endif /* dp-telemetry.h */
