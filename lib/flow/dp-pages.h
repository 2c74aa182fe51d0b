/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PAGES_H
#define DP_PAGES_H 1

/* dp-pages: memory straight from the kernel
 * =========================================
 *
 * Job.  Zeroed memory for what is large and met at random, in huge pages where
 * they fit.  Pages that nobody touches are not there.
 *
 * Thread-safety.  Any thread. */

#include <stddef.h>

#define DP_PAGES_HUGE (2u << 20)        /* Bytes of a huge page. */

/* Returns 'size' + 'rest' zero bytes, or NULL.  The first 'size' may be in
 * huge pages, and begin at one, if they are as much as one; the 'rest' is not:
 * to zero one takes longer than a packet may wait. */
void *dp_pages_map(size_t size, size_t rest);

/* Has 'size' bytes of what was mapped, none of which was touched, come in
 * small pages. */
void dp_pages_keep_small(void *, size_t size);

void dp_pages_unmap(void *, size_t size);

/* Makes the kernel find and zero the pages now.  Nobody else may use them. */
void dp_pages_touch(void *, size_t size);

#endif /* dp-pages.h */
