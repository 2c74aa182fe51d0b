/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_DEVARGS_H
#define SIMNIC_DEVARGS_H 1

/* simnic-devargs: the configuration of a port
 * ===========================================
 *
 * Job.  Parse the device arguments of a port ("mode=gen,streams=1000") into
 * one validated struct; change single settings at run time, where allowed.
 * Documentation/howto/simnic.rst lists all arguments.
 *
 * Owns.  Nothing; a configuration is a plain value.
 *
 * Invariants.  A configuration that parsed is usable: every value is in its
 * range and values fit together.
 *
 * Thread-safety.  Pure functions.  The driver guards a port's configuration
 * with the port's mutex.
 *
 * See also.  simnic-telemetry.c (the run-time side). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIMNIC_MAX_SIZES 8

enum simnic_mode {
    SIMNIC_GEN,
    SIMNIC_SINK,
    SIMNIC_PCAP,
    SIMNIC_PAIR,
    SIMNIC_RING
};

enum simnic_order {
    SIMNIC_RR,
    SIMNIC_RAND,
    SIMNIC_ZIPF
};

/* Which header field tells generated megaflows apart. */
enum simnic_mega {
    SIMNIC_MEGA_IP_DST,
    SIMNIC_MEGA_IP_SRC,
    SIMNIC_MEGA_L4_DST,
    SIMNIC_MEGA_L4_SRC,
    SIMNIC_MEGA_ETH_DST,
    SIMNIC_MEGA_ETH_SRC,
    SIMNIC_MEGA_VLAN
};

enum simnic_proto {
    SIMNIC_UDP4,
    SIMNIC_TCP4,
    SIMNIC_ICMP4,
    SIMNIC_UDP6,
    SIMNIC_TCP6,
    SIMNIC_ICMP6,
    SIMNIC_N_PROTOS
};

enum simnic_flow_op {
    SIMNIC_OP_NONE,
    SIMNIC_OP_CREATE,
    SIMNIC_OP_DESTROY,
    SIMNIC_OP_QUERY,
    SIMNIC_OP_FLUSH
};

struct simnic_size {
    uint32_t bytes;             /* On the wire, with the 4 bytes of FCS. */
    uint32_t weight;
};

/* What the NIC can do. */
struct simnic_caps {
    uint32_t capacity;          /* Rules in all. */
    uint32_t group_capacity;    /* Rules in each group. */
    uint32_t counters;          /* Indirect COUNTs. */
    uint32_t groups;
    uint32_t priorities;
    uint32_t mark_bits;
    int32_t switch_domain;      /* -1: none. */
    bool keep_rules;            /* Rules survive a stop. */
    bool integrity;             /* Rules may ask for sound headers... */
    bool checksums;             /* ...for sound checksums... */
    bool tcp_flags;             /* ...and for flags of TCP. */
};

/* What goes wrong on purpose. */
struct simnic_faults {
    uint32_t latency_us;        /* Added to each insertion and removal. */
    uint32_t flow_rate;         /* Insertions and removals per second. */
    uint32_t counter_lag_ms;    /* Age of the counters that are read. */
    uint32_t inflight;          /* Packets that keep a verdict that is gone. */
    bool no_marks;              /* MARK is accepted, never delivered. */
    uint32_t removal_ms;        /* After each start; 0: never. */
    enum simnic_flow_op fail_op;
    uint32_t fail_nth;          /* The Nth operation from now fails, ... */
    uint32_t fail_errno;        /* ...with this error... */
    uint32_t fail_count;        /* ...and so do this many in all. */
};

struct simnic_config {
    enum simnic_mode mode;
    uint32_t queues;            /* Largest number of rx and of tx queues. */
    bool has_hwaddr;
    uint8_t hwaddr[6];
    char link[32];              /* SIMNIC_PAIR: both ends give the same. */
    char file[256];             /* SIMNIC_PCAP. */
    bool loop;
    bool timed;                 /* SIMNIC_PCAP: at the capture's own pace. */

    /* SIMNIC_GEN. */
    uint32_t streams;
    uint32_t megaflows;
    enum simnic_mega mega;
    uint32_t proto_weight[SIMNIC_N_PROTOS];
    uint32_t n_sizes;
    struct simnic_size size[SIMNIC_MAX_SIZES];
    uint32_t n_vlans;
    uint16_t vlan[2];           /* Outermost first. */
    uint8_t dst_mac[6];
    bool has_dst_mac;
    enum simnic_order order;
    double zipf_alpha;
    uint32_t train;             /* Packets of a stream in a row. */
    uint32_t hot_streams;       /* Moving hot set; 0: none. */
    uint32_t hot_percent;
    uint32_t hot_packets;       /* Moves after that many packets. */
    uint32_t seed;
    bool fill;                  /* Write zeros as payload. */
    bool cold;                  /* Leave headers out of the caches. */
    bool stamp;                 /* Write when packets arrive, and, in any mode
                                 * without a wire, count how long ago that is
                                 * when they are sent. */

    /* SIMNIC_GEN and SIMNIC_PCAP. */
    uint64_t rate;              /* Packets per second; 0: as fast as polled. */
    uint32_t clump;             /* Packets that come at a time, with 'rate'. */
    uint32_t burst;             /* Most packets for each poll. */

    struct simnic_caps caps;
    struct simnic_faults faults;
};

void simnic_config_init(struct simnic_config *);

/* Parses 'args', "KEY=VALUE,...".  Returns 0, or EINVAL with the reason in
 * the 'size' bytes at 'why'. */
int simnic_config_parse(struct simnic_config *, const char *args,
                        char *why, size_t size);

/* Changes one setting at run time; the rest as simnic_config_parse(), plus
 * EPERM if the setting is fixed when the port is created. */
int simnic_config_set(struct simnic_config *, const char *key,
                      const char *value, char *why, size_t size);

/* Writes what is left of "fail=" as text, as it would be given. */
void simnic_config_show_fail(const struct simnic_faults *, char *, size_t);

const char *simnic_mode_name(enum simnic_mode);

#endif /* simnic-devargs.h */
