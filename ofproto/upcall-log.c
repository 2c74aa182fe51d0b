/* SPDX-License-Identifier: Apache-2.0 */

/* Defines the log module that upcall-log.h shares out. */

#include <config.h>

#include "openvswitch/vlog.h"

VLOG_DEFINE_THIS_MODULE(ofproto_dpif_upcall);
