/* SPDX-License-Identifier: Apache-2.0 */

/* A program for libFuzzer, which has main().  The target's name is in
 * FUZZ_TARGET. */

#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "util.h"

static struct {
    const char *name;
    fuzz_function *function;
} targets[32];
static size_t n_targets;

static fuzz_function *target;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void
fuzz_register(const char *name, fuzz_function *function)
{
    ovs_assert(n_targets < ARRAY_SIZE(targets));
    targets[n_targets].name = name;
    targets[n_targets++].function = function;
}

int
LLVMFuzzerInitialize(int *argc OVS_UNUSED, char ***argv OVS_UNUSED)
{
    const char *name = getenv("FUZZ_TARGET");

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    for (size_t i = 0; i < n_targets; i++) {
        if (name && !strcmp(targets[i].name, name)) {
            target = targets[i].function;
            return 0;
        }
    }
    fprintf(stderr, "FUZZ_TARGET is none of");
    for (size_t i = 0; i < n_targets; i++) {
        fprintf(stderr, " %s", targets[i].name);
    }
    fputc('\n', stderr);
    exit(EXIT_FAILURE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    target(&in);
    return 0;
}
