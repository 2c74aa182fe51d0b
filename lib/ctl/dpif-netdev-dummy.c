/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include <errno.h>

#include "dpif-provider.h"
#include "dummy.h"
#include "netdev.h"
#include "netdev-offload.h"
#include "odp-util.h"
#include "sset.h"
#include "unixctl.h"
#include "util.h"
#include "ctl/dp.h"

/* Datapaths for tests: the same provider under other names, so that
 * "--enable-dummy=override" can put it in the place of all other types, and a
 * command that only tests need. */

static void
register_class(const char *type)
{
    struct dpif_class *class = xmemdup(&dpif_netdev_class, sizeof *class);

    class->type = xstrdup(type);
    dp_register_provider(class);
}

/* "dpif-dummy/change-port-number DP PORT NEW-NUMBER" */
static void
change_port_number(struct unixctl_conn *conn, int argc OVS_UNUSED,
                   const char *argv[], void *aux OVS_UNUSED)
{
    odp_port_t new_no = u32_to_odp(atoi(argv[3]));
    struct dp_port *found;
    const char *error = NULL;
    struct dp *dp;

    dp_registry_lock();
    dp = dp_find_for_command(argv[1]);
    if (!dp || dp->class == &dpif_netdev_class) {
        dp_registry_unlock();
        unixctl_command_reply_error(conn, "unknown datapath or not a dummy");
        return;
    }
    ovs_refcount_ref(&dp->ref_cnt);
    dp_registry_unlock();

    ovs_mutex_lock(&dp->topology.mutex);
    found = dp_topology_port_by_name(&dp->topology, argv[2]);
    if (!found) {
        error = "unknown port";
    } else if (found->port_no == ODPP_LOCAL) {
        error = "can't change the number of the local port";
    } else if (!odp_to_u32(new_no) || new_no == ODPP_NONE) {
        error = "bad port number";
    } else if (dp_topology_port(&dp->topology, new_no)) {
        error = "port number already in use";
    } else {
        struct netdev *netdev = netdev_ref(found->netdev);
        char *type = xstrdup(found->type);

        dp_topology_del_port(&dp->topology, found);
        dp_topology_add_port(&dp->topology, netdev, type, new_no);
        netdev_close(netdev);
        free(type);
    }
    ovs_mutex_unlock(&dp->topology.mutex);
    if (!error) {
        seq_change(dp->port_seq);
        unixctl_command_reply(conn, NULL);
    } else {
        unixctl_command_reply_error(conn, error);
    }
    dp_unref(dp);
}

/* Offers the type "dummy", and in the place of all types or of "system" as
 * 'level' says. */
void
dpif_dummy_register(enum dummy_level level)
{
    struct sset types = SSET_INITIALIZER(&types);
    const char *type;

    switch (level) {
    case DUMMY_OVERRIDE_ALL:
        dp_enumerate_types(&types);
        break;
    case DUMMY_OVERRIDE_SYSTEM:
        sset_add(&types, "system");
        break;
    case DUMMY_OVERRIDE_NONE:
    default:
        break;
    }
    SSET_FOR_EACH (type, &types) {
        /* The kernel's datapath may be switched off already. */
        if (dp_unregister_provider(type) != EBUSY) {
            register_class(type);
        }
    }
    sset_destroy(&types);
    register_class("dummy");

    unixctl_command_register("dpif-dummy/change-port-number",
                             "dp port new-number", 3, 3, change_port_number,
                             NULL);
}
