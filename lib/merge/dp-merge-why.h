/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_MERGE_WHY_H
#define DP_MERGE_WHY_H 1

/* dp-merge-why: why ways can't be merged
 * ======================================
 *
 * Job.  A name and a text for each reason; dp-merge-why.def has them.
 *
 * Thread-safety.  Any thread. */

enum dp_merge_why {
#define DP_MERGE_WHY(NAME, TEXT) DP_MERGE_WHY_##NAME,
#include "merge/dp-merge-why.def"
    DP_MERGE_N_WHYS
};

/* Returns the text, or the name ("A_METER"), of 'why'. */
const char *dp_merge_why_text(enum dp_merge_why why);
const char *dp_merge_why_name(enum dp_merge_why why);

#endif /* dp-merge-why.h */
