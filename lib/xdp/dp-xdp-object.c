/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "util.h"
#include "xdp/dp-xdp-base.skel.h"

VLOG_DEFINE_THIS_MODULE(dp_xdp_object);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 20);

/* What libbpf has to say goes into the log; it says much when a program is
 * refused. */
static int
print(enum libbpf_print_level level, const char *format, va_list args)
{
    if (level == LIBBPF_WARN && !VLOG_DROP_DBG(&rl)) {
        char *text = xvasprintf(format, args);

        VLOG_DBG("libbpf: %s", text);
        free(text);
    }
    return 0;
}

static int
find_map(const struct bpf_object *object, const char *name)
{
    int fd = bpf_object__find_map_fd_by_name(object, name);

    ovs_assert(fd >= 0);                /* The build has put it there. */
    return fd;
}

/* Maps array 'name' of 'object' into memory.  Elements stand as far from each
 * other as the kernel has them: a multiple of 8 bytes. */
static int
map_array(const struct bpf_object *object, const char *name,
          struct dp_xdp_array *array)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object, name);
    void *data;

    ovs_assert(map);
    array->stride = ROUND_UP(bpf_map__value_size(map), 8);
    array->size = ROUND_UP(array->stride * bpf_map__max_entries(map),
                           getpagesize());
    data = mmap(NULL, array->size, PROT_READ | PROT_WRITE, MAP_SHARED,
                bpf_map__fd(map), 0);
    if (data == MAP_FAILED) {
        return errno;
    }
    array->data = data;
    return 0;
}

static void
unmap_array(struct dp_xdp_array *array)
{
    if (array->data) {
        munmap(array->data, array->size);
        array->data = NULL;
    }
}

/* Writes the constants of the program that is not yet loaded. */
static void
set_constants(const struct bpf_object *object,
              const struct dp_xdp_constants *constants)
{
    struct bpf_map *map = bpf_object__find_map_by_name(object,
                                                       ".rodata.markpath");
    int error;

    ovs_assert(map);
    error = bpf_map__set_initial_value(map, constants, sizeof *constants);
    ovs_assert(!error);
}

static int
load(struct dp_xdp_object *o, char **errorp)
{
    int error = -bpf_object__load(o->object);

    if (error) {
        *errorp = xasprintf("the kernel does not take the XDP program (%s)%s",
                            ovs_strerror(error),
                            error == EPERM
                            ? "; CAP_BPF and CAP_NET_ADMIN are needed" : "");
        return error;
    }
    o->prog_fd = bpf_program__fd(
        bpf_object__find_program_by_name(o->object, "markpath"));
    o->xsks_fd = find_map(o->object, "markpath_xsks");
    o->counts_fd = find_map(o->object, "markpath_counts");

    error = map_array(o->object, "markpath_ifindx", &o->ifindex);
    if (error) {
        *errorp = xasprintf("the maps of the XDP program can't be mapped into "
                            "memory (%s)", ovs_strerror(error));
    }
    return error;
}

int
dp_xdp_object_open(struct dp_xdp_object *o,
                   const struct dp_xdp_constants *constants, char **errorp)
{
    const void *elf;
    size_t size;
    int error;

    memset(o, 0, sizeof *o);
    libbpf_set_print(print);
    elf = dp_xdp_base__elf_bytes(&size);
    o->object = bpf_object__open_mem(elf, size, NULL);
    if (!o->object) {
        error = errno;
        *errorp = xasprintf("libbpf does not take the XDP program (%s)",
                            ovs_strerror(error));
        return error;
    }
    set_constants(o->object, constants);
    error = load(o, errorp);
    if (error) {
        dp_xdp_object_close(o);
    }
    return error;
}

void
dp_xdp_object_close(struct dp_xdp_object *o)
{
    unmap_array(&o->ifindex);
    bpf_object__close(o->object);
    o->object = NULL;
}
