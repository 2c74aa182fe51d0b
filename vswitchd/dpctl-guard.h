/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPCTL_GUARD_H
#define DPCTL_GUARD_H 1

/* dpctl-guard: arguments that dpctl does not know
 * ===============================================
 *
 * Job.  Answer "dpctl/dump-flows type=merged", and refuse what "ovs-appctl
 * dpctl/..." of Open vSwitch 3.1 reads through a null pointer:
 *
 *   - options in place of arguments: the daemon counts arguments before the
 *     command takes its options away ("dpctl/del-dp -s");
 *
 *   - a datapath in place of limits ("dpctl/ct-set-limits netdev@ovs-netdev");
 *
 *   - a list of zones without a zone ("dpctl/ct-get-limits zone="),
 *     which 3.5 understands.
 *
 * How.  The linker lets the library's calls of unixctl_command_register() come
 * here (--wrap); a command whose name begins with "dpctl/" is registered with
 * a function that looks at the arguments first.
 *
 * Thread-safety.  unixctl calls all commands on the main thread. */

#include "unixctl.h"

/* Names that the linker knows. */
void __real_unixctl_command_register(const char *name, const char *usage,
                                     int min_args, int max_args,
                                     unixctl_cb_func *, void *aux);
void __wrap_unixctl_command_register(const char *name, const char *usage,
                                     int min_args, int max_args,
                                     unixctl_cb_func *, void *aux);

#endif /* dpctl-guard.h */
