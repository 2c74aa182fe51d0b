/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "openvswitch/vlog.h"

/* Includes no ct-log.h, whose 'this_module' would be defined twice. */
VLOG_DEFINE_THIS_MODULE(conntrack);
