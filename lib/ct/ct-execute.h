/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_EXECUTE_H
#define CT_EXECUTE_H 1

/* ct-execute: sends packets through the tracker
 * =============================================
 *
 * Job.  The "ct" action, for one burst.  conntrack.h's conntrack_execute() is
 * this, for those who do not want to know which connections there were.
 *
 * Thread-safety.  Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conntrack.h"
#include "ct/ct-handle.h"
#include "netdev.h"

struct dp_packet;
struct dp_packet_batch;
struct miniflow;

/* Which connection a packet met.  The packet's metadata have what became of
 * it: state, zone, mark, label. */
struct ct_sight {
    const struct dp_packet *packet;     /* Only to be compared. */
    struct ct_handle conn;      /* 'index' is 0 if it met none. */
    bool reply;                 /* Its direction. */
};

/* Of a burst, in no order: whoever looks for a packet compares 'packet'.
 * Fragments and the datagrams that they are put together to are among them;
 * neither should be believed to be the connection's next packet. */
struct ct_sights {
    size_t n;
    struct ct_sight a[NETDEV_MAX_BURST];
};

/* As conntrack_execute(), and stores what the packets of 'batch' met into
 * '*sights', if that is not NULL. */
void ct_execute(struct conntrack *, struct dp_packet_batch *batch,
                ovs_be16 dl_type, bool force, bool commit, uint16_t zone,
                const uint32_t *mark, const struct ovs_key_ct_labels *label,
                const char *helper, const struct nat_action_info_t *nat,
                long long now_ms, uint32_t tp_id, struct ct_sights *sights);

#endif /* ct-execute.h */
