/* SPDX-License-Identifier: Apache-2.0 */

/* Open vSwitch's id pools hand out the lowest free id or the one that was
 * freed last; both reuse a mark as soon as can be, which is what must not
 * happen here.  So this is a pool of its own: per class one FIFO of freed
 * marks and one counter of those that were never used.
 *
 * A driver that still delivers a mark when it has confirmed the removal and
 * its rings are empty is wrong, but there are such drivers, and the longer a
 * mark rests the less harm is done.  By the time when all marks of 24 bits had
 * been used once, those that rest would fill 128 MB, so there is a limit. */

#include <config.h>
#include "offload/dp-mark.h"

#include <errno.h>

#include "util.h"

/* Marks that rest while there are some that were never used. */
#define DP_MARK_MAX_REST 65536

static void
dp_mark_fifo_grow(struct dp_mark_fifo *fifo)
{
    if (fifo->n == fifo->allocated) {
        uint32_t allocated = fifo->allocated ? 2 * fifo->allocated : 16;
        uint64_t *ring = xmalloc(allocated * sizeof *ring);

        for (uint32_t i = 0; i < fifo->n; i++) {
            ring[i] = fifo->ring[(fifo->head + i) & (fifo->allocated - 1)];
        }
        free(fifo->ring);
        fifo->ring = ring;
        fifo->allocated = allocated;
        fifo->head = 0;
    }
}

static void
dp_mark_fifo_push(struct dp_mark_fifo *fifo, uint64_t value)
{
    dp_mark_fifo_grow(fifo);
    fifo->ring[(fifo->head + fifo->n++) & (fifo->allocated - 1)] = value;
}

/* Makes 'value' the next to take. */
static void
dp_mark_fifo_push_front(struct dp_mark_fifo *fifo, uint64_t value)
{
    dp_mark_fifo_grow(fifo);
    fifo->head = (fifo->head - 1) & (fifo->allocated - 1);
    fifo->ring[fifo->head] = value;
    fifo->n++;
}

static uint64_t
dp_mark_fifo_peek(const struct dp_mark_fifo *fifo)
{
    return fifo->ring[fifo->head];
}

static uint64_t
dp_mark_fifo_pop(struct dp_mark_fifo *fifo)
{
    uint64_t value = fifo->ring[fifo->head];

    fifo->head = (fifo->head + 1) & (fifo->allocated - 1);
    if (!--fifo->n) {
        free(fifo->ring);
        memset(fifo, 0, sizeof *fifo);
    }
    return value;
}

static void
dp_mark_fifo_uninit(struct dp_mark_fifo *fifo)
{
    free(fifo->ring);
    memset(fifo, 0, sizeof *fifo);
}

/* What stands above the mark in a free FIFO: when it was freed, in marks that
 * were freed before; or that it has not been in a NIC since it was free
 * before. */
#define DP_MARK_STAMP_MAX ((UINT64_C(1) << (64 - DP_MARK_BITS)) - 1)
#define DP_MARK_UNUSED UINT64_C(0)

/* The class, less one, of 'mark'. */
static unsigned int
dp_mark_class(uint32_t mark)
{
    return log_2_floor(mark);
}

/* The last mark of class 'k' + 1. */
static uint32_t
dp_mark_class_last(unsigned int k)
{
    return MIN((UINT32_C(2) << k) - 1, DP_MARK_MAX);
}

struct dp_marks *
dp_marks_create(void)
{
    struct dp_marks *marks = xzalloc_cacheline(sizeof *marks);

    atomic_init(&marks->epoch.current, 0);
    atomic_init(&marks->n_returned, 0);
    marks->owners = dp_mark_index_create(UINT_MAX);
    ovs_mutex_init(&marks->mutex);
    for (unsigned int k = 0; k < DP_MARK_BITS; k++) {
        marks->next[k] = UINT32_C(1) << k;
        marks->available |= UINT32_C(1) << k;
    }
    return marks;
}

