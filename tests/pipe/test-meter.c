/* SPDX-License-Identifier: Apache-2.0 */

/* dp-meter: the counts that Open vSwitch's tests expect, random traffic
 * against a model that lets time pass microsecond by microsecond, and changes
 * under traffic. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-meter.h"

#include <errno.h>
#include <string.h>

#include "../dptest.h"
#include "dp-packet.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"

static struct dp_packet *
make_packet(size_t size)
{
    struct dp_packet *packet = dp_packet_new(size);

    memset(dp_packet_put_uninit(packet, size), 0, size);
    return packet;
}

static int
set_meter(struct dp_meters *meters, uint32_t id, uint16_t flags,
          uint16_t n_bands, struct ofputil_meter_band *bands)
{
    const struct ofputil_meter_config config = {
        .flags = flags,
        .n_bands = n_bands,
        .bands = bands,
    };

    return dp_meter_set(meters, id, &config);
}

static int
set_simple(struct dp_meters *meters, uint32_t id, uint16_t flags,
           uint32_t rate, uint32_t burst)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = rate,
        .burst_size = burst,
    };

    return set_meter(meters, id, flags, 1, &band);
}

/* Passes 'batch' by the meter.  Returns how many packets it has dropped, which
 * this frees. */
static unsigned int
run(struct dp_meters *meters, struct dp_packet_batch *batch, uint32_t id,
    long long int now_us)
{
    struct dp_packet_batch dropped;
    unsigned int n = dp_meter_run(meters, batch, id, now_us, &dropped);

    if (n) {
        ovs_assert(dp_packet_batch_size(&dropped) == n);
        dp_packet_delete_batch(&dropped, true);
    }
    return n;
}

/* Sends 'n' packets of 60 bytes, one at a time.  Returns how many passed; all
 * others must be told to have been dropped. */
static int
send_packets(struct dp_meters *meters, uint32_t id, int n,
             long long int now_us)
{
    int passed = 0, dropped = 0;

    for (int i = 0; i < n; i++) {
        struct dp_packet_batch batch;

        dp_packet_batch_init_packet(&batch, make_packet(60));
        dropped += run(meters, &batch, id, now_us);
        passed += dp_packet_batch_size(&batch);
        dp_packet_delete_batch(&batch, true);
    }
    ovs_assert(passed + dropped == n);
    return passed;
}

static void
expect_stats(struct dp_meters *meters, uint32_t id, uint64_t in,
             uint64_t in_bytes, uint64_t dropped, uint64_t dropped_bytes)
{
    struct ofputil_meter_band_stats band;
    struct ofputil_meter_stats stats = { .bands = &band };

    ovs_assert(!dp_meter_get(meters, id, &stats, 1));
    ovs_assert(stats.n_bands == 1);
    ovs_assert(stats.packet_in_count == in);
    ovs_assert(stats.byte_in_count == in_bytes);
    ovs_assert(band.packet_count == dropped);
    ovs_assert(band.byte_count == dropped_bytes);
}

/* "dpif-netdev - meters" of dpif-netdev.at. */
static void
check_known(void)
{
    const uint16_t common = OFPMF13_BURST | OFPMF13_STATS;
    struct dp_meters *meters = dp_meters_create();
    long long int now = 1000 * 1000 * 1000;

    ovs_assert(!set_simple(meters, 0, OFPMF13_PKTPS | common, 1, 1));
    ovs_assert(!set_simple(meters, 1, OFPMF13_KBPS | common, 1, 2));
    send_packets(meters, 1, 7, now);
    send_packets(meters, 0, 5, now);
    expect_stats(meters, 0, 5, 300, 4, 240);
    expect_stats(meters, 1, 7, 420, 3, 180);

    now += 870 * 1000;
    send_packets(meters, 1, 5, now);
    send_packets(meters, 0, 5, now);
    expect_stats(meters, 0, 10, 600, 9, 540);
    expect_stats(meters, 1, 12, 720, 7, 420);

    now += 10 * 1000;
    send_packets(meters, 1, 5, now);
    expect_stats(meters, 0, 10, 600, 9, 540);
    expect_stats(meters, 1, 17, 1020, 11, 660);

    /* Without a burst size, a second's worth ("controller" meter of
     * ofproto-dpif.at). */
    ovs_assert(!set_simple(meters, 0, OFPMF13_PKTPS | OFPMF13_STATS, 2, 0));
    ovs_assert(send_packets(meters, 0, 8, now) == 2);
    expect_stats(meters, 0, 8, 480, 6, 360);
    ovs_assert(!set_simple(meters, 0, OFPMF13_PKTPS | common, 2, 0));
    ovs_assert(send_packets(meters, 0, 8, now) == 2);

    /* A clock behind the meter's adds nothing and takes nothing away. */
    ovs_assert(send_packets(meters, 0, 1, now - 5 * 1000 * 1000) == 0);
    ovs_assert(send_packets(meters, 0, 1, now + 499 * 1000) == 0);
    ovs_assert(send_packets(meters, 0, 1, now + 500 * 1000) == 1);
    dp_meters_destroy(meters);
}

