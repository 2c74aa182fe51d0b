/* SPDX-License-Identifier: Apache-2.0 */

#include <config.h>
#undef NDEBUG
#include "xdp/dp-xdp-table.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ovs-atomic.h"
#include "ovs-thread.h"
#include "random.h"
#include "tests/dptest.h"
#include "tests/xdp/xdp-rig.h"
#include "timeval.h"
#include "util.h"
#include "xdp/dp-xdp-object.h"

/* Maps in ordinary memory. */
struct memory {
    struct dp_xdp_maps maps;
    struct dp_xdp_constants constants;
    struct dp_xdp_table *table;
};

static void
array_init(struct dp_xdp_array *array, size_t n, size_t stride)
{
    array->stride = stride;
    array->size = n * stride;
    array->data = xcalloc(n, stride);
}

static void
memory_init(struct memory *m)
{
    m->maps.n_cpus = 2;
    array_init(&m->maps.ports, DP_XDP_MAX_PORTS,
               sizeof(struct dp_xdp_port_entry));
    array_init(&m->maps.lists, DP_XDP_MAX_LISTS, sizeof(struct dp_xdp_list));
    array_init(&m->maps.masks, DP_XDP_MAX_MASKS, sizeof(struct dp_xdp_mask));
    array_init(&m->maps.index, 1 << DP_XDP_BUCKET_BITS,
               sizeof(struct dp_xdp_bucket));
    array_init(&m->maps.flows, DP_XDP_MAX_FLOWS, sizeof(struct dp_xdp_flow));
    array_init(&m->maps.stats, 2 * DP_XDP_MAX_FLOWS,
               sizeof(struct dp_xdp_stats));
    for (size_t i = 0; i < ARRAY_SIZE(m->constants.hash); i++) {
        m->constants.hash[i] = random_uint64() | 1;
    }
    m->table = dp_xdp_table_create(&m->maps, &m->constants);
}

static void
memory_uninit(struct memory *m)
{
    dp_xdp_table_destroy(m->table);
    free(m->maps.ports.data);
    free(m->maps.lists.data);
    free(m->maps.masks.data);
    free(m->maps.index.data);
    free(m->maps.flows.data);
    free(m->maps.stats.data);
}

/* What the program does, on the same maps: the flow of 'key', or 0. */
static uint32_t
look_up(const struct memory *m, const struct dp_xdp_key *key)
{
    const struct dp_xdp_port_entry *port
        = dp_xdp_array_at(&m->maps.ports, key->slot);
    const struct dp_xdp_list *list
        = dp_xdp_array_at(&m->maps.lists, port->list);

    for (uint32_t i = 0; port->list && i < list->n; i++) {
        const struct dp_xdp_mask *mask
            = dp_xdp_array_at(&m->maps.masks, list->masks[i]);
        uint64_t hash = dp_xdp_hash(key, &mask->key, list->masks[i],
                                    &m->constants);

        const struct dp_xdp_bucket *first
            = dp_xdp_array_at(&m->maps.index, dp_xdp_hash_bucket(hash, 0));
        int n = first->tags & DP_XDP_BUCKET_ELSEWHERE ? 2 : 1;

        if (!dp_xdp_tags_match(first->tags, hash)) {
            continue;
        }
        for (int j = 0; j < n * DP_XDP_BUCKET_ENTRIES; j++) {
            const struct dp_xdp_bucket *bucket
                = dp_xdp_array_at(&m->maps.index,
                                  dp_xdp_hash_bucket(hash, j % n));
            uint64_t entry = bucket->entries[j / n];
            const struct dp_xdp_flow *flow
                = dp_xdp_array_at(&m->maps.flows, (uint32_t) entry);
            bool same = entry >> 32 == (uint32_t) hash && (uint32_t) entry
                        && flow->valid && flow->mask == list->masks[i];

            for (int w = 0; same && w < DP_XDP_N_WORDS; w++) {
                same = (key->words[w] & mask->key.words[w])
                       == flow->key.words[w];
            }
            if (same) {
                return entry;
            }
        }
    }
    return 0;
}

static struct dp_xdp_key
make_key(uint32_t slot, uint32_t value)
{
    struct dp_xdp_key key;

    memset(&key, 0, sizeof key);
    key.slot = slot;
    key.nw_dst = value;
    return key;
}

