/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "afxdp/dp-afxdp-port.h"

#include <errno.h>
#include <string.h>

#include "afxdp/dp-xsk.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp/dp-xdp-loader.h"
#include "xdp/dp-xdp-pins.h"
#include "xdp/dp-xdp-shared.h"

VLOG_DEFINE_THIS_MODULE(dp_afxdp);

struct dp_afxdp_port {
    struct dp_xdp_loader *loader;       /* Counted. */
    struct dp_xdp_port *attached;       /* Owned; NULL if it is not. */
    enum dp_xdp_mode attached_mode;
    enum afxdp_mode mode;
    uint32_t ifindex;
    size_t n;
    struct dp_xsk **sockets;            /* Owned; 'n', some may be NULL. */
};

struct mode {
    const char *name;
    bool zerocopy;
    enum dp_xdp_mode attach;
};

/* Those that are modes of a socket stand in the order of preference. */
static const struct mode modes[OVS_AF_XDP_MODE_MAX] = {
    [OVS_AF_XDP_MODE_UNSPEC] = { .name = "unspecified" },
    [OVS_AF_XDP_MODE_BEST_EFFORT] = { .name = "best-effort" },
    [OVS_AF_XDP_MODE_NATIVE_ZC] = {
        .name = "native-with-zerocopy", .zerocopy = true,
        .attach = DP_XDP_NATIVE,
    },
    [OVS_AF_XDP_MODE_NATIVE] = {
        .name = "native", .attach = DP_XDP_NATIVE,
    },
    [OVS_AF_XDP_MODE_GENERIC] = {
        .name = "generic", .attach = DP_XDP_GENERIC,
    },
};

const char *
dp_afxdp_mode_name(enum afxdp_mode mode)
{
    return modes[mode].name;
}

enum afxdp_mode
dp_afxdp_mode_from_name(const char *name)
{
    for (int i = OVS_AF_XDP_MODE_BEST_EFFORT; i < OVS_AF_XDP_MODE_MAX; i++) {
        if (!strcasecmp(name, modes[i].name)) {
            return i;
        }
    }
    return OVS_AF_XDP_MODE_UNSPEC;
}

static void
destroy_sockets(struct dp_afxdp_port *port)
{
    for (size_t i = 0; i < port->n; i++) {
        dp_xsk_destroy(port->sockets[i]);
        port->sockets[i] = NULL;
    }
}

static void
detach(struct dp_afxdp_port *port)
{
    if (port->attached) {
        dp_xdp_detach(port->attached);
        port->attached = NULL;
    }
}

/* Attaches the program as 'mode' needs it, unless it is. */
static int
attach(struct dp_afxdp_port *port, const struct mode *mode, char **errorp)
{
    int error;

    if (port->attached && port->attached_mode == mode->attach) {
        return 0;
    }
    detach(port);
    error = dp_xdp_attach(port->loader, port->ifindex, mode->attach,
                          &port->attached, errorp);
    if (error) {
        port->attached = NULL;
    }
    port->attached_mode = mode->attach;
    return error;
}

/* Makes the socket of 'queue' and tells the program about it. */
static int
create_socket(struct dp_afxdp_port *port, unsigned int queue,
              const struct mode *mode,
              const struct dp_afxdp_port_config *config)
{
    const struct dp_xsk_config xsk_config = {
        .ifname = config->name,
        .queue = queue,
        .numa_id = config->numa_id,
        .zerocopy = mode->zerocopy,
        .need_wakeup = config->need_wakeup,
        .magic = dp_xdp_loader_magic(port->loader),
    };
    int error = dp_xsk_create(&xsk_config, &port->sockets[queue]);

    return error ? error
                 : dp_xdp_port_set_socket(port->attached, queue,
                                          dp_xsk_fd(port->sockets[queue]));
}

/* Returns what may be done about 'error', in parentheses, or "". */
static const char *
hint(int error)
{
    return (error == EINVAL ? " (is there such a queue?)"
            : error == EBUSY ? " (another socket is there)"
            : error == EAFNOSUPPORT ? " (the kernel is without AF_XDP)"
            : error == ENOBUFS || error == ENOMEM || error == EPERM
            ? " (without CAP_IPC_LOCK, RLIMIT_MEMLOCK counts)"
            : "");
}

