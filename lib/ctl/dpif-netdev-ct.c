/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/dpif-netdev-ct.h"

#include <errno.h>

#include "conntrack.h"
#include "conntrack-tp.h"
#include "ipf.h"
#include "util.h"
#include "ct/ct-control.h"
#include "ovs/ovs-conntrack.h"

/* The tracker's own interface speaks the types of ct-dpif.h, so there is
 * little to translate. */

/* Connections. */

struct ct_dump {
    struct ct_dpif_dump_state up;
    struct conntrack_dump dump;
};

static struct ct_dump *
ct_dump_cast(struct ct_dpif_dump_state *state)
{
    return CONTAINER_OF(state, struct ct_dump, up);
}

int
dpif_netdev_ct_dump_start(struct dpif *dpif,
                          struct ct_dpif_dump_state **statep,
                          const uint16_t *zone, int *n_buckets)
{
    struct ct_dump *state = xzalloc(sizeof *state);
    int error = conntrack_dump_start(dpif_netdev_conntrack(dpif),
                                     &state->dump, zone, n_buckets);

    if (error) {
        free(state);
        return error;
    }
    *statep = &state->up;
    return 0;
}

int
dpif_netdev_ct_dump_next(struct dpif *dpif OVS_UNUSED,
                         struct ct_dpif_dump_state *state,
                         struct ct_dpif_entry *entry)
{
    return conntrack_dump_next(&ct_dump_cast(state)->dump, entry);
}

int
dpif_netdev_ct_dump_done(struct dpif *dpif OVS_UNUSED,
                         struct ct_dpif_dump_state *state_)
{
    struct ct_dump *state = ct_dump_cast(state_);
    int error = conntrack_dump_done(&state->dump);

    free(state);
    return error;
}

int
dpif_netdev_ct_flush(struct dpif *dpif, const uint16_t *zone,
                     const struct ct_dpif_tuple *tuple)
{
    struct conntrack *ct = dpif_netdev_conntrack(dpif);

    return (tuple
            ? conntrack_flush_tuple(ct, tuple, zone ? *zone : 0)
            : conntrack_flush(ct, zone));
}

/* Settings. */

int
dpif_netdev_ct_set_maxconns(struct dpif *dpif, uint32_t maxconns)
{
    return conntrack_set_maxconns(dpif_netdev_conntrack(dpif), maxconns);
}

int
dpif_netdev_ct_get_maxconns(struct dpif *dpif, uint32_t *maxconns)
{
    return conntrack_get_maxconns(dpif_netdev_conntrack(dpif), maxconns);
}

int
dpif_netdev_ct_get_nconns(struct dpif *dpif, uint32_t *nconns)
{
    return conntrack_get_nconns(dpif_netdev_conntrack(dpif), nconns);
}

int
dpif_netdev_ct_set_tcp_seq_chk(struct dpif *dpif, bool enabled)
{
    return conntrack_set_tcp_seq_chk(dpif_netdev_conntrack(dpif), enabled);
}

int
dpif_netdev_ct_get_tcp_seq_chk(struct dpif *dpif, bool *enabled)
{
    *enabled = conntrack_get_tcp_seq_chk(dpif_netdev_conntrack(dpif));
    return 0;
}

int
dpif_netdev_ct_get_features(struct dpif *dpif OVS_UNUSED,
                            enum ct_features *features)
{
    *features = CONNTRACK_F_ZERO_SNAT;
    return 0;
}

/* Connections per zone. */

int
dpif_netdev_ct_set_limits(struct dpif *dpif, const uint32_t *default_limit,
                          const struct ovs_list *zone_limits)
{
    struct conntrack *ct = dpif_netdev_conntrack(dpif);
    const struct ct_dpif_zone_limit *zl;
    int error = 0;

    if (default_limit) {
        error = zone_limit_update(ct, DEFAULT_ZONE, *default_limit);
    }
    LIST_FOR_EACH (zl, node, zone_limits) {
        if (error) {
            break;
        }
        error = zone_limit_update(ct, zl->zone, zl->limit);
    }
    return error;
}

/* Appends to 'out' the limit that applies to 'zone', with the count that is
 * compared with it.  Zones without a limit of their own share the default and
 * its count; with 'own_only' they are left out. */
static void
get_limit(struct conntrack *ct, int32_t zone, bool own_only,
          struct ovs_list *out)
{
    uint32_t limit, count;

    if (ovs_zone_limit_get(ct, zone, &limit, &count) == zone || !own_only) {
        ct_dpif_push_zone_limit(out, zone, limit, count);
    }
}

int
dpif_netdev_ct_get_limits(struct dpif *dpif, uint32_t *default_limit,
                          const struct ovs_list *zone_limits_in,
                          struct ovs_list *zone_limits_out)
{
    struct conntrack *ct = dpif_netdev_conntrack(dpif);
    uint32_t count;

    if (default_limit) {
        ovs_zone_limit_get(ct, DEFAULT_ZONE, default_limit, &count);
    }
    if (!ovs_list_is_empty(zone_limits_in)) {
        const struct ct_dpif_zone_limit *zl;

        LIST_FOR_EACH (zl, node, zone_limits_in) {
            get_limit(ct, zl->zone, false, zone_limits_out);
        }
    } else {
        if (!default_limit) {
            get_limit(ct, DEFAULT_ZONE, true, zone_limits_out);
        }
        for (int zone = MIN_ZONE; zone <= MAX_ZONE; zone++) {
            get_limit(ct, zone, true, zone_limits_out);
        }
    }
    return 0;
}

