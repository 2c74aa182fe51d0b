/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_COMMANDS_H
#define DP_COMMANDS_H 1

/* dp-commands: "ovs-appctl dpif-netdev/...", "offload/..." and so on
 * ==================================================================
 *
 * Job.  Show and change lanes, queues, bonds, counters and the choice of
 * implementations.  Names, arguments and output are those that users and
 * scripts of Open vSwitch know.
 *
 * Thread-safety.  unixctl calls all commands on the main thread. */

#include <stdbool.h>
#include "openvswitch/types.h"

struct dp;
struct ds;
struct dp_pmd;
struct json;
struct unixctl_conn;

void dp_commands_init(void);
void dp_format_offload(const char *dp_name, struct ds *);
bool dp_find_flow_of_rule(const char *dp_name, const ovs_u128 *mega_ufid,
                          ovs_u128 *ufid);

/* For the parts of this module. */

/* What a command that shows lanes was asked for. */
struct dp_command_args {
    const char *dp_name;        /* NULL: the only one. */
    bool filter;                /* "-pmd CORE" was given... */
    unsigned int core_id;       /* ...with this core. */
    int secs;                   /* "-secs", or -1. */
};

typedef void dp_lane_command(struct ds *, struct dp_pmd *,
                             const struct dp_command_args *);
void dp_command_for_lanes(struct unixctl_conn *,
                          const struct dp_command_args *, struct ds *,
                          dp_lane_command *);
void dp_command_parse_args(int argc, const char *argv[],
                           struct dp_command_args *);
void dp_command_format_lane(struct ds *, const struct dp_pmd *);

/* What a command that knows "--format json" was asked for. */
struct dp_format_args {
    bool json;
    const char *operand;        /* NULL if there is none. */
};

/* Appends to '*s'.  Returns NULL, or what is wrong, which the caller frees. */
typedef char *dp_format_command(struct dp *, const struct dp_format_args *,
                                struct ds *s);

/* Answers with what 'command' says of the only datapath. */
void dp_command_format(struct unixctl_conn *, int argc, const char *argv[],
                       dp_format_command *command);

/* Appends 'json', and destroys it. */
void dp_command_put_json(struct ds *, struct json *json);

/* For the arguments of "dpctl/dump-flows", of which dpctl knows all but one:
 * is that among them?  Then answers with the merged flows. */
bool dp_command_wants_merged(int argc, const char *argv[]);
void dp_command_dump_merged(struct unixctl_conn *, int argc,
                            const char *argv[]);

void dp_commands_ct_init(void);
void dp_commands_drops_init(void);
void dp_commands_merge_init(void);
void dp_commands_stats_init(void);
void dp_commands_top_init(void);
void dp_commands_impl_init(void);
void dp_commands_offload_init(void);

#endif /* dp-commands.h */
