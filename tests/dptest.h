/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DPTEST_H
#define DPTEST_H 1

/* dptest: unit tests
 * ==================
 *
 * Job.  One program, tests/dptest, holds the unit tests of all modules.  A
 * test file registers a function; its first argument is the verb, "check" if
 * the command line gives none:
 *
 *     static void
 *     test_sched_main(int argc, char *argv[])
 *     {
 *         ovs_assert(...);
 *     }
 *     DPTEST_REGISTER("sched", test_sched_main);
 *
 *     dptest --list           names, one a line
 *     dptest NAME [VERB...]   runs one in this process, for a debugger
 *     dptest all [-jN] [NAME...]
 *                             runs them, each in a process of its own, up to N
 *                             at a time
 *
 * A test passes by returning.  It fails by aborting, by an exit status other
 * than 0 and 77, by dptest_fail(), or by taking longer than two minutes
 * (set DPTEST_TIMEOUT to another number of seconds).
 *
 * Invariants.  Names are unique.
 *
 * Thread-safety.  Registration happens before main().  Any thread may fail or
 * skip a test. */

#include "compiler.h"

typedef void dptest_function(int argc, char *argv[]);

/* Adds a test.  'name' is borrowed for ever. */
void dptest_register(const char *name, dptest_function *);

/* Ends the process: the test has failed, for the reason given. */
OVS_NO_RETURN void dptest_fail(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);

/* Ends the process: the test cannot run here; the text names what is
 * missing. */
OVS_NO_RETURN void dptest_skip(const char *format, ...)
    OVS_PRINTF_FORMAT(1, 2);

/* Returns up to 'max_len' bytes of 'alphabet' as random.h has it; the caller
 * frees them. */
char *dptest_random_string(const char *alphabet, int max_len);

/* How often a property test of one thread does its work: N times, but fewer
 * where that takes ten times as long, and ThreadSanitizer has nothing to see
 * in one thread. */
#ifdef __SANITIZE_THREAD__
#define DPTEST_MANY(N) ((N) / 10)
#else
#define DPTEST_MANY(N) (N)
#endif

/* Registers FUNCTION, a dptest_function, under NAME, a string literal. */
#define DPTEST_REGISTER(NAME, FUNCTION)                 \
    OVS_CONSTRUCTOR(register_##FUNCTION)                \
    {                                                   \
        dptest_register(NAME, FUNCTION);                \
    }                                                   \
    typedef int dptest_needs_semicolon_##FUNCTION OVS_UNUSED

#endif /* dptest.h */
