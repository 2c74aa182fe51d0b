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
enum { MAX_JOBS = 64 };         /* Tests that run at a time. */

struct dptest {
    const char *name;
    dptest_function *function;
};

/* A test that runs, and the file that takes what it says. */
struct run {
    const struct dptest *test;
    FILE *output;
    long long int start;        /* In ms. */
    pid_t pid;
};

/* How tests have ended. */
struct tally {
    int passed;
    int failed;
    int skipped;
    struct ds failures;         /* Their names. */
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

    return seconds > 0 ? seconds : 120;
}

/* Starts the process of 'run'. */
static void
run_start(struct run *run)
{
    run->output = tmpfile();
    if (!run->output) {
        ovs_fatal(errno, "no temporary file");
    }
    run->start = time_msec();
    fflush(NULL);
    run->pid = fork();
    if (run->pid < 0) {
        ovs_fatal(errno, "fork failed");
    } else if (!run->pid) {
        dup2(fileno(run->output), STDOUT_FILENO);
        dup2(fileno(run->output), STDERR_FILENO);
        alarm(timeout_seconds());
        call_test(run->test, 0, NULL);
        fflush(NULL);
        exit(EXIT_SUCCESS);
    }
}

/* Waits until one of the 'n' 'runs' has ended, and returns it with the
 * status from waitpid() in '*status'. */
static struct run *
run_wait(struct run runs[], size_t n, int *status)
{
    pid_t pid;

    for (;;) {
        pid = waitpid(-1, status, 0);
        if (pid < 0 && errno != EINTR) {
            ovs_fatal(errno, "waitpid failed");
        }
        for (size_t i = 0; i < n; i++) {
            if (runs[i].pid == pid) {
                return &runs[i];
            }
        }
    }
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

/* Says how 'run' has ended, and counts it. */
static void
run_end(struct run *run, int status, struct tally *tally)
{
    long long int ms = time_msec() - run->start;

    printf("%-28s ", run->test->name);
    if (WIFEXITED(status) && !WEXITSTATUS(status)) {
        printf("ok (%lld ms)\n", ms);
        tally->passed++;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
        printf("skipped\n");
        copy_output(run->output);
        tally->skipped++;
    } else {
        char *how = process_status_msg(status);

        printf("FAILED (%s)\n", how);
        free(how);
        copy_output(run->output);
        ds_put_format(&tally->failures, " %s", run->test->name);
        tally->failed++;
    }
    fclose(run->output);
}

/* Runs the tests that the 'n_names' words in 'names' name, or all tests if
 * there is none, up to 'n_jobs' at a time; returns true if none has failed.
 * Has no memory of its own that the tests' processes, which never return to
 * it, would be said to leak. */
static bool
run_all(char *names[], size_t n_names, unsigned int n_jobs)
{
    struct tally tally = { .failures = DS_EMPTY_INITIALIZER };
    size_t n = n_names ? n_names : n_tests;
    struct run runs[MAX_JOBS];
    size_t n_running = 0;

    for (size_t i = 0; i < n_names; i++) {
        get_test(names[i]);     /* Before any runs. */
    }
    for (size_t next = 0; next < n || n_running; ) {
        if (next < n && n_running < n_jobs) {
            struct run *run = &runs[n_running++];

            run->test = n_names ? get_test(names[next]) : &tests[next];
            run_start(run);
            next++;
        } else {
            int status;
            struct run *run = run_wait(runs, n_running, &status);

            run_end(run, status, &tally);
            *run = runs[--n_running];
        }
    }
    if (tally.failed) {
        printf("failed:%s\n", ds_cstr(&tally.failures));
    }
    ds_destroy(&tally.failures);
    printf("%d passed, %d failed, %d skipped\n", tally.passed, tally.failed,
           tally.skipped);
    return !tally.failed;
}

/* "all" with the 'n_args' arguments in 'args'. */
static bool
run_all_command(char *args[], size_t n_args)
{
    int n_jobs = 1;

    if (n_args && !strncmp(args[0], "-j", 2)) {
        if (!str_to_int(args[0] + 2, 10, &n_jobs)
            || n_jobs < 1 || n_jobs > MAX_JOBS) {
            ovs_fatal(0, "%s: expected -jN, with N from 1 to %d", args[0],
                      MAX_JOBS);
        }
        args++;
        n_args--;
    }
    return run_all(args, n_args, n_jobs);
}

static void
print_help(void)
{
    printf("usage: %s NAME [VERB [ARG]...]\n"
           "       %s all [-jJOBS] [NAME]...\n"
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
        return run_all_command(argv + 2, argc - 2)
               ? EXIT_SUCCESS : EXIT_FAILURE;
    } else {
        call_test(get_test(argv[1]), argc - 2, argv + 2);
    }
    return EXIT_SUCCESS;
}