/* Mask 'i' of the tests: wholly exact, but for a field that says nothing. */
static struct dp_xdp_key
make_mask(uint32_t i)
{
    struct dp_xdp_key mask = make_key(UINT16_MAX, UINT32_MAX);

    mask.nw_src = i;
    return mask;
}

static int
put(struct memory *m, uint32_t slot, uint32_t value, uint32_t mask_i,
    uint32_t *flow)
{
    static const struct dp_xdp_action drop = { .fate = DP_XDP_DROP };
    struct dp_xdp_key key = make_key(slot, value);
    struct dp_xdp_key mask = make_mask(mask_i);

    return dp_xdp_table_put(m->table, &key, &mask, &drop, flow);
}

static void
del(struct memory *m, uint32_t flow)
{
    dp_xdp_table_del(m->table, flow);
    dp_xdp_table_forget(m->table, flow);
}

static void
end_epoch(struct memory *m)
{
    dp_xdp_table_epoch_over(m->table, dp_xdp_table_epoch_begin(m->table));
}

/* Flows come and go; whatever is there is found, and nothing else. */
static void
test_xdp_table_random(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    enum { N_VALUES = 3000, N_SLOTS = 3 };
    static uint32_t flows[N_SLOTS][N_VALUES];
    struct dp_xdp_table_size size;
    struct memory m;

    memory_init(&m);
    for (int i = 0; i < 200000; i++) {
        uint32_t slot = random_range(N_SLOTS), value = random_range(N_VALUES);
        struct dp_xdp_key key = make_key(slot + 1, value);
        uint32_t *flow = &flows[slot][value];

        ovs_assert(look_up(&m, &key) == *flow);
        if (*flow) {
            del(&m, *flow);
            *flow = 0;
        } else {
            ovs_assert(!put(&m, slot + 1, value, random_range(20), flow));
        }
        ovs_assert(look_up(&m, &key) == *flow);
        if (i % 500 == 0) {
            end_epoch(&m);
        }
    }
    dp_xdp_table_check(m.table);
    for (uint32_t slot = 0; slot < N_SLOTS; slot++) {
        for (uint32_t value = 0; value < N_VALUES; value++) {
            if (flows[slot][value]) {
                del(&m, flows[slot][value]);
            }
        }
    }
    end_epoch(&m);
    dp_xdp_table_check(m.table);
    size = dp_xdp_table_get_size(m.table);
    ovs_assert(!size.n_flows && !size.n_masks && !size.n_resting);
    memory_uninit(&m);
}
DPTEST_REGISTER("xdp-table-random", test_xdp_table_random);

/* A flow, a mask and a list rest until their epoch is over: their memory stays
 * as it was. */
static void
test_xdp_table_rest(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    uint32_t first, other, mask_id;
    struct dp_xdp_flow *flow;
    struct dp_xdp_flow old;
    uint64_t epoch, ended;
    struct memory m;

    memory_init(&m);
    ovs_assert(!put(&m, 1, 77, 1, &first));
    flow = dp_xdp_array_at(&m.maps.flows, first);
    old = *flow;
    mask_id = flow->mask;

    epoch = dp_xdp_table_del(m.table, first);
    dp_xdp_table_forget(m.table, first);
    ovs_assert(!flow->valid);
    for (uint32_t i = 0; i < 100; i++) {
        ovs_assert(!put(&m, 1, i, 2, &other));
        ovs_assert(other != first);
        flow = dp_xdp_array_at(&m.maps.flows, other);
        ovs_assert(flow->mask != mask_id);
        del(&m, other);
    }
    flow = dp_xdp_array_at(&m.maps.flows, first);
    old.valid = false;
    ovs_assert(!memcmp(flow, &old, sizeof old));

    /* The epoch has to be ended before it can be over, and what is taken out
     * after that is of the next one. */
    ovs_assert(!dp_xdp_table_is_over(m.table, epoch));
    ended = dp_xdp_table_epoch_begin(m.table);
    ovs_assert(ended == epoch);
    ovs_assert(!put(&m, 1, 5, 2, &other));
    ovs_assert(dp_xdp_table_del(m.table, other) > ended);
    dp_xdp_table_epoch_over(m.table, ended);
    ovs_assert(dp_xdp_table_is_over(m.table, epoch));
    dp_xdp_table_forget(m.table, other);
    ovs_assert(dp_xdp_table_get_size(m.table).n_resting);
    end_epoch(&m);
    ovs_assert(!dp_xdp_table_get_size(m.table).n_resting);
    ovs_assert(!dp_xdp_table_epoch_begin(m.table));
    memory_uninit(&m);
}
DPTEST_REGISTER("xdp-table-rest", test_xdp_table_rest);

