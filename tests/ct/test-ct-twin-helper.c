/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>
#undef NDEBUG

/* Clients and servers of FTP and TFTP talk through Open vSwitch's tracker and
 * ours, translated and not.  State, metadata, bytes and connections must be
 * the same, until somebody says what is no announcement.
 *
 * What is different is left out: each announcement is used once, nobody
 * announces more than a few, over IPv4 in the old form only, and what only the
 * other side may.  Theirs does not correct the sequence numbers of what it
 * finds invalid. */

#include "conntrack.h"

#include <stdio.h>
#include <string.h>

#include "ct-dpif.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "random.h"
#include "svec.h"
#include "timeval.h"
#include "tests/ct/ct-frame.h"
#include "tests/ct/ct-pass.h"
#include "tests/ct/ct-rival.h"
#include "tests/ct/ct-theirs.h"
#include "tests/dptest.h"
#include "util.h"

enum { CLIENT = 1, SERVER = 2, OTHER = 1234, FTP = 21, TFTP = 69,
       N_DIALOGUES = 1500, MAX_DATA = 4 };

enum side { FROM_CLIENT, FROM_SERVER };

/* A control connection, as both ends see it. */
struct dialogue {
    struct conntrack *ct[CT_N_RIVALS];
    long long now;
    bool is_ipv6;
    const char *helper;
    struct nat_action_info_t nat;       /* Of the control connection, or 0. */
    struct ct_end own[2];               /* Each side, as it knows itself... */
    struct ct_end seen[2];              /* ...and as the other knows it. */
    uint32_t seq[2];                    /* Next that it sends... */
    uint32_t heard[2];                  /* ...and that it expects. */
};

/* What an action does. */
enum doing { LOOK, COMMIT, COMMIT_DATA };

static void
execute(struct dialogue *d, int i, struct dp_packet *p, enum doing doing)
{
    const struct nat_action_info_t bare = { .nat_action = 0 };
    const uint32_t mark[2] = { 0x12, UINT32_MAX };
    const struct eth_header *eth = dp_packet_data(p);
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, p);
    ct_rivals[i].execute(d->ct[i], &batch, eth->eth_type, false, doing != LOOK,
                         1, doing == COMMIT ? mark : NULL, NULL,
                         OVS_CT_NO_PORTS doing == COMMIT ? d->helper : NULL,
                         !d->nat.nat_action ? NULL
                         : doing == COMMIT ? &d->nat : &bare, d->now, 0);
}

/* Sends 'p', which it frees, through both.  Returns what ours makes of it,
 * which theirs makes, too; the caller frees it. */
static struct dp_packet *
pass(struct dialogue *d, struct dp_packet *p, enum doing doing)
{
    struct ds lines[CT_N_RIVALS];
    struct dp_packet *out[CT_N_RIVALS];

    for (int i = 0; i < CT_N_RIVALS; i++) {
        out[i] = dp_packet_clone_with_headroom(p, 128);
        execute(d, i, out[i], doing);
        ds_init(&lines[i]);
        ct_pass_format(out[i], &lines[i]);
        if (!(out[i]->md.ct_state & CS_INVALID)) {
            ds_put_char(&lines[i], '\n');
            ds_put_hex_dump(&lines[i], dp_packet_data(out[i]),
                            dp_packet_size(out[i]), 0, true);
        }
    }
    if (strcmp(ds_cstr(&lines[0]), ds_cstr(&lines[1]))) {
        dptest_fail("v%d nat=%d\nours   %s\ntheirs %s", d->is_ipv6 ? 6 : 4,
                    d->nat.nat_action, ds_cstr(&lines[0]),
                    ds_cstr(&lines[1]));
    }
    for (int i = 0; i < CT_N_RIVALS; i++) {
        ds_destroy(&lines[i]);
    }
    dp_packet_delete(out[1]);
    dp_packet_delete(p);
    return out[0];
}

/* Connections. */

static void
dump(struct dialogue *d, int i, struct svec *lines)
{
    struct conntrack_dump state;
    struct ct_dpif_entry entry;
    int n;

    svec_init(lines);
    ct_rivals[i].dump_start(d->ct[i], &state, NULL, &n);
    while (!ct_rivals[i].dump_next(&state, &entry)) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        entry.bkt = 0;
        entry.timeout = 0;
        ct_dpif_format_entry(&entry, &ds, true, true);
        svec_add_nocopy(lines, ds_steal_cstr(&ds));
        ct_dpif_entry_uninit(&entry);
    }
    ct_rivals[i].dump_done(&state);
    svec_sort(lines);
}

