/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_BOOKS_WORTH_H
#define DP_BOOKS_WORTH_H 1

/* dp-books-worth: how busy must a connection be to get a rule?
 * ============================================================
 *
 * Job.  PURE: no clock, no lock.  To trace a packet, to make a rule of it and
 * to take it out again costs as much as a rule of DP_BOOKS_WORTH_PACKETS
 * packets saves.  How many packets a connection will still have is not known;
 * how many rules had lately is.
 *
 * As long as rules pay, a connection gets one soon: when it has been seen for
 * the DP_BOOKS_WORTH_MIN_SEEN'th time.  When many were in vain, connections
 * have to be seen DP_BOOKS_WORTH_MAX_SEEN times, within a second or two; so
 * often none is that has few packets, nor several together that lanes take
 * for one (pipe/dp-sample.h).  After a while a fourth of that is enough, and
 * then a fourth of that, as long as rules that are made then, of which there
 * may be some only, are not in vain.  If they are, it takes longer until the
 * next try.
 *
 * Where connections are slow, it is known within a second or two which rules
 * were in vain, but only much later which ones pay.  So when it is known of
 * all rules of the same age which ones were in vain, one that goes on, at a
 * good pace, is *promising*: it is counted as one that pays.  If it ends
 * before it does, the promise is broken, and outweighs another one.
 *
 * Thread-safety.  None. */

#include <stdbool.h>
#include <stdint.h>

enum {
    DP_BOOKS_WORTH_PACKETS = 128,

    /* Of a rule that is promising, and its age in passes. */
    DP_BOOKS_WORTH_PROMISING = DP_BOOKS_WORTH_PACKETS / 8,
    DP_BOOKS_WORTH_AGE = 4,

    DP_BOOKS_WORTH_MIN_SEEN = 4,
    DP_BOOKS_WORTH_MAX_SEEN = 512,

    /* Rules in vain, in a pass, that are too many: few, if it was known that
     * this might happen. */
    DP_BOOKS_WORTH_MANY = 64,
    DP_BOOKS_WORTH_FEW = 8,

    /* Rules that may be made in a pass then. */
    DP_BOOKS_WORTH_TRIES = 1024,

    /* Passes: until it is known what rules are worth, and until the next try,
     * at least and at most. */
    DP_BOOKS_WORTH_TRIAL = 4,
    DP_BOOKS_WORTH_MAX_PAUSE = 64,
};

struct dp_books_worth {
    uint32_t seen;              /* How often a connection must be, lately, to
                                 * get a rule. */
    uint32_t n_made;            /* Rules, since the last pass. */
    uint32_t n_paid;            /* Likewise, with promises. */
    uint32_t n_broken;          /* Likewise, promises. */

    /* Rules in vain: in this pass and the next ones, when others of their age
     * are promising. */
    uint32_t n_vain[DP_BOOKS_WORTH_AGE];
    uint32_t n_passes;          /* Since 'seen' has changed, or too many rules
                                 * were in vain. */
    uint32_t pause;             /* Passes until the next try. */
};

void dp_books_worth_init(struct dp_books_worth *);

/* Is a connection to be taken to be over that had packets for 'active_ms', and
 * none for 'idle_ms' since?  If it was silent for longer than twice that. */
bool dp_books_worth_is_over(long long int active_ms, long long int idle_ms);

/* A rule was made.  Returns false if there may be no more in this pass. */
bool dp_books_worth_made(struct dp_books_worth *);

/* A rule has paid: it had DP_BOOKS_WORTH_PACKETS.  Or it is promising: when it
 * was DP_BOOKS_WORTH_AGE passes old it went on, and had
 * DP_BOOKS_WORTH_PROMISING.  Once for each rule. */
void dp_books_worth_paid(struct dp_books_worth *);

/* A rule that was promising has ended before it had paid. */
void dp_books_worth_broken(struct dp_books_worth *);

/* A rule that is 'age' passes old was in vain. */
void dp_books_worth_vain(struct dp_books_worth *, uint32_t age);

/* Draws conclusions, once per pass. */
void dp_books_worth_end_pass(struct dp_books_worth *);

/* Must connections be busier than usual?  Then rules in vain need not stay. */
bool dp_books_worth_is_strict(const struct dp_books_worth *);

#endif /* dp-books-worth.h */
