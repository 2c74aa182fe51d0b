/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CT_FTP_H
#define CT_FTP_H 1

/* ct-ftp: where FTP announces its data connections
 * ================================================
 *
 * Job.  Finds the address and the port that a control connection announces:
 * PORT and EPRT of a client, the answers 227 and 229 of a server.  It reads
 * one announcement at the start of a segment, and no more than
 * CT_FTP_MAX_TEXT bytes of it.
 *
 * Thread-safety.  Pure functions.
 *
 * Source.  RFC 959, RFC 2428. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "conntrack.h"

/* As much as is read of a segment. */
#define CT_FTP_MAX_TEXT 127

enum ct_ftp_found {
    CT_FTP_NOTHING,             /* Not an announcement. */
    CT_FTP_MALFORMED,           /* One that makes no sense. */
    CT_FTP_PORT,                /* Port only: the address is the sender's. */
    CT_FTP_ADDRESS,             /* Both. */
};

struct ct_ftp_text {
    uint16_t port;
    union ct_addr addr;         /* CT_FTP_ADDRESS: of the family asked for. */
    size_t start, end;          /* Where the address is in the text. */
    char separator;             /* Of an IPv4 address: ',' or '.'. */
};

/* Reads 'size' bytes at 'text', which the server has sent ('from_server') or
 * the client. */
enum ct_ftp_found ct_ftp_read(const char *text, size_t size, bool from_server,
                              bool is_ipv6, struct ct_ftp_text *);

/* Longest that ct_ftp_write_address() writes, with the 0 at the end. */
#define CT_FTP_ADDRESS_MAX 46

/* Writes 'addr' as 'text' had its address.  Returns the length. */
size_t ct_ftp_write_address(const struct ct_ftp_text *text, bool is_ipv6,
                            const union ct_addr *addr,
                            char buf[CT_FTP_ADDRESS_MAX]);

#endif /* ct-ftp.h */
