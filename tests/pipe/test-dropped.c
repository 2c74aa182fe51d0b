/* SPDX-License-Identifier: Apache-2.0 */

/* dp-dropped against an array of all seconds, and the last packet while
 * another thread reads it. */

#include <config.h>
#undef NDEBUG
#include "pipe/dp-dropped.h"

#include "../dptest.h"
#include "dp-packet.h"
#include "ovs-thread.h"
#include "random.h"
#include "util.h"

enum { SECOND = 1000000 };

static struct dp_packet *
make_packet(uint8_t byte, size_t size)
{
    struct dp_packet *packet = dp_packet_new(size);

    memset(dp_packet_put_uninit(packet, size), byte, size);
    packet->md.recirc_id = UINT32_MAX;      /* Nobody asks. */
    return packet;
}

static void
check_counts(void)
{
    uint64_t seconds[2000] = { 0 }, total = 0;
    struct dp_dropped dropped;

    dp_dropped_init(&dropped);
    for (int s = DP_DROPPED_SECONDS; s < ARRAY_SIZE(seconds); s++) {
        uint64_t expect = 0;

        /* Sometimes nothing is dropped for long. */
        for (int i = random_range(20) ? random_range(3) : 0; i; i--) {
            unsigned int n = 1 + random_range(40);

            dp_dropped_count(&dropped, n, NULL, 0,
                             s * (long long int) SECOND
                             + random_range(SECOND));
            seconds[s] += n;
            total += n;
        }
        for (int i = 1; i <= DP_DROPPED_SECONDS; i++) {
            expect += seconds[s - i];
        }
        ovs_assert(dp_dropped_n(&dropped) == total);
        ovs_assert(dp_dropped_recent(&dropped, s * (long long int) SECOND)
                   == expect);
        if (!random_range(50)) {
            s += random_range(20);
        }
    }
}

static void
check_last(void)
{
    struct dp_dropped_packet last;
    struct dp_dropped dropped;

    dp_dropped_init(&dropped);
    dp_dropped_count(&dropped, 1, NULL, 0, SECOND);
    ovs_assert(!dp_dropped_last(&dropped, &last));
    for (int i = 1; i < 200; i++) {
        struct dp_packet *packet = make_packet(i, i - 1);

        dp_dropped_count(&dropped, 1, packet, i, i);
        dp_packet_delete(packet);
        dp_dropped_count(&dropped, 1, NULL, 0, i);
        ovs_assert(dp_dropped_last(&dropped, &last));
        ovs_assert(last.when == i && last.size == i - 1
                   && last.recirc_id == i
                   && last.n == MIN(i - 1, DP_DROPPED_BYTES));
        for (int j = 0; j < last.n; j++) {
            ovs_assert(last.bytes[j] == i);
        }
    }
}

/* What two have counted, of which one may have stopped long ago. */
static void
check_add(void)
{
    for (int i = 0; i < 1000; i++) {
        struct dp_packet *packets[2] = { make_packet(1, 60),
                                         make_packet(2, 60) };
        struct dp_dropped both, parts[2];
        struct dp_dropped_packet last;
        long long int now = 100 * SECOND;

        dp_dropped_init(&both);
        dp_dropped_init(&parts[0]);
        dp_dropped_init(&parts[1]);
        for (int j = random_range(20); j; j--) {
            int part = random_range(2);

            now += random_range(3 * SECOND);
            dp_dropped_count(&both, j, packets[part], part, now);
            dp_dropped_count(&parts[part], j, packets[part], part, now);
        }
        dp_dropped_add(&parts[0], &parts[1]);
        ovs_assert(dp_dropped_n(&parts[0]) == dp_dropped_n(&both));
        ovs_assert(dp_dropped_recent(&parts[0], now)
                   == dp_dropped_recent(&both, now));
        if (dp_dropped_last(&both, &last)) {
            struct dp_dropped_packet added;

            ovs_assert(dp_dropped_last(&parts[0], &added));
            ovs_assert(!memcmp(&added, &last, sizeof last));
        }
        dp_packet_delete(packets[0]);
        dp_packet_delete(packets[1]);
    }
}

/* A reader sees whole packets, each not older than the one before. */

struct race {
    struct dp_dropped dropped;
    atomic_bool stop;
};

static void *
read_packets(void *race_)
{
    struct race *race = race_;
    long long int when = 0;
    bool stop = false;

    while (!stop) {
        struct dp_dropped_packet last;

        atomic_read(&race->stop, &stop);
        if (dp_dropped_last(&race->dropped, &last)) {
            ovs_assert(last.when >= when);
            when = last.when;
            ovs_assert(last.recirc_id == (uint8_t) last.when);
            for (int i = 0; i < last.n; i++) {
                ovs_assert(last.bytes[i] == (uint8_t) last.when);
            }
        }
    }
    return NULL;
}

static void
check_race(void)
{
    struct dp_packet *packets[256];
    struct race race;
    pthread_t reader;

    dp_dropped_init(&race.dropped);
    atomic_init(&race.stop, false);
    for (int i = 0; i < ARRAY_SIZE(packets); i++) {
        packets[i] = make_packet(i, 200);
    }
    reader = ovs_thread_create("reader", read_packets, &race);
    for (int i = 1; i < 300000; i++) {
        dp_dropped_count(&race.dropped, 1, packets[i % 256], i % 256, i);
    }
    atomic_store(&race.stop, true);
    xpthread_join(reader, NULL);
    for (int i = 0; i < ARRAY_SIZE(packets); i++) {
        dp_packet_delete(packets[i]);
    }
}

static void
test_dropped_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    check_counts();
    check_last();
    check_add();
    check_race();
}
DPTEST_REGISTER("dropped", test_dropped_main);
