/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vswitchd/execute-guard.h"

#include "dp-packet.h"
#include "flow/dp-header.h"
#include "pipe/dp-exec.h"

/* What only a datapath can do. */
struct only_datapath {
    struct dp_exec x;           /* Of no lane. */
    odp_execute_cb cb;
    void *dp;
};

/* Hands action 'a' on.  The library cuts off what "trunc" has noted, even if
 * other actions have left less than that. */
static void
hand_on(void *x, struct dp_packet_batch *batch, const struct nlattr *a,
        bool steal)
{
    struct only_datapath *only = CONTAINER_OF(x, struct only_datapath, x);
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        packet->cutlen = dp_packet_size(packet) - dp_header_send_len(packet);
    }
    only->cb(only->dp, batch, a, steal);
}

/* Executes actions on copies of the packets of 'batch', which stay the
 * caller's.  The datapath takes none that is too short. */
static void
execute_copies(struct only_datapath *only, const struct dp_packet_batch *batch,
               const struct nlattr *actions, size_t len)
{
    struct dp_packet_batch own;
    struct dp_packet *packet;

    dp_packet_batch_init(&own);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        if (!dp_header_is_short(packet)) {
            dp_packet_batch_add(&own, dp_packet_clone(packet));
        }
    }
    dp_exec_list(&only->x, &own, true, actions, len, hand_on);
}

void
__wrap_odp_execute_actions(void *dp, struct dp_packet_batch *batch, bool steal,
                           const struct nlattr *actions, size_t len,
                           odp_execute_cb cb)
{
    struct only_datapath only = { .cb = cb, .dp = dp };

    if (!cb) {
        __real_odp_execute_actions(dp, batch, steal, actions, len, cb);
        return;
    }
    execute_copies(&only, batch, actions, len);
    dp_packet_delete_batch(batch, steal);
}
