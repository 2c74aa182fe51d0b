/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

/* Our tracker and Open vSwitch's get the same packets, with the same actions
 * and clock.  What they make of them must be the same: state, metadata, bytes
 * and connections.
 *
 * Conversations between a few hosts take random turns, some of which no sane
 * host would take.  A packet may go through several zones. */

#include "conntrack.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "ct-dpif.h"
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-print.h"
#include "ovs-rcu.h"
#include "packets.h"
#include "random.h"
#include "svec.h"
#include "timeval.h"
#include "unaligned.h"
#include "ct/ct.h"
#include "ct/ct-packet.h"
#include "tests/ct/ct-pass.h"
#include "tests/ct/ct-rival.h"
#include "tests/ct/ct-script.h"
#include "tests/ct/ct-talk.h"
#include "tests/ct/ct-theirs.h"
#include "tests/dptest.h"
#include "util.h"

enum { N_TALKS = 24, MAX_SHOWN = 12 };

struct twin {
    struct conntrack *ours, *theirs;
    struct ct_talk talks[N_TALKS];
    long long now;
    unsigned int n_packets, n_differences, n_explained, n_shown;
    uint64_t n_tuple;           /* Refusals for a tuple, so far. */
    bool has_script;            /* Hosts are sane. */
    bool alone;                 /* Ours goes on with them, theirs cannot. */

    /* Scripts that both trackers have heard to the end. */
    unsigned int n_whole[CT_SCRIPT_N_OPENS][CT_SCRIPT_N_CLOSES];
};

static void
advance(struct twin *twin, long long ms)
{
    twin->now += ms;
    atomic_store(&ct_theirs_now_ms, twin->now);
}

static void
begin(struct twin *twin)
{
    advance(twin, time_msec());
    twin->ours = conntrack_init();
    twin->theirs = theirs_conntrack_init();
}

static void
end(struct twin *twin)
{
    printf("%u packets, %u differences, %u explained\n", twin->n_packets,
           twin->n_differences, twin->n_explained);
    conntrack_destroy(twin->ours);
    theirs_conntrack_destroy(twin->theirs);
    if (twin->n_differences) {
        dptest_fail("%u differences", twin->n_differences);
    }
}

/* What both make of packets. */

/* Appends the connections of 'ct' to 'lines', those also to 'near' of which it
 * is not sure whether they have expired. */
static void
dump(struct conntrack *ct, bool theirs, long long now, struct svec *lines,
     struct svec *near)
{
    long long ahead = theirs ? 0 : now - time_msec();
    struct conntrack_dump state;
    struct ct_dpif_entry entry;
    int n;

    svec_init(lines);
    if (theirs) {
        theirs_conntrack_dump_start(ct, &state, NULL, &n);
    } else {
        conntrack_dump_start(ct, &state, NULL, &n);
    }
    while (!(theirs ? theirs_conntrack_dump_next(&state, &entry)
             : conntrack_dump_next(&state, &entry))) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        /* Our clock is behind the packets'. */
        long long left = entry.timeout - ahead / 1000;

        if (left < -2) {
            ct_dpif_entry_uninit(&entry);
            continue;
        }
        entry.bkt = 0;
        entry.timeout = 0;
        ct_dpif_format_entry(&entry, &ds, true, true);
        if (left <= 2) {
            svec_add(near, ds_cstr(&ds));
        }
        svec_add_nocopy(lines, ds_steal_cstr(&ds));
        ct_dpif_entry_uninit(&entry);
    }
    if (theirs) {
        theirs_conntrack_dump_done(&state);
    } else {
        conntrack_dump_done(&state);
    }
    svec_sort(lines);
}

/* Actions. */

static void
run(struct twin *twin, struct dp_packet *p, const struct ct_pass_action *a,
    bool theirs)
{
    struct dp_packet_batch batch;

    dp_packet_batch_init_packet(&batch, p);
    ct_pass_run(&ct_rivals[theirs ? CT_RIVAL_THEIRS : CT_RIVAL_OURS],
                theirs ? twin->theirs : twin->ours, &batch, a, twin->now);
    ovs_assert(batch.count == 1 && batch.packets[0] == p);
}

/* Differences. */

