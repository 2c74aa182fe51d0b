/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-meter.h"

#include "coverage.h"
#include "dp-packet.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"
#include "pipe/dp-drop.h"

/* Token buckets in whole numbers that lose nothing to rounding.
 *
 * Time has microseconds.  A rate of R packets per second gives R millionths of
 * a packet in each, so a bucket counts millionths of packets.  A rate of R
 * kilobits per second gives R thousandths of a bit, so a bucket counts
 * thousandths of bits.  So in both cases
 *
 *     level = MIN(capacity, level + rate * microseconds)
 *
 * and a packet costs 'per_packet' + 'per_byte' * bytes, of which one is 0.
 * The largest capacity is UINT32_MAX times a million, some 2**52.  The product
 * could overflow after a long silence, so the microseconds that fill an empty
 * bucket are computed when the meter is set; beyond that the bucket is full
 * anyway.
 *
 * Meters are found by index.  The table is a flat array of pointers: two
 * megabytes of address space, of which pages come into being when meters use
 * them. */

COVERAGE_DEFINE(datapath_drop_meter);

enum {
    TOKENS_PER_PACKET = 1000 * 1000,
    TOKENS_PER_BIT = 1000,
    TOKENS_PER_UNIT = 1000 * 1000,  /* Per packet, or per kilobit. */
    KNOWN_FLAGS = OFPMF13_KBPS | OFPMF13_PKTPS | OFPMF13_BURST | OFPMF13_STATS,
};

struct band {
    /* Constant after creation. */
    uint32_t rate;              /* Tokens per microsecond. */
    uint64_t capacity;          /* Tokens. */
    long long int fill_us;      /* From empty to full. */

    /* Guarded by the meter's mutex. */
    uint64_t level;             /* Tokens. */
    uint64_t n_packets;         /* Dropped. */
    uint64_t n_bytes;
};

struct meter {
    /* Constant after creation. */
    uint64_t per_packet;        /* Tokens. */
    uint64_t per_byte;
    uint16_t n_bands;

    /* Guarded by 'mutex'. */
    struct ovs_mutex mutex;
    long long int updated_us;   /* When the buckets were last filled. */
    uint64_t n_packets;         /* That came by. */
    uint64_t n_bytes;
    struct band bands[DP_METER_BANDS_MAX];  /* 'n_bands' of them. */
};

struct dp_meters {
    struct ovs_mutex mutex;     /* Serialises changes of 'slots'. */
    OVSRCU_TYPE(struct meter *) *slots; /* DP_METERS_MAX, or NULL each. */
};

struct dp_meters *
dp_meters_create(void)
{
    struct dp_meters *meters = xzalloc(sizeof *meters);

    ovs_mutex_init(&meters->mutex);
    meters->slots = xcalloc(DP_METERS_MAX, sizeof *meters->slots);
    return meters;
}

static void
meter_free(struct meter *meter)
{
    ovs_mutex_destroy(&meter->mutex);
    free(meter);
}

void
dp_meters_destroy(struct dp_meters *meters)
{
    if (meters) {
        for (uint32_t id = 0; id < DP_METERS_MAX; id++) {
            struct meter *meter = ovsrcu_get_protected(struct meter *,
                                                       &meters->slots[id]);

            if (meter) {
                meter_free(meter);
            }
        }
        free(meters->slots);
        ovs_mutex_destroy(&meters->mutex);
        free(meters);
    }
}

void
dp_meters_get_features(struct ofputil_meter_features *features)
{
    *features = (struct ofputil_meter_features) {
        .max_meters = DP_METERS_MAX,
        .band_types = 1 << OFPMBT13_DROP,
        .capabilities = KNOWN_FLAGS,
        .max_bands = DP_METER_BANDS_MAX,
        .max_color = 0,
    };
}

