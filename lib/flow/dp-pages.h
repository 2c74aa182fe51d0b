/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_PAGES_H
#define DP_PAGES_H 1

/* dp-pages: memory straight from the kernel
 * =========================================
 *
 * Job.  Zeroed memory for what is large and met at random, in huge pages where
 * they fit.  Pages that nobody touches are not there, unless the process locks
 * its memory (--mlockall).
 *
 * Thread-safety.  Any thread. */

#include <stddef.h>

#define DP_PAGES_HUGE (2u << 20)        /* Bytes of a huge page. */
#define DP_PAGES_ANY_NODE (-1)

/* Returns 'size' + 'rest' zero bytes, of NUMA node 'numa_id' if there is room,
 * or NULL and an errno.  The first 'size' may be in huge pages, if they are as
 * much as one; the 'rest' is not: to zero one takes longer than a packet may
 * wait.  If all that is as much as a huge page, it begins where one would. */
void *dp_pages_map(size_t size, size_t rest, int numa_id);

void dp_pages_unmap(void *, size_t size);

/* Makes the kernel find and zero the pages now.  Nobody else may use them. */
void dp_pages_touch(void *, size_t size);

#endif /* dp-pages.h */
