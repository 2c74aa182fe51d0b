/* SPDX-License-Identifier: Apache-2.0 */

/* Every argument is a row in a table: its name, its type, its range and where
 * it goes.  Arguments of a shape of their own have a parser in the row.  What
 * involves two arguments is checked once, at the end. */

#include "simnic-devargs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_kvargs.h>

struct option;

/* Carries the reason for a refusal. */
struct reason {
    char *text;
    size_t size;
};

typedef int parse_fn(struct simnic_config *, const struct option *,
                     const char *value, struct reason *);

struct option {
    const char *key;
    parse_fn *parse;
    size_t ofs;
    uint64_t min, max;
    bool run_time;
};

static int
bad(struct reason *why, const char *key, const char *value,
    const char *expected)
{
    snprintf(why->text, why->size, "%s=%s: expected %s", key, value,
             expected);
    return EINVAL;
}

/* Parses a decimal or 0x number with an optional suffix k, M or G.  Stops at
 * the first character that does not belong to it. */
static bool
parse_number(const char **sp, uint64_t *valuep)
{
    const char *s = *sp;
    char *end;

    if (*s < '0' || *s > '9') {
        return false;
    }
    errno = 0;
    *valuep = strtoull(s, &end, 0);
    if (errno || end == s) {
        return false;
    }

    uint64_t unit = (*end == 'k' ? 1000 : *end == 'M' ? 1000000
                     : *end == 'G' ? 1000000000 : 1);
    end += unit > 1;
    if (*valuep > UINT64_MAX / unit) {
        return false;
    }
    *valuep *= unit;
    *sp = end;
    return true;
}

static bool
number_in(const struct option *o, const char *value, uint64_t *np,
          struct reason *why)
{
    const char *s = value;

    if (!parse_number(&s, np) || *s || *np < o->min || *np > o->max) {
        char expected[80];

        snprintf(expected, sizeof expected, "a number from %llu to %llu",
                 (unsigned long long) o->min, (unsigned long long) o->max);
        bad(why, o->key, value, expected);
        return false;
    }
    return true;
}

static int
parse_u32(struct simnic_config *c, const struct option *o, const char *value,
          struct reason *why)
{
    uint64_t n;

    if (!number_in(o, value, &n, why)) {
        return EINVAL;
    }
    *(uint32_t *) (void *) ((char *) c + o->ofs) = n;
    return 0;
}

static int
parse_u64(struct simnic_config *c, const struct option *o, const char *value,
          struct reason *why)
{
    uint64_t n;

    if (!number_in(o, value, &n, why)) {
        return EINVAL;
    }
    *(uint64_t *) (void *) ((char *) c + o->ofs) = n;
    return 0;
}

static int
parse_bool(struct simnic_config *c, const struct option *o, const char *value,
           struct reason *why)
{
    uint64_t n;

    if (!number_in(o, value, &n, why)) {
        return EINVAL;
    }
    *((bool *) c + o->ofs) = n;
    return 0;
}

/* A string of at most 'max' bytes, including the null. */
static int
parse_string(struct simnic_config *c, const struct option *o,
             const char *value, struct reason *why)
{
    size_t n = strlen(value);

    if (!n || n >= o->max) {
        return bad(why, o->key, value, "a name that is shorter");
    }
    memcpy((char *) c + o->ofs, value, n + 1);
    return 0;
}

/* Looks 'value' up in the null-terminated 'names'; -1 if it is none. */
static int
find_name(const char *const names[], const char *value, size_t n)
{
    for (int i = 0; names[i]; i++) {
        if (strlen(names[i]) == n && !memcmp(names[i], value, n)) {
            return i;
        }
    }
    return -1;
}

static const char *const mode_names[] = {
    "gen", "sink", "pcap", "pair", "ring", NULL
};

const char *
simnic_mode_name(enum simnic_mode mode)
{
    return mode_names[mode];
}

static int
parse_mode(struct simnic_config *c, const struct option *o, const char *value,
           struct reason *why)
{
    int i = find_name(mode_names, value, strlen(value));

