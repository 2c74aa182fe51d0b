/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/detrace.h"

#include "classifier.h"
#include "ctl/dp-commands.h"
#include "dpif-netdev.h"
#include "dpif.h"
#include "offload/dp-rule-name.h"
#include "ofproto/ofproto-dpif-trace.h"
#include "ofproto/ofproto-dpif-xlate-cache.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/revalidate.h"
#include "ofproto/udpif.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-port.h"
#include "ovs/ovs-group-format.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"

static void
format_rule(struct rule *rule, const struct ofputil_port_map *names,
            struct ds *ds)
{
    struct ofpact_format_params fp = { .port_map = names, .s = ds };
    const struct rule_actions *acts;
    long long int created, used;
    struct pkt_stats stats;
    ovs_be64 cookie;

    rule->ofproto->ofproto_class->rule_get_stats(rule, &stats, &used);
    ovs_mutex_lock(&rule->mutex);
    cookie = rule->flow_cookie;
    created = rule->created;
    acts = rule_get_actions(rule);
    ovs_mutex_unlock(&rule->mutex);

    if (cookie) {
        ds_put_format(ds, "cookie=%#"PRIx64", ", ntohll(cookie));
    }
    if (rule->table_id) {
        ds_put_format(ds, "table_id=%"PRIu8", ", rule->table_id);
    }
    ds_put_format(ds, "duration=%llds, n_packets=%"PRIu64", n_bytes=%"PRIu64
                  ", ", (time_msec() - created) / 1000, stats.n_packets,
                  stats.n_bytes);
    cls_rule_format(&rule->cr, ofproto_get_tun_tab(rule->ofproto), names, ds);
    ds_put_cstr(ds, ",actions=");
    ofpacts_format(acts->ofpacts, acts->ofpacts_len, &fp);
    ds_put_char(ds, '\n');
}

/* 'bucket' null stands for all buckets of 'group'. */
static void
format_group(const struct ofgroup *group, const struct ofputil_bucket *bucket,
             const struct ofputil_port_map *names, struct ds *ds)
{
    ovs_group_format(group->group_id, group->type, &group->props, bucket,
                     &group->buckets, names, ds);
    ds_put_char(ds, '\n');
}

static void
format_xcache(const struct xlate_cache *xcache, bool with_names,
              struct ds *ds)
{
    struct ofpbuf entries = xcache->entries;    /* To iterate on a copy. */
    struct xc_entry *entry;

    XC_ENTRY_FOR_EACH (entry, &entries) {
        struct ofputil_port_map names
            = OFPUTIL_PORT_MAP_INITIALIZER(&names);

        if (entry->type == XC_RULE) {
            if (with_names) {
                ofproto_append_ports_to_map(&names,
                                            entry->rule->up.ofproto->ports);
            }
            format_rule(&entry->rule->up, with_names ? &names : NULL, ds);
        } else if (entry->type == XC_GROUP) {
            if (with_names) {
                ofproto_append_ports_to_map(
                    &names, entry->group.group->up.ofproto->ports);
            }
            format_group(&entry->group.group->up, entry->group.bucket,
                         with_names ? &names : NULL, ds);
        }
        ofputil_port_map_destroy(&names);
    }
}

static bool
is_live(struct udpif_key *ukey)
{
    bool live;

    ovs_mutex_lock(&ukey->mutex);
    live = ukey_state_is_live(ukey->state);
    ovs_mutex_unlock(&ukey->mutex);
    return live;
}

/* Finds the ukey of 'ufid': of lane 'pmd_id', or of any that has the flow if
 * that is PMD_ID_NULL. */
static struct udpif_key *
find_ukey(struct udpif *udpif, const ovs_u128 *ufid, unsigned pmd_id)
{
    struct udpif_key *ukey = ukey_map_find(udpif->ukeys, ufid, pmd_id);

    if (ukey || pmd_id != PMD_ID_NULL) {
        return ukey;
    }
    for (size_t i = 0; i < UKEY_MAP_N_SLOTS; i++) {
        CMAP_FOR_EACH (ukey, node, &udpif->ukeys->slots[i].cmap) {
            if (ovs_u128_equals(ukey->ufid, *ufid) && is_live(ukey)) {
                return ukey;
            }
        }
    }
    return NULL;
}

/* Appends what is known of 'ukey'. */
static void
format_ukey(struct udpif *udpif, struct udpif_key *ukey, bool with_names,
            struct ds *ds)
{
    ovs_mutex_lock(&ukey->mutex);
    if ((ukey->state == UKEY_VISIBLE || ukey->state == UKEY_OPERATIONAL)
        && !revalidate_populate_xcache(udpif, ukey)) {
        format_xcache(ukey->xcache, with_names, ds);
    }
    ovs_mutex_unlock(&ukey->mutex);
}

void
detrace_flow(const char *dp_name, const ovs_u128 *ufid, unsigned pmd_id,
             struct ds *ds)
{
    struct udpif *udpif;

    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        struct udpif_key *ukey = NULL;

        if (dpif_is_netdev(udpif->dpif)
            && !strcmp(dpif_base_name(udpif->dpif), dp_name)) {
            ukey = find_ukey(udpif, ufid, pmd_id);
        }
        if (ukey) {
            format_ukey(udpif, ukey, true, ds);
        }
    }
}

void
detrace_command(struct unixctl_conn *conn, int argc, const char *argv[],
                void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct ds lacking = DS_EMPTY_INITIALIZER;
    unsigned int pmd_id = PMD_ID_NULL;
    const char *ufid_string = NULL;
    bool with_names = false;
    ovs_u128 ufid, mega_ufid;
    struct udpif *udpif;
    bool is_rule;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--names")) {
            with_names = true;
        } else if (!strncmp(argv[i], "pmd=", 4)) {
            if (!str_to_uint(argv[i] + 4, 10, &pmd_id)) {
                unixctl_command_reply_error(
                    conn, "Invalid pmd argument format. "
                    "Expecting 'pmd=PMD-ID'");
                return;
            }
        } else {
            ufid_string = argv[i];
        }
    }
    is_rule = ufid_string && dp_rule_name_parse(ufid_string, &mega_ufid);
    if (!is_rule
        && (!ufid_string || !dp_flow_name_parse(ufid_string, &ufid))) {
        unixctl_command_reply_error(conn, "failed to parse ufid");
        return;
    }

    LIST_FOR_EACH (udpif, list_node, udpif_all()) {
        struct udpif_key *ukey = NULL;

        /* The same OpenFlow rules have made all flows of an offload rule: any
         * will do. */
        if (!is_rule || dp_find_flow_of_rule(dpif_base_name(udpif->dpif),
                                             &mega_ufid, &ufid)) {
            ukey = find_ukey(udpif, &ufid, pmd_id);
        }
        if (!ukey) {
            ds_put_format(&lacking, "UFID was not found for %s\n",
                          dpif_name(udpif->dpif));
            continue;
        }
        format_ukey(udpif, ukey, with_names, &ds);
    }
    unixctl_command_reply(conn, ds_cstr(ds.length ? &ds : &lacking));
    ds_destroy(&lacking);
    ds_destroy(&ds);
}
