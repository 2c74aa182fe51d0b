/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-meter.h"

#include "dp-packet.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "util.h"

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
 * Lanes share meters without waiting for each other.  Whoever moves the
 * meter's time on has the microseconds in between to give away, so none is
 * given twice, and gives them to a bucket in the same step in which it takes
 * its packets' tokens.  Another lane may come in between, to a bucket that has
 * not got them yet: it sees less than there is to come, never more.
 *
 * Meters are found by index.  The table is a flat array of pointers: two
 * megabytes of address space, of which pages come into being when meters use
 * them. */

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

    /* Any lane. */
    atomic_uint64_t level;      /* Tokens. */
    atomic_uint64_t n_packets;  /* Dropped. */
    atomic_uint64_t n_bytes;
};

struct meter {
    /* Constant after creation. */
    uint64_t per_packet;        /* Tokens. */
    uint64_t per_byte;
    uint16_t n_bands;

    /* Any lane. */
    atomic_llong updated_us;    /* Until when the buckets were filled. */
    atomic_uint64_t n_packets;  /* That came by. */
    atomic_uint64_t n_bytes;
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

void
dp_meters_destroy(struct dp_meters *meters)
{
    if (meters) {
        for (uint32_t id = 0; id < DP_METERS_MAX; id++) {
            free(ovsrcu_get_protected(struct meter *, &meters->slots[id]));
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
        atomic_init(&band->level, band->capacity);
        atomic_init(&band->n_packets, 0);
        atomic_init(&band->n_bytes, 0);
        band->fill_us = DIV_ROUND_UP(band->capacity, band->rate);
    }
    atomic_init(&meter->updated_us, 0);
    atomic_init(&meter->n_packets, 0);
    atomic_init(&meter->n_bytes, 0);
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
        ovsrcu_postpone(free, old);
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
        /* Bands first: no more have been dropped than came by. */
        stats->n_bands = MIN(n_bands, meter->n_bands);
        for (size_t i = 0; i < stats->n_bands; i++) {
            atomic_read_explicit(&meter->bands[i].n_packets,
                                 &stats->bands[i].packet_count,
                                 memory_order_acquire);
            atomic_read_explicit(&meter->bands[i].n_bytes,
                                 &stats->bands[i].byte_count,
                                 memory_order_acquire);
        }
        atomic_read_relaxed(&meter->n_packets, &stats->packet_in_count);
        atomic_read_relaxed(&meter->n_bytes, &stats->byte_in_count);
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

/* Moves the time of 'meter' on to 'now_us'.  Returns the microseconds that the
 * caller has to give to the bands, all of them; 0 if another lane is doing so,
 * or has gone further. */
static long long int
meter_advance(struct meter *meter, long long int now_us)
{
    long long int then;

    atomic_read_relaxed(&meter->updated_us, &then);
    return (now_us > then
            && atomic_compare_exchange_strong_explicit(
                &meter->updated_us, &then, now_us,
                memory_order_relaxed, memory_order_relaxed)
            ? now_us - then : 0);
}

/* What a band gets in 'us' microseconds. */
static uint64_t
band_gain(const struct band *band, long long int us)
{
    return us < band->fill_us ? us * band->rate : band->capacity;
}

/* Adds 'gain' to the bucket of 'band' and then takes 'cost' from it.  Returns
 * false, with nothing taken, if it holds less. */
static bool
band_take(struct band *band, uint64_t gain, uint64_t cost)
{
    uint64_t level, filled;
    bool enough;

    atomic_read_relaxed(&band->level, &level);
    do {
        filled = MIN(band->capacity, level + gain);
        enough = filled >= cost;
        if (!enough && filled == level) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(
                 &band->level, &level, enough ? filled - cost : filled,
                 memory_order_relaxed, memory_order_relaxed));
    return enough;
}

/* Gives what accumulates in 'us' to the bands, then takes the cost of 'n'
 * packets of 'bytes' from them, if none of them drops any; else takes nothing
 * and returns false. */
static bool
meter_charge_all(struct meter *meter, size_t n, uint64_t bytes,
                 long long int us)
{
    uint64_t cost = meter->per_packet * n + meter->per_byte * bytes;
    size_t n_took = 0;
    bool all = true;

    for (size_t i = 0; i < meter->n_bands; i++) {
        struct band *band = &meter->bands[i];

        all = band_take(band, band_gain(band, us), all ? cost : 0) && all;
        n_took += all;
    }
    if (!all) {
        for (size_t i = 0; i < n_took; i++) {
            band_take(&meter->bands[i], cost, 0);
        }
    }
    return all;
}

/* Takes the cost of one packet from the bands.  Returns the band that drops
 * it, or NULL. */
static struct band *
meter_charge(struct meter *meter, uint64_t cost)
{
    struct band *worst = NULL;

    for (size_t i = 0; i < meter->n_bands; i++) {
        struct band *band = &meter->bands[i];

        if (!band_take(band, 0, cost)
            && (!worst || band->rate > worst->rate)) {
            worst = band;
        }
    }
    return worst;
}

/* Takes the cost of each packet of 'batch' from the bands.  Returns a bitmap
 * of those that are to be dropped. */
static uint32_t
meter_charge_each(struct meter *meter, const struct dp_packet_batch *batch)
{
    struct dp_packet *packet;
    uint32_t drops = 0;
    uint64_t orig;

    BUILD_ASSERT_DECL(NETDEV_MAX_BURST <= 32);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        uint64_t bytes = dp_packet_size(packet);
        uint64_t cost = meter->per_packet + meter->per_byte * bytes;
        struct band *band = meter_charge(meter, cost);

        if (band) {
            atomic_add_explicit(&band->n_packets, 1, &orig,
                                memory_order_release);
            atomic_add_explicit(&band->n_bytes, bytes, &orig,
                                memory_order_release);
            drops |= UINT32_C(1) << i;
        }
    }
    return drops;
}

unsigned int
dp_meter_run(struct dp_meters *meters, struct dp_packet_batch *batch,
             uint32_t id, long long int now_us,
             struct dp_packet_batch *dropped)
{
    const size_t n = dp_packet_batch_size(batch);
    uint32_t drops = 0;         /* Bit i: packet i is to be dropped. */
    struct dp_packet *packet;
    struct meter *meter;
    uint64_t bytes = 0, orig;
    size_t i;

    meter = (id < DP_METERS_MAX
             ? ovsrcu_get(struct meter *, &meters->slots[id]) : NULL);
    if (!meter || !n) {
        return 0;
    }

    DP_PACKET_BATCH_FOR_EACH (j, packet, batch) {
        bytes += dp_packet_size(packet);
    }
    atomic_add_relaxed(&meter->n_packets, n, &orig);
    atomic_add_relaxed(&meter->n_bytes, bytes, &orig);
    if (!meter_charge_all(meter, n, bytes, meter_advance(meter, now_us))) {
        drops = meter_charge_each(meter, batch);
    }

    if (drops) {
        dp_packet_batch_init(dropped);
        DP_PACKET_BATCH_REFILL_FOR_EACH (i, n, packet, batch) {
            if (drops & (UINT32_C(1) << i)) {
                dp_packet_batch_add(dropped, packet);
            } else {
                dp_packet_batch_refill(batch, packet, i);
            }
        }
    }
    return count_1bits(drops);
}
