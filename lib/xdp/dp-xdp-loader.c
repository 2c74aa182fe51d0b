/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>

#include "bitmap.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "random.h"
#include "util.h"
#include "xdp/dp-xdp-object.h"

VLOG_DEFINE_THIS_MODULE(dp_xdp_loader);

struct dp_xdp_loader {
    /* Constant after creation. */
    struct dp_xdp_object object;
    struct dp_xdp_constants constants;

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct dp_xdp_port *ports[DP_XDP_MAX_PORTS];    /* By slot; 0 is none. */
};

struct dp_xdp_port {
    /* Constant after creation. */
    struct dp_xdp_loader *loader;
    uint32_t ifindex;
    uint32_t slot;
    enum dp_xdp_mode mode;
    int link_fd;                /* Owned. */
};

int
dp_xdp_loader_create(struct dp_xdp_loader **loaderp, char **errorp)
{
    struct dp_xdp_loader *loader = xzalloc(sizeof *loader);
    int error;

    loader->constants.magic = random_uint32();
    error = dp_xdp_object_open(&loader->object, &loader->constants, errorp);
    if (error) {
        free(loader);
        loader = NULL;
    } else {
        ovs_mutex_init(&loader->mutex);
    }
    *loaderp = loader;
    return error;
}

void
dp_xdp_loader_destroy(struct dp_xdp_loader *loader)
{
    if (loader) {
        for (size_t i = 0; i < DP_XDP_MAX_PORTS; i++) {
            ovs_assert(!loader->ports[i]);
        }
        dp_xdp_object_close(&loader->object);
        ovs_mutex_destroy(&loader->mutex);
        free(loader);
    }
}

uint32_t
dp_xdp_loader_magic(const struct dp_xdp_loader *loader)
{
    return loader->constants.magic;
}

const struct dp_xdp_object *
dp_xdp_loader_object(const struct dp_xdp_loader *loader)
{
    return &loader->object;
}

/* Entries of the map "markpath_ifindx". */

static atomic_uint64_t *
if_entry(const struct dp_xdp_loader *loader, size_t i)
{
    return (atomic_uint64_t *) loader->object.ifindex.data + i;
}

/* Returns the entry that has 'ifindex', or with 'ifindex' 0 an unused one,
 * among those where the program looks for 'hashed'; or null. */
static atomic_uint64_t *
find_if_entry(const struct dp_xdp_loader *loader, uint32_t hashed,
              uint32_t ifindex)
{
    for (size_t i = 0; i < DP_XDP_IF_PROBES; i++) {
        atomic_uint64_t *entry = if_entry(loader, dp_xdp_if_hash(hashed) + i);
        uint64_t value;

        atomic_read_relaxed(entry, &value);
        if (value >> 32 == ifindex) {
            return entry;
        }
    }
    return NULL;
}

/* Attachment. */

static uint32_t
mode_flags(enum dp_xdp_mode mode)
{
    return mode == DP_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

static const char *
mode_name(enum dp_xdp_mode mode)
{
    return mode == DP_XDP_NATIVE ? "native" : "generic";
}

/* Returns the program that interface 'ifindex' has already, as "id 12
 * (name)", or null if it has none.  The caller frees it. */
static char *
describe_foreign(uint32_t ifindex)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, query);
    struct bpf_prog_info info;
    __u32 len = sizeof info;
    uint32_t id;
    int fd;

    if (bpf_xdp_query(ifindex, 0, &query)) {
        return NULL;
    }
    id = (query.prog_id ? query.prog_id
          : query.drv_prog_id ? query.drv_prog_id
          : query.skb_prog_id ? query.skb_prog_id
          : query.hw_prog_id);
    if (!id) {
        return NULL;
    }
    memset(&info, 0, sizeof info);
    fd = bpf_prog_get_fd_by_id(id);
    if (fd >= 0) {
        bpf_obj_get_info_by_fd(fd, &info, &len);
        close(fd);
    }
    return (info.name[0]
            ? xasprintf("id %"PRIu32" (%.*s)", id, (int) sizeof info.name,
                        info.name)
            : xasprintf("id %"PRIu32, id));
}

static char *
explain(const char *name, uint32_t ifindex, enum dp_xdp_mode mode, int error)
{
    char *foreign = describe_foreign(ifindex);
    char *text;

    if (foreign) {
        text = xasprintf("%s: has another XDP program, %s, which stays; "
                         "\"ip link set dev %s xdp off\" removes it", name,
                         foreign, name);
    } else if (error == EOPNOTSUPP && mode == DP_XDP_NATIVE) {
        text = xasprintf("%s: the driver does not run XDP programs", name);
    } else if (error == ERANGE || error == EINVAL) {
        text = xasprintf("%s: the driver does not run an XDP program in %s "
                         "mode with the interface's settings (%s): its MTU "
                         "may be too large", name, mode_name(mode),
                         ovs_strerror(error));
    } else {
        text = xasprintf("%s: can't attach the XDP program in %s mode (%s)",
                         name, mode_name(mode), ovs_strerror(error));
    }
    free(foreign);
    return text;
}