    if (i < 0) {
        return bad(why, o->key, value, "gen, sink, pcap, pair or ring");
    }
    c->mode = i;
    return 0;
}

static int
parse_mega(struct simnic_config *c, const struct option *o, const char *value,
           struct reason *why)
{
    static const char *const names[] = {
        "ip-dst", "ip-src", "l4-dst", "l4-src", "eth-dst", "eth-src", "vlan",
        NULL
    };
    int i = find_name(names, value, strlen(value));

    if (i < 0) {
        return bad(why, o->key, value, "ip-dst, ip-src, l4-dst, l4-src, "
                   "eth-dst, eth-src or vlan");
    }
    c->mega = i;
    return 0;
}

/* PROTO[:WEIGHT]+... */
static int
parse_proto(struct simnic_config *c, const struct option *o,
            const char *value, struct reason *why)
{
    static const char *const names[] = {
        "udp4", "tcp4", "icmp4", "udp6", "tcp6", "icmp6", NULL
    };
    const char *s = value;

    memset(c->proto_weight, 0, sizeof c->proto_weight);
    for (;;) {
        size_t n = strcspn(s, ":+");
        uint64_t weight = 1;
        int i = find_name(names, s, n);

        s += n;
        if (i < 0
            || (*s == ':' && (s++, !parse_number(&s, &weight)))
            || !weight || weight > 1000 || (*s && *s != '+')) {
            return bad(why, o->key, value, "PROTO[:WEIGHT]+..., where PROTO "
                       "is udp4, tcp4, icmp4, udp6, tcp6 or icmp6");
        }
        c->proto_weight[i] = weight;
        if (!*s++) {
            return 0;
        }
    }
}

/* BYTES[:WEIGHT]+... */
static int
parse_size(struct simnic_config *c, const struct option *o, const char *value,
           struct reason *why)
{
    const char *s = strcmp(value, "imix") ? value : "64:7+594:4+1518:1";

    c->n_sizes = 0;
    for (;;) {
        uint64_t bytes, weight = 1;

        if (!parse_number(&s, &bytes) || bytes < 64 || bytes > 9728
            || (*s == ':' && (s++, !parse_number(&s, &weight)))
            || !weight || weight > 1000 || (*s && *s != '+')
            || c->n_sizes >= SIMNIC_MAX_SIZES) {
            return bad(why, o->key, value, "imix or BYTES[:WEIGHT]+..., at "
                       "most 8 sizes from 64 to 9728");
        }
        c->size[c->n_sizes].bytes = bytes;
        c->size[c->n_sizes++].weight = weight;
        if (!*s++) {
            return 0;
        }
    }
}

/* VID[+VID] */
static int
parse_vlan(struct simnic_config *c, const struct option *o, const char *value,
           struct reason *why)
{
    const char *s = value;

    c->n_vlans = 0;
    for (;;) {
        uint64_t vid;

        if (!parse_number(&s, &vid) || vid > 4095 || (*s && *s != '+')
            || c->n_vlans >= 2) {
            return bad(why, o->key, value, "VID or VID+VID, up to 4095");
        }
        c->vlan[c->n_vlans++] = vid;
        if (!*s++) {
            return 0;
        }
    }
}

/* rr | rand | zipf[:ALPHA] */
static int
parse_order(struct simnic_config *c, const struct option *o,
            const char *value, struct reason *why)
{
    if (!strcmp(value, "rr")) {
        c->order = SIMNIC_RR;
    } else if (!strcmp(value, "rand")) {
        c->order = SIMNIC_RAND;
    } else if (!strcmp(value, "zipf")) {
        c->order = SIMNIC_ZIPF;
        c->zipf_alpha = 1.0;
    } else {
        char *end = NULL;

        if (strncmp(value, "zipf:", 5)
            || (c->zipf_alpha = strtod(value + 5, &end),
                end == value + 5 || *end)
            || !(c->zipf_alpha > 0 && c->zipf_alpha <= 4)) {
            return bad(why, o->key, value, "rr, rand, zipf or zipf:ALPHA "
                       "with ALPHA in (0, 4]");
        }
        c->order = SIMNIC_ZIPF;
    }
    return 0;
}