static void
check_errors(void)
{
    struct dp_meters *meters = dp_meters_create();
    struct ofputil_meter_band bands[DP_METER_BANDS_MAX + 1];
    struct ofputil_meter_band_stats band_stats[DP_METER_BANDS_MAX];
    struct ofputil_meter_stats stats = { .bands = band_stats };
    struct ofputil_meter_features features;

    dp_meters_get_features(&features);
    ovs_assert(features.max_meters == DP_METERS_MAX);
    ovs_assert(features.max_bands == DP_METER_BANDS_MAX);
    ovs_assert(features.band_types == 1u << OFPMBT13_DROP);

    for (size_t i = 0; i < ARRAY_SIZE(bands); i++) {
        bands[i] = (struct ofputil_meter_band) {
            .type = OFPMBT13_DROP,
            .rate = 1 + i,
        };
    }
    ovs_assert(set_meter(meters, DP_METERS_MAX, OFPMF13_KBPS, 1, bands)
               == EFBIG);
    ovs_assert(set_meter(meters, 1, 0, 1, bands) == EBADF);
    ovs_assert(set_meter(meters, 1, OFPMF13_KBPS | OFPMF13_PKTPS, 1, bands)
               == EBADF);
    ovs_assert(set_meter(meters, 1, OFPMF13_KBPS | 0x8000, 1, bands)
               == EBADF);
    ovs_assert(set_meter(meters, 1, OFPMF13_KBPS, 0, bands) == EINVAL);
    ovs_assert(set_meter(meters, 1, OFPMF13_KBPS, 9, bands) == EINVAL);
    bands[3].type = OFPMBT13_DSCP_REMARK;
    ovs_assert(set_meter(meters, 1, OFPMF13_KBPS, 8, bands) == ENODEV);
    bands[3].type = OFPMBT13_DROP;
    bands[7].rate = 0;
    ovs_assert(set_meter(meters, 1, OFPMF13_KBPS, 8, bands) == EDOM);
    bands[7].rate = UINT32_MAX;
    ovs_assert(dp_meter_get(meters, 1, &stats, 8) == ENOENT);
    ovs_assert(!set_meter(meters, 1, OFPMF13_KBPS, 8, bands));
    ovs_assert(!set_meter(meters, DP_METERS_MAX - 1, OFPMF13_KBPS, 2, bands));

    ovs_assert(dp_meter_get(meters, 2, &stats, 8) == ENOENT);
    ovs_assert(dp_meter_get(meters, UINT32_MAX, &stats, 8) == EFBIG);
    ovs_assert(!dp_meter_get(meters, 1, &stats, 3) && stats.n_bands == 3);
    ovs_assert(!dp_meter_get(meters, DP_METERS_MAX - 1, &stats, 8)
               && stats.n_bands == 2);

    /* What isn't there stops nothing. */
    ovs_assert(send_packets(meters, 2, 3, 0) == 3);
    ovs_assert(send_packets(meters, UINT32_MAX, 3, 0) == 3);

    ovs_assert(!dp_meter_del(meters, 1, &stats, 8) && stats.n_bands == 8);
    ovs_assert(dp_meter_del(meters, 1, NULL, 0) == ENOENT);
    ovs_assert(!dp_meter_del(meters, DP_METERS_MAX - 1, NULL, 0));
    ovs_assert(!set_meter(meters, 1, OFPMF13_KBPS, 1, bands));
    dp_meters_destroy(meters);
    dp_meters_destroy(NULL);
}