static void
compare_dumps(struct dialogue *d, size_t n_conns)
{
    struct svec ours, theirs;

    atomic_store(&ct_theirs_now_ms, time_msec());
    dump(d, CT_RIVAL_OURS, &ours);
    dump(d, CT_RIVAL_THEIRS, &theirs);
    ovs_assert(ours.n == n_conns);
    if (!svec_equal(&ours, &theirs)) {
        dptest_fail("ours\n%s\ntheirs\n%s", svec_join(&ours, "\n", ""),
                    svec_join(&theirs, "\n", ""));
    }
    svec_destroy(&ours);
    svec_destroy(&theirs);
}

/* The control connection of FTP. */

/* One side says 'text'.  Returns what arrives; the caller frees it. */
static struct dp_packet *
say(struct dialogue *d, enum side side, uint16_t flags, const char *text,
    enum doing doing)
{
    struct dp_packet *p
        = ct_frame_tcp(d->is_ipv6, d->own[side], d->seen[!side], flags,
                       d->seq[side], flags & TCP_ACK ? d->heard[side] : 0,
                       text);
    const struct tcp_header *tcp;
    bool is_syn = flags & TCP_SYN;

    p = pass(d, p, doing);
    tcp = dp_packet_l4(p);
    d->seq[side] += strlen(text) + is_syn;
    d->heard[!side] = (ntohl(get_16aligned_be32(&tcp->tcp_seq))
                       + dp_packet_get_tcp_payload_length(p) + is_syn);
    return p;
}

static void
say_and_forget(struct dialogue *d, enum side side, uint16_t flags,
               const char *text, enum doing doing)
{
    dp_packet_delete(say(d, side, flags, text, doing));
}

static void
begin(struct dialogue *d, const char *helper, uint16_t port)
{
    static const unsigned int actions[] = { 0, NAT_ACTION_SRC,
                                            NAT_ACTION_DST };
    unsigned int action = actions[random_range(3)];

    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].flush(d->ct[i], NULL);
    }
    d->now = time_msec();
    atomic_store(&ct_theirs_now_ms, d->now);
    d->is_ipv6 = random_range(2);
    d->helper = helper;
    d->own[FROM_CLIENT] = (struct ct_end) { CLIENT,
                                            2000 + random_range(60000) };
    d->own[FROM_SERVER] = (struct ct_end) { SERVER, port };
    memcpy(d->seen, d->own, sizeof d->seen);
    if (action) {
        d->seen[action == NAT_ACTION_DST].host = OTHER;
    }
    d->nat = (struct nat_action_info_t) { .nat_action = action };
    d->nat.min_addr = d->nat.max_addr
        = ct_frame_addr(d->is_ipv6, action == NAT_ACTION_DST ? SERVER : OTHER);
    for (int i = 0; i < 2; i++) {
        d->seq[i] = random_uint32();
        d->heard[i] = 0;
    }
}

static void
open_control(struct dialogue *d)
{
    begin(d, "ftp", FTP);
    say_and_forget(d, FROM_CLIENT, TCP_SYN, "", COMMIT);
    say_and_forget(d, FROM_SERVER, TCP_SYN | TCP_ACK, "", LOOK);
    say_and_forget(d, FROM_CLIENT, TCP_ACK, "", LOOK);
    say_and_forget(d, FROM_SERVER, TCP_ACK, "220 hello\r\n", LOOK);
}

/* 'side' announces that it listens at 'port'. */
static void
announce(struct dialogue *d, enum side side, uint16_t port)
{
    uint16_t host = d->own[side].host;
    char text[80];

    if (d->is_ipv6 && side == FROM_SERVER) {
        snprintf(text, sizeof text, "229 Extended Passive ok (|||%d|)\r\n",
                 port);
    } else if (d->is_ipv6) {
        snprintf(text, sizeof text, "%s |2|fd00::%x|%d|\r\n",
                 random_range(2) ? "EPRT" : "eprt", host, port);
    } else {
        snprintf(text, sizeof text, "%s10,0,%d,%d,%d,%d%s\r\n",
                 side == FROM_SERVER ? "227 ok (" : random_range(2) ? "PORT "
                 : "port ", host >> 8, host & 0xff, port >> 8, port & 0xff,
                 side == FROM_SERVER ? ")" : "");
    }
    say_and_forget(d, side, TCP_ACK, text, LOOK);
    say_and_forget(d, !side, TCP_ACK, "200 ok, go on\r\n", LOOK);
    say_and_forget(d, side, TCP_ACK, "and so do we\r\n", LOOK);
}

