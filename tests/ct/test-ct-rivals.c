/* SPDX-License-Identifier: Apache-2.0 */

/* Our tracker and Open vSwitch's, side by side: the same packets from one
 * thread and from two, the same answers.  tests/bench/bench-ct.c tells what
 * they cost. */

#include <config.h>
#undef NDEBUG
#include "tests/ct/ct-rival.h"

#include "packets.h"
#include "tests/ct/ct-theirs.h"
#include "tests/dptest.h"
#include "timeval.h"
#include "util.h"

enum { N = 2000 };

static void
send_all(struct ct_sender *s, int n_threads, uint32_t states)
{
    ct_sender_run_all(s, n_threads);
    if (s->states != states) {
        dptest_fail("%s: ct_state %#"PRIx32", not %#"PRIx32, s->rival->name,
                    s->states, states);
    }
}

static void
check_count(const struct ct_sender *s, uint32_t want)
{
    uint32_t n;

    s->rival->get_nconns(s->ct, &n);
    if (n != want) {
        dptest_fail("%s: %"PRIu32" connections, not %"PRIu32, s->rival->name,
                    n, want);
    }
}

/* Connections that are set up and used. */
static void
race(const struct ct_rival *rival, int n_threads, bool is_nat)
{
    const struct nat_action_info_t nat = {
        .nat_action = NAT_ACTION_SRC,
        .min_addr.ipv4 = htonl(0xc6336401),
        .max_addr.ipv4 = htonl(0xc6336440),
    };
    const struct nat_action_info_t bare = { .nat_action = 0 };
    uint32_t translated = is_nat ? CS_SRC_NAT : 0;
    struct ct_sender s = {
        .rival = rival,
        .ct = rival->init(),
        .zone = CT_RIVAL_ZONE,
        .proto = IPPROTO_UDP,
        .n = N,
        .commit = true,
        .nat = is_nat ? &nat : NULL,
    };

    send_all(&s, n_threads, CS_TRACKED | CS_NEW | translated);
    check_count(&s, N);
    s.commit = false;
    s.n_packets = N;
    s.nat = is_nat ? &bare : NULL;
    send_all(&s, n_threads, CS_TRACKED | CS_NEW | translated);
    rival->flush(s.ct, NULL);
    if (rival == &ct_rivals[CT_RIVAL_OURS]) {
        check_count(&s, 0);     /* Theirs counts them until it sweeps. */
    }
    rival->destroy(s.ct);
}

static void
test_rivals_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    atomic_store(&ct_theirs_now_ms, time_msec());
    for (int is_nat = 0; is_nat < 2; is_nat++) {
        for (int n_threads = 1; n_threads <= 2; n_threads++) {
            for (size_t i = 0; i < CT_N_RIVALS; i++) {
                race(&ct_rivals[i], n_threads, is_nat);
            }
        }
    }
}
DPTEST_REGISTER("ct-rivals", test_rivals_main);