/* Puts a flow of port 3 with key '*key' or, if both buckets of that are full,
 * with the next one for which there is room.  Leaves the key after that in
 * '*key'.  Few are refused: none at all in nine of ten full tables; more than
 * ten, with a constant that suits these keys badly, in one of a thousand. */
static uint32_t
put_next(struct memory *m, uint32_t *key)
{
    uint32_t flow, n_refused = 0;

    while (put(m, 3, (*key)++, 1, &flow)) {
        ovs_assert(++n_refused < 10);
        end_epoch(m);                   /* Its number rests. */
    }
    return flow;
}

/* Fills the table with flows of port 3, the first of which gets the key '*n'.
 * Stores them from '*n' on, which grows.  Returns a key that is not there. */
static uint32_t
fill(struct memory *m, uint32_t *flows, uint32_t *n)
{
    uint32_t key = *n;

    while (*n < DP_XDP_MAX_FLOWS - 1) {
        flows[(*n)++] = put_next(m, &key);
    }
    return key;
}

/* What does not fit is refused, and leaves no trace. */
static void
test_xdp_table_full(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    uint32_t *flows = xcalloc(DP_XDP_MAX_FLOWS, sizeof *flows);
    uint32_t n = 0, key, flow;
    struct memory m;

    memory_init(&m);
    for (uint32_t i = 0; i < DP_XDP_LIST_MASKS; i++) {
        ovs_assert(!put(&m, 1, i, i + 1, &flows[n++]));
    }
    ovs_assert(put(&m, 1, 0, DP_XDP_LIST_MASKS + 1, &flow) == EMLINK);
    ovs_assert(dp_xdp_table_get_size(m.table).n_masks == DP_XDP_LIST_MASKS);
    ovs_assert(!put(&m, 2, 0, DP_XDP_LIST_MASKS + 1, &flows[n++]));

    key = fill(&m, flows, &n);
    ovs_assert(put(&m, 3, key, 1, &flow) == ENOSPC);
    dp_xdp_table_check(m.table);
    while (n > 0) {
        del(&m, flows[--n]);
    }
    end_epoch(&m);
    dp_xdp_table_check(m.table);
    memory_uninit(&m);
    free(flows);
}
DPTEST_REGISTER("xdp-table-full", test_xdp_table_full);

/* What only waits for an epoch to be over is not called full. */
static void
test_xdp_table_busy(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    uint32_t *flows = xcalloc(DP_XDP_MAX_FLOWS, sizeof *flows);
    uint32_t n = 0, key, flow;
    struct memory m;
    int error = 0;

    /* Masks, and lists of them: each flow has one of its own. */
    memory_init(&m);
    for (uint32_t i = 0; !error && i <= DP_XDP_MAX_MASKS; i++) {
        error = put(&m, 1, i, i, &flow);
        if (!error) {
            del(&m, flow);
        }
    }
    ovs_assert(error == EBUSY);
    end_epoch(&m);
    ovs_assert(!put(&m, 1, 0, 0, &flow));
    del(&m, flow);
    end_epoch(&m);

    /* Flows. */
    key = fill(&m, flows, &n);
    ovs_assert(put(&m, 3, key, 1, &flow) == ENOSPC);
    dp_xdp_table_del(m.table, flows[0]);
    ovs_assert(put(&m, 3, key, 1, &flow) == EBUSY);
    dp_xdp_table_forget(m.table, flows[0]);
    ovs_assert(put(&m, 3, key, 1, &flow) == EBUSY);
    end_epoch(&m);
    flows[0] = put_next(&m, &key);
    while (n > 0) {
        del(&m, flows[--n]);
    }
    end_epoch(&m);
    dp_xdp_table_check(m.table);
    memory_uninit(&m);
    free(flows);
}
DPTEST_REGISTER("xdp-table-busy", test_xdp_table_busy);

