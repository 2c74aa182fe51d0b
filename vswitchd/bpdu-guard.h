/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BPDU_GUARD_H
#define BPDU_GUARD_H 1

/* bpdu-guard: BPDUs that are shorter than what RSTP reads
 * =======================================================
 *
 * Job.  Give rstp_port_received_bpdu() a BPDU with zeros behind it.  It reads
 * 36 bytes, whatever came: a configuration BPDU has 35, a topology change
 * notification 4, and a frame need not be padded.
 *
 * How.  The linker lets the library's calls come here (--wrap).
 *
 * Thread-safety.  Any thread. */

#include "rstp.h"

/* Names that the linker knows. */
void __real_rstp_port_received_bpdu(struct rstp_port *, const void *bpdu,
                                    size_t bpdu_size);
void __wrap_rstp_port_received_bpdu(struct rstp_port *, const void *bpdu,
                                    size_t bpdu_size);

#endif /* bpdu-guard.h */