static void
print_dump(const char *name, struct conntrack *ct, bool theirs, long long now)
{
    struct svec lines, near;

    svec_init(&near);
    dump(ct, theirs, now, &lines, &near);
    svec_destroy(&near);
    for (size_t i = 0; i < lines.n; i++) {
        printf("  %s: %s\n", name, lines.names[i]);
    }
    svec_destroy(&lines);
}

static void
describe(const struct ct_talk *t, const struct ct_pass_action *a, bool reply,
         struct ds *ds)
{
    ds_put_format(ds, "v%d proto=%d nat=%d %s %s%s zone=%d %s%s",
                  t->is_ipv6 ? 6 : 4, t->proto, t->nat,
                  reply ? "reply" : "orig", a->commit ? "commit " : "",
                  a->force ? "force" : "", a->zone, a->has_nat ? "nat " : "",
                  a->has_mark || a->has_label ? "sets" : "");
}

static uint64_t
n_refused(const struct conntrack *ct, enum ct_refusal why)
{
    uint64_t n;

    atomic_read_relaxed(&CONST_CAST(struct conntrack *, ct)->n_refused[why],
                        &n);
    return n;
}

/* One pass of a packet through both. */
struct pass {
    const struct ct_talk *talk;
    const struct ct_pass_action *a;
    bool reply, is_error;
    const struct dp_packet *before, *ours, *theirs;
};

/* Theirs takes what goes to or comes from this port for FTP, whoever asked for
 * a helper. */
static bool
is_ftp(const struct dp_packet *p)
{
    const struct tcp_header *tcp = dp_packet_l4(p);

    return (tcp && dp_packet_l4_size(p) >= TCP_HEADER_LEN
            && (tcp->tcp_src == htons(21) || tcp->tcp_dst == htons(21)));
}

/* Returns ours of the connection of TCP that 'p' belongs to in 'zone', or
 * NULL. */
static const struct conn *
find_tcp(const struct twin *twin, const struct dp_packet *p, uint16_t zone,
         bool *reply)
{
    const struct eth_header *eth = dp_packet_data(p);
    struct ct_packet parsed;
    struct conn *conn;

    if (!ct_packet_parse(&twin->ours->secret, CONST_CAST(struct dp_packet *,
                                                         p),
                         eth->eth_type, zone, NULL, &parsed)
        || parsed.is_error) {
        return NULL;
    }
    conn = ct_find(twin->ours, &parsed.key, twin->now, reply);
    return conn && conn->key.proto == IPPROTO_TCP ? conn : NULL;
}

/* Does 'p' belong to a connection that has no window scale, as one side did
 * not offer it? */
static bool
has_no_scale(const struct twin *twin, const struct dp_packet *p)
{
    bool reply;
    const struct conn *conn = find_tcp(twin, p, p->md.ct_zone, &reply);

    return conn && !conn->peers[0].wscale && !conn->peers[1].wscale;
}

/* Was this the SYN of a second side that opens?  Theirs does not learn from
 * it. */
static bool
opens_second(const struct twin *twin, const struct pass *pass)
{
    uint8_t state = pass->ours->md.ct_state;
    const struct conn *conn;
    bool reply;

    if (!(state & CS_NEW) || state & CS_RELATED) {
        return false;
    }
    conn = find_tcp(twin, pass->before, pass->ours->md.ct_zone, &reply);
    return conn && reply;
}

/* Why may the two differ after 'pass'?  Returns NULL if they must not. */
static const char *
explain(struct twin *twin, const struct pass *pass, bool same)
{
    const uint8_t translated = CS_SRC_NAT | CS_DST_NAT;
    const struct pkt_metadata *ours = &pass->ours->md;
    const struct pkt_metadata *theirs = &pass->theirs->md;
    const struct ct_pass_action *a = pass->a;
    uint64_t n_tuple = n_refused(twin->ours, CT_REFUSED_TUPLE);
    bool refused = n_tuple != twin->n_tuple;

    /* The first three show later, if at all. */
    twin->n_tuple = n_tuple;
    if (refused) {
        return "two connections with the same replies";
    }
    if (a->force
        && (pass->before->md.ct_state | theirs->ct_state) & translated) {
        return "force on a translated connection";
    }
    if (same && opens_second(twin, pass)) {
        twin->alone = twin->has_script;
        return "both sides open";
    }
    if (same) {
        return NULL;
    }

    if (a->has_nat && ours->ct_state & CS_INVALID
        && (theirs->ct_state & ~translated) == ours->ct_state) {
        return "invalid packets are not translated";
    }
    if (a->has_nat && a->commit && a->nat.nat_action
        && ours->ct_state & theirs->ct_state & CS_NEW) {
        return "ports of connections that have expired are free";
    }
    if (pass->talk->is_ipv6 && pass->is_error && a->has_nat) {
        return "sums of ICMPv6 errors about translated packets";
    }
    if (theirs->ct_state == (CS_TRACKED | CS_INVALID)
        && ours->ct_state & CS_ESTABLISHED
        && has_no_scale(twin, pass->ours)) {
        return "windows that lose their scale keep their upper bits";
    }
    if (is_ftp(pass->before)) {
        return "helpers do not go by port";
    }
    if (theirs->ct_state == CS_TRACKED) {
        return "translated connections that are opened again";
    }
    if (theirs->ct_state == (CS_TRACKED | CS_INVALID)
        && is_all_zeros(&theirs->ct_orig_tuple,
                        sizeof theirs->ct_orig_tuple)) {
        return "replies to a translated connection that has gone";
    }
    return NULL;
}

