/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_HELPER_H
#define CT_HELPER_H 1

/* ct-helper: protocols that announce further connections
 * ======================================================
 *
 * Job.  Reads FTP's control connections and TFTP's requests, and expects what
 * they announce.  Where the connection is translated, puts the address into
 * the text that the other side must see, and corrects the sequence numbers of
 * all that follows, as the text has another length.
 *
 * Thread-safety.  Any thread.  Takes the connection's lock for its sequence
 * numbers.
 *
 * Errors.  An announcement that makes no sense, or of an address that is not
 * the sender's, makes its packet invalid, with a warning. */

#include <stdbool.h>
#include <stdint.h>
#include "ct/ct-conn.h"

struct conntrack;
struct ct_packet;
struct ct_tcp_segment;
struct dp_packet;

/* The values are bits of a connection's flags. */
enum ct_helper {
    CT_HELPER_NONE = 0,
    CT_HELPER_FTP = CT_F_FTP,
    CT_HELPER_TFTP = CT_F_TFTP,
};

/* Returns the helper that an action calls 'name', which may be NULL. */
enum ct_helper ct_helper_from_name(const char *name);

/* Does 'helper' know protocol 'proto'? */
bool ct_helper_speaks(enum ct_helper, uint8_t proto);

/* Reads 'packet', a sound one of 'conn', that was parsed to 'p', and has been
 * 'translated' in this pass or not.  'helper' is what the action asks for; a
 * connection's own is used without.  Returns false if it is malformed. */
bool ct_helper_read(struct conntrack *, struct conn *, enum ct_helper helper,
                    struct dp_packet *packet, const struct ct_packet *p,
                    bool reply, bool translated, long long now_ms);

/* Lets 'seg' have numbers as both sides count what they send themselves.  It
 * is as its sender has sent it; or, if it was 'translated' in an earlier pass,
 * as the receiver sees it. */
void ct_helper_unskew(const struct conntrack *, const struct conn *,
                      bool reply, bool translated,
                      struct ct_tcp_segment *seg);

/* Returns the original tuple that packets of 'conn' bear: that of its parent,
 * if it has one. */
const struct ct_key *ct_helper_original(const struct conntrack *,
                                        const struct conn *);

#endif /* ct-helper.h */