static int
check_config(uint32_t id, const struct ofputil_meter_config *config)
{
    uint16_t unit = config->flags & (OFPMF13_KBPS | OFPMF13_PKTPS);

    if (id >= DP_METERS_MAX) {
        return EFBIG;
    }
    if (config->flags & ~KNOWN_FLAGS || !is_pow2(unit)) {
        return EBADF;
    }
    if (config->n_bands < 1 || config->n_bands > DP_METER_BANDS_MAX) {
        return EINVAL;
    }
    for (size_t i = 0; i < config->n_bands; i++) {
        if (config->bands[i].type != OFPMBT13_DROP) {
            return ENODEV;
        }
        if (!config->bands[i].rate) {
            return EDOM;
        }
    }
    return 0;
}

static struct meter *
meter_create(const struct ofputil_meter_config *config)
{
    struct meter *meter = xzalloc(sizeof *meter);

    if (config->flags & OFPMF13_PKTPS) {
        meter->per_packet = TOKENS_PER_PACKET;
    } else {
        meter->per_byte = 8 * TOKENS_PER_BIT;
    }
    meter->n_bands = config->n_bands;
    for (size_t i = 0; i < meter->n_bands; i++) {
        const struct ofputil_meter_band *in = &config->bands[i];
        struct band *band = &meter->bands[i];
        uint64_t burst = (config->flags & OFPMF13_BURST && in->burst_size
                          ? in->burst_size : in->rate);

        band->rate = in->rate;
        band->capacity = burst * TOKENS_PER_UNIT;
        band->level = band->capacity;
        band->fill_us = DIV_ROUND_UP(band->capacity, band->rate);
    }
    ovs_mutex_init_adaptive(&meter->mutex);
    return meter;
}

/* Puts 'new', which may be NULL, in the place of the meter with the given
 * 'id'. */
static void
meter_replace(struct dp_meters *meters, uint32_t id, struct meter *new)
    OVS_REQUIRES(meters->mutex)
{
    struct meter *old = ovsrcu_get_protected(struct meter *,
                                             &meters->slots[id]);

    ovsrcu_set(&meters->slots[id], new);
    if (old) {
        ovsrcu_postpone(meter_free, old);
    }
}

int
dp_meter_set(struct dp_meters *meters, uint32_t id,
             const struct ofputil_meter_config *config)
{
    int error = check_config(id, config);

    if (!error) {
        struct meter *meter = meter_create(config);

        ovs_mutex_lock(&meters->mutex);
        meter_replace(meters, id, meter);
        ovs_mutex_unlock(&meters->mutex);
    }
    return error;
}

int
dp_meter_get(const struct dp_meters *meters, uint32_t id,
             struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    struct meter *meter;

    if (id >= DP_METERS_MAX) {
        return EFBIG;
    }
    meter = ovsrcu_get(struct meter *, &meters->slots[id]);
    if (!meter) {
        return ENOENT;
    }
    if (stats) {
        ovs_mutex_lock(&meter->mutex);
        stats->packet_in_count = meter->n_packets;
        stats->byte_in_count = meter->n_bytes;
        stats->n_bands = MIN(n_bands, meter->n_bands);
        for (size_t i = 0; i < stats->n_bands; i++) {
            stats->bands[i].packet_count = meter->bands[i].n_packets;
            stats->bands[i].byte_count = meter->bands[i].n_bytes;
        }
        ovs_mutex_unlock(&meter->mutex);
    }
    return 0;
}

int
dp_meter_del(struct dp_meters *meters, uint32_t id,
             struct ofputil_meter_stats *stats, uint16_t n_bands)
{
    int error;

    ovs_mutex_lock(&meters->mutex);
    error = dp_meter_get(meters, id, stats, n_bands);
    if (!error) {
        meter_replace(meters, id, NULL);
    }
    ovs_mutex_unlock(&meters->mutex);
    return error;
}