/* One difference would lead to others. */
static void
forget_all(struct twin *twin)
{
    conntrack_flush(twin->ours, NULL);
    theirs_conntrack_flush(twin->theirs, NULL);
}

static void
print_difference(const struct twin *twin, const struct pass *pass,
                 const char *ours, const char *theirs)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *s = ofp_dp_packet_to_string(pass->before);

    describe(pass->talk, pass->a, pass->reply, &ds);
    printf("%u: %s\n%s  before %02x zone %d\n  ours   %s\n  theirs %s\n",
           twin->n_packets, ds_cstr(&ds), s, pass->before->md.ct_state,
           pass->before->md.ct_zone, ours, theirs);
    ovs_hex_dump(stdout, dp_packet_data(pass->ours),
                 dp_packet_size(pass->ours), 0, false);
    ovs_hex_dump(stdout, dp_packet_data(pass->theirs),
                 dp_packet_size(pass->theirs), 0, false);
    print_dump("ours", twin->ours, false, twin->now);
    print_dump("theirs", twin->theirs, true, twin->now);
    ds_destroy(&ds);
    free(s);
}

/* Compares what both made of a packet.  Returns false if that, or what they
 * remember, may differ. */
static bool
compare(struct twin *twin, const struct pass *pass)
{
    const struct dp_packet *o = pass->ours, *t = pass->theirs;
    struct ds ours = DS_EMPTY_INITIALIZER, theirs = DS_EMPTY_INITIALIZER;
    const char *why;
    bool same;

    ct_pass_format(o, &ours);
    ct_pass_format(t, &theirs);
    same = (!strcmp(ds_cstr(&ours), ds_cstr(&theirs))
            && dp_packet_size(o) == dp_packet_size(t)
            && !memcmp(dp_packet_data(o), dp_packet_data(t),
                       dp_packet_size(o)));
    why = explain(twin, pass, same);
    if (!same && !why && twin->n_shown++ < MAX_SHOWN) {
        print_difference(twin, pass, ds_cstr(&ours), ds_cstr(&theirs));
    }
    if (!same || why) {
        twin->n_differences += !why;
        twin->n_explained += why != NULL;
        if (!twin->alone) {
            forget_all(twin);
        }
    }
    ds_destroy(&ours);
    ds_destroy(&theirs);
    return same && !why;
}

static void
drop_near(struct svec *lines, const struct svec *near)
{
    for (size_t i = lines->n; i-- > 0; ) {
        if (svec_contains(near, lines->names[i])) {
            svec_del(lines, lines->names[i]);
        }
    }
}

static void
compare_dumps(struct twin *twin)
{
    struct svec ours, theirs, only_ours, both, only_theirs;
    struct svec near = SVEC_EMPTY_INITIALIZER;

    dump(twin->ours, false, twin->now, &ours, &near);
    dump(twin->theirs, true, twin->now, &theirs, &near);
    svec_diff(&ours, &theirs, &only_ours, &both, &only_theirs);
    svec_sort(&near);
    drop_near(&only_ours, &near);
    drop_near(&only_theirs, &near);
    if (only_ours.n || only_theirs.n) {
        twin->n_differences++;
        printf("%u: dumps differ, %zu the same\n", twin->n_packets, both.n);
        for (size_t i = 0; i < only_ours.n && i < 5; i++) {
            printf("  only ours   %s\n", only_ours.names[i]);
        }
        for (size_t i = 0; i < only_theirs.n && i < 5; i++) {
            printf("  only theirs %s\n", only_theirs.names[i]);
        }
        forget_all(twin);
    }
    svec_destroy(&ours);
    svec_destroy(&theirs);
    svec_destroy(&only_ours);
    svec_destroy(&only_theirs);
    svec_destroy(&both);
    svec_destroy(&near);
}

