/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OFPROTO_TRACE_LIVE_H
#define OFPROTO_TRACE_LIVE_H 1

/* trace-live: what becomes of the next real packets?
 * ==================================================
 *
 * Job.  The command "ofproto/trace-live [--format json] [--count N] [--timeout
 * SECONDS] [BRIDGE] [FILTER]": waits for N packets (1) that come in by a port
 * and match FILTER, and answers with their way through the datapath.
 *
 * ofproto/trace says what would happen to a packet that the user describes, in
 * OpenFlow; this what has happened to packets that came, in the datapath.  So
 * it has that name, and takes bridge and fields as that does.  It blocks, as
 * tcpdump would: with one command there is nothing to be cleared or to be
 * forgotten.  The time is limited, since a client that has gone away is not
 * noticed.
 *
 * How.  lib/pipe/dp-live.h notes what happens.  Which OpenFlow rules made the
 * megaflows is asked afterward, from the ukeys, as ofproto/detrace does: what
 * has gone meanwhile is not told, and a rule that was changed meanwhile is
 * told as it is.
 *
 * Thread-safety.  Main thread only. */

struct unixctl_conn;

void trace_live_command(struct unixctl_conn *, int argc, const char *argv[],
                        void *aux);

#endif /* ofproto/trace-live.h */