/* The other side opens the data connection, as both sides see it. */
static void
open_data(struct dialogue *d, enum side side, uint16_t port)
{
    struct ct_end own[2], seen[2];      /* Of who opens, and of 'side'. */
    struct dp_packet *p;

    own[0] = d->own[!side];
    own[1] = d->own[side];
    seen[0] = d->seen[!side];
    seen[1] = d->seen[side];
    own[0].port = seen[0].port = side == FROM_CLIENT ? 20 : 5000 + port;
    own[1].port = seen[1].port = port;

    /* Looked at and committed, in one or in two. */
    p = ct_frame_tcp(d->is_ipv6, own[0], seen[1], TCP_SYN, 1000, 0, "");
    if (random_range(2)) {
        p = pass(d, p, LOOK);
    }
    p = pass(d, p, COMMIT_DATA);
    ovs_assert(p->md.ct_state & CS_RELATED && p->md.ct_mark == 0x12);
    ovs_assert(ct_frame_dst(p).host == own[1].host);
    dp_packet_delete(p);

    p = ct_frame_tcp(d->is_ipv6, own[1], seen[0], TCP_SYN | TCP_ACK, 5000,
                     1001, "");
    p = pass(d, p, LOOK);
    ovs_assert(ct_frame_dst(p).host == own[0].host);
    dp_packet_delete(p);
    p = ct_frame_tcp(d->is_ipv6, own[0], seen[1], TCP_ACK, 1001, 5001, "data");
    dp_packet_delete(pass(d, p, LOOK));
}

/* One side says what is no announcement of its own, or what is none at all. */
static void
babble(struct dialogue *d)
{
    static const char *const texts[2][6] = {
        [FROM_CLIENT] = {
            "PORT 10,0,0,99,8,0\r\n", "PORT 1,2,3\r\n",
            "PORT 10,0,0,1,256,1\r\n", "EPRT |2|fd00::99|1000|\r\n", "PO",
            "USER anonymous\r\n",
        },
        [FROM_SERVER] = {
            "227 no address\r\n", "227 ok (1,2,3,4\r\n",
            "227 ok (10,0,0,99,8,0)\r\n",
            "229 Extended Passive ok (|||x|)\r\n", "22", "200 yes\r\n",
        },
    };
    enum side side = random_range(2);
    const char *text = texts[side][random_range(ARRAY_SIZE(texts[side]))];

    if (d->is_ipv6 || (text[0] != 'E' && strncmp(text, "229", 3))) {
        say_and_forget(d, side, TCP_ACK, text, LOOK);
    }
}

static void
talk_ftp(struct dialogue *d)
{
    size_t n_data = random_range(MAX_DATA);

    open_control(d);
    compare_dumps(d, 1);
    for (size_t i = 0; i < n_data; i++) {
        enum side side = random_range(2);
        uint16_t port = 1024 + random_range(60000);

        announce(d, side, port);
        open_data(d, side, port);
        compare_dumps(d, 2 + i);
    }
    babble(d);
}

/* TFTP: a server answers from any port. */
static void
talk_tftp(struct dialogue *d)
{
    struct ct_end from;
    struct dp_packet *p;

    begin(d, "tftp", TFTP);
    p = ct_frame_udp(d->is_ipv6, d->own[FROM_CLIENT], d->seen[FROM_SERVER],
                     "read");
    p = pass(d, p, COMMIT);
    dp_packet_delete(p);

    from = d->own[FROM_SERVER];
    from.port = 1024 + random_range(60000);
    p = ct_frame_udp(d->is_ipv6, from, d->seen[FROM_CLIENT], "data");
    p = pass(d, p, COMMIT_DATA);
    ovs_assert(p->md.ct_state & CS_RELATED);
    ovs_assert(ct_frame_dst(p).host == CLIENT);
    from = ct_frame_src(p);
    dp_packet_delete(p);

    p = ct_frame_udp(d->is_ipv6, d->own[FROM_CLIENT], from, "ok");
    p = pass(d, p, LOOK);
    ovs_assert(ct_frame_dst(p).host == SERVER);
    dp_packet_delete(p);
    compare_dumps(d, 2);
}

static void
test_ct_twin_helper_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    struct dialogue d;

    random_set_seed(1);
    for (int i = 0; i < CT_N_RIVALS; i++) {
        d.ct[i] = ct_rivals[i].init();
    }
    for (int i = 0; i < N_DIALOGUES; i++) {
        if (random_range(4)) {
            talk_ftp(&d);
        } else {
            talk_tftp(&d);
        }
        ovsrcu_quiesce();
    }
    for (int i = 0; i < CT_N_RIVALS; i++) {
        ct_rivals[i].destroy(d.ct[i]);
    }
}
DPTEST_REGISTER("ct-twin-helper", test_ct_twin_helper_main);