/* STREAMS:PERCENT:PACKETS */
static int
parse_hot(struct simnic_config *c, const struct option *o, const char *value,
          struct reason *why)
{
    const char *s = value;
    uint64_t n, percent, packets;

    if (!parse_number(&s, &n) || *s++ != ':' || !parse_number(&s, &percent)
        || *s++ != ':' || !parse_number(&s, &packets) || *s
        || !n || n > UINT32_MAX || !percent || percent > 100
        || !packets || packets > UINT32_MAX) {
        return bad(why, o->key, value, "STREAMS:PERCENT:PACKETS");
    }
    c->hot_streams = n;
    c->hot_percent = percent;
    c->hot_packets = packets;
    return 0;
}

static int
parse_mac(struct simnic_config *c, const struct option *o, const char *value,
          struct reason *why)
{
    struct rte_ether_addr mac;

    if (rte_ether_unformat_addr(value, &mac) || rte_is_zero_ether_addr(&mac)
        || (o->max && rte_is_multicast_ether_addr(&mac))) {
        return bad(why, o->key, value, (o->max
                                        ? "a unicast Ethernet address"
                                        : "an Ethernet address"));
    }
    memcpy((char *) c + o->ofs, &mac, sizeof mac);
    if (o->ofs == offsetof(struct simnic_config, hwaddr)) {
        c->has_hwaddr = true;
    } else {
        c->has_dst_mac = true;
    }
    return 0;
}

static const char *const fail_names[] = {
    "none", "create", "destroy", "query", "flush", NULL
};

void
simnic_config_show_fail(const struct simnic_faults *f, char *text,
                        size_t size)
{
    if (f->fail_op == SIMNIC_OP_NONE) {
        snprintf(text, size, "none");
    } else {
        snprintf(text, size, "%s:%u:%u:%u", fail_names[f->fail_op],
                 f->fail_nth, f->fail_errno, f->fail_count);
    }
}

/* OP:NTH:ERRNO[:COUNT] | none */
static int
parse_fail(struct simnic_config *c, const struct option *o, const char *value,
           struct reason *why)
{
    uint64_t nth = 0, code = 0, count = 1;
    size_t n = strcspn(value, ":");
    const char *s = value + n;
    int op = find_name(fail_names, value, n);

    if (op < 0
        || (op > 0
            && (*s++ != ':' || !parse_number(&s, &nth) || *s++ != ':'
                || !parse_number(&s, &code)
                || (*s == ':' && (s++, !parse_number(&s, &count)))
                || !nth || nth > UINT32_MAX || !code || code > 4095
                || !count || count > UINT32_MAX))
        || *s) {
        return bad(why, o->key, value, "none or OP:NTH:ERRNO[:COUNT], where "
                   "OP is create, destroy, query or flush");
    }
    c->faults.fail_op = op;
    c->faults.fail_nth = nth;
    c->faults.fail_errno = code;
    c->faults.fail_count = count;
    return 0;
}

#define OFS(MEMBER) offsetof(struct simnic_config, MEMBER)

