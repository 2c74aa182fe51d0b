/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-loader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <unistd.h>

#include "latch.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/thread.h"
#include "openvswitch/vlog.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "seq.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-attachment.h"
#include "xdp/dp-xdp-device.h"
#include "xdp/dp-xdp-groups.h"
#include "xdp/dp-xdp-link.h"
#include "xdp/dp-xdp-needs.h"
#include "xdp/dp-xdp-object.h"
#include "xdp/dp-xdp-pins.h"
#include "xdp/dp-xdp-table.h"
#include "xdp/dp-xdp-watch.h"

VLOG_DEFINE_THIS_MODULE(dp_xdp_loader);

/* How often the thread looks after attached ports. */
#define LOOK_MS 1000

struct dp_xdp_loader {
    /* Constant after creation. */
    struct dp_xdp_object first;         /* Its program does least. */
    struct dp_xdp_constants constants;
    struct dp_xdp_table *table;
    struct dp_xdp_groups *groups;
    int nobody_fd;              /* A set without ports, see synchronize. */
    struct dp_xdp_watches watches;
    struct seq *wake;
    struct latch exit;
    pthread_t thread;

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    struct dp_xdp_port *ports[DP_XDP_MAX_PORTS];    /* By slot; 0 is none. */
    struct dp_xdp_object *object;       /* That runs: owned, or '&first'. */
    struct dp_xdp_needs needs;          /* What it can and must do. */
    long long int next_look;    /* When to look after ports. */
    bool persist;               /* Links have names. */
    bool took_over;             /* From an earlier process. */
    bool left;                  /* What persists is not touched any more. */
};

struct dp_xdp_port {
    /* Constant after creation. */
    struct dp_xdp_loader *loader;
    uint32_t ifindex;
    uint32_t slot;
    enum dp_xdp_mode mode;

    /* Guarded by the loader's mutex. */
    void (*lost)(void *aux);    /* Null: nobody watches. */
    void *aux;
    bool is_lost;
    uint32_t output_mtu;        /* 0: it is no output. */
    unsigned int n_sockets;     /* Of queues from 0 on. */
    unsigned int n_rxqs;        /* Of the interface, when last looked at. */
    struct dp_xdp_attachment attachment;
};

static void *loader_main(void *);

/* Creation. */

/* Makes what synchronize() puts into the map of sets. */
static int
create_nobody(struct dp_xdp_loader *loader, char **errorp)
{
    loader->nobody_fd = bpf_map_create(BPF_MAP_TYPE_DEVMAP_HASH,
                                       "markpath_nobody", sizeof(uint32_t),
                                       sizeof(uint32_t), 1, NULL);
    if (loader->nobody_fd < 0) {
        *errorp = xasprintf("the kernel creates no map (%s)",
                            ovs_strerror(-loader->nobody_fd));
        return -loader->nobody_fd;
    }
    return 0;
}

int
dp_xdp_loader_create(struct dp_xdp_loader **loaderp, char **errorp)
{
    struct dp_xdp_loader *loader = xzalloc(sizeof *loader);
    int error;

    *loaderp = NULL;
    dp_xdp_constants_choose(&loader->constants);
    error = dp_xdp_object_open(&loader->first, NULL, &loader->constants,
                               errorp);
    if (error) {
        free(loader);
        return error;
    }
    error = create_nobody(loader, errorp);
    if (error) {
        dp_xdp_object_close(&loader->first);
        free(loader);
        return error;
    }
    loader->object = &loader->first;
    loader->table = dp_xdp_table_create(&loader->first.maps,
                                        &loader->constants);
    loader->groups = dp_xdp_groups_create(loader->first.maps.groups_fd);
    ovs_mutex_init(&loader->mutex);
    dp_xdp_watches_init(&loader->watches);
    loader->wake = seq_create();
    latch_init(&loader->exit);
    loader->thread = ovs_thread_create("xdp", loader_main, loader);
    *loaderp = loader;
    return 0;
}

