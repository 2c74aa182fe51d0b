/* SPDX-License-Identifier: Apache-2.0 */

/* Two hosts whose segments get lost, overtake each other and come again, and a
 * tracker in the middle that does not see some stretches of it.  Whatever it
 * sees of a sane conversation is valid; what is far off is not, unless the
 * tracker does not know yet where the sides are. */

#include <config.h>
#undef NDEBUG
#include "ct/ct-tcp.h"

#include "packets.h"
#include "random.h"
#include "tests/dptest.h"
#include "util.h"

enum {
    MSS = 1000,
    MAX_FLIGHT = 250,           /* Segments. */
    QUEUE = 32,
    FAR = 0x40000000,
};

struct queue {
    struct ct_tcp_segment a[QUEUE];
    int n;
};

struct host {
    uint32_t una, nxt;          /* Sent: acknowledged, and all. */
    uint32_t limit;             /* The other side allows this much. */
    uint32_t heard;             /* Received without a gap. */
    bool ahead[MAX_FLIGHT];     /* Segments received behind it. */
    uint32_t edge;              /* What it has allowed the other side. */
    uint8_t shift;
    struct queue near, far;     /* Before the tracker, and behind it. */
};

struct talk {
    struct host hosts[2];
    struct ct_tcp_peer peers[2];
    bool hidden;
    int n_seen, n_far;
};

static bool
chance(uint32_t percent)
{
    return random_range(100) < percent;
}

static void
put(struct queue *q, const struct ct_tcp_segment *seg)
{
    if (q->n < QUEUE && !chance(5)) {           /* Or it is lost. */
        q->a[q->n++] = *seg;
    }
}

/* Takes the oldest one, or perhaps its successor. */
static bool
take(struct queue *q, bool overtakes, struct ct_tcp_segment *seg)
{
    int i = overtakes && q->n > 1 && chance(20);

    if (!q->n) {
        return false;
    }
    *seg = q->a[i];
    memmove(&q->a[i], &q->a[i + 1], (q->n - i - 1) * sizeof *seg);
    q->n--;
    return true;
}

/* What 'h' writes besides data. */
static struct ct_tcp_segment
make(struct host *h, uint32_t seq, uint32_t len)
{
    uint32_t open = h->edge - h->heard;         /* Never taken back. */
    uint32_t most = MIN(MAX_FLIGHT * MSS >> h->shift, UINT16_MAX);
    uint32_t win = MIN(random_range(5) ? random_range(most + 1) : 0, most);

    win = MIN(MAX(win, (open + (1u << h->shift) - 1) >> h->shift), UINT16_MAX);
    h->edge = h->heard + (win << h->shift);
    return (struct ct_tcp_segment) {
        .seq = seq, .ack = h->heard, .len = len, .win = win,
        .flags = TCP_ACK,
    };
}

static void
send_something(struct host *h)
{
    uint32_t flight = h->nxt - h->una;
    struct ct_tcp_segment seg;

    if (chance(60) && flight < (MAX_FLIGHT - 1) * MSS
        && (int32_t) (h->limit - h->nxt) >= MSS) {
        seg = make(h, h->nxt, MSS);
        h->nxt += MSS;
    } else if (flight && chance(50)) {
        seg = make(h, h->una, MSS);             /* Once more. */
    } else {
        seg = make(h, h->nxt, 0);
    }
    put(&h->near, &seg);
}

static void
receive(struct host *h, const struct host *from,
        const struct ct_tcp_segment *seg)
{
    uint32_t limit = seg->ack + (seg->win << from->shift);
    uint32_t i = (seg->seq - h->heard) / MSS;

    if ((int32_t) (seg->ack - h->una) > 0) {
        ovs_assert((int32_t) (h->nxt - seg->ack) >= 0);
        h->una = seg->ack;
    }
    if ((int32_t) (limit - h->limit) > 0) {
        h->limit = limit;
    }
    if (seg->len && (int32_t) (seg->seq - h->heard) >= 0) {
        ovs_assert(i < MAX_FLIGHT);
        h->ahead[i] = true;
        while (h->ahead[0]) {
            memmove(h->ahead, h->ahead + 1, MAX_FLIGHT - 1);
            h->ahead[MAX_FLIGHT - 1] = false;
            h->heard += MSS;
        }
    }
}

static bool
is_lost(const struct talk *t)
{
    return (t->peers[0].wscale | t->peers[1].wscale) & CT_WSCALE_LOST;
}

