/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SIMNIC_PORT_RIG_H
#define TESTS_SIMNIC_PORT_RIG_H 1

/* simnic-port-rig: what tests of net_simnic ports have in common
 * ==============================================================
 *
 * Job.  Open and close ports, receive, write rules in one line each.
 *
 * Thread-safety.  None: tests have one thread, but for what they poll with.
 *
 * See also.  test-simnic-port.c (has main()), test-simnic-flow.c. */

#include <stdbool.h>
#include <stdio.h>

#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mbuf.h>

extern struct rte_mempool *pool;
extern struct rte_flow_error error;
extern const char *test_name;
extern bool test_ok;

/* Notes a failure of the present test if COND is false, and goes on. */
#define CHECK(COND)                                                     \
    do {                                                                \
        if (!(COND)) {                                                  \
            printf("%s:%d: %s: %s\n", __FILE__, __LINE__, test_name,    \
                   #COND);                                              \
            test_ok = false;                                            \
        }                                                               \
    } while (0)

/* The generator's addresses: megaflow I goes to 198.18.0.1 + I. */
#define DST(I) (0xc6120001u + (I))

#define MAX 512                         /* Packets that a test receives. */

/* Plugs a port in.  Returns its number, or UINT16_MAX. */
uint16_t add_port(const char *name, const char *args);

/* Configures and starts a port.  Returns 0 or a negative errno value. */
int start_port(uint16_t port, uint16_t n_queues, uint64_t rx_offloads);

/* Both, with one queue; must succeed. */
uint16_t open_port(const char *name, const char *args);

/* Stops, closes and unplugs a port. */
void close_port(uint16_t port);

/* Waits until the card of 'port' was pulled out, for ten seconds at most. */
bool wait_until_removed(uint16_t port);

/* Receives until 'n' packets are there or nothing comes. */
unsigned int receive(uint16_t port, uint16_t queue, struct rte_mbuf **pkts,
                     unsigned int n);

/* A rule under construction, with room for what it points to. */
struct rule {
    struct rte_flow_attr attr;
    struct rte_flow_item item[8];
    struct rte_flow_action action[8];
    struct rte_flow_item_ipv4 ipv4, ipv4_mask;
    struct rte_flow_action_mark mark;
    struct rte_flow_action_queue queue;
    struct rte_flow_action_jump jump;
    struct rte_flow_action_age age;
    struct rte_flow_action_ethdev ethdev;
    unsigned int n_items, n_actions;
};

/* A rule "eth / ipv4 dst is DST", or without address if that is 0. */
void rule_init(struct rule *, uint32_t dst);

/* Adds an action. */
void rule_act(struct rule *, enum rte_flow_action_type, const void *conf);
void rule_mark(struct rule *, uint32_t mark);
void rule_queue(struct rule *, uint16_t queue);

/* Creates the rule.  validate() must agree, and an error must be told. */
struct rte_flow *rule_create(uint16_t port, struct rule *);

/* What a rule has counted. */
uint64_t hits(uint16_t port, struct rte_flow *);

/* The destination of an IPv4 packet. */
uint32_t dst_of(const struct rte_mbuf *);

/* True if the IPv4 and TCP checksums are right. */
bool csums_ok(const struct rte_mbuf *);

/* A UDP packet to 'dst' with a checksum for the NIC to fill in. */
struct rte_mbuf *make_packet(uint32_t dst);

#endif /* simnic-port-rig.h */