static void
close_object(struct dp_xdp_loader *loader, struct dp_xdp_object *object)
{
    if (object != &loader->first) {
        dp_xdp_object_close(object);
        free(object);
    }
}

void
dp_xdp_loader_destroy(struct dp_xdp_loader *loader)
{
    if (!loader) {
        return;
    }
    latch_set(&loader->exit);
    xpthread_join(loader->thread, NULL);
    latch_destroy(&loader->exit);
    seq_destroy(loader->wake);
    for (size_t i = 0; i < DP_XDP_MAX_PORTS; i++) {
        ovs_assert(!loader->ports[i]);
    }
    dp_xdp_watches_uninit(&loader->watches);
    dp_xdp_groups_destroy(loader->groups);
    dp_xdp_table_destroy(loader->table);
    close(loader->nobody_fd);
    close_object(loader, loader->object);
    dp_xdp_object_close(&loader->first);
    ovs_mutex_destroy(&loader->mutex);
    free(loader);
}

uint32_t
dp_xdp_loader_magic(const struct dp_xdp_loader *loader)
{
    return loader->constants.magic;
}

struct dp_xdp_table *
dp_xdp_loader_table(const struct dp_xdp_loader *loader)
{
    return loader->table;
}

struct dp_xdp_groups *
dp_xdp_loader_groups(const struct dp_xdp_loader *loader)
{
    return loader->groups;
}

struct dp_xdp_watches *
dp_xdp_loader_watches(struct dp_xdp_loader *loader)
{
    return &loader->watches;
}

const struct dp_xdp_maps *
dp_xdp_loader_maps(const struct dp_xdp_loader *loader)
{
    return &loader->first.maps;
}

/* Programs. */

/* Has 'object' run on all ports, and on those that are to come.  A port that
 * is gone does not matter; one that keeps the old program, as when it is left
 * behind, finds the same flows, with what that can do. */
static void
swap_program(struct dp_xdp_loader *loader, struct dp_xdp_object *object,
             uint32_t can)
    OVS_REQUIRES(loader->mutex)
{
    struct dp_xdp_object *old = loader->object;

    for (size_t slot = 1; slot < DP_XDP_MAX_PORTS; slot++) {
        if (loader->ports[slot] && !loader->left) {
            dp_xdp_attachment_update(&loader->ports[slot]->attachment,
                                     object->prog_fd);
        }
    }
    loader->object = object;
    dp_xdp_needs_met(&loader->needs, can, time_msec());
    close_object(loader, old);
}

int
dp_xdp_loader_switch(struct dp_xdp_loader *loader, uint32_t can,
                     char **errorp)
{
    struct dp_xdp_constants constants = loader->constants;
    struct dp_xdp_object *object = xmalloc(sizeof *object);
    int error;

    constants.can = can;
    error = dp_xdp_object_open(object, &loader->first, &constants, errorp);
    if (error) {
        free(object);
        return error;
    }
    ovs_mutex_lock(&loader->mutex);
    swap_program(loader, object, can);
    ovs_mutex_unlock(&loader->mutex);
    return 0;
}

int
dp_xdp_loader_acquire(struct dp_xdp_loader *loader, uint32_t can)
{
    int error;

    ovs_mutex_lock(&loader->mutex);
    error = dp_xdp_needs_acquire(&loader->needs, can);
    ovs_mutex_unlock(&loader->mutex);
    if (error == EAGAIN) {
        dp_xdp_loader_wake(loader);
    }
    return error;
}

void
dp_xdp_loader_release(struct dp_xdp_loader *loader, uint32_t can)
{
    ovs_mutex_lock(&loader->mutex);
    dp_xdp_needs_release(&loader->needs, can, time_msec());
    ovs_mutex_unlock(&loader->mutex);
}