int
dpif_netdev_ct_del_limits(struct dpif *dpif,
                          const struct ovs_list *zone_limits)
{
    struct conntrack *ct = dpif_netdev_conntrack(dpif);
    const struct ct_dpif_zone_limit *zl;
    int error = 0;

    LIST_FOR_EACH (zl, node, zone_limits) {
        error = zone_limit_delete(ct, zl->zone);
        if (error) {
            break;
        }
    }
    return error;
}

/* Timeout policies. */

int
dpif_netdev_ct_set_timeout_policy(struct dpif *dpif,
                                  const struct ct_dpif_timeout_policy *policy)
{
    struct timeout_policy tp = { .policy = *policy };

    return timeout_policy_update(dpif_netdev_conntrack(dpif), &tp);
}

int
dpif_netdev_ct_get_timeout_policy(struct dpif *dpif, uint32_t tp_id,
                                  struct ct_dpif_timeout_policy *policy)
{
    const struct timeout_policy *tp
        = timeout_policy_get(dpif_netdev_conntrack(dpif), tp_id);

    if (!tp) {
        return ENOENT;
    }
    *policy = tp->policy;
    return 0;
}

int
dpif_netdev_ct_del_timeout_policy(struct dpif *dpif, uint32_t tp_id)
{
    return timeout_policy_delete(dpif_netdev_conntrack(dpif), tp_id);
}

struct tp_dump {
    struct conntrack *ct;       /* Borrowed. */
    struct cmap_position pos;
};

int
dpif_netdev_ct_timeout_policy_dump_start(struct dpif *dpif, void **statep)
{
    struct tp_dump *dump = xzalloc(sizeof *dump);

    dump->ct = dpif_netdev_conntrack(dpif);
    *statep = dump;
    return 0;
}

int
dpif_netdev_ct_timeout_policy_dump_next(struct dpif *dpif OVS_UNUSED,
                                        void *state,
                                        struct ct_dpif_timeout_policy *policy)
{
    struct tp_dump *dump = state;

    while (conntrack_next_timeout_policy(dump->ct, &dump->pos, policy)) {
        if (policy->id != DEFAULT_TP_ID) {
            return 0;
        }
    }
    return EOF;
}

int
dpif_netdev_ct_timeout_policy_dump_done(struct dpif *dpif OVS_UNUSED,
                                        void *state)
{
    free(state);
    return 0;
}

/* A policy covers all protocols, and the ct action names it by its number. */
int
dpif_netdev_ct_get_timeout_policy_name(struct dpif *dpif OVS_UNUSED,
                                       uint32_t tp_id,
                                       uint16_t dl_type OVS_UNUSED,
                                       uint8_t nw_proto OVS_UNUSED,
                                       char **tp_name, bool *is_generic)
{
    *tp_name = xasprintf("%"PRIu32, tp_id);
    *is_generic = true;
    return 0;
}

/* IP fragments. */

static struct ipf *
get_ipf(struct dpif *dpif)
{
    return conntrack_ipf_ctx(dpif_netdev_conntrack(dpif));
}

int
dpif_netdev_ipf_set_enabled(struct dpif *dpif, bool v6, bool enabled)
{
    return ipf_set_enabled(get_ipf(dpif), v6, enabled);
}

int
dpif_netdev_ipf_set_min_frag(struct dpif *dpif, bool v6, uint32_t min_frag)
{
    return ipf_set_min_frag(get_ipf(dpif), v6, min_frag);
}

int
dpif_netdev_ipf_set_max_nfrags(struct dpif *dpif, uint32_t max_nfrags)
{
    return ipf_set_max_nfrags(get_ipf(dpif), max_nfrags);
}

static struct dpif_ipf_proto_status
translate_proto_status(const struct ipf_proto_status *in)
{
    return (struct dpif_ipf_proto_status) {
        .nfrag_accepted = in->nfrag_accepted,
        .nfrag_completed_sent = in->nfrag_completed_sent,
        .nfrag_expired_sent = in->nfrag_expired_sent,
        .nfrag_too_small = in->nfrag_too_small,
        .nfrag_overlap = in->nfrag_overlap,
        .nfrag_purged = in->nfrag_purged,
        .min_frag_size = in->min_frag_size,
        .enabled = in->enabled,
    };
}

int
dpif_netdev_ipf_get_status(struct dpif *dpif, struct dpif_ipf_status *status)
{
    struct ipf_status in;
    int error = ipf_get_status(get_ipf(dpif), &in);

    if (!error) {
        *status = (struct dpif_ipf_status) {
            .v4 = translate_proto_status(&in.v4),
            .v6 = translate_proto_status(&in.v6),
            .nfrag = in.nfrag,
            .nfrag_max = in.nfrag_max,
        };
    }
    return error;
}

int
dpif_netdev_ipf_dump_start(struct dpif *dpif OVS_UNUSED,
                           struct ipf_dump_ctx **ipf_dump_ctx)
{
    return ipf_dump_start(ipf_dump_ctx);
}

int
dpif_netdev_ipf_dump_next(struct dpif *dpif, void *ipf_dump_ctx, char **dump)
{
    return ipf_dump_next(get_ipf(dpif), ipf_dump_ctx, dump);
}

int
dpif_netdev_ipf_dump_done(struct dpif *dpif OVS_UNUSED, void *ipf_dump_ctx)
{
    return ipf_dump_done(ipf_dump_ctx);
}
