/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#include "xdp/dp-xdp-object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "random.h"
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

/* Finds what 'object', which has been loaded, has for 'maps'. */
static int
find_maps(const struct bpf_object *object, struct dp_xdp_maps *maps)
{
    const struct {
        const char *name;
        struct dp_xdp_array *array;
    } arrays[] = {
        { "markpath_ifindx", &maps->ifindex },
        { "markpath_ports", &maps->ports },
        { "markpath_lists", &maps->lists },
        { "markpath_masks", &maps->masks },
        { "markpath_index", &maps->index },
        { "markpath_flows", &maps->flows },
        { "markpath_stats", &maps->stats },
    };

    maps->xsks_fd = find_map(object, "markpath_xsks");
    maps->devs_fd = find_map(object, "markpath_devs");
    maps->groups_fd = find_map(object, "markpath_groups");
    maps->counts_fd = find_map(object, "markpath_counts");
    for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
        int error = map_array(object, arrays[i].name, arrays[i].array);

        if (error) {
            return error;
        }
    }
    return 0;
}

/* All arrays. */
#define ARRAYS(MAPS)                                                    \
    { &(MAPS)->ifindex, &(MAPS)->ports, &(MAPS)->lists, &(MAPS)->masks, \
      &(MAPS)->index, &(MAPS)->flows, &(MAPS)->stats }

static void
unmap_arrays(struct dp_xdp_maps *maps)
{
    struct dp_xdp_array *arrays[] = ARRAYS(maps);

    for (size_t i = 0; i < ARRAY_SIZE(arrays); i++) {
        unmap_array(arrays[i]);
    }
}

/* Puts a copy of 'array' in its place. */
static int
part_array(struct dp_xdp_array *array)
{
    void *copy = mmap(NULL, array->size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (copy == MAP_FAILED) {
        return errno;
    }
    memcpy(copy, array->data, array->size);
    if (mremap(copy, array->size, array->size, MREMAP_MAYMOVE | MREMAP_FIXED,
               array->data) == MAP_FAILED) {
        int error = errno;

        munmap(copy, array->size);
        return error;
    }
    return 0;
}

int
dp_xdp_maps_part(struct dp_xdp_maps *maps)
{
    struct dp_xdp_array *arrays[] = ARRAYS(maps);
    int error = 0;

    for (size_t i = 0; !error && i < ARRAY_SIZE(arrays); i++) {
        /* Counters can be large, and steer nothing. */
        error = arrays[i] == &maps->stats ? 0 : part_array(arrays[i]);
    }
    return error;
}

/* Has 'object' use the maps of 'first' instead of new ones. */
static int
share_maps(struct bpf_object *object, const struct bpf_object *first)
{
    struct bpf_map *map;

    bpf_object__for_each_map (map, object) {
        const char *name = bpf_map__name(map);
        int error;

        if (!bpf_map__is_internal(map)) {
            error = bpf_map__reuse_fd(map, find_map(first, name));
            if (error) {
                return -error;
            }
        }
    }
    return 0;
}

/* Counters for each CPU that there may ever be. */
static int
size_maps(struct bpf_object *object, struct dp_xdp_maps *maps)
{
    struct bpf_map *stats = bpf_object__find_map_by_name(object,
                                                         "markpath_stats");
    int n_cpus = libbpf_num_possible_cpus();

    if (n_cpus <= 0) {
        return n_cpus ? -n_cpus : ENODEV;
    }
    maps->n_cpus = n_cpus;
    return -bpf_map__set_max_entries(stats, n_cpus * DP_XDP_MAX_FLOWS);
}

/* What the kernel says if it can't compile a program for the processor and has
 * no interpreter. */
#define KERNEL_ENOTSUPP 524

/* Returns what the kernel or the daemon lacks, if 'error' tells. */
static const char *
hint(int error)
{
    return (error == EPERM ? "; CAP_BPF and CAP_NET_ADMIN are needed"
            : error == ENOSYS ? "; it is without bpf()"
            : error == EINVAL ? "; Linux 5.13 is needed"
            : error == KERNEL_ENOTSUPP ? "; it is without a BPF JIT compiler"
            : "");
}

static int
load(struct dp_xdp_object *o, struct dp_xdp_object *first, char **errorp)
{
    int error = (first
                 ? share_maps(o->object, first->object)
                 : size_maps(o->object, &o->maps));

    if (!error) {
        error = -bpf_object__load(o->object);
    }
    if (error) {
        *errorp = xasprintf("the kernel does not take the XDP program (%s)%s",
                            ovs_strerror(error), hint(error));
        return error;
    }
    o->prog_fd = bpf_program__fd(
        bpf_object__find_program_by_name(o->object, "markpath"));
    error = first ? 0 : find_maps(o->object, &o->maps);
    if (error) {
        *errorp = xasprintf("the maps of the XDP program can't be mapped into "
                            "memory (%s)", ovs_strerror(error));
    }
    return error;
}

int
dp_xdp_object_open(struct dp_xdp_object *o, struct dp_xdp_object *first,
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
    error = load(o, first, errorp);
    if (error) {
        dp_xdp_object_close(o);
    }
    return error;
}

void
dp_xdp_object_close(struct dp_xdp_object *o)
{
    unmap_arrays(&o->maps);
    bpf_object__close(o->object);
    o->object = NULL;
}

uint32_t
dp_xdp_object_verified(const struct dp_xdp_object *o)
{
    struct bpf_prog_info info;
    __u32 len = sizeof info;

    memset(&info, 0, sizeof info);
    return (bpf_obj_get_info_by_fd(o->prog_fd, &info, &len)
            ? 0 : info.verified_insns);
}

void
dp_xdp_constants_choose(struct dp_xdp_constants *constants)
{
    for (size_t i = 0; i < ARRAY_SIZE(constants->hash); i++) {
        constants->hash[i] = random_uint64() | 1;
    }
    constants->magic = random_uint32();
}