/* Sends 'ours' and 'theirs', which are the same, a packet of 't', through the
 * trackers.  Returns false if they may differ from now on. */
static bool
pass_both(struct twin *twin, const struct ct_talk *t,
          const struct ct_pass_action *a, bool reply, bool is_error,
          struct dp_packet *ours, struct dp_packet *theirs)
{
    struct dp_packet *before = dp_packet_clone(ours);
    struct pass pass = { t, a, reply, is_error, before, ours, theirs };
    bool same = true;

    run(twin, ours, a, false);
    if (!twin->alone) {
        run(twin, theirs, a, true);
        same = compare(twin, &pass) || twin->alone;
    }
    twin->n_packets++;
    dp_packet_delete(before);
    return same;
}

/* Turns. */

/* Sends 'p', a packet of 't', through both, up to 'n_passes' times.  Returns
 * it as ours leaves it; the caller frees it. */
static struct dp_packet *
send_packet(struct twin *twin, const struct ct_talk *t,
            const struct dp_packet *p, bool reply, bool is_error,
            unsigned int n_passes)
{
    struct dp_packet *ours = dp_packet_clone(p);
    struct dp_packet *theirs = dp_packet_clone(p);

    /* Theirs writes a sum where an inner header that is cut would have one. */
    dp_packet_prealloc_tailroom(theirs, 64);
    for (bool same = true; same && n_passes; n_passes--) {
        struct ct_pass_action a;

        ct_pass_choose(t, reply, &a);
        same = pass_both(twin, t, &a, reply, is_error, ours, theirs);
    }
    dp_packet_delete(theirs);
    return ours;
}

static unsigned int
choose_n_passes(void)
{
    return random_range(4) ? 1 : 1 + random_range(3);
}

static void
turn(struct twin *twin)
{
    struct ct_talk *t = &twin->talks[random_range(N_TALKS)];
    bool reply = random_range(5) < 2, is_error = !random_range(16);
    struct dp_packet *p, *ours;

    if (twin->now >= t->end) {
        ct_talk_start(t, twin->now);
    }
    p = ct_pass_make_packet(t, reply, is_error);
    ours = send_packet(twin, t, p, reply, is_error, choose_n_passes());
    if (!reply && !is_error) {
        ct_talk_learn(t, ours);
    }
    dp_packet_delete(p);
    dp_packet_delete(ours);
}

/* Scripts. */

/* Chooses what a table does with a packet that the tracker has found new, or
 * has seen before: commits it, or nothing. */
static bool
choose_commit(const struct ct_talk *t, const struct dp_packet *p, bool reply,
              struct ct_pass_action *a)
{
    bool is_new = p->md.ct_state & CS_NEW;

    /* Theirs aborts when what looks like a reply begins a translated one. */
    if (is_new ? reply && t->nat != CT_TALK_NAT_NONE
        : !(p->md.ct_state & CS_ESTABLISHED) || random_range(16)) {
        return false;
    }
    *a = (struct ct_pass_action) { .commit = true, .zone = t->zone };
    a->has_nat = is_new && t->nat > CT_TALK_NAT_BARE;
    if (a->has_nat) {
        ct_talk_choose_nat(t, &a->nat);
    }
    if (!is_new || random_range(2)) {
        a->has_mark = a->has_label = true;
        a->mark[1] = a->label[1].ct_labels_32[0] = UINT32_MAX;
        a->mark[0] = a->label[0].ct_labels_32[0] = random_uint32();
    }
    return true;
}

/* Sends a segment through both: they look, and commit what they should.
 * Returns false if they may differ from now on. */
