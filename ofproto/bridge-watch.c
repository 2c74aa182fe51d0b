/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>

#include "ofproto/bridge-watch.h"

#include "dpif-netdev.h"
#include "hmapx.h"
#include "ofproto/group-watch.h"
#include "ofproto/mirror-watch.h"
#include "ofproto/ofproto-dpif-upcall.h"
#include "ofproto/ofproto-dpif.h"
#include "ofproto/udpif.h"
#include "openvswitch/poll-loop.h"
#include "timeval.h"

#define LOOK_AT_GROUPS_MS 1000  /* Not more often. */

void
bridge_watch_init(struct bridge_watch *watch)
{
    *watch = (struct bridge_watch) { .n_refs = 0 };
    sset_init(&watch->names);
}

void
bridge_watch_uninit(struct bridge_watch *watch)
{
    sset_destroy(&watch->names);
}

/* Adds those bridges of 'udpif' to 'bridges' whose names are known.  Returns
 * false if there is none of one of these names any more. */
static bool
add_known_bridges(const struct bridge_watch *watch, const struct udpif *udpif,
                  struct hmapx *bridges)
{
    const char *name;
    bool all = true;

    SSET_FOR_EACH (name, &watch->names) {
        struct ofproto_dpif *bridge = ofproto_dpif_lookup_by_name(name);

        if (bridge && bridge->backer == udpif->backer) {
            hmapx_add(bridges, bridge);
        } else {
            all = false;
        }
    }
    return all;
}

/* Adds the bridges of 'udpif' to 'bridges'.  Each holds a reference to the
 * backer: if there are as many as before, and those that were there are, these
 * are all.  To ask for their names takes much longer than to look them up. */
static void
find_bridges(struct bridge_watch *watch, const struct udpif *udpif,
             struct hmapx *bridges)
{
    if (udpif->backer->refcount != watch->n_refs
        || !add_known_bridges(watch, udpif, bridges)) {
        hmapx_clear(bridges);
        sset_clear(&watch->names);
        ofproto_enumerate_names(udpif->backer->type, &watch->names);
        watch->n_refs = udpif->backer->refcount;
        add_known_bridges(watch, udpif, bridges);
    }
}

static void
watch_mirrors(struct bridge_watch *watch, struct udpif *udpif,
              const struct hmapx *bridges)
{
    struct hmapx_node *node;
    uint64_t mirrors = 0;

    HMAPX_FOR_EACH (node, bridges) {
        mirrors += mirror_watch_fingerprint(node->data);
    }
    if (mirrors != watch->mirrors) {
        watch->mirrors = mirrors;
        udpif_revalidate(udpif);
    }
}

/* Mends 'groups' while nobody else translates: neither revalidators nor lanes,
 * whose misses are dropped for this moment. */
static void
mend_groups(struct udpif *udpif, const struct hmapx *groups)
{
    udpif_pause_revalidators(udpif);
    dpif_disable_upcall(udpif->dpif);
    group_watch_mend(groups);
    dpif_enable_upcall(udpif->dpif);
    udpif_resume_revalidators(udpif);
    udpif_revalidate(udpif);
}

static void
watch_groups(struct bridge_watch *watch, struct udpif *udpif,
             const struct hmapx *bridges)
{
    struct hmapx groups = HMAPX_INITIALIZER(&groups);
    long long int now = time_msec();
    struct hmapx_node *node;
    uint64_t versions = 0;

    HMAPX_FOR_EACH (node, bridges) {
        versions += ofproto_dpif_get_tables_version(node->data);
    }
    if (versions == watch->versions) {
        return;
    }
    if (now < watch->looked + LOOK_AT_GROUPS_MS) {
        poll_timer_wait_until(watch->looked + LOOK_AT_GROUPS_MS);
        return;
    }
    HMAPX_FOR_EACH (node, bridges) {
        group_watch_find(node->data, watch->looked, &groups);
    }
    if (!hmapx_is_empty(&groups)) {
        mend_groups(udpif, &groups);
    }
    hmapx_destroy(&groups);
    watch->versions = versions;
    watch->looked = now;
}

void
bridge_watch_run(struct bridge_watch *watch, struct udpif *udpif)
{
    struct hmapx bridges = HMAPX_INITIALIZER(&bridges);

    find_bridges(watch, udpif, &bridges);
    watch_mirrors(watch, udpif, &bridges);

    /* Other datapaths have handlers, which nobody stops.  Without threads
     * upcalls are off, and there is time. */
    if (dpif_is_netdev(udpif->dpif) && udpif->n_revalidators) {
        watch_groups(watch, udpif, &bridges);
    }
    hmapx_destroy(&bridges);
}
