/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_SLAB_H
#define DP_SLAB_H 1

/* dp-slab: small memory that packets meet at random
 * =================================================
 *
 * Job.  Flows, their actions, and what leads to them are small, and where
 * there are many each packet meets others.  In pages of 4 kB hardly a load
 * would find its page's address in the TLB.  So they lie in huge pages, if the
 * kernel gives them ("madvise" or "always" in
 * /sys/kernel/mm/transparent_hugepage/enabled), and each begins at a cache
 * line.
 *
 * Memory comes in chunks of one huge page for objects of one size, in cache
 * lines, from the NUMA node of the caller's core.  The first chunk of a size
 * is in small pages, so that few objects need little, unless the process locks
 * its memory (--mlockall).  Of huge ones one is kept in stock for each node,
 * made by the thread that runs RCU's callbacks: to zero one takes longer than
 * a lane may wait.  Who finds none gets a chunk in small pages, which stays
 * like that.  A chunk that nobody uses goes back to the kernel, but for the
 * first and one more of each size.  Objects larger than DP_SLAB_MAX are the
 * C library's.
 *
 * With AddressSanitizer all are, so that it can see who uses what is free.
 *
 * Thread-safety.  Any thread may call anything.
 *
 * Errors.  None: without memory the process ends, as with xmalloc().
 *
 * Cost.  A mutex for each size and node, and the object is zeroed. */

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define DP_SLAB_MAX 0
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define DP_SLAB_MAX 0
#endif
#ifndef DP_SLAB_MAX
#define DP_SLAB_MAX 1024
#endif

/* Returns 'size' zero bytes that begin at a cache line. */
void *dp_slab_alloc(size_t size);

/* Frees 'p', of 'size' bytes as it was allocated; or NULL. */
void dp_slab_free(void *p, size_t size);

#endif /* dp-slab.h */
