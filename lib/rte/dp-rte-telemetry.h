/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_RTE_TELEMETRY_H
#define DP_RTE_TELEMETRY_H 1

/* dp-rte-telemetry: commands on DPDK's telemetry socket
 * =====================================================
 *
 * Job.  Let the rooms above answer commands of dpdk-telemetry.py with JSON,
 * without knowing DPDK.  An answer is an array of strings, or an object of
 * strings, integers, booleans and, one level deep, objects of these; names are
 * made to consist of letters, digits and '_', which is all that telemetry
 * knows.
 *
 * Thread-safety.  Answers are asked for by threads of DPDK, one for each
 * client, in a non-quiescent RCU state. */

#include <stdbool.h>

struct json;

struct dp_rte_telemetry_command {
    const char *path;           /* "/markpath/..."; null ends an array. */
    const char *help;

    /* 'params', which may be null, is what came after the first comma.
     * Returns the answer, which the caller frees, or null. */
    struct json *(*answer)(const char *params);
};

/* Registers 'commands', which must live for ever, once DPDK is initialised.
 * Returns true if that has been done, now or before. */
bool dp_rte_telemetry_register(
    const struct dp_rte_telemetry_command commands[]);

#endif /* dp-rte-telemetry.h */