uint32_t
dp_xdp_loader_can(struct dp_xdp_loader *loader)
{
    uint32_t can;

    ovs_mutex_lock(&loader->mutex);
    can = loader->needs.can;
    ovs_mutex_unlock(&loader->mutex);
    return can;
}

int
dp_xdp_loader_prog_fd(struct dp_xdp_loader *loader)
{
    int fd;

    ovs_mutex_lock(&loader->mutex);
    fd = loader->object->prog_fd;
    ovs_mutex_unlock(&loader->mutex);
    return fd;
}

uint32_t
dp_xdp_loader_verified(struct dp_xdp_loader *loader)
{
    uint32_t n;

    ovs_mutex_lock(&loader->mutex);
    n = dp_xdp_object_verified(loader->object);
    ovs_mutex_unlock(&loader->mutex);
    return n;
}

/* The loader's thread. */

void
dp_xdp_loader_wake(struct dp_xdp_loader *loader)
{
    seq_change(loader->wake);
}

void
dp_xdp_loader_look(struct dp_xdp_loader *loader)
{
    dp_xdp_watches_hurry(&loader->watches);
    dp_xdp_loader_wake(loader);
}

/* Whoever writes a map of maps is made to wait until all programs that may
 * have seen the old value have ended; the kernel promises that. */
void
dp_xdp_loader_synchronize(struct dp_xdp_loader *loader)
{
    uint32_t key = DP_XDP_MAX_GROUPS;

    if (bpf_map_update_elem(loader->first.maps.groups_fd, &key,
                            &loader->nobody_fd, 0)) {
        ovs_abort(errno, "can't wait for XDP programs to end");
    }
}

/* Finds out that epochs are over. */
static void
end_epoch(struct dp_xdp_loader *loader)
{
    uint64_t epoch = dp_xdp_table_epoch_begin(loader->table);

    if (epoch) {
        dp_xdp_loader_synchronize(loader);
        dp_xdp_table_epoch_over(loader->table, epoch);
    }
}

static void
run_programs(struct dp_xdp_loader *loader)
{
    uint32_t can, old;
    char *why;

    ovs_mutex_lock(&loader->mutex);
    old = loader->needs.can;
    can = dp_xdp_needs_choose(&loader->needs, time_msec());
    ovs_mutex_unlock(&loader->mutex);

    if (can != old && dp_xdp_loader_switch(loader, can, &why)) {
        VLOG_WARN("flows that need it stay in userspace: %s", why);
        free(why);
        ovs_mutex_lock(&loader->mutex);
        dp_xdp_needs_refused(&loader->needs, can & ~old);
        ovs_mutex_unlock(&loader->mutex);
    }
}

/* Attached ports. */

/* Tells what has become of our program on interface 'name'. */
static void
say_lost(const struct dp_xdp_port *port, const char *name)
{
    char *other = dp_xdp_link_describe(port->ifindex);

    VLOG_WARN("%s: somebody has taken our XDP program off, and with it all "
              "flows that it had; now there is %s", name,
              other ? other : "none");
    free(other);
}

/* Packets of queues without a socket are lost for the switch. */
static void
look_at_queues(struct dp_xdp_port *port, const char *name)
{
    unsigned int n = dp_xdp_device_n_rxqs(name);

    if (n != port->n_rxqs) {
        port->n_rxqs = n;
        if (n > port->n_sockets) {
            VLOG_WARN("%s: receives through %u queues, but has 'n_rxq' %u: "
                      "packets of the others go to the kernel", name, n,
                      port->n_sockets);
        }
    }
}

static void
look_at_port(struct dp_xdp_loader *loader, struct dp_xdp_port *port)
    OVS_REQUIRES(loader->mutex)
{
    bool is_lost = dp_xdp_attachment_is_lost(&port->attachment,
                                             loader->object->prog_fd);
    char name[IF_NAMESIZE];
    bool exists = if_indextoname(port->ifindex, name) != NULL;

    if (is_lost) {
        if (exists) {
            say_lost(port, name);
        }
        port->is_lost = true;
        port->lost(port->aux);
    } else if (exists) {
        look_at_queues(port, name);
    }
}

