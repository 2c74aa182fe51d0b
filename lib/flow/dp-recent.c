/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-recent.h"

#include <string.h>

void
dp_recent_init(struct dp_recent *recent)
{
    memset(recent, 0, sizeof *recent);
    for (size_t i = 0; i < DP_RECENT_PLACES; i++) {
        dp_raw_init(&recent->places[i].raw);
    }
}

static void
place_clear(struct dp_recent_place *place)
{
    if (place->flow) {
        dp_flow_unref(place->flow);
        place->flow = NULL;
        dp_raw_init(&place->raw);
    }
}

/* Forgets all flows. */
void
dp_recent_flush(struct dp_recent *recent)
{
    for (size_t i = 0; i < DP_RECENT_PLACES; i++) {
        place_clear(&recent->places[i]);
    }
}

/* Gives up flows that are dead.  Called now and then, it bounds how long a
 * deleted flow keeps its memory. */
void
dp_recent_sweep(struct dp_recent *recent)
{
    for (size_t i = 0; i < DP_RECENT_PLACES; i++) {
        struct dp_recent_place *place = &recent->places[i];

        if (place->flow && dp_flow_is_dead(place->flow)) {
            place_clear(place);
        }
    }
}

/* Where flows take turns, the one that is there stays for a while: to replace
 * it for each packet would cost more than a comparison in vain.  So do the
 * bytes of the packet that it is there for. */
void
dp_recent_offer(struct dp_recent *recent, struct dp_packet *packet,
                struct dp_flow *flow)
{
    struct dp_raw_passes passes = dp_raw_read_passes(&packet->md);
    struct dp_recent_place *place = &recent->places[dp_recent_index(&passes)];

    if (place->flow && !dp_flow_is_dead(place->flow)
        && ++place->n_misses < DP_RECENT_PATIENCE) {
        return;
    }
    if (place->flow == flow || dp_flow_try_ref(flow)) {
        if (place->flow != flow) {
            place_clear(place);
            place->flow = flow;
        }
        place->n_misses = 0;
        dp_raw_make(&place->raw, flow->mask, packet);
    }
}
