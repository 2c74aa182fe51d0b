/* SPDX-License-Identifier: Apache-2.0 */

/* Each target is a test, "fuzz-NAME", which replays the inputs in the folder
 * FUZZ_CORPUS, or those in the files that its arguments name, as they are:
 *
 *     tests/dptest fuzz-NAME [FILE...] */

#include <config.h>
#undef NDEBUG
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "tests/dptest.h"
#include "util.h"

#define PREFIX "fuzz-"

static struct {
    char *name;                         /* Of the test. */
    fuzz_function *function;
} targets[32];
static size_t n_targets;

static dptest_function replay;

void
fuzz_register(const char *name, fuzz_function *function)
{
    ovs_assert(n_targets < ARRAY_SIZE(targets));
    targets[n_targets].name = xasprintf(PREFIX "%s", name);
    targets[n_targets].function = function;
    dptest_register(targets[n_targets++].name, replay);
}

/* Runs 'function' on bytes behind which there are no others. */
static void
run(fuzz_function *function, const uint8_t *data, size_t size)
{
    uint8_t *copy = xmemdup(data, size);
    struct fuzz_input in = { copy, size };

    function(&in);
    free(copy);
}

static void
replay_file(fuzz_function *function, const char *name)
{
    FILE *file = fopen(name, "rb");
    uint8_t data[65536];
    size_t size;

    if (!file) {
        dptest_fail("%s: %s", name, ovs_strerror(errno));
    }
    size = fread(data, 1, sizeof data, file);
    fclose(file);
    run(function, data, size);
}

/* Replays the line 's' of a corpus.  Returns whether it was an input. */
static bool
replay_line(fuzz_function *function, char *s)
{
    uint8_t data[4096];
    size_t size = 0;
    bool ok = true;

    s[strcspn(s, "#\n")] = '\0';
    s += strspn(s, " ");
    if (!*s) {
        return false;
    }
    for (; *s && *s != ' ' && ok && size < sizeof data; s += 2) {
        data[size++] = hexits_value(s, 2, &ok);
    }
    if (!ok || s[strspn(s, " ")]) {
        dptest_fail("\"%s\" is no hexadecimal", s);
    }
    run(function, data, size);
    return true;
}

static void
replay_corpus(fuzz_function *function, const char *name)
{
    const char *folder = getenv("FUZZ_CORPUS");
    char *path = xasprintf("%s/%s", folder ? folder : "tests/fuzz/corpus",
                           name);
    FILE *file = fopen(path, "r");
    struct ds line = DS_EMPTY_INITIALIZER;
    unsigned int n = 0;

    if (!file) {
        dptest_fail("%s: %s; is FUZZ_CORPUS set?", path, ovs_strerror(errno));
    }
    while (!ds_get_line(&line, file)) {
        n += replay_line(function, ds_cstr(&line));
    }
    fclose(file);
    if (!n) {
        dptest_fail("%s: no inputs", path);
    }
    free(path);
    ds_destroy(&line);
}

static void
replay(int argc, char *argv[])
{
    fuzz_function *function = NULL;

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    for (size_t i = 0; i < n_targets; i++) {
        if (!strcmp(targets[i].name, argv[0])) {
            function = targets[i].function;
        }
    }
    ovs_assert(function);
    if (argc > 1 && strcmp(argv[1], "check")) {
        for (int i = 1; i < argc; i++) {
            replay_file(function, argv[i]);
        }
    } else {
        replay_corpus(function, argv[0] + strlen(PREFIX));
    }
}