/* The model. */

struct model_band {
    uint64_t rate, cap, level;  /* Millionths. */
    uint64_t packets, bytes;
};

struct model {
    bool packets;               /* Else kilobits. */
    int n_bands;
    struct model_band bands[DP_METER_BANDS_MAX];
    long long int now;
    uint64_t n, bytes;
};

static void
model_wait(struct model *m, long long int now)
{
    for (; m->now < now; m->now++) {
        for (int i = 0; i < m->n_bands; i++) {
            struct model_band *b = &m->bands[i];

            b->level = MIN(b->cap, b->level + b->rate);
        }
    }
}

static bool
model_pass(struct model *m, size_t size)
{
    /* In kilobits a bit is a thousandth, so millionths of kilobits are
     * thousandths of bits. */
    uint64_t cost = m->packets ? 1000000 : size * 8 * 1000;
    int hit = -1;

    for (int i = 0; i < m->n_bands; i++) {
        if (m->bands[i].level < cost
            && (hit < 0 || m->bands[i].rate > m->bands[hit].rate)) {
            hit = i;
        }
    }
    for (int i = 0; i < m->n_bands; i++) {
        if (m->bands[i].level >= cost) {
            m->bands[i].level -= cost;
        }
    }
    m->n++;
    m->bytes += size;
    if (hit >= 0) {
        m->bands[hit].packets++;
        m->bands[hit].bytes += size;
    }
    return hit < 0;
}

/* A meter with random bands, in 'meters' and as a model. */
static void
make_random(struct dp_meters *meters, uint32_t id, struct model *m)
{
    struct ofputil_meter_band bands[DP_METER_BANDS_MAX];
    bool burst = random_range(2);

    memset(m, 0, sizeof *m);
    m->packets = random_range(2);
    m->n_bands = 1 + random_range(DP_METER_BANDS_MAX);
    for (int i = 0; i < m->n_bands; i++) {
        /* Around one packet of 500 bytes in 500 us. */
        uint32_t rate = 1 + random_range(m->packets ? 4000 : 16000);
        uint32_t size = random_range(m->packets ? 20 : 100);

        bands[i] = (struct ofputil_meter_band) {
            .type = OFPMBT13_DROP,
            .rate = rate,
            .burst_size = size,
        };
        m->bands[i].rate = rate;
        m->bands[i].cap = (burst && size ? size : rate) * 1000000ULL;
        m->bands[i].level = m->bands[i].cap;
    }
    ovs_assert(!set_meter(meters, id,
                          ((m->packets ? OFPMF13_PKTPS : OFPMF13_KBPS)
                           | (burst ? OFPMF13_BURST : 0)),
                          m->n_bands, bands));
}

static void
run_burst(struct dp_meters *meters, uint32_t id, struct model *m,
          long long int now)
{
    struct dp_packet *expect[NETDEV_MAX_BURST];
    struct dp_packet_batch batch;
    size_t n_expect = 0;

    model_wait(m, now);
    dp_packet_batch_init(&batch);
    for (int i = random_range(NETDEV_MAX_BURST + 1); i > 0; i--) {
        size_t size = 60 + random_range(1000);
        struct dp_packet *packet = make_packet(size);

        dp_packet_batch_add(&batch, packet);
        if (model_pass(m, size)) {
            expect[n_expect++] = packet;
        }
    }
    run(meters, &batch, id, now);
    ovs_assert(dp_packet_batch_size(&batch) == n_expect);
    ovs_assert(!memcmp(batch.packets, expect, n_expect * sizeof *expect));
    dp_packet_delete_batch(&batch, true);
}