static const struct option options[] = {
    { "mode", parse_mode, 0, 0, 0, false },
    { "queues", parse_u32, OFS(queues), 1, 64, false },
    { "hwaddr", parse_mac, OFS(hwaddr), 0, 1, false },
    { "link", parse_string, OFS(link), 0,
      sizeof ((struct simnic_config *) 0)->link, false },
    { "file", parse_string, OFS(file), 0,
      sizeof ((struct simnic_config *) 0)->file, false },
    { "loop", parse_bool, OFS(loop), 0, 1, false },
    { "timed", parse_bool, OFS(timed), 0, 1, false },
    { "streams", parse_u32, OFS(streams), 1, 1 << 26, false },
    { "megaflows", parse_u32, OFS(megaflows), 1, 1 << 26, false },
    { "mega", parse_mega, 0, 0, 0, false },
    { "proto", parse_proto, 0, 0, 0, false },
    { "size", parse_size, 0, 0, 0, false },
    { "vlan", parse_vlan, 0, 0, 0, false },
    { "to", parse_mac, OFS(dst_mac), 0, 0, false },
    { "order", parse_order, 0, 0, 0, false },
    { "train", parse_u32, OFS(train), 1, 1 << 20, false },
    { "hot", parse_hot, 0, 0, 0, false },
    { "seed", parse_u32, OFS(seed), 0, UINT32_MAX, false },
    { "fill", parse_bool, OFS(fill), 0, 1, false },
    { "cold", parse_bool, OFS(cold), 0, 1, false },
    { "stamp", parse_bool, OFS(stamp), 0, 1, false },
    { "rate", parse_u64, OFS(rate), 0, 1000000000000, true },
    { "clump", parse_u32, OFS(clump), 1, 64, true },
    { "burst", parse_u32, OFS(burst), 1, 1024, false },
    { "capacity", parse_u32, OFS(caps.capacity), 0, 1 << 24, true },
    { "group-capacity", parse_u32, OFS(caps.group_capacity), 0, 1 << 24,
      true },
    { "counters", parse_u32, OFS(caps.counters), 0, 1 << 24, true },
    { "groups", parse_u32, OFS(caps.groups), 1, 65536, true },
    { "priorities", parse_u32, OFS(caps.priorities), 1, UINT32_MAX, true },
    { "mark-bits", parse_u32, OFS(caps.mark_bits), 0, 32, true },
    { "switch", parse_u32, OFS(caps.switch_domain), 0, 65534, false },
    { "keep-rules", parse_bool, OFS(caps.keep_rules), 0, 1, true },
    { "integrity", parse_bool, OFS(caps.integrity), 0, 1, false },
    { "checksums", parse_bool, OFS(caps.checksums), 0, 1, false },
    { "tcp-flags", parse_bool, OFS(caps.tcp_flags), 0, 1, false },
    { "latency-us", parse_u32, OFS(faults.latency_us), 0, 10000000, true },
    { "flow-rate", parse_u32, OFS(faults.flow_rate), 0, 1000000000, true },
    { "counter-lag-ms", parse_u32, OFS(faults.counter_lag_ms), 0, 3600000,
      true },
    { "inflight", parse_u32, OFS(faults.inflight), 0, 4096, true },
    { "no-marks", parse_bool, OFS(faults.no_marks), 0, 1, true },
    { "removal-ms", parse_u32, OFS(faults.removal_ms), 0, 3600000, true },
    { "fail", parse_fail, 0, 0, 0, true },
};

void
simnic_config_init(struct simnic_config *c)
{
    static const uint8_t dst_mac[6] = { 0x02, 0x5a, 0, 0, 0, 0x01 };

    memset(c, 0, sizeof *c);
    c->mode = SIMNIC_GEN;
    c->queues = 16;
    c->loop = true;
    c->streams = 1;
    c->megaflows = 1;
    c->proto_weight[SIMNIC_UDP4] = 1;
    c->n_sizes = 1;
    c->size[0].bytes = 64;
    c->size[0].weight = 1;
    memcpy(c->dst_mac, dst_mac, sizeof c->dst_mac);
    c->train = 1;
    c->seed = 1;
    c->clump = 1;
    c->burst = 1024;
    c->caps.capacity = 1 << 20;
    c->caps.group_capacity = 1 << 20;
    c->caps.counters = 1 << 20;
    c->caps.groups = 1024;
    c->caps.priorities = UINT32_MAX;
    c->caps.mark_bits = 32;
    c->caps.switch_domain = -1;
    c->caps.keep_rules = true;
    c->caps.integrity = true;
    c->caps.checksums = true;
    c->caps.tcp_flags = true;
}

static const struct option *
find_option(const char *key)
{
    for (size_t i = 0; i < RTE_DIM(options); i++) {
        if (!strcmp(options[i].key, key)) {
            return &options[i];
        }
    }
    return NULL;
}