static int
attach__(struct dp_xdp_port *port, char **errorp)
{
    LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode_flags(port->mode));
    char name[IF_NAMESIZE];
    int error;

    port->link_fd = bpf_link_create(port->loader->object.prog_fd,
                                    port->ifindex, BPF_XDP, &opts);
    if (port->link_fd >= 0) {
        return 0;
    }
    error = errno;
    if (!if_indextoname(port->ifindex, name)) {
        *errorp = xasprintf("interface %"PRIu32" does not exist",
                            port->ifindex);
        return ENODEV;
    }
    *errorp = explain(name, port->ifindex, port->mode, error);
    /* One that runs in the other mode is EEXIST. */
    return error == EEXIST ? EBUSY : error;
}

/* Gives 'port' a slot, under which the program finds it. */
static int
get_slot(struct dp_xdp_port *port)
    OVS_REQUIRES(port->loader->mutex)
{
    struct dp_xdp_loader *loader = port->loader;
    atomic_uint64_t *entry = find_if_entry(loader, port->ifindex, 0);

    for (uint32_t slot = 1; entry && slot < DP_XDP_MAX_PORTS; slot++) {
        if (!loader->ports[slot]) {
            port->slot = slot;
            loader->ports[slot] = port;
            atomic_store_explicit(entry,
                                  dp_xdp_if_entry(port->ifindex, slot),
                                  memory_order_release);
            return 0;
        }
    }
    return ENOSPC;
}

static void
put_slot(struct dp_xdp_port *port)
    OVS_REQUIRES(port->loader->mutex)
{
    struct dp_xdp_loader *loader = port->loader;

    atomic_store_explicit(find_if_entry(loader, port->ifindex, port->ifindex),
                          0, memory_order_release);
    loader->ports[port->slot] = NULL;
}

int
dp_xdp_attach(struct dp_xdp_loader *loader, uint32_t ifindex,
              enum dp_xdp_mode mode, struct dp_xdp_port **portp,
              char **errorp)
{
    struct dp_xdp_port *port = xmalloc(sizeof *port);
    int error;

    *port = (struct dp_xdp_port) {
        .loader = loader,
        .ifindex = ifindex,
        .mode = mode,
    };

    ovs_mutex_lock(&loader->mutex);
    if (find_if_entry(loader, ifindex, ifindex)) {
        *errorp = xasprintf("interface %"PRIu32" is another port already",
                            ifindex);
        error = EEXIST;
    } else if ((error = get_slot(port))) {
        *errorp = xasprintf("there are %d ports with XDP already",
                            DP_XDP_MAX_PORTS - 1);
    } else {
        error = attach__(port, errorp);
        if (error) {
            put_slot(port);
        }
    }
    ovs_mutex_unlock(&loader->mutex);

    if (error) {
        free(port);
        port = NULL;
    } else {
        VLOG_DBG("interface %"PRIu32": attached in %s mode, slot %"PRIu32,
                 ifindex, mode_name(mode), port->slot);
    }
    *portp = port;
    return error;
}

void
dp_xdp_detach(struct dp_xdp_port *port)
{
    struct dp_xdp_loader *loader;

    if (!port) {
        return;
    }
    loader = port->loader;
    close(port->link_fd);
    for (unsigned int queue = 0; queue < DP_XDP_MAX_QUEUES; queue++) {
        dp_xdp_port_clear_socket(port, queue);
    }
    ovs_mutex_lock(&loader->mutex);
    put_slot(port);
    ovs_mutex_unlock(&loader->mutex);
    free(port);
}

uint32_t
dp_xdp_port_slot(const struct dp_xdp_port *port)
{
    return port->slot;
}

uint32_t
dp_xdp_find_slot(struct dp_xdp_loader *loader, uint32_t ifindex)
{
    atomic_uint64_t *entry;
    uint64_t value = 0;

    ovs_mutex_lock(&loader->mutex);
    entry = find_if_entry(loader, ifindex, ifindex);
    if (entry) {
        atomic_read_relaxed(entry, &value);
    }
    ovs_mutex_unlock(&loader->mutex);
    return (uint32_t) value;
}

int
dp_xdp_port_set_socket(struct dp_xdp_port *port, unsigned int queue, int fd)
{
    uint32_t key = dp_xdp_xsks_key(port->slot, queue);
    uint32_t value = fd;

    if (queue >= DP_XDP_MAX_QUEUES) {
        return ENOBUFS;
    }
    return (bpf_map_update_elem(port->loader->object.xsks_fd, &key, &value, 0)
            ? errno : 0);
}

void
dp_xdp_port_clear_socket(struct dp_xdp_port *port, unsigned int queue)
{
    uint32_t key = dp_xdp_xsks_key(port->slot, queue);

    if (queue < DP_XDP_MAX_QUEUES) {
        bpf_map_delete_elem(port->loader->object.xsks_fd, &key);
    }
}

uint64_t
dp_xdp_loader_count(const struct dp_xdp_loader *loader, unsigned int what)
{
    int n_cpus = libbpf_num_possible_cpus();
    uint64_t *values = xcalloc(n_cpus, sizeof *values);
    uint64_t sum = 0;

    if (!bpf_map_lookup_elem(loader->object.counts_fd, &what, values)) {
        for (int i = 0; i < n_cpus; i++) {
            sum += values[i];
        }
    }
    free(values);
    return sum;
}
