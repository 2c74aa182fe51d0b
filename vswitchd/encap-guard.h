/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENCAP_GUARD_H
#define ENCAP_GUARD_H 1

/* encap-guard: Ethernet headers that translation forgets
 * ======================================================
 *
 * Job.  Have a packet get its Ethernet header back that has lost it, or never
 * had one, for a port without Ethernet (an L3 tunnel).  Translation takes such
 * a packet for Ethernet again once it is through with that port, but does not
 * know any more that a header is to be pushed before the next output.
 * commit_odp_actions() then finds that Ethernet can't have been made from what
 * there is by taking something off, and aborts.  "flood" on a bridge with two
 * L3 tunnels is enough, if a packet comes from one and the other is not last.
 *
 * How.  The linker lets the library's calls come here (--wrap).
 *
 * Thread-safety.  Any thread. */

#include "odp-util.h"

/* Names that the linker knows. */
enum slow_path_reason __real_commit_odp_actions(
    const struct flow *, struct flow *base, struct ofpbuf *odp_actions,
    struct flow_wildcards *, bool use_masked, bool pending_encap,
    bool pending_decap, struct ofpbuf *encap_data);
enum slow_path_reason __wrap_commit_odp_actions(
    const struct flow *, struct flow *base, struct ofpbuf *odp_actions,
    struct flow_wildcards *, bool use_masked, bool pending_encap,
    bool pending_decap, struct ofpbuf *encap_data);

#endif /* encap-guard.h */