static void
look_at_ports(struct dp_xdp_loader *loader)
{
    long long int now = time_msec();

    ovs_mutex_lock(&loader->mutex);
    if (now >= loader->next_look) {
        loader->next_look = now + LOOK_MS;
        for (size_t slot = 1; slot < DP_XDP_MAX_PORTS; slot++) {
            struct dp_xdp_port *port = loader->ports[slot];

            if (port && port->lost && !port->is_lost && !loader->left) {
                look_at_port(loader, port);
            }
        }
    }
    ovs_mutex_unlock(&loader->mutex);
}

static void
wait_to_look(struct dp_xdp_loader *loader)
{
    ovs_mutex_lock(&loader->mutex);
    poll_timer_wait_until(loader->next_look);
    ovs_mutex_unlock(&loader->mutex);
}

static void *
loader_main(void *loader_)
{
    struct dp_xdp_loader *loader = loader_;

    while (!latch_is_set(&loader->exit)) {
        uint64_t seq = seq_read(loader->wake);

        ovsrcu_quiesce_start();
        run_programs(loader);
        end_epoch(loader);
        look_at_ports(loader);
        dp_xdp_watches_run(&loader->watches);
        ovsrcu_quiesce_end();

        seq_wait(loader->wake, seq);
        latch_wait(&loader->exit);
        wait_to_look(loader);
        dp_xdp_watches_wait(&loader->watches);
        poll_block();
    }
    return NULL;
}

/* Entries of the map "markpath_ifindx". */