/* Checks what involves more than one argument. */
static int
check(const struct simnic_config *c, struct reason *why)
{
    const char *text = NULL;

    if (c->mode == SIMNIC_PAIR && !c->link[0]) {
        text = "mode=pair needs link=NAME, the same for both ports";
    } else if (c->mode == SIMNIC_PCAP && !c->file[0]) {
        text = "mode=pcap needs file=PATH";
    } else if (c->megaflows > c->streams) {
        text = "megaflows= is more than streams=";
    } else if (c->mega == SIMNIC_MEGA_VLAN
               && (!c->n_vlans || c->vlan[0] + c->megaflows > 4095)) {
        text = "mega=vlan needs vlan=FIRST and FIRST + megaflows up to 4095";
    } else if ((c->mega == SIMNIC_MEGA_L4_DST
                || c->mega == SIMNIC_MEGA_L4_SRC)
               && c->megaflows > 60000) {
        text = "mega=l4-dst and l4-src allow up to 60000 megaflows";
    } else if ((c->mega == SIMNIC_MEGA_ETH_DST
                || c->mega == SIMNIC_MEGA_ETH_SRC)
               && c->megaflows > 4096) {
        text = "mega=eth-dst and eth-src allow up to 4096 megaflows";
    } else if (c->hot_streams > c->streams) {
        text = "hot= has more streams than streams=";
    } else if (c->timed && c->rate) {
        text = "timed=1 and rate= exclude each other";
    } else if (c->stamp && (c->mode == SIMNIC_PAIR
                            || c->mode == SIMNIC_RING)) {
        text = "stamp=1 is not for mode=pair and mode=ring";
    } else if (c->stamp && c->faults.inflight) {
        text = "stamp=1 and inflight= exclude each other";
    } else if (c->timed && c->mode != SIMNIC_PCAP) {
        text = "timed=1 is for mode=pcap only";
    }
    if (text) {
        snprintf(why->text, why->size, "%s", text);
        return EINVAL;
    }
    return 0;
}

struct parse_aux {
    struct simnic_config *config;
    struct reason *why;
};

static int
parse_one(const char *key, const char *value, void *aux_)
{
    struct parse_aux *aux = aux_;
    const struct option *o = find_option(key);

    if (!value || !o) {
        snprintf(aux->why->text, aux->why->size, "%s: needs a value", key);
        return -1;
    }
    return o->parse(aux->config, o, value, aux->why) ? -1 : 0;
}

int
simnic_config_parse(struct simnic_config *c, const char *args, char *text,
                    size_t size)
{
    struct reason why = { text, size };
    struct parse_aux aux = { c, &why };
    struct rte_kvargs *kvargs;
    int error;

    simnic_config_init(c);
    snprintf(text, size, "bad syntax");
    kvargs = rte_kvargs_parse(args ? args : "", NULL);
    if (!kvargs) {
        return EINVAL;
    }
    for (unsigned int i = 0; i < kvargs->count; i++) {
        const char *key = kvargs->pairs[i].key;

        if (!find_option(key)) {
            snprintf(text, size, "%s: no such argument", key);
            rte_kvargs_free(kvargs);
            return EINVAL;
        }
        if (rte_kvargs_count(kvargs, key) > 1) {
            snprintf(text, size, "%s: given twice", key);
            rte_kvargs_free(kvargs);
            return EINVAL;
        }
    }
    error = (rte_kvargs_process(kvargs, NULL, parse_one, &aux)
             ? EINVAL : check(c, &why));
    rte_kvargs_free(kvargs);
    return error;
}

int
simnic_config_set(struct simnic_config *c, const char *key, const char *value,
                  char *text, size_t size)
{
    struct reason why = { text, size };
    const struct option *o = find_option(key);
    struct simnic_config new = *c;
    int error;

    if (!o) {
        snprintf(text, size, "%s: no such setting", key);
        return EINVAL;
    }
    if (!o->run_time) {
        snprintf(text, size, "%s: fixed when the port is created", key);
        return EPERM;
    }
    error = o->parse(&new, o, value, &why);
    if (!error) {
        error = check(&new, &why);
    }
    if (!error) {
        *c = new;
    }
    return error;
}
