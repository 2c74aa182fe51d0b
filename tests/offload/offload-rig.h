/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFFLOAD_RIG_H
#define OFFLOAD_RIG_H 1

/* offload-rig: an engine, a NIC in memory, and a datapath of flows for tests
 * ==========================================================================
 *
 * A flow of the rig matches on its in-port and its number, and outputs to one
 * port.  References are counted, in each flow and in all. */

#include "offload/dp-offload-dummy.h"
#include "offload/dp-offload.h"
#include "ovs-atomic.h"

#define RIG_N_LANES 4

struct rig {
    struct dp_dummy_nic *nic;
    struct dp_offload *offload;
    struct dp_mark_index *lanes[RIG_N_LANES];
    atomic_uint64_t n_refs;             /* The engine's on flows. */
    atomic_uint64_t drained;            /* What port_drained() answers. */
    atomic_bool marks_seen;             /* What port_marks_seen() answers. */
    atomic_uint64_t n_told;             /* Packets, by flow_del(). */
    atomic_uint64_t n_late;             /* Packets, by flow_late(). */
    atomic_uint64_t n_late_bytes;
};

struct rig_flow {
    struct ovs_refcount refs;
    odp_port_t in_port;
    enum dp_offload_kind kind;          /* MEGAFLOW, unless set. */
    uint32_t id;
    ovs_u128 mega_ufid;
    atomic_uint32_t output;
    atomic_bool gone;
    atomic_uint64_t n_packets;          /* Counted by software. */
};

void rig_init(struct rig *rig, const struct dp_dummy_config *config,
              unsigned int n_workers);

/* Aborts if anything is left. */
void rig_uninit(struct rig *rig);

struct rig_flow *rig_flow_create(odp_port_t in_port, uint32_t id,
                                 uint32_t output);
void rig_flow_destroy(struct rig_flow *flow);

void rig_put(struct rig *rig, unsigned int lane, struct rig_flow *flow);
void rig_modify(struct rig *rig, struct rig_flow *flow, uint32_t output);
void rig_del(struct rig *rig, unsigned int lane, struct rig_flow *flow);

/* Likewise, and stores in '*stats', and adds to n_told, what the engine told
 * of the flow. */
void rig_del_stats(struct rig *rig, unsigned int lane, struct rig_flow *flow,
                   struct dpif_flow_stats *stats);

/* Returns the number of packets that were told of so far, with removals or
 * afterwards. */
uint64_t rig_told(struct rig *rig);

/* The mark by which 'flow' is found in the NIC (0: none or whole) and, if that
 * is not 0, a check that the index of 'lane' has it. */
uint32_t rig_mark(struct rig *rig, unsigned int lane,
                  const struct rig_flow *flow);
bool rig_is_marked(struct rig *rig, const struct rig_flow *flow);
bool rig_installed(struct rig *rig, const struct rig_flow *flow);

/* Is 'text' part of what offload/show says? */
bool rig_shows(struct rig *rig, const char *text);

/* Waits up to ten seconds until the rule of 'flow' has 'why'. */
void rig_wait_why(struct rig *rig, const struct rig_flow *flow,
                  enum dp_offload_why why);

#endif /* offload-rig.h */
