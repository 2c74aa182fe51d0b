/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DP_XDP_AWAIT_H
#define DP_XDP_AWAIT_H 1

/* dp-xdp-await: devices that have somebody else's program
 * =======================================================
 *
 * Job.  A port is refused while its device has an XDP program of somebody
 * else's, and the bridges try again only when they hear of a change.  The
 * kernel tells nobody when a program goes with the process that held it, so
 * the devices are looked at once a second, and the bridges are told.
 *
 * Owns.  The list of those devices, of the whole process.  A device stays in
 * it until its program or the device itself goes.  Nobody tells if the port is
 * deleted meanwhile, which costs a look once a second and one needless try at
 * the end.
 *
 * Thread-safety.  Any thread; a mutex, taken inside. */

#include <stdbool.h>
#include <stdint.h>

/* Device 'ifindex' is wanted, but has somebody else's program.  Returns
 * whether that is new. */
bool dp_xdp_await_start(uint32_t ifindex);

/* Device 'ifindex' has our program now. */
void dp_xdp_await_stop(uint32_t ifindex);

/* Looks, if it is time, and has the bridges try again when a device has become
 * free; poll-loop then wakes when it is time again. */
void dp_xdp_await_run(void);
void dp_xdp_await_wait(void);

#endif /* dp-xdp-await.h */
