/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dpif-netdev-ct-exp.h"

#include "conntrack.h"
#include "ctl/dpif-netdev-ct.h"
#include "util.h"

struct exp_dump {
    struct ct_dpif_dump_state up;
    struct conntrack_dump dump;
};

static struct exp_dump *
exp_dump_cast(struct ct_dpif_dump_state *state)
{
    return CONTAINER_OF(state, struct exp_dump, up);
}

int
dpif_netdev_ct_exp_dump_start(struct dpif *dpif,
                              struct ct_dpif_dump_state **statep,
                              const uint16_t *zone)
{
    struct exp_dump *state = xzalloc(sizeof *state);
    int error = conntrack_exp_dump_start(dpif_netdev_conntrack(dpif),
                                         &state->dump, zone);

    if (error) {
        free(state);
        return error;
    }
    *statep = &state->up;
    return 0;
}

int
dpif_netdev_ct_exp_dump_next(struct dpif *dpif OVS_UNUSED,
                             struct ct_dpif_dump_state *state,
                             struct ct_dpif_exp *entry)
{
    return conntrack_exp_dump_next(&exp_dump_cast(state)->dump, entry);
}

int
dpif_netdev_ct_exp_dump_done(struct dpif *dpif OVS_UNUSED,
                             struct ct_dpif_dump_state *state_)
{
    struct exp_dump *state = exp_dump_cast(state_);
    int error = conntrack_exp_dump_done(&state->dump);

    free(state);
    return error;
}

int
dpif_netdev_ct_set_sweep_interval(struct dpif *dpif, uint32_t ms)
{
    return conntrack_set_sweep_interval(dpif_netdev_conntrack(dpif), ms);
}

int
dpif_netdev_ct_get_sweep_interval(struct dpif *dpif, uint32_t *ms)
{
    *ms = conntrack_get_sweep_interval(dpif_netdev_conntrack(dpif));
    return 0;
}