static atomic_uint64_t *
if_entry(const struct dp_xdp_loader *loader, size_t i)
{
    return (atomic_uint64_t *) loader->first.maps.ifindex.data + i;
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

/* Gives 'port' a slot, under which the program finds it: one that no flow is
 * left of, if the port that had it before has gone without its rules. */
static int
get_slot(struct dp_xdp_loader *loader, struct dp_xdp_port *port)
    OVS_REQUIRES(loader->mutex)
{
    atomic_uint64_t *entry = find_if_entry(loader, port->ifindex, 0);

    for (uint32_t slot = 1; entry && slot < DP_XDP_MAX_PORTS; slot++) {
        if (!loader->ports[slot]
            && !dp_xdp_table_has_flows(loader->table, slot)) {
            port->slot = slot;
            loader->ports[slot] = port;
            atomic_store_explicit(entry,
                                  dp_xdp_if_entry(port->ifindex, slot, 0),
                                  memory_order_release);
            return 0;
        }
    }
    return ENOSPC;
}

static void
put_slot(struct dp_xdp_loader *loader, struct dp_xdp_port *port)
    OVS_REQUIRES(loader->mutex)
{
    atomic_store_explicit(find_if_entry(loader, port->ifindex, port->ifindex),
                          0, memory_order_release);
    loader->ports[port->slot] = NULL;
}

/* Lets packets of other ports leave through 'port'. */
static void
be_output(struct dp_xdp_port *port)
{
    if (bpf_map_update_elem(port->loader->first.maps.devs_fd, &port->slot,
                            &port->ifindex, 0)) {
        VLOG_WARN("interface %"PRIu32": can't be an output of XDP (%s)",
                  port->ifindex, ovs_strerror(errno));
    }
}

/* Persistence. */

/* Has the link of 'port' outlive the process, or not, as is wanted, and
 * packets of no flow be dropped then. */
static void
keep_link(struct dp_xdp_loader *loader, struct dp_xdp_port *port)
    OVS_REQUIRES(loader->mutex)
{
    bool kept = dp_xdp_attachment_pin(&port->attachment, loader->persist);

    atomic_store_explicit(
        find_if_entry(loader, port->ifindex, port->ifindex),
        dp_xdp_if_entry(port->ifindex, port->slot,
                        kept ? port->n_sockets : 0),
        memory_order_release);
}

void
dp_xdp_loader_set_persist(struct dp_xdp_loader *loader, bool persist)
{
    ovs_mutex_lock(&loader->mutex);
    loader->persist = persist;
    for (size_t slot = 1; slot < DP_XDP_MAX_PORTS; slot++) {
        if (loader->ports[slot]) {
            keep_link(loader, loader->ports[slot]);
        }
    }
    ovs_mutex_unlock(&loader->mutex);
}

static bool
is_pinned(uint32_t ifindex, void *loader_)
    OVS_NO_THREAD_SAFETY_ANALYSIS
{
    struct dp_xdp_loader *loader = loader_;

    return loader->persist && find_if_entry(loader, ifindex, ifindex);
}

void
dp_xdp_loader_take_over(struct dp_xdp_loader *loader)
{
    ovs_mutex_lock(&loader->mutex);
    loader->took_over = true;
    for (size_t slot = 1; slot < DP_XDP_MAX_PORTS; slot++) {
        if (loader->ports[slot]) {
            dp_xdp_attachment_take_over(&loader->ports[slot]->attachment,
                                        loader->object->prog_fd);
        }
    }
    dp_xdp_pins_sweep(is_pinned, loader);
    ovs_mutex_unlock(&loader->mutex);
}

void
dp_xdp_loader_leave(struct dp_xdp_loader *loader)
{
    ovs_mutex_lock(&loader->mutex);
    if (loader->persist && !loader->left) {
        int error = dp_xdp_table_leave(loader->table, &loader->first.maps);

        if (error) {
            VLOG_WARN("flows do not outlive the daemon (%s)",
                      ovs_strerror(error));
        } else {
            dp_xdp_groups_freeze(loader->groups);
            loader->left = true;
        }
    }
    ovs_mutex_unlock(&loader->mutex);
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
    } else if ((error = get_slot(loader, port))) {
        *errorp = xasprintf("there are %d ports with XDP already",
                            DP_XDP_MAX_PORTS - 1);
    } else {
        error = dp_xdp_attachment_init(&port->attachment, ifindex, mode,
                                       loader->object->prog_fd,
                                       !loader->took_over, errorp);
        if (error) {
            put_slot(loader, port);
        } else if (mode != DP_XDP_NOWHERE) {
            be_output(port);
        }
    }
    ovs_mutex_unlock(&loader->mutex);

    if (error) {
        free(port);
        port = NULL;
    } else {
        VLOG_DBG("interface %"PRIu32": attached in %s mode, slot %"PRIu32,
                 ifindex, dp_xdp_mode_name(mode), port->slot);
    }
    *portp = port;
    return error;
}

void
dp_xdp_port_watch(struct dp_xdp_port *port, void (*lost)(void *aux),
                  void *aux)
{
    ovs_mutex_lock(&port->loader->mutex);
    port->lost = lost;
    port->aux = aux;
    keep_link(port->loader, port);
    ovs_mutex_unlock(&port->loader->mutex);
}

bool
dp_xdp_port_is_lost(const struct dp_xdp_port *port)
{
    bool is_lost;

    ovs_mutex_lock(&port->loader->mutex);
    is_lost = port->is_lost;
    ovs_mutex_unlock(&port->loader->mutex);
    return is_lost;
}

static bool
has_left(struct dp_xdp_loader *loader)
{
    bool left;

    ovs_mutex_lock(&loader->mutex);
    left = loader->left;
    ovs_mutex_unlock(&loader->mutex);
    return left;
}

void
dp_xdp_detach(struct dp_xdp_port *port)
{
    struct dp_xdp_loader *loader;

    if (!port) {
        return;
    }
    loader = port->loader;
    if (!has_left(loader)) {
        bpf_map_delete_elem(loader->first.maps.devs_fd, &port->slot);
    }
    dp_xdp_groups_leave(loader->groups, port->slot);
    dp_xdp_loader_look(loader);
    for (unsigned int queue = 0; queue < DP_XDP_MAX_QUEUES; queue++) {
        dp_xdp_port_clear_socket(port, queue);
    }
    ovs_mutex_lock(&loader->mutex);
    dp_xdp_attachment_uninit(&port->attachment, loader->left);
    put_slot(loader, port);
    ovs_mutex_unlock(&loader->mutex);
    free(port);
}

