/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/ct/ct-script.h"

#include <stdlib.h>

#include "packets.h"
#include "random.h"
#include "util.h"

/* A script goes in rounds.  A side has heard what the other one said in
 * earlier rounds; what both say in a round crosses. */
struct round {
    uint16_t flags[2];          /* Of each side; 0: it is silent. */
};

enum { SYNACK = TCP_SYN | TCP_ACK, FINACK = TCP_FIN | TCP_ACK, MAX_ROUNDS = 6,
       ROUND_TIME = 1000 };

static const struct round opens[CT_SCRIPT_N_OPENS][MAX_ROUNDS] = {
    [CT_SCRIPT_OPEN_ONE] = {
        { { TCP_SYN, 0 } }, { { 0, SYNACK } }, { { TCP_ACK, 0 } } },
    [CT_SCRIPT_OPEN_BOTH] = {
        { { TCP_SYN, TCP_SYN } }, { { SYNACK, SYNACK } },
        { { TCP_ACK, TCP_ACK } } },
};

static const struct round closes[CT_SCRIPT_N_CLOSES][MAX_ROUNDS] = {
    [CT_SCRIPT_CLOSE_FIRST] = {
        { { FINACK, 0 } }, { { 0, FINACK } }, { { TCP_ACK, 0 } } },
    [CT_SCRIPT_CLOSE_SECOND] = {
        { { 0, FINACK } }, { { FINACK, 0 } }, { { 0, TCP_ACK } } },
    [CT_SCRIPT_CLOSE_HALF] = {
        { { FINACK, 0 } }, { { 0, TCP_ACK } }, { { 0, TCP_ACK | TCP_PSH } },
        { { TCP_ACK, 0 } }, { { 0, FINACK } }, { { TCP_ACK, 0 } } },
    [CT_SCRIPT_CLOSE_BOTH] = {
        { { FINACK, FINACK } }, { { TCP_ACK, TCP_ACK } } },
    [CT_SCRIPT_CLOSE_RESET] = {
        { { TCP_RST | TCP_ACK, 0 } } },
};

/* A segment, and when the tracker sees it. */
struct sight {
    unsigned int when;
    size_t number;              /* Keeps the order of those at one time. */
    struct ct_segment segment;
};

/* A script that is being written. */
struct writer {
    struct ct_script *script;
    struct ct_side *sides;
    uint32_t begin[2];          /* The numbers of SYNs. */
    int scales[2];
    unsigned int now;           /* When the round begins. */
    struct sight at[CT_SCRIPT_MAX];
};

static void
put(struct writer *w, const struct ct_segment *s, unsigned int when)
{
    size_t i = w->script->n;

    if (i < CT_SCRIPT_MAX) {
        w->at[i].when = when;
        w->at[i].number = i;
        w->at[i].segment = *s;
        w->script->n++;
    }
}

/* Puts 's' where the tracker sees it, if it does. */
static void
transmit(struct writer *w, const struct ct_segment *s)
{
    unsigned int when = w->now + random_range(ROUND_TIME);
    unsigned int again = when + ROUND_TIME + random_range(3 * ROUND_TIME);

    if (!w->script->has_faults) {
        put(w, s, when);
        return;
    }
    switch (random_range(12)) {
    case 0:                     /* Lost before the tracker. */
        put(w, s, again);
        break;
    case 1:                     /* Lost behind it. */
        put(w, s, when);
        put(w, s, again);
        break;
    case 2:                     /* Overtaken. */
        put(w, s, when + random_range(2 * ROUND_TIME));
        break;
    case 3:                     /* For good: what follows makes up for it. */
        if (!s->payload && !(s->flags & (TCP_SYN | TCP_FIN))) {
            break;
        }
        /* fall through */
    default:
        put(w, s, when);
    }
}

/* What 'side' says in a round, with 'payload' bytes. */
static void
say(struct writer *w, bool side, uint16_t flags, uint32_t ack, size_t payload)
{
    struct ct_side *me = &w->sides[side];
    struct ct_segment s = {
        .reply = side,
        .flags = flags,
        .seq = flags & TCP_SYN ? w->begin[side] : me->seq,
        .ack = ack,
        .window = 8000,
        .scale = flags & TCP_SYN ? w->scales[side] : -1,
        .payload = payload,
    };

    me->seq = s.seq + payload + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    transmit(w, &s);
}

/* Both sides' turn. */
static void
play_round(struct writer *w, const struct round *round)
{
    uint32_t heard[2] = { w->sides[1].seq, w->sides[0].seq };

    for (int side = 0; side < 2; side++) {
        uint16_t flags = round->flags[side];

        if (flags) {
            say(w, side, flags, heard[side],
                flags & TCP_PSH ? 1 + random_range(100) : 0);
        }
    }
    w->now += ROUND_TIME;
}

static void
play_rounds(struct writer *w, const struct round rounds[MAX_ROUNDS])
{
    for (int i = 0; i < MAX_ROUNDS && (rounds[i].flags[0]
                                       || rounds[i].flags[1]); i++) {
        play_round(w, &rounds[i]);
    }
}

/* Data of one side or of both. */
static void
play_data(struct writer *w)
{
    for (unsigned int n = random_range(8); n > 0; n--) {
        unsigned int who = 1 + random_range(3);
        uint16_t flags = TCP_ACK | TCP_PSH;

        play_round(w, &(struct round) {
            { who & 1 ? flags : TCP_ACK, who & 2 ? flags : TCP_ACK } });
    }
}

static int
compare_times(const void *a_, const void *b_)
{
    const struct sight *a = a_, *b = b_;

    return (a->when != b->when ? (a->when < b->when ? -1 : 1)
            : a->number < b->number ? -1 : 1);
}

void
ct_script_make(struct ct_script *script, struct ct_talk *t)
{
    bool scales = random_range(2);
    struct writer w = { .script = script, .sides = t->sides };

    script->open = random_range(CT_SCRIPT_N_OPENS);
    script->close = random_range(CT_SCRIPT_N_CLOSES);
    script->has_faults = random_range(4);
    script->n = 0;
    for (int i = 0; i < 2; i++) {
        /* Near the wrap, now and then. */
        t->sides[i].seq += random_range(4) ? 100000 : -t->sides[i].seq - 100;
        w.begin[i] = t->sides[i].seq;
        w.scales[i] = scales ? random_range(4) : -1;
    }
    play_rounds(&w, opens[script->open]);
    play_data(&w);
    play_rounds(&w, closes[script->close]);

    qsort(w.at, script->n, sizeof w.at[0], compare_times);
    for (size_t i = 0; i < script->n; i++) {
        script->segments[i] = w.at[i].segment;
    }
}