static void
dp_marks_free(struct dp_marks *marks)
{
    for (unsigned int k = 0; k < DP_MARK_BITS; k++) {
        dp_mark_fifo_uninit(&marks->free[k]);
    }
    dp_mark_index_destroy(marks->owners);
    ovs_mutex_destroy(&marks->mutex);
    free_cacheline(marks);
}

void
dp_marks_destroy(struct dp_marks *marks)
{
    bool idle;

    if (!marks) {
        return;
    }

    ovs_mutex_lock(&marks->mutex);
    ovs_assert(!marks->n_owned && !marks->n_limbo);
    marks->dying = true;
    idle = !marks->n_grace;
    ovs_mutex_unlock(&marks->mutex);

    if (idle) {
        dp_marks_free(marks);
    }
}

void
dp_marks_port_add(struct dp_marks *marks, unsigned int bits)
{
    ovs_assert(bits >= 1 && bits <= DP_MARK_BITS);

    ovs_mutex_lock(&marks->mutex);
    marks->n_ports[bits - 1]++;
    ovs_mutex_unlock(&marks->mutex);
}

void
dp_marks_port_del(struct dp_marks *marks, unsigned int bits)
{
    ovs_mutex_lock(&marks->mutex);
    ovs_assert(marks->n_ports[bits - 1]);
    marks->n_ports[bits - 1]--;
    ovs_mutex_unlock(&marks->mutex);
}

/* Returns a bitmap of the classes that a port of 'bits' should leave to
 * narrower ones. */
static uint32_t
dp_marks_reserved(const struct dp_marks *marks, unsigned int bits)
{
    for (unsigned int w = bits - 1; w > 0; w--) {
        if (marks->n_ports[w - 1]) {
            return (UINT32_C(1) << w) - 1;
        }
    }
    return 0;
}

/* For how many other marks the next free mark of class 'k' + 1 has rested. */
static uint64_t
dp_mark_rest(const struct dp_marks *marks, unsigned int k)
{
    uint64_t since = dp_mark_fifo_peek(&marks->free[k]) >> DP_MARK_BITS;

    return (since == DP_MARK_UNUSED
            ? UINT64_MAX : (marks->n_freed - since) & DP_MARK_STAMP_MAX);
}

static bool
dp_mark_has_fresh(const struct dp_marks *marks, unsigned int k)
{
    return marks->next[k] <= dp_mark_class_last(k);
}

/* Takes a mark out of 'classes', each of which has one: one that was never in
 * a NIC if there is, else the one that has rested longest. */
static uint32_t
dp_mark_take(struct dp_marks *marks, uint32_t classes)
{
    unsigned int fresh = DP_MARK_BITS;
    unsigned int oldest = DP_MARK_BITS;
    uint64_t max_rest = 0;
    unsigned int k;
    uint32_t mark;

    for (uint32_t left = classes; left; left &= left - 1) {
        k = raw_ctz(left);
        if (marks->free[k].n) {
            uint64_t rest = dp_mark_rest(marks, k);

            if (oldest == DP_MARK_BITS || rest > max_rest) {
                oldest = k;
                max_rest = rest;
            }
        }
        if (fresh == DP_MARK_BITS && dp_mark_has_fresh(marks, k)) {
            fresh = k;
        }
    }
    if (fresh != DP_MARK_BITS && max_rest != UINT64_MAX
        && (oldest == DP_MARK_BITS || marks->n_free < DP_MARK_MAX_REST)) {
        k = fresh;
        mark = marks->next[k]++;
    } else {
        k = oldest;
        mark = dp_mark_fifo_pop(&marks->free[k])
               & ((UINT32_C(1) << DP_MARK_BITS) - 1);
        marks->n_free--;
    }
    if (!marks->free[k].n && !dp_mark_has_fresh(marks, k)) {
        marks->available &= ~(UINT32_C(1) << k);
    }
    return mark;
}

