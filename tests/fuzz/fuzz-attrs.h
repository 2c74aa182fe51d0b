/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_ATTRS_H
#define FUZZ_ATTRS_H 1

/* fuzz-attrs: action lists made of any bytes
 * ==========================================
 *
 * Job.  Make attributes such as ofproto gives to a datapath: each is well
 * formed, and changes only headers that the flow's packets have by its key.
 * That a packet is long enough for them is not sure: a key does not say so.
 *
 * Thread-safety.  One thread. */

#include "odp-netlink.h"
#include "tests/fuzz/fuzz.h"

struct flow;
struct ofpbuf;

/* Ports that actions name: to send to, and from where tunnels deliver. */
enum {
    FUZZ_FIRST_OUTPUT = 1,
    FUZZ_N_OUTPUTS = 3,
    FUZZ_FIRST_TUNNEL = 4,
    FUZZ_N_TUNNELS = 5,
};

/* The largest recirculation ID; a pass asks only for later ones. */
enum { FUZZ_MAX_RECIRC = 3 };

/* Appends actions for packets of 'flow' to 'actions'. */
void fuzz_attrs_put(struct fuzz_input *, const struct flow *flow,
                    struct ofpbuf *actions);

/* Appends a set action: 'size' bytes of key, and as many of mask. */
void fuzz_attrs_put_set(struct fuzz_input *, enum ovs_key_attr type,
                        size_t size, struct ofpbuf *actions);

#endif /* fuzz-attrs.h */