/* Puts a flow that drops the packets of key 'i'. */
static uint32_t
put_drop(struct dp_xdp_loader *loader, uint32_t i, uint32_t mask_i)
{
    static const struct dp_xdp_action drop = { .fate = DP_XDP_DROP };
    struct dp_xdp_key mask, key;
    uint32_t flow;

    memset(&key, 0, sizeof key);
    memset(&mask, 0, sizeof mask);
    key.slot = 1;
    mask.slot = UINT16_MAX;
    key.dl_dst[4] = i >> 8;
    key.dl_dst[5] = i;
    mask.dl_dst[4] = mask.dl_dst[5] = UINT8_MAX;
    mask.dl_src[0] = mask_i;
    ovs_assert(!dp_xdp_table_put(dp_xdp_loader_table(loader), &key, &mask,
                                 &drop, &flow));
    return flow;
}

/* The cache finds flows when there are some masks, does not find one that has
 * gone, and is not asked while it is of no use. */
static void
test_xdp_cache(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    uint32_t lo = xdp_rig_ifindex("lo");
    struct dp_xdp_loader *loader = xdp_rig_load();
    struct dp_xdp_table *table = dp_xdp_loader_table(loader);
    static uint32_t flows[40000];
    uint8_t packet[60] = { [12] = 0x12, [13] = 0x34 };
    struct dp_xdp_port *port;
    struct xdp_run run;
    uint64_t hits;
    char *why;

    if (dp_xdp_loader_switch(loader, DP_XDP_CAN_ALL, &why)
        || dp_xdp_attach(loader, lo, DP_XDP_NOWHERE, &port, &why)) {
        dptest_fail("%s", why);
    }
    xdp_rig_pin();
    for (uint32_t i = 0; i < ARRAY_SIZE(flows); i++) {
        flows[i] = put_drop(loader, i, i % 31);
    }
    xdp_rig_run(loader, lo, packet, sizeof packet, 100, &run);
    ovs_assert(run.verdict == XDP_DROP);
    hits = dp_xdp_loader_count(loader, DP_XDP_COUNT_CACHE);
    ovs_assert(hits > 90);

    dp_xdp_table_del(table, flows[0]);
    xdp_rig_run(loader, lo, packet, sizeof packet, 10, &run);
    ovs_assert(run.verdict == XDP_PASS);
    ovs_assert(dp_xdp_loader_count(loader, DP_XDP_COUNT_CACHE) == hits);

    /* More flows than it has places, in turn: hardly any is found twice, and
     * soon it is not asked for some 65,536 packets. */
    for (uint32_t i = 1; i < ARRAY_SIZE(flows); i++) {
        packet[4] = i >> 8;
        packet[5] = i;
        xdp_rig_run(loader, lo, packet, sizeof packet, 1, &run);
        ovs_assert(run.verdict == XDP_DROP);
    }
    hits = dp_xdp_loader_count(loader, DP_XDP_COUNT_CACHE);
    xdp_rig_run(loader, lo, packet, sizeof packet, 1000, &run);
    ovs_assert(dp_xdp_loader_count(loader, DP_XDP_COUNT_CACHE) - hits < 100);

    for (uint32_t i = 0; i < ARRAY_SIZE(flows); i++) {
        if (i) {
            dp_xdp_table_del(table, flows[i]);
        }
        dp_xdp_table_forget(table, flows[i]);
    }
    dp_xdp_detach(port);
    dp_xdp_loader_destroy(loader);
}
DPTEST_REGISTER("xdp-cache", test_xdp_cache);

/* Benchmark. */

