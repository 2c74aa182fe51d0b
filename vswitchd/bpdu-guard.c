/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "vswitchd/bpdu-guard.h"

#include <string.h>

#include "util.h"

#define RSTP_BPDU_LEN 36        /* A rapid spanning tree BPDU. */

void
__wrap_rstp_port_received_bpdu(struct rstp_port *port, const void *bpdu,
                               size_t bpdu_size)
{
    uint8_t padded[RSTP_BPDU_LEN] = { 0 };

    memcpy(padded, bpdu, MIN(bpdu_size, sizeof padded));
    __real_rstp_port_received_bpdu(port, padded, bpdu_size);
}
