/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "pipe/dp-dropped.h"

#include "dp-packet.h"
#include "util.h"

/* A word of 'seconds': the second's lowest bits, above the count. */
enum { COUNT_BITS = 40 };
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)

/* How often to try to read a packet before giving up.  Each attempt fails only
 * if the writer has dropped packets during it. */
enum { MAX_TRIES = 1000 };

/* Atomic operations want no "const". */
#define READ(VAR, DST, ORDER) \
    atomic_read_explicit(CONST_CAST(atomic_uint64_t *, VAR), DST, ORDER)

void
dp_dropped_init(struct dp_dropped *dropped)
{
    atomic_init(&dropped->n, 0);
    atomic_init(&dropped->n_kept, 0);
    for (size_t i = 0; i < ARRAY_SIZE(dropped->seconds); i++) {
        atomic_init(&dropped->seconds[i], 0);
    }
    for (size_t i = 0; i < DP_DROPPED_WORDS; i++) {
        atomic_init(&dropped->kept[0][i], 0);
        atomic_init(&dropped->kept[1][i], 0);
    }
}

static uint64_t
second_of(long long int us)
{
    return us / 1000000;
}

static const atomic_uint64_t *
find_second(const struct dp_dropped *dropped, uint64_t second)
{
    return &dropped->seconds[second % ARRAY_SIZE(dropped->seconds)];
}

/* Returns the packets of 'second', as far as that is remembered. */
static uint64_t
read_second(const struct dp_dropped *dropped, uint64_t second)
{
    uint64_t word;

    READ(find_second(dropped, second), &word, memory_order_relaxed);
    return (word >> COUNT_BITS == (second & (UINT64_MAX >> COUNT_BITS))
            ? word & COUNT_MASK : 0);
}

static void
add_to_second(struct dp_dropped *dropped, uint64_t second, uint64_t n)
{
    uint64_t count = MIN(read_second(dropped, second) + n, COUNT_MASK);

    atomic_store_relaxed(CONST_CAST(atomic_uint64_t *,
                                    find_second(dropped, second)),
                         second << COUNT_BITS | count);
}

/* The words are stored with release: whoever reads one of a packet sees that
 * the one before has been published, and hence that its own place was given
 * up. */
static void
keep(struct dp_dropped *dropped, const struct dp_dropped_packet *packet)
{
    uint64_t words[DP_DROPPED_WORDS], n;

    memcpy(words, packet, sizeof words);
    atomic_read_relaxed(&dropped->n_kept, &n);
    n++;
    for (size_t i = 0; i < DP_DROPPED_WORDS; i++) {
        atomic_store_explicit(&dropped->kept[n % 2][i], words[i],
                              memory_order_release);
    }
    atomic_store_explicit(&dropped->n_kept, n, memory_order_release);
}

void
dp_dropped_count(struct dp_dropped *dropped, unsigned int n,
                 const struct dp_packet *packet, uint32_t recirc_id,
                 long long int now)
{
    uint64_t before;

    atomic_read_relaxed(&dropped->n, &before);
    atomic_store_relaxed(&dropped->n, before + n);
    add_to_second(dropped, second_of(now), n);
    if (packet) {
        struct dp_dropped_packet kept = {
            .when = now,
            .size = dp_packet_size(packet),
            .recirc_id = recirc_id,
            .packet_type = packet->packet_type,
        };

        kept.n = MIN(kept.size, DP_DROPPED_BYTES);
        memcpy(kept.bytes, dp_packet_data(packet), kept.n);
        keep(dropped, &kept);
    }
}

uint64_t
dp_dropped_n(const struct dp_dropped *dropped)
{
    uint64_t n;

    READ(&dropped->n, &n, memory_order_relaxed);
    return n;
}

uint64_t
dp_dropped_recent(const struct dp_dropped *dropped, long long int now)
{
    uint64_t second = second_of(now), n = 0;

    BUILD_ASSERT_DECL(ARRAY_SIZE(dropped->seconds) > DP_DROPPED_SECONDS + 1);
    for (int i = 1; i <= DP_DROPPED_SECONDS; i++) {
        n += read_second(dropped, second - i);
    }
    return n;
}

bool
dp_dropped_last(const struct dp_dropped *dropped,
                struct dp_dropped_packet *packet)
{
    for (int i = 0; i < MAX_TRIES; i++) {
        uint64_t words[DP_DROPPED_WORDS], n, now;

        READ(&dropped->n_kept, &n, memory_order_acquire);
        if (!n) {
            break;
        }
        for (size_t j = 0; j < DP_DROPPED_WORDS; j++) {
            READ(&dropped->kept[n % 2][j], &words[j], memory_order_acquire);
        }
        READ(&dropped->n_kept, &now, memory_order_relaxed);
        if (n == now) {
            memcpy(packet, words, sizeof words);
            return true;
        }
    }
    return false;
}

void
dp_dropped_add(struct dp_dropped *to, const struct dp_dropped *from)
{
    struct dp_dropped_packet ours, theirs;
    uint64_t n;

    atomic_read_relaxed(&to->n, &n);
    atomic_store_relaxed(&to->n, n + dp_dropped_n(from));
    for (size_t i = 0; i < ARRAY_SIZE(from->seconds); i++) {
        uint64_t word, known;

        READ(&from->seconds[i], &word, memory_order_relaxed);
        READ(&to->seconds[i], &known, memory_order_relaxed);
        if (!(word & COUNT_MASK)) {
            continue;
        } else if (word >> COUNT_BITS == known >> COUNT_BITS) {
            add_to_second(to, word >> COUNT_BITS, word & COUNT_MASK);
        } else if (word >> COUNT_BITS > known >> COUNT_BITS) {
            atomic_store_relaxed(&to->seconds[i], word);
        }
    }
    if (dp_dropped_last(from, &theirs)
        && (!dp_dropped_last(to, &ours) || ours.when < theirs.when)) {
        keep(to, &theirs);
    }
}
