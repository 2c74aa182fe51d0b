/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-pages.h"

#include <numa.h>
#include <sys/mman.h>
#include "ovs-numa.h"
#include "util.h"

#define PAGE 4096

/* Pages come from node 'numa_id' when they are first touched. */
static void
prefer_node(char *p, size_t size, int numa_id)
{
    if (numa_id >= 0 && ovs_numa_get_n_numas() > 1
        && numa_available() >= 0) {
        numa_tonode_memory(p, size, numa_id);
    }
}

/* Makes what may be read and written of 'size' + 'rest' bytes at 'p', which
 * nobody could touch so far: if the process locks its memory, this is when
 * pages come, so all advice must have been given before.  That it is not taken
 * is no error. */
static void *
open_pages(char *p, size_t size, size_t rest, int numa_id)
{
    if (size >= DP_PAGES_HUGE) {
        madvise(p, size, MADV_HUGEPAGE);
    }
    if (rest) {
        madvise(p + size, rest, MADV_NOHUGEPAGE);
    }
    prefer_node(p, size + rest, numa_id);
    if (mprotect(p, size + rest, PROT_READ | PROT_WRITE)) {
        munmap(p, size + rest);
        return NULL;
    }
    return p;
}

void *
dp_pages_map(size_t size, size_t rest, int numa_id)
{
    size_t extra;               /* To find a place that is aligned. */
    char *p, *end, *aligned;

    size = ROUND_UP(size, PAGE);
    rest = ROUND_UP(rest, PAGE);
    extra = size + rest >= DP_PAGES_HUGE ? DP_PAGES_HUGE : 0;
    p = mmap(NULL, size + rest + extra, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    if (extra) {
        end = p + size + rest + extra;
        aligned = (char *) ROUND_UP((uintptr_t) p, DP_PAGES_HUGE);
        if (aligned > p) {
            munmap(p, aligned - p);
        }
        if (aligned + size + rest < end) {
            munmap(aligned + size + rest, end - (aligned + size + rest));
        }
        p = aligned;
    }
    return open_pages(p, size, rest, numa_id);
}

void
dp_pages_unmap(void *p, size_t size)
{
    munmap(p, ROUND_UP(size, PAGE));
}

void
dp_pages_touch(void *p, size_t size)
{
    for (size_t ofs = 0; ofs < size; ofs += PAGE) {
        ((volatile char *) p)[ofs] = 0;
    }
}