static int
compare_u64(const void *a_, const void *b_)
{
    const uint64_t *a = a_, *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Puts flows and prints how long that takes. */
static void
bench_put(struct dp_xdp_loader *loader)
{
    enum { N = 50000 };
    static uint32_t flows[N];
    static uint64_t ns[N];
    uint64_t sum = 0;

    for (uint32_t i = 0; i < N; i++) {
        struct timespec t0, t1;

        clock_gettime(CLOCK_MONOTONIC, &t0);
        flows[i] = put_drop(loader, i, i % 31);
        clock_gettime(CLOCK_MONOTONIC, &t1);
        ns[i] = (t1.tv_sec - t0.tv_sec) * UINT64_C(1000000000)
                + t1.tv_nsec - t0.tv_nsec;
        sum += ns[i];
    }
    printf("put, the first 31 with a new mask: slowest of these ");
    qsort(ns, 31, sizeof *ns, compare_u64);
    printf("%"PRIu64" ns; ", ns[30]);
    qsort(ns, N, sizeof *ns, compare_u64);
    printf("median %"PRIu64", 99%% %"PRIu64", mean %"PRIu64" ns\n", ns[N / 2],
           ns[N - N / 100], sum / N);
    for (uint32_t i = 0; i < N; i++) {
        dp_xdp_table_del(dp_xdp_loader_table(loader), flows[i]);
        dp_xdp_table_forget(dp_xdp_loader_table(loader), flows[i]);
    }
}

/* Prints ns for a packet whose flow has the last of 'n' masks, the best of
 * some runs of 'repeat' packets. */
static void
bench_lookup(struct dp_xdp_loader *loader, uint32_t lo, uint32_t n,
             int repeat)
{
    uint8_t packet[60] = { [12] = 0x12, [13] = 0x34 };
    uint32_t flows[DP_XDP_LIST_MASKS], best = UINT32_MAX;
    struct xdp_run run;

    for (uint32_t i = 0; i < n; i++) {
        flows[i] = put_drop(loader, i, i);
    }
    packet[5] = n - 1;
    for (int i = 0; i < 7; i++) {
        xdp_rig_run(loader, lo, packet, sizeof packet, repeat, &run);
        ovs_assert(run.verdict == XDP_DROP);
        best = MIN(best, run.ns);
    }
    printf(" %"PRIu32, best);
    for (uint32_t i = 0; i < n; i++) {
        dp_xdp_table_del(dp_xdp_loader_table(loader), flows[i]);
        dp_xdp_table_forget(dp_xdp_loader_table(loader), flows[i]);
    }
}

static void
test_xdp_speed(int argc, char *argv[])
{
    static const uint32_t programs[] = {
        DP_XDP_CAN_ALL & ~DP_XDP_CAN_CACHE & ~DP_XDP_CAN_IPV6,
        DP_XDP_CAN_ALL & ~DP_XDP_CAN_CACHE,
        DP_XDP_CAN_ALL,
    };
    uint32_t lo = xdp_rig_ifindex("lo");
    struct dp_xdp_loader *loader;
    struct dp_xdp_port *port;
    int repeat = 100;
    char *why;

    if (argc > 1 && !strcmp(argv[1], "benchmark")) {
        repeat = 300000;
    }
    loader = xdp_rig_load();
    ovs_assert(!dp_xdp_attach(loader, lo, DP_XDP_NOWHERE, &port, &why));
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        ovs_assert(!dp_xdp_loader_switch(loader, programs[i], &why));
        printf("program %#"PRIx32", ns for 1, 2, 4, 8, 16, 31 masks:",
               programs[i]);
        for (uint32_t n = 1; n <= 32; n *= 2) {
            bench_lookup(loader, lo, MIN(n, DP_XDP_LIST_MASKS), repeat);
        }
        printf("\n");
    }
    bench_put(loader);
    dp_xdp_detach(port);
    dp_xdp_loader_destroy(loader);
}
DPTEST_REGISTER("xdp-speed", test_xdp_speed);

/* Update safety, with the real program: while one thread changes flows as fast
 * as it can, packets of each are either of none or wholly of the right one. */

enum { N_KEYS = 8 };

struct stress {
    struct dp_xdp_loader *loader;
    uint32_t out;               /* Slot. */
    atomic_bool stop;
    unsigned int n_changes;
};

static void
key_mac(uint8_t mac[6], uint32_t key, uint32_t version)
{
    const uint8_t bytes[] = { 2, key, version >> 24, version >> 16,
                              version >> 8, version };

    memcpy(mac, bytes, sizeof bytes);
}

