/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_SCRIPT_H
#define CT_SCRIPT_H 1

/* ct-script: conversations of TCP from beginning to end
 * =====================================================
 *
 * Job.  What two sane hosts say to each other, as a tracker between them sees
 * it: it opens and closes from one side or from both at once, and what crosses
 * on the wire comes in any order.  Segments may be lost before the tracker or
 * behind it, be sent again, and overtake each other. */

#include <stdbool.h>
#include <stddef.h>
#include "tests/ct/ct-talk.h"

enum { CT_SCRIPT_MAX = 128 };

enum ct_script_open {
    CT_SCRIPT_OPEN_ONE,         /* The first side begins. */
    CT_SCRIPT_OPEN_BOTH,
    CT_SCRIPT_N_OPENS
};

enum ct_script_close {
    CT_SCRIPT_CLOSE_FIRST,      /* The first side ends. */
    CT_SCRIPT_CLOSE_SECOND,
    CT_SCRIPT_CLOSE_HALF,       /* The second side goes on. */
    CT_SCRIPT_CLOSE_BOTH,
    CT_SCRIPT_CLOSE_RESET,
    CT_SCRIPT_N_CLOSES
};

struct ct_script {
    enum ct_script_open open;
    enum ct_script_close close;
    bool has_faults;            /* Loss and reordering. */
    struct ct_segment segments[CT_SCRIPT_MAX];
    size_t n;
};

/* Writes a script for 't', whose sides go on from it. */
void ct_script_make(struct ct_script *, struct ct_talk *t);

#endif /* ct-script.h */