/* Adds what has accumulated until 'now_us'. */
static void
meter_fill(struct meter *meter, long long int now_us)
    OVS_REQUIRES(meter->mutex)
{
    long long int us = now_us - meter->updated_us;

    if (us <= 0) {
        return;
    }
    for (size_t i = 0; i < meter->n_bands; i++) {
        struct band *band = &meter->bands[i];

        if (us >= band->fill_us) {
            band->level = band->capacity;
        } else {
            band->level = MIN(band->capacity, band->level + us * band->rate);
        }
    }
    meter->updated_us = now_us;
}

/* Takes the cost of one packet from the bands.  Returns the band that drops
 * it, or NULL. */
static struct band *
meter_charge(struct meter *meter, uint64_t cost)
    OVS_REQUIRES(meter->mutex)
{
    struct band *worst = NULL;

    for (size_t i = 0; i < meter->n_bands; i++) {
        struct band *band = &meter->bands[i];

        if (band->level >= cost) {
            band->level -= cost;
        } else if (!worst || band->rate > worst->rate) {
            worst = band;
        }
    }
    return worst;
}

/* Takes the cost of 'n' packets of 'bytes' from the bands, if none of them
 * drops any; else does nothing and returns false. */
static bool
meter_charge_all(struct meter *meter, size_t n, uint64_t bytes)
    OVS_REQUIRES(meter->mutex)
{
    uint64_t cost = meter->per_packet * n + meter->per_byte * bytes;

    for (size_t i = 0; i < meter->n_bands; i++) {
        if (meter->bands[i].level < cost) {
            return false;
        }
    }
    for (size_t i = 0; i < meter->n_bands; i++) {
        meter->bands[i].level -= cost;
    }
    return true;
}

/* Takes the cost of each packet of 'batch' from the bands.  Returns a bitmap
 * of those that are to be dropped. */
static uint32_t
meter_charge_each(struct meter *meter, const struct dp_packet_batch *batch)
    OVS_REQUIRES(meter->mutex)
{
    struct dp_packet *packet;
    uint32_t drops = 0;

    BUILD_ASSERT_DECL(NETDEV_MAX_BURST <= 32);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        uint64_t bytes = dp_packet_size(packet);
        uint64_t cost = meter->per_packet + meter->per_byte * bytes;
        struct band *band = meter_charge(meter, cost);

        if (band) {
            band->n_packets++;
            band->n_bytes += bytes;
            drops |= UINT32_C(1) << i;
        }
    }
    return drops;
}

void
dp_meter_run(struct dp_meters *meters, struct dp_packet_batch *batch,
             uint32_t id, long long int now_us)
{
    const size_t n = dp_packet_batch_size(batch);
    uint32_t drops = 0;         /* Bit i: packet i is to be dropped. */
    struct dp_packet *packet;
    struct meter *meter;
    uint64_t bytes = 0;
    size_t i;

    meter = (id < DP_METERS_MAX
             ? ovsrcu_get(struct meter *, &meters->slots[id]) : NULL);
    if (!meter || !n) {
        return;
    }

    DP_PACKET_BATCH_FOR_EACH (j, packet, batch) {
        bytes += dp_packet_size(packet);
    }
    ovs_mutex_lock(&meter->mutex);
    meter_fill(meter, now_us);
    meter->n_packets += n;
    meter->n_bytes += bytes;
    if (!meter_charge_all(meter, n, bytes)) {
        drops = meter_charge_each(meter, batch);
    }
    ovs_mutex_unlock(&meter->mutex);

    if (drops) {
        struct dp_packet_batch dropped;

        COVERAGE_ADD(datapath_drop_meter, count_1bits(drops));
        dp_packet_batch_init(&dropped);
        DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
            if (drops & (UINT32_C(1) << i)) {
                dp_packet_batch_add(&dropped, packet);
            } else {
                dp_packet_batch_refill(batch, packet, i);
            }
        }
        dp_drop_batch(&dropped);
    }
}
