/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIMNIC_PCAP_H
#define SIMNIC_PCAP_H 1

/* simnic-pcap: captured traffic
 * =============================
 *
 * Job.  Read a capture file of the classic format (micro- or nanoseconds,
 * either byte order) into streams, one for each packet.
 *
 * Owns.  Nothing; the streams own the bytes.
 *
 * Thread-safety.  A pure function, but for the file.
 *
 * See also.  simnic-stream.h. */

#include "simnic-stream.h"

/* Fills '*ss', to be freed with simnic_streams_uninit(), from the file at
 * 'path'.  Returns 0, or a positive errno value with the reason in the 'size'
 * bytes at 'why': EBADMSG if it is no capture of the classic format with
 * Ethernet frames. */
int simnic_pcap_streams(const char *path, struct simnic_streams *ss,
                        char *why, size_t size);

#endif /* simnic-pcap.h */