/* Makes all sockets in 'mode'.  On error there are none. */
static int
try_mode(struct dp_afxdp_port *port, enum afxdp_mode mode,
         const struct dp_afxdp_port_config *config, char **errorp)
{
    int error = attach(port, &modes[mode], errorp);

    for (unsigned int i = 0; !error && i < port->n; i++) {
        error = create_socket(port, i, &modes[mode], config);
        if (error) {
            *errorp = xasprintf("%s: Failed to create AF_XDP socket on queue "
                                "%u in %s mode: %s%s.", config->name, i,
                                modes[mode].name, ovs_strerror(error),
                                hint(error));
        }
    }
    if (error) {
        destroy_sockets(port);
    } else {
        port->mode = mode;
    }
    return error;
}

/* Returns the first mode to try.  Flows that an earlier daemon has left would
 * not survive that another mode than theirs is tried. */
static enum afxdp_mode
first_mode(const struct dp_afxdp_port_config *config)
{
    enum dp_xdp_mode left;

    return (config->mode != OVS_AF_XDP_MODE_BEST_EFFORT ? config->mode
            : dp_xdp_pins_have(config->ifindex, &left)
              && left == DP_XDP_GENERIC ? OVS_AF_XDP_MODE_GENERIC
            : OVS_AF_XDP_MODE_NATIVE_ZC);
}

/* Tries the modes that 'config' allows, best first. */
static int
try_modes(struct dp_afxdp_port *port,
          const struct dp_afxdp_port_config *config, char **errorp)
{
    int last = (config->mode == OVS_AF_XDP_MODE_BEST_EFFORT
                ? OVS_AF_XDP_MODE_GENERIC : config->mode);
    int error = 0;

    for (int mode = first_mode(config); mode <= last; mode++) {
        char *text = NULL;

        error = try_mode(port, mode, config, &text);
        /* No other mode helps if the place is taken, or if there is no such
         * thing as a socket. */
        if (!error || mode == last || error == EBUSY
            || error == EAFNOSUPPORT) {
            *errorp = text;
            break;
        }
        VLOG(mode == OVS_AF_XDP_MODE_NATIVE ? VLL_INFO : VLL_DBG, "%s", text);
        free(text);
    }
    return error;
}

int
dp_afxdp_port_create(const struct dp_afxdp_port_config *config,
                     struct dp_afxdp_port **portp, char **errorp)
{
    struct dp_xdp_loader *loader;
    struct dp_afxdp_port *port;
    int error;

    *portp = NULL;
    *errorp = NULL;
    error = dp_xdp_shared_ref(&loader, errorp);
    if (error) {
        return error;
    }

    port = xzalloc(sizeof *port);
    port->loader = loader;
    port->ifindex = config->ifindex;
    port->n = config->n_queues;
    port->sockets = xcalloc(port->n, sizeof *port->sockets);
    error = try_modes(port, config, errorp);
    if (error) {
        dp_afxdp_port_destroy(port);
    } else {
        dp_xdp_port_watch(port->attached, config->lost, config->aux);
        *portp = port;
    }
    return error;
}

void
dp_afxdp_port_destroy(struct dp_afxdp_port *port)
{
    if (port) {
        /* Packets go to the kernel only when nobody takes them here. */
        destroy_sockets(port);
        detach(port);
        dp_xdp_shared_unref();
        free(port->sockets);
        free(port);
    }
}

enum afxdp_mode
dp_afxdp_port_mode(const struct dp_afxdp_port *port)
{
    return port->mode;
}

uint32_t
dp_afxdp_port_ifindex(const struct dp_afxdp_port *port)
{
    return port->ifindex;
}

bool
dp_afxdp_port_is_lost(const struct dp_afxdp_port *port)
{
    return dp_xdp_port_is_lost(port->attached);
}

size_t
dp_afxdp_port_n_queues(const struct dp_afxdp_port *port)
{
    return port->n;
}

struct dp_xsk *
dp_afxdp_port_socket(const struct dp_afxdp_port *port, unsigned int queue)
{
    return port->sockets[queue];
}
