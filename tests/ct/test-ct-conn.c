/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a connection: all pairs, against a table of the test's own. */

#include <config.h>
#undef NDEBUG
#include "ct/ct-conn.h"

#include <sys/wait.h>
#include <unistd.h>
#include "ovs-thread.h"
#include "tests/dptest.h"
#include "util.h"

static const bool legal[CT_N_LIVES][CT_N_LIVES] = {
    [CT_FREE][CT_EMBRYO] = true,
    [CT_EMBRYO][CT_LIVE] = true,
    [CT_EMBRYO][CT_FREE] = true,
    [CT_LIVE][CT_DEAD] = true,
    [CT_DEAD][CT_FREE] = true,
};

/* Does ct_conn_move() abort?  Asked in a process of its own. */
static bool
aborts(enum ct_life from, enum ct_life to)
{
    pid_t pid = fork();
    int status;

    ovs_assert(pid >= 0);
    if (!pid) {
        struct conn conn = { .index = 1 };

        fclose(stderr);         /* Nobody need read why. */
        atomic_init(&conn.flags, from);
        ct_conn_move(&conn, from, to);
        _exit(0);
    }
    ovs_assert(waitpid(pid, &status, 0) == pid);
    return !WIFEXITED(status) || WEXITSTATUS(status);
}

/* Mark and label, which always are the same number. */
static void *
marks_main(void *conn_)
{
    struct conn *conn = conn_;
    uint32_t flags = 0;

    for (uint32_t i = 1; !(flags & CT_F_SEEN_REPLY); i++) {
        ct_conn_lock(conn);
        ct_conn_set_marks(conn, i, (ovs_u128) { .u64 = { i, i } });
        ct_conn_unlock(conn);
        flags = ct_conn_flags(conn);
    }
    return NULL;
}

/* Nobody sees half of a change, and whatever else 'flags' has stays. */
static void
test_marks(void)
{
    struct conn conn = { .index = 1 };
    uint32_t last = 0, mark;
    int n_changes = 0;
    pthread_t thread;
    ovs_u128 label;

    atomic_init(&conn.flags, CT_LIVE | CT_F_DNAT);
    thread = ovs_thread_create("marks", marks_main, &conn);

    /* Few of them are seen if both threads share a processor. */
    for (int n_reads = 0; n_reads < 500000 || n_changes < 100; n_reads++) {
        ct_conn_get_marks(&conn, &mark, &label);
        ovs_assert(label.u64.lo == mark && label.u64.hi == mark);
        n_changes += mark != last;
        last = mark;
    }
    ct_conn_set_flags(&conn, CT_F_SEEN_REPLY);
    xpthread_join(thread, NULL);
    ovs_assert((ct_conn_flags(&conn) & (CT_F_MARKS_ONE - 1))
               == (CT_LIVE | CT_F_DNAT | CT_F_SEEN_REPLY));
    ovs_assert(!(ct_conn_flags(&conn) & CT_F_MARKS_ONE));
}

static void
test_conn_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (int from = 0; from < CT_N_LIVES; from++) {
        for (int to = 0; to < CT_N_LIVES; to++) {
            struct conn conn = { .index = 1 };

            ovs_assert(aborts(from, to) == !legal[from][to]);
            if (!legal[from][to]) {
                continue;
            }
            atomic_init(&conn.flags, from | CT_F_SNAT | CT_F_SEEN_REPLY);
            ovs_assert(ct_conn_move(&conn, from, to));
            ovs_assert(ct_conn_flags(&conn)
                       == (to | CT_F_SNAT | CT_F_SEEN_REPLY));

            /* Too late. */
            ovs_assert(!ct_conn_move(&conn, from, to));
            ovs_assert(ct_conn_life(&conn) == to);
        }
    }

    /* Who is armed neither dies nor expires. */
    struct conn conn = { .index = 1 };

    atomic_init(&conn.flags, CT_LIVE | CT_F_ARMED);
    ovs_assert(!ct_conn_move(&conn, CT_LIVE, CT_DEAD));
    ovs_assert(ct_conn_is_visible(&conn, 1));
    ovs_assert(ct_conn_clear_flags(&conn, CT_F_ARMED) & CT_F_ARMED);
    ovs_assert(!ct_conn_is_visible(&conn, 1));
    ovs_assert(ct_conn_move(&conn, CT_LIVE, CT_DEAD));
    test_marks();
}
DPTEST_REGISTER("ct-conn", test_conn_main);