static void *
stress_main(void *stress_)
{
    struct stress *s = stress_;
    struct dp_xdp_table *table = dp_xdp_loader_table(s->loader);
    uint32_t flows[N_KEYS] = { 0 };
    bool stop;

    do {
        uint32_t i = random_range(N_KEYS);
        struct dp_xdp_key mask, key;
        struct dp_xdp_action action = {
            .fate = DP_XDP_OUTPUT,
            .out = s->out,
            .set = DP_XDP_SET_DL_DST | DP_XDP_SET_DL_SRC,
        };

        memset(&key, 0, sizeof key);
        memset(&mask, 0, sizeof mask);
        key.slot = 1;
        mask.slot = UINT16_MAX;
        key.dl_dst[5] = i;
        mask.dl_dst[5] = UINT8_MAX;
        mask.dl_src[0] = i % 4;         /* Four masks come and go. */
        s->n_changes++;
        key_mac(action.dl_dst, i, s->n_changes);
        key_mac(action.dl_src, i, s->n_changes);
        if (flows[i]) {
            dp_xdp_table_del(table, flows[i]);
            dp_xdp_table_forget(table, flows[i]);
            flows[i] = 0;
            dp_xdp_loader_wake(s->loader);
        } else if (dp_xdp_table_put(table, &key, &mask, &action, &flows[i])) {
            /* All places rest: this is faster than epochs go by. */
            flows[i] = 0;
            xnanosleep(1000 * 1000);
        }
        atomic_read_relaxed(&s->stop, &stop);
    } while (!stop);
    for (uint32_t i = 0; i < N_KEYS; i++) {
        if (flows[i]) {
            dp_xdp_table_del(table, flows[i]);
            dp_xdp_table_forget(table, flows[i]);
        }
    }
    return NULL;
}

static void
test_xdp_update(int argc, char *argv[])
{
    unsigned int n = 300000, n_found = 0;
    struct dp_xdp_port *in, *out;
    uint32_t lo = xdp_rig_ifindex("lo");
    uint8_t packet[60] = { 0 };
    struct stress s;
    pthread_t thread;
    char *why;

    if (argc > 2 && !strcmp(argv[1], "soak")) {
        n = atoi(argv[2]);
    }
    s.loader = xdp_rig_load();
    s.n_changes = 0;
    atomic_init(&s.stop, false);
    if (dp_xdp_loader_switch(s.loader, DP_XDP_CAN_ALL, &why)
        || dp_xdp_attach(s.loader, lo, DP_XDP_NOWHERE, &in, &why)
        || dp_xdp_attach(s.loader, 1000000, DP_XDP_NOWHERE, &out, &why)) {
        dptest_fail("%s", why);
    }
    s.out = dp_xdp_port_slot(out);
    ovs_assert(dp_xdp_port_slot(in) == 1);
    ovs_assert(!bpf_map_update_elem(dp_xdp_loader_maps(s.loader)->devs_fd,
                                    &s.out, &lo, 0));
    packet[12] = 0x12;
    packet[13] = 0x34;
    thread = ovs_thread_create("changes", stress_main, &s);
    for (unsigned int i = 0; i < n; i++) {
        struct xdp_run run;

        packet[5] = i % N_KEYS;
        xdp_rig_run(s.loader, lo, packet, sizeof packet, 1, &run);
        if (run.verdict == XDP_REDIRECT) {
            ovs_assert(run.data[0] == 2 && run.data[1] == packet[5]);
            ovs_assert(!memcmp(run.data, run.data + 6, 6));
            n_found++;
        } else {
            ovs_assert(run.verdict == XDP_PASS && !run.mark);
        }
    }
    atomic_store_relaxed(&s.stop, true);
    xpthread_join(thread, NULL);
    printf("%u packets, %u found, %u changes\n", n, n_found, s.n_changes);
    ovs_assert(n_found > n / 100 && s.n_changes > 1000);
    dp_xdp_table_check(dp_xdp_loader_table(s.loader));
    dp_xdp_detach(out);
    dp_xdp_detach(in);
    dp_xdp_loader_destroy(s.loader);
}
DPTEST_REGISTER("xdp-update", test_xdp_update);
