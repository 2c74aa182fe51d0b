/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "flow/dp-pages.h"

#include <sys/mman.h>
#include "util.h"

#define PAGE 4096

void *
dp_pages_map(size_t size, size_t rest)
{
    /* More, to find a place that is aligned. */
    size_t extra = size >= DP_PAGES_HUGE ? DP_PAGES_HUGE : 0;
    char *p, *end, *aligned;

    size = ROUND_UP(size, PAGE);
    rest = ROUND_UP(rest, PAGE);
    p = mmap(NULL, size + rest + extra, PROT_READ | PROT_WRITE,
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

        /* Advice only: that there are none is no error. */
        madvise(p, size, MADV_HUGEPAGE);
    }
    if (rest) {
        dp_pages_keep_small(p + size, rest);
    }
    return p;
}

void
dp_pages_keep_small(void *p, size_t size)
{
    madvise(p, size, MADV_NOHUGEPAGE);
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