static bool
play_segment(struct twin *twin, struct ct_talk *t, const struct ct_segment *s,
             bool *valid)
{
    struct ct_pass_action look = {
        .zone = t->zone, .has_nat = t->nat != CT_TALK_NAT_NONE,
    };
    struct dp_packet *ours = dp_packet_new(512), *theirs;
    struct ct_pass_action commit;
    struct flow flow;
    bool same;

    ct_talk_put_segment(ours, t, s);
    pkt_metadata_init(&ours->md, 1);
    flow_extract(ours, &flow);
    theirs = dp_packet_clone(ours);

    same = pass_both(twin, t, &look, s->reply, false, ours, theirs);
    if (same && choose_commit(t, ours, s->reply, &commit)) {
        same = pass_both(twin, t, &commit, s->reply, false, ours, theirs);
    }
    *valid = !(ours->md.ct_state & CS_INVALID);
    if (!s->reply) {
        ct_talk_learn(t, ours);
    }
    dp_packet_delete(ours);
    dp_packet_delete(theirs);
    return same;
}

/* Plays a script.  Unless it is 'faulty', no segment may be invalid.  Returns
 * false if both may differ from now on. */
static bool
play_script(struct twin *twin, struct ct_talk *t,
            const struct ct_script *script, bool faulty)
{
    bool same = true, valid;

    for (size_t i = 0; same && i < script->n; i++) {
        same = play_segment(twin, t, &script->segments[i], &valid);
        if (same && !valid && !faulty) {
            dptest_fail("segment %"PRIuSIZE" of %"PRIuSIZE" is invalid, open "
                        "%d, close %d", i, script->n, script->open,
                        script->close);
        }
        advance(twin, random_range(50));
    }
    twin->n_whole[script->open][script->close] += same;
    if (same && !twin->alone) {
        compare_dumps(twin);
    }
    return same && !twin->alone;
}

/* A conversation, and perhaps another one between the same ends. */
static void
play(struct twin *twin)
{
    struct ct_script script;
    bool faulty = false;
    struct ct_talk t;

    ct_talk_start(&t, twin->now);
    t.proto = IPPROTO_TCP;
    do {
        ct_script_make(&script, &t);
        faulty |= script.has_faults;
    } while (play_script(twin, &t, &script, faulty) && !random_range(4));
    forget_all(twin);
    twin->alone = false;
}

/* usage: ct-twin-tcp [check [PACKETS [SEED]]] */
static void
test_ct_twin_tcp_main(int argc, char *argv[])
{
    unsigned int n = argc > 2 ? atoi(argv[2]) : 100000;
    struct twin twin = { .has_script = true };

    random_set_seed(argc > 3 ? atoi(argv[3]) : 1);
    begin(&twin);
    while (twin.n_packets < n) {
        play(&twin);
        ovsrcu_quiesce();
    }
    for (int i = 0; i < CT_SCRIPT_N_OPENS; i++) {
        for (int j = 0; j < CT_SCRIPT_N_CLOSES; j++) {
            if (!twin.n_whole[i][j]) {
                dptest_fail("no conversation to its end: open %d, close %d",
                            i, j);
            }
        }
    }
    end(&twin);
}
DPTEST_REGISTER("ct-twin-tcp", test_ct_twin_tcp_main);

/* Captures. */

/* Frames, each after its length, of two bytes. */
struct captures {
    char *data;
    size_t size;
    size_t *offsets;            /* Of frames. */
    size_t n;
};

static size_t
frame_size(const struct captures *c, size_t offset)
{
    return ntohs(get_unaligned_be16((ovs_be16 *) (c->data + offset)));
}

static void
read_captures(const char *name, struct captures *c)
{
    FILE *file = fopen(name, "rb");
    size_t allocated = 0;
    struct stat st;

    if (!file || fstat(fileno(file), &st)) {
        dptest_fail("%s: %s", name, ovs_strerror(errno));
    }
    c->data = xmalloc(st.st_size + 1);
    c->size = fread(c->data, 1, st.st_size, file);
    fclose(file);
    c->offsets = NULL;
    c->n = 0;
    for (size_t i = 0; i + 2 <= c->size && i + 2 + frame_size(c, i) <= c->size;
         i += 2 + frame_size(c, i)) {
        if (c->n >= allocated) {
            c->offsets = x2nrealloc(c->offsets, &allocated,
                                    sizeof *c->offsets);
        }
        c->offsets[c->n++] = i;
    }
    if (!c->n) {
        dptest_fail("%s: no packets", name);
    }
}