static void
check_model(void)
{
    struct dp_meters *meters = dp_meters_create();

    for (uint32_t i = 0; i < 100; i++) {
        uint32_t id = random_range(DP_METERS_MAX);
        struct ofputil_meter_band_stats bands[DP_METER_BANDS_MAX];
        struct ofputil_meter_stats stats = { .bands = bands };
        long long int now = random_range(1000);
        struct model m;

        make_random(meters, id, &m);
        for (int j = 0; j < 50; j++) {
            now += random_range(4) ? random_range(2000) : 0;
            run_burst(meters, id, &m, now);
        }
        ovs_assert(!dp_meter_del(meters, id, &stats, DP_METER_BANDS_MAX));
        ovs_assert(stats.packet_in_count == m.n);
        ovs_assert(stats.byte_in_count == m.bytes);
        ovs_assert(stats.n_bands == m.n_bands);
        for (int j = 0; j < m.n_bands; j++) {
            ovs_assert(bands[j].packet_count == m.bands[j].packets);
            ovs_assert(bands[j].byte_count == m.bands[j].bytes);
        }
    }
    dp_meters_destroy(meters);
}

/* The largest rate and burst, and long silences, do not overflow. */
static void
check_extremes(void)
{
    struct dp_meters *meters = dp_meters_create();
    const uint32_t max = UINT32_MAX;
    long long int now = 0;

    ovs_assert(!set_simple(meters, 0, OFPMF13_KBPS | OFPMF13_BURST, max,
                           max));
    ovs_assert(!set_simple(meters, 1, OFPMF13_PKTPS | OFPMF13_BURST, max, 1));
    ovs_assert(!set_simple(meters, 2, OFPMF13_PKTPS | OFPMF13_BURST, 1, max));
    for (int i = 0; i < 60; i++) {
        now += 1LL << i;
        ovs_assert(send_packets(meters, 0, 3, now) == 3);
        ovs_assert(send_packets(meters, 1, 1, now) == 1);
        ovs_assert(send_packets(meters, 2, 3, now) == 3);
    }
    dp_meters_destroy(meters);
}

/* Lanes send while the main thread reads, replaces and deletes. */

enum { N_LANES = 3, N_BURSTS = 3000 };

static void *
lane_main(void *meters_)
{
    struct dp_meters *meters = meters_;

    for (int i = 0; i < N_BURSTS; i++) {
        send_packets(meters, 0, 4, i);
        send_packets(meters, 1, 4, i);
        ovsrcu_quiesce();
    }
    return NULL;
}

static void
check_threads(void)
{
    struct dp_meters *meters = dp_meters_create();
    struct ofputil_meter_band_stats band;
    struct ofputil_meter_stats stats = { .bands = &band };
    pthread_t threads[N_LANES];

    /* One packet in each microsecond, and each lane sends four. */
    ovs_assert(!set_simple(meters, 0, OFPMF13_PKTPS | OFPMF13_BURST,
                           1000 * 1000, 10));
    for (int i = 0; i < N_LANES; i++) {
        threads[i] = ovs_thread_create("lane", lane_main, meters);
    }
    for (int i = 0; i < 500; i++) {
        ovs_assert(!set_simple(meters, 1, OFPMF13_PKTPS, 1 + i, 0));
        ovs_assert(!dp_meter_get(meters, 1, &stats, 1));
        ovs_assert(!dp_meter_get(meters, 0, &stats, 1));
        ovs_assert(band.packet_count <= stats.packet_in_count);
        ovs_assert(!dp_meter_del(meters, 1, NULL, 0));
        ovsrcu_quiesce();
    }
    for (int i = 0; i < N_LANES; i++) {
        xpthread_join(threads[i], NULL);
    }
    ovs_assert(!dp_meter_get(meters, 0, &stats, 1));
    ovs_assert(stats.packet_in_count == N_LANES * N_BURSTS * 4);
    ovs_assert(stats.byte_in_count == 60 * stats.packet_in_count);
    ovs_assert(band.byte_count == 60 * band.packet_count);
    /* What was in the bucket, and each microsecond once. */
    ovs_assert(stats.packet_in_count - band.packet_count
               == 10 + N_BURSTS - 1);
    dp_meters_destroy(meters);
}

static void
test_meter_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    random_set_seed(1);
    check_known();
    check_errors();
    check_model();
    check_extremes();
    check_threads();
}

DPTEST_REGISTER("meter", test_meter_main);
