/* SPDX-License-Identifier: Apache-2.0 */

/* The parts of a fingerprint are added up: the order in which ports are found
 * means nothing. */

#include <config.h>

#include "ofproto/mirror-watch.h"

#include "hash.h"
#include "ofproto/ofproto-dpif-mirror.h"
#include "ofproto/ofproto-dpif.h"
#include "openvswitch/hmap.h"
#include "ovs/ovs-mirror.h"
#include "vlan-bitmap.h"

/* What mirror 'index' is, but for the ports that it selects. */
#if OVS_MIRRORS_TELL
static uint64_t
mirror_digest(struct mbridge *mbridge OVS_UNUSED, int index OVS_UNUSED)
{
    return 0;
}
#else
static uint64_t
mirror_digest(struct mbridge *mbridge, int index)
{
    const unsigned long *vlans;
    mirror_mask_t dup_mirrors;
    struct ofbundle *out;
    int snaplen, out_vlan;
    ovs_u128 hash;

    if (!mirror_get(mbridge, index, &vlans, &dup_mirrors, &out, &snaplen,
                    &out_vlan)) {
        return 0;
    }

    const uint64_t words[] = {
        index, dup_mirrors, (uintptr_t) out, snaplen, out_vlan,
        vlans ? hash_bytes(vlans, bitmap_n_bytes(4096), 1) : 0,
    };
    hash_bytes128(words, sizeof words, 0, &hash);
    return hash.u64.lo;
}
#endif

/* Which mirrors select 'bundle'. */
static uint64_t
bundle_digest(struct mbridge *mbridge, struct ofbundle *bundle)
{
    const uint64_t words[] = {
        (uintptr_t) bundle,
        mirror_bundle_src(mbridge, bundle),
        mirror_bundle_dst(mbridge, bundle),
        mirror_bundle_out(mbridge, bundle),
    };
    ovs_u128 hash;

    hash_bytes128(words, sizeof words, 0, &hash);
    return words[1] | words[2] | words[3] ? hash.u64.lo : 0;
}

uint64_t
mirror_watch_fingerprint(const struct ofproto_dpif *bridge)
{
    struct mbridge *mbridge = bridge->mbridge;
    struct hmap_node *node;
    uint64_t sum = 0;

    if (!mbridge_has_mirrors(mbridge)) {
        return 0;
    }
    for (int i = 0; i < MAX_MIRRORS; i++) {
        sum += mirror_digest(mbridge, i);
    }

    /* Open vSwitch does not say what a bundle is, but begins it with its node
     * in this map; it is a key here, and nothing more. */
    for (node = hmap_first(&bridge->bundles); node;
         node = hmap_next(&bridge->bundles, node)) {
        sum += bundle_digest(mbridge, (struct ofbundle *) node);
    }
    return sum;
}