uint32_t
dp_xdp_port_slot(const struct dp_xdp_port *port)
{
    return port->slot;
}

/* Returns the port that is attached to 'ifindex', or null. */
static struct dp_xdp_port *
find_port(const struct dp_xdp_loader *loader, uint32_t ifindex)
    OVS_REQUIRES(loader->mutex)
{
    atomic_uint64_t *entry = find_if_entry(loader, ifindex, ifindex);
    uint64_t value = 0;

    if (entry) {
        atomic_read_relaxed(entry, &value);
    }
    return loader->ports[dp_xdp_if_slot(value)];
}

uint32_t
dp_xdp_find_slot(struct dp_xdp_loader *loader, uint32_t ifindex)
{
    const struct dp_xdp_port *port;
    uint32_t slot;

    ovs_mutex_lock(&loader->mutex);
    port = find_port(loader, ifindex);
    slot = port ? port->slot : 0;
    ovs_mutex_unlock(&loader->mutex);
    return slot;
}

void
dp_xdp_set_output(struct dp_xdp_loader *loader, uint32_t ifindex,
                  uint32_t mtu)
{
    struct dp_xdp_port *port;

    ovs_mutex_lock(&loader->mutex);
    port = find_port(loader, ifindex);
    if (port && port->output_mtu != mtu) {
        port->output_mtu = mtu;
        dp_xdp_groups_outdate(loader->groups, port->slot);
    }
    ovs_mutex_unlock(&loader->mutex);
}

uint32_t
dp_xdp_find_output(struct dp_xdp_loader *loader, uint32_t slot, uint32_t mtu)
{
    const struct dp_xdp_port *port;
    uint32_t ifindex;

    ovs_mutex_lock(&loader->mutex);
    port = slot < DP_XDP_MAX_PORTS ? loader->ports[slot] : NULL;
    ifindex = (port && port->output_mtu && port->output_mtu >= mtu
               ? port->ifindex : 0);
    ovs_mutex_unlock(&loader->mutex);
    return ifindex;
}

int
dp_xdp_port_set_socket(struct dp_xdp_port *port, unsigned int queue, int fd)
{
    uint32_t key = dp_xdp_xsks_key(port->slot, queue);
    uint32_t value = fd;

    if (queue >= DP_XDP_MAX_QUEUES) {
        return ENOBUFS;
    }
    if (bpf_map_update_elem(port->loader->first.maps.xsks_fd, &key, &value,
                            0)) {
        return errno;
    }
    ovs_mutex_lock(&port->loader->mutex);
    port->n_sockets = MAX(port->n_sockets, queue + 1);
    ovs_mutex_unlock(&port->loader->mutex);
    return 0;
}

void
dp_xdp_port_clear_socket(struct dp_xdp_port *port, unsigned int queue)
{
    uint32_t key = dp_xdp_xsks_key(port->slot, queue);

    if (queue < DP_XDP_MAX_QUEUES) {
        bpf_map_delete_elem(port->loader->first.maps.xsks_fd, &key);
    }
}

uint64_t
dp_xdp_loader_count(const struct dp_xdp_loader *loader, unsigned int what)
{
    int n_cpus = libbpf_num_possible_cpus();
    uint64_t *values = xcalloc(n_cpus, sizeof *values);
    uint64_t sum = 0;

    if (!bpf_map_lookup_elem(loader->first.maps.counts_fd, &what, values)) {
        for (int i = 0; i < n_cpus; i++) {
            sum += values[i];
        }
    }
    free(values);
    return sum;
}
