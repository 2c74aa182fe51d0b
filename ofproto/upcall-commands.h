/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_UPCALL_COMMANDS_H
#define OFPROTO_UPCALL_COMMANDS_H 1

/* upcall-commands: what operators can ask
 * =======================================
 *
 * Job.  The appctl commands upcall/..., revalidator/... and ofproto/detrace.
 *
 * Thread-safety.  Main thread only.
 *
 * See also.  Documentation/internals/upcalls.rst, detrace.h. */

void upcall_commands_register(void);

#endif /* ofproto/upcall-commands.h */
