/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_PAGES_H
#define CT_PAGES_H 1

/* ct-pages: memory straight from the kernel
 * =========================================
 *
 * Job.  Zeroed memory for what is large and met at random, in huge pages where
 * they fit.  Pages that nobody touches are not there.
 *
 * Thread-safety.  Any thread. */

#include <stddef.h>

/* Returns 'size' + 'rest' zero bytes, or NULL.  The first 'size' may be in
 * huge pages; the 'rest' is not: to zero one takes longer than a packet may
 * wait. */
void *ct_pages_map(size_t size, size_t rest);

void ct_pages_unmap(void *, size_t size);

/* Makes the kernel find and zero the pages now.  Nobody else may use them. */
void ct_pages_touch(void *, size_t size);

#endif /* ct-pages.h */