/* 'mark' is free.  If it was 'used' it rests behind those that came before,
 * else it is the next. */
static void
dp_mark_give_back(struct dp_marks *marks, uint32_t mark, bool used)
{
    unsigned int k = dp_mark_class(mark);
    uint64_t orig;

    if (used) {
        marks->n_freed = (marks->n_freed + 1) & DP_MARK_STAMP_MAX;
        marks->n_freed = MAX(marks->n_freed, DP_MARK_UNUSED + 1);
        dp_mark_fifo_push(&marks->free[k],
                          marks->n_freed << DP_MARK_BITS | mark);
    } else {
        dp_mark_fifo_push_front(&marks->free[k],
                                (DP_MARK_UNUSED << DP_MARK_BITS) | mark);
    }
    marks->n_free++;
    atomic_add_relaxed(&marks->n_returned, 1, &orig);
    marks->available |= UINT32_C(1) << k;
}

int
dp_mark_assign(struct dp_marks *marks, unsigned int bits, void *owner,
               uint32_t *markp)
{
    uint32_t usable, preferred;

    ovs_assert(bits >= 1 && bits <= DP_MARK_BITS);
    *markp = 0;

    ovs_mutex_lock(&marks->mutex);
    usable = marks->available & ((UINT32_C(2) << (bits - 1)) - 1);
    if (usable) {
        preferred = usable & ~dp_marks_reserved(marks, bits);
        *markp = dp_mark_take(marks, (preferred
                                      ? preferred
                                      : UINT32_C(1) << log_2_floor(usable)));
        marks->n_owned++;
        ovs_assert(!dp_mark_index_get(marks->owners, *markp));
        dp_mark_index_set(marks->owners, *markp, owner, false);
    }
    ovs_mutex_unlock(&marks->mutex);

    return *markp ? 0 : ENOSPC;
}

static void
dp_mark_disown(struct dp_marks *marks, uint32_t mark, const void *owner)
{
    bool owned = dp_mark_index_clear(marks->owners, mark, owner);

    ovs_assert(owned);
    marks->n_owned--;
}

void
dp_mark_cancel(struct dp_marks *marks, uint32_t mark, const void *owner)
{
    ovs_mutex_lock(&marks->mutex);
    dp_mark_disown(marks, mark, owner);
    dp_mark_give_back(marks, mark, false);
    ovs_mutex_unlock(&marks->mutex);
}

uint64_t
dp_marks_open_epoch(struct dp_marks *marks)
{
    uint64_t epoch;

    /* Pairs with the acquire in dp_mark_drain_poll(): a lane that sees the
     * epoch polls after what the caller did before, e.g. after the rule has
     * left the NIC. */
    atomic_add_explicit(&marks->epoch.current, 1, &epoch,
                        memory_order_acq_rel);
    return epoch + 1;
}

void
dp_mark_release(struct dp_marks *marks, uint32_t mark, const void *owner,
                struct dp_mark_limbo *limbo)
{
    ovs_mutex_lock(&marks->mutex);
    dp_mark_disown(marks, mark, owner);
    dp_mark_fifo_push(&limbo->fifo, dp_marks_open_epoch(marks));
    dp_mark_fifo_push(&limbo->fifo, mark);
    marks->n_limbo++;
    ovs_mutex_unlock(&marks->mutex);
}

void
dp_mark_lose(struct dp_marks *marks, uint32_t mark, const void *owner)
{
    ovs_mutex_lock(&marks->mutex);
    dp_mark_disown(marks, mark, owner);
    marks->n_lost++;
    ovs_mutex_unlock(&marks->mutex);
}

/* Marks that wait for a grace period. */
struct dp_mark_grace {
    struct dp_marks *marks;
    size_t n;
    uint32_t array[];
};