/* A segment passes the tracker. */
static void
pass(struct talk *t, bool reply, const struct ct_tcp_segment *seg)
{
    struct ct_tcp_check check = { .window = true };
    struct ct_tcp_segment far = *seg;

    if (t->hidden) {
        return;
    }
    if (!is_lost(t)) {
        far.seq += chance(50) ? FAR : -FAR;
        far.len = MSS;
        ovs_assert(ct_tcp_take(t->peers, reply, &far, &check)
                   == CT_TCP_INVALID);
        far = *seg;
        far.ack += chance(50) ? FAR : -FAR;
        ovs_assert(ct_tcp_take(t->peers, reply, &far, &check)
                   == CT_TCP_INVALID);
        t->n_far++;
    }
    ovs_assert(ct_tcp_take(t->peers, reply, seg, &check) == CT_TCP_VALID);
    ovs_assert(!check.window_missed);
    ovs_assert(ct_tcp_is_established(t->peers));
    t->n_seen++;
}

/* The handshake, which is seen, of sides that scale or do not. */
static void
open_talk(struct talk *t)
{
    bool scales = chance(70);
    uint8_t option[2];
    struct ct_tcp_check check = { .window = true };
    struct ct_tcp_segment seg;

    memset(t, 0, sizeof *t);
    for (int i = 0; i < 2; i++) {
        struct host *h = &t->hosts[i];

        h->shift = scales ? random_range(8) : 0;
        option[i] = scales ? CT_WSCALE_SEEN | h->shift : 0;
        h->una = random_uint32();
        h->nxt = h->una + 1;
    }
    for (int i = 0; i < 2; i++) {
        struct host *h = &t->hosts[i];

        h->heard = h->edge = t->hosts[!i].nxt;
        t->hosts[!i].limit = h->edge;
    }
    seg = (struct ct_tcp_segment) {
        .seq = t->hosts[0].una, .win = 1000, .flags = TCP_SYN,
        .wscale = option[0],
    };
    ct_tcp_begin(t->peers, &seg);
    seg = (struct ct_tcp_segment) {
        .seq = t->hosts[1].una, .ack = t->hosts[0].nxt, .win = 1000,
        .flags = TCP_SYN | TCP_ACK, .wscale = option[1],
    };
    ovs_assert(ct_tcp_take(t->peers, true, &seg, &check) == CT_TCP_VALID);
    seg = make(&t->hosts[0], t->hosts[0].nxt, 0);
    ovs_assert(ct_tcp_take(t->peers, false, &seg, &check) == CT_TCP_VALID);
    for (int i = 0; i < 2; i++) {
        t->hosts[i].una++;
        put(&t->hosts[i].far, &seg);
        t->hosts[i].far.n = 0;
    }
}

/* Very much has gone by unseen: so much that it looks like the past. */
static void
jump(struct talk *t)
{
    for (int i = 0; i < 2; i++) {
        struct host *h = &t->hosts[i], *other = &t->hosts[!i];
        uint32_t by = random_uint32();

        h->una += by;
        h->nxt += by;
        h->limit += by;
        other->heard += by;
        other->edge += by;
        for (int j = 0; j < 2; j++) {
            struct queue *mine = j ? &h->near : &h->far;
            struct queue *his = j ? &other->near : &other->far;

            for (int k = 0; k < mine->n; k++) {
                mine->a[k].seq += by;
            }
            for (int k = 0; k < his->n; k++) {
                his->a[k].ack += by;
            }
        }
    }
}

static void
step(struct talk *t)
{
    bool reply = chance(50);
    struct host *h = &t->hosts[reply];
    struct ct_tcp_segment seg;

    switch (random_range(3)) {
    case 0:
        send_something(h);
        break;
    case 1:
        if (take(&h->near, false, &seg)) {
            pass(t, reply, &seg);
            put(&h->far, &seg);
        }
        break;
    case 2:
        if (take(&h->far, true, &seg)) {
            receive(&t->hosts[!reply], h, &seg);
        }
        break;
    }
}

static void
run(int n_stretches, bool hides)
{
    struct talk t;

    open_talk(&t);
    for (int i = 0; i < n_stretches; i++) {
        t.hidden = hides && i % 2;
        for (int n = random_range(600); n > 0; n--) {
            step(&t);
        }
        if (t.hidden) {
            if (chance(30)) {
                jump(&t);
            }
            ct_tcp_forget(t.peers);
        }
    }
    ovs_assert(t.n_seen > n_stretches && t.n_far);
}

static void
test_relearn_main(int argc, char *argv[])
{
    int n = argc > 2 && !strcmp(argv[1], "long") ? atoi(argv[2]) : 300;

    for (int i = 0; i < n; i++) {
        random_set_seed(i + 1);
        run(100, i % 4 != 0);
    }
}
DPTEST_REGISTER("ct-relearn", test_relearn_main);
