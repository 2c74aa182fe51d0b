/* SPDX-License-Identifier: Apache-2.0 */

/* The tests are kept in an array that grows as constructors run, and is sorted
 * by name before use, so the order does not depend on the linker.  "all" gives
 * each test a process and a file for its output, which is shown only if the
 * test has failed. */

#include <config.h>
#undef NDEBUG
#include "dptest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command-line.h"
#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-thread.h"
#include "process.h"
#include "random.h"
#include "timeval.h"
#include "util.h"

enum { EXIT_SKIP = 77 };

struct dptest {
    const char *name;
    dptest_function *function;
};

static struct dptest *tests;
static size_t n_tests;

void
dptest_register(const char *name, dptest_function *function)
{
    tests = xrealloc(tests, (n_tests + 1) * sizeof *tests);
    tests[n_tests++] = (struct dptest) { name, function };
}

void
dptest_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(NULL);
    _exit(EXIT_FAILURE);
}

void
dptest_skip(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(NULL);
    _exit(EXIT_SKIP);
}

char *
dptest_random_string(const char *alphabet, int max_len)
{
    int len = random_range(max_len + 1);
    char *s = xmalloc(len + 1);

    for (int i = 0; i < len; i++) {
        s[i] = alphabet[random_range(strlen(alphabet))];
    }
    s[len] = '\0';
    return s;
}

static int
compare_tests(const void *a_, const void *b_)
{
    const struct dptest *a = a_;
    const struct dptest *b = b_;

    return strcmp(a->name, b->name);
}

static const struct dptest *
find_test(const char *name)
{
    struct dptest key = { name, NULL };

    return bsearch(&key, tests, n_tests, sizeof *tests, compare_tests);
}

static const struct dptest *
get_test(const char *name)
{
    const struct dptest *test = find_test(name);

    if (!test) {
        ovs_fatal(0, "no test \"%s\"; use --list for a list", name);
    }
    return test;
}

/* Runs 'test' with the 'n_verbs' arguments in 'verbs', "check" if none. */
static void
call_test(const struct dptest *test, int n_verbs, char *verbs[])
{
    char *check[] = { CONST_CAST(char *, test->name),
                      CONST_CAST(char *, "check"), NULL };

    if (n_verbs) {
        test->function(n_verbs + 1, verbs - 1);
    } else {
        test->function(2, check);
    }
}

static int
timeout_seconds(void)
{
    const char *s = getenv("DPTEST_TIMEOUT");
    int seconds = s ? atoi(s) : 0;

    return seconds > 0 ? seconds : 60;
}

/* Runs 'test' in a child whose output goes to 'output'.  Returns the status
 * from waitpid(). */
static int
run_in_child(const struct dptest *test, FILE *output)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid < 0) {
        ovs_fatal(errno, "fork failed");
    } else if (!pid) {
        dup2(fileno(output), STDOUT_FILENO);
        dup2(fileno(output), STDERR_FILENO);
        alarm(timeout_seconds());
        call_test(test, 0, NULL);
        fflush(NULL);
        exit(EXIT_SUCCESS);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            ovs_fatal(errno, "waitpid failed");
        }
    }
    return status;
}

static void
copy_output(FILE *output)
{
    char line[1024];

    rewind(output);
    while (fgets(line, sizeof line, output)) {
        printf("    %s", line);
    }
}

/* Runs the tests that the 'n_names' words in 'names' name, or all tests if
 * there is none; returns true if none has failed.  Has no memory of its own
 * that the tests' processes, which never return to it, would be said to
 * leak. */
static bool
run_all(char *names[], size_t n_names)
{
    struct ds failures = DS_EMPTY_INITIALIZER;
    int passed = 0, failed = 0, skipped = 0;

    for (size_t i = 0; i < n_names; i++) {
        get_test(names[i]);     /* Before any runs. */
    }
    for (size_t i = 0; i < (n_names ? n_names : n_tests); i++) {
        const struct dptest *test = n_names ? get_test(names[i]) : &tests[i];
        long long int start = time_msec();
        FILE *output = tmpfile();
        int status;

        if (!output) {
            ovs_fatal(errno, "no temporary file");
        }
        printf("%-28s ", test->name);
        status = run_in_child(test, output);
        if (WIFEXITED(status) && !WEXITSTATUS(status)) {
            printf("ok (%lld ms)\n", time_msec() - start);
            passed++;
        } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
            printf("skipped\n");
            copy_output(output);
            skipped++;
        } else {
            char *how = process_status_msg(status);

            printf("FAILED (%s)\n", how);
            free(how);
            copy_output(output);
            ds_put_format(&failures, " %s", test->name);
            failed++;
        }
        fclose(output);
    }
    if (failed) {
        printf("failed:%s\n", ds_cstr(&failures));
    }
    ds_destroy(&failures);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return !failed;
}

static void
print_help(void)
{
    printf("usage: %s NAME [VERB [ARG]...]\n"
           "       %s all [NAME]...\n"
           "       %s --list\n", program_name, program_name, program_name);
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    ovsthread_id_self();
    fatal_ignore_sigpipe();
    setvbuf(stdout, NULL, _IOLBF, 0);

    qsort(tests, n_tests, sizeof *tests, compare_tests);
    for (size_t i = 1; i < n_tests; i++) {
        if (!strcmp(tests[i - 1].name, tests[i].name)) {
            ovs_fatal(0, "two tests are called \"%s\"", tests[i].name);
        }
    }

    if (argc < 2) {
        print_help();
        return EXIT_FAILURE;
    } else if (!strcmp(argv[1], "--help")) {
        print_help();
    } else if (!strcmp(argv[1], "--list")) {
        for (size_t i = 0; i < n_tests; i++) {
            puts(tests[i].name);
        }
    } else if (!strcmp(argv[1], "all")) {
        return run_all(argv + 2, argc - 2) ? EXIT_SUCCESS : EXIT_FAILURE;
    } else {
        call_test(get_test(argv[1]), argc - 2, argv + 2);
    }
    return EXIT_SUCCESS;
}