/* Changes some bytes of the headers of 'p'.  A NIC may call its sums good. */
static void
mutate(struct dp_packet *p)
{
    size_t n = MIN(dp_packet_size(p) - ETH_HEADER_LEN, 60);
    uint8_t *l3 = (uint8_t *) dp_packet_data(p) + ETH_HEADER_LEN;

    for (unsigned int i = random_range(5); n && i > 0; i--) {
        l3[random_range(n)] ^= 1 << random_range(8);
    }
    if (random_range(2)) {
        *dp_packet_ol_flags_ptr(p) |= (DP_PACKET_OL_RX_IP_CKSUM_GOOD
                                       | DP_PACKET_OL_RX_L4_CKSUM_GOOD);
    }
}

/* Returns frame 'i', or NULL if it is nothing for a tracker, or a fragment,
 * which a tracker keeps. */
static struct dp_packet *
get_frame(const struct captures *c, size_t i, bool *is_ipv6)
{
    size_t size = frame_size(c, c->offsets[i]);
    struct dp_packet *p = dp_packet_new(size);
    struct flow flow;

    dp_packet_put(p, c->data + c->offsets[i] + 2, size);
    if (random_range(4) == 0) {
        mutate(p);
    }
    pkt_metadata_init(&p->md, 1);
    flow_extract(p, &flow);
    *is_ipv6 = flow.dl_type == htons(ETH_TYPE_IPV6);
    if (p->l3_ofs == UINT16_MAX || p->l4_ofs == UINT16_MAX || flow.nw_frag) {
        dp_packet_delete(p);
        return NULL;
    }
    return p;
}

/* Some frames that follow each other, in one zone. */
static void
replay(struct twin *twin, const struct captures *c)
{
    struct ct_talk t = { .zone = random_range(CT_TALK_ZONES) };
    size_t i = random_range(c->n), end = MIN(i + random_range(100), c->n);

    for (; i < end; i++) {
        struct dp_packet *p = get_frame(c, i, &t.is_ipv6);

        if (p) {
            t.nat = random_range(4) ? CT_TALK_NAT_NONE : CT_TALK_NAT_BARE;
            dp_packet_delete(send_packet(twin, &t, p, false, false,
                                         choose_n_passes()));
            dp_packet_delete(p);
        }
    }
}

/* Now and then, something happens that is no packet. */
static void
event(struct twin *twin)
{
    uint16_t zone = random_range(CT_TALK_ZONES);

    switch (random_range(40)) {
    case 0:
        conntrack_flush(twin->ours, &zone);
        theirs_conntrack_flush(twin->theirs, &zone);
        break;
    case 1: {
        bool check = random_range(4);

        conntrack_set_tcp_seq_chk(twin->ours, check);
        theirs_conntrack_set_tcp_seq_chk(twin->theirs, check);
        break;
    }
    case 2:
        advance(twin, 29000 + random_range(35000));
        break;
    case 3:
        compare_dumps(twin);
        break;
    default:
        if (random_range(2)) {
            ct_talk_start(&twin->talks[random_range(N_TALKS)], twin->now);
        } else {
            advance(twin, random_range(2000));
        }
    }
}

/* usage: ct-twin [check [PACKETS [SEED]]]
 *        ct-twin captures PACKETS SEED FILE */
static void
test_ct_twin_main(int argc, char *argv[])
{
    unsigned int n = argc > 2 ? atoi(argv[2]) : DPTEST_MANY(500000);
    unsigned int seed = argc > 3 ? atoi(argv[3]) : 1;
    bool has_captures = argc > 4 && !strcmp(argv[1], "captures");
    struct twin twin = { .now = 0 };
    struct captures captures = { .n = 0 };

    if (has_captures) {
        read_captures(argv[4], &captures);
    }
    random_set_seed(seed);
    begin(&twin);
    for (size_t i = 0; i < N_TALKS; i++) {
        ct_talk_start(&twin.talks[i], twin.now);
    }
    while (twin.n_packets < n) {
        if (has_captures) {
            replay(&twin, &captures);
        } else {
            turn(&twin);
        }
        if (has_captures || !random_range(8)) {
            event(&twin);
            ovsrcu_quiesce();
        }
    }
    end(&twin);
    free(captures.data);
    free(captures.offsets);
}

DPTEST_REGISTER("ct-twin", test_ct_twin_main);