static void
dp_mark_grace_end(struct dp_mark_grace *grace)
{
    struct dp_marks *marks = grace->marks;
    bool dead;

    ovs_mutex_lock(&marks->mutex);
    for (size_t i = 0; i < grace->n; i++) {
        dp_mark_give_back(marks, grace->array[i], true);
    }
    marks->n_grace -= grace->n;
    dead = marks->dying && !marks->n_grace;
    ovs_mutex_unlock(&marks->mutex);

    free(grace);
    if (dead) {
        dp_marks_free(marks);
    }
}

void
dp_marks_reap(struct dp_marks *marks, struct dp_mark_limbo *limbo,
              uint64_t drained)
{
    struct dp_mark_grace *grace = NULL;

    ovs_mutex_lock(&marks->mutex);
    while (limbo->fifo.n && dp_mark_fifo_peek(&limbo->fifo) <= drained) {
        if (!grace) {
            grace = xmalloc(sizeof *grace
                            + limbo->fifo.n / 2 * sizeof grace->array[0]);
            grace->marks = marks;
            grace->n = 0;
        }
        dp_mark_fifo_pop(&limbo->fifo);
        grace->array[grace->n++] = dp_mark_fifo_pop(&limbo->fifo);
    }
    if (grace) {
        marks->n_limbo -= grace->n;
        marks->n_grace += grace->n;
    }
    ovs_mutex_unlock(&marks->mutex);

    if (grace) {
        ovsrcu_postpone(dp_mark_grace_end, grace);
    }
}

size_t
dp_marks_count(const struct dp_marks *marks_)
{
    struct dp_marks *marks = CONST_CAST(struct dp_marks *, marks_);
    size_t n;

    ovs_mutex_lock(&marks->mutex);
    n = marks->n_owned + marks->n_limbo + marks->n_grace + marks->n_lost;
    ovs_mutex_unlock(&marks->mutex);

    return n;
}

bool
dp_mark_limbo_is_empty(const struct dp_marks *marks_,
                       const struct dp_mark_limbo *limbo)
{
    struct dp_marks *marks = CONST_CAST(struct dp_marks *, marks_);
    bool empty;

    ovs_mutex_lock(&marks->mutex);
    empty = !limbo->fifo.n;
    ovs_mutex_unlock(&marks->mutex);

    return empty;
}

void
dp_mark_limbo_init(struct dp_mark_limbo *limbo)
{
    memset(limbo, 0, sizeof *limbo);
}

void
dp_mark_limbo_uninit(struct dp_mark_limbo *limbo)
{
    ovs_assert(!limbo->fifo.n);
    dp_mark_fifo_uninit(&limbo->fifo);
}

void
dp_marks_check(const struct dp_marks *marks_)
{
    struct dp_marks *marks = CONST_CAST(struct dp_marks *, marks_);
    size_t n_given = 0, n_free = 0;

    dp_mark_index_check(marks->owners);

    ovs_mutex_lock(&marks->mutex);
    for (unsigned int k = 0; k < DP_MARK_BITS; k++) {
        const struct dp_mark_fifo *fifo = &marks->free[k];

        for (uint32_t i = 0; i < fifo->n; i++) {
            uint32_t mark = fifo->ring[(fifo->head + i)
                                       & (fifo->allocated - 1)]
                            & ((UINT32_C(1) << DP_MARK_BITS) - 1);

            ovs_assert(mark && dp_mark_class(mark) == k);
            ovs_assert(mark < marks->next[k]);
            ovs_assert(!dp_mark_index_get(marks->owners, mark));
        }
        n_free += fifo->n;
        n_given += marks->next[k] - (UINT32_C(1) << k);
    }
    ovs_assert(dp_mark_index_count(marks->owners) == marks->n_owned);
    ovs_assert(n_free == marks->n_free);
    ovs_assert(n_given == (n_free + marks->n_owned + marks->n_limbo
                           + marks->n_grace + marks->n_lost));
    ovs_mutex_unlock(&marks->mutex);
}
