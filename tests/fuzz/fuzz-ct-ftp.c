/* SPDX-License-Identifier: Apache-2.0 */

/* Whatever text an FTP connection bears: nobody reads behind it, what is found
 * lies within it, and a segment whose text was replaced is a sound one.
 *
 * Input: family, who speaks, and whether the client is translated; then some
 * segments, each with its length before it. */

#include <config.h>
#undef NDEBUG

#include "ct/ct-ftp.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "tests/ct/ct-frame.h"
#include "tests/fuzz/fuzz.h"
#include "timeval.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, OUTSIDE = 0x7f7f };
enum { N_SEGMENTS = 3, MAX_TEXT = 160 };

struct talk {
    struct conntrack *ct;
    struct ct_frame_action a;
    bool is_ipv6;
    struct ct_end client, outside, server;
    uint32_t seqs[2];
};

/* Sends what the client says, or the server ('reply'). */
static void
say(struct talk *t, bool reply, uint16_t flags, const char *text)
{
    struct ct_end src = reply ? t->server : t->client;
    struct ct_end dst = reply ? t->outside : t->server;
    struct dp_packet *p = ct_frame_tcp(t->is_ipv6, src, dst, flags,
                                       t->seqs[reply], t->seqs[!reply], text);
    uint8_t state = ct_frame_run(t->ct, p, &t->a, time_msec());

    ovs_assert(state & CS_TRACKED);
    ct_frame_check(p);
    if (!reply && !(state & CS_INVALID)) {
        t->outside = ct_frame_src(p);
    }
    t->seqs[reply] += strlen(text) + !!(flags & TCP_SYN);
    dp_packet_delete(p);
}

static void
check_read(const char *text, size_t size, bool from_server, bool is_ipv6)
{
    char *copy = xmemdup(text, size ? size : 1);
    struct ct_ftp_text out;
    enum ct_ftp_found found = ct_ftp_read(copy, size, from_server, is_ipv6,
                                          &out);

    if (found == CT_FTP_ADDRESS) {
        char buf[CT_FTP_ADDRESS_MAX];

        ovs_assert(out.start < out.end && out.end <= size);
        ovs_assert(ct_ftp_write_address(&out, is_ipv6, &out.addr, buf)
                   < sizeof buf);
    }
    free(copy);
}

static void
fuzz_ct_ftp(struct fuzz_input *in)
{
    uint8_t bits = fuzz_u8(in);
    bool is_ipv6 = bits & 1, from_server = bits & 2;
    struct nat_action_info_t nat = {
        .nat_action = bits & 4 ? NAT_ACTION_SRC : 0,
        .min_addr = ct_frame_addr(is_ipv6, OUTSIDE),
        .max_addr = ct_frame_addr(is_ipv6, OUTSIDE),
    };
    static struct conntrack *ct;        /* It has threads: one for all. */
    struct talk t = {
        .a = { .commit = true, .helper = "ftp", .nat = &nat },
        .is_ipv6 = is_ipv6,
        .client = { CLIENT, 4000 },
        .outside = { CLIENT, 4000 },
        .server = { SERVER, 21 },
    };

    ct = ct ? ct : conntrack_init();
    t.ct = ct;
    say(&t, false, TCP_SYN, "");
    say(&t, true, TCP_SYN | TCP_ACK, "");
    say(&t, false, TCP_ACK, "");
    for (int i = 0; i < N_SEGMENTS && in->size; i++) {
        size_t size = fuzz_range(in, MAX_TEXT);
        char text[MAX_TEXT] = "";

        size = MIN(size, in->size);
        fuzz_take(in, text, size);
        check_read(text, size, from_server, is_ipv6);
        say(&t, from_server, TCP_ACK | TCP_PSH, text);
        say(&t, !from_server, TCP_ACK, "");
    }
    conntrack_flush(ct, NULL);
    ovsrcu_quiesce();
}
FUZZ_REGISTER("ct-ftp", fuzz_ct_ftp);
