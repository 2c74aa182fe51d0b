/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-ftp.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util.h"

/* The text that is read, with a 0 behind it, and where the reader is. */
struct reader {
    char text[CT_FTP_MAX_TEXT + 1];
    const char *p;
};

/* Skips 'word', whatever its case. */
static bool
skip_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if (strncasecmp(r->p, word, len)) {
        return false;
    }
    r->p += len;
    return true;
}

static bool
skip_char(struct reader *r, char c)
{
    if (*r->p != c) {
        return false;
    }
    r->p++;
    return true;
}

/* Reads a number of digits, 'max' at most. */
static bool
read_number(struct reader *r, unsigned int max, unsigned int *number)
{
    unsigned int n = 0;

    if (!isdigit((unsigned char) *r->p)) {
        return false;
    }
    while (isdigit((unsigned char) *r->p)) {
        n = n * 10 + (*r->p++ - '0');
        if (n > max) {
            return false;
        }
    }
    *number = n;
    return true;
}

/* Reads four numbers with 'separator' between them. */
static bool
read_ipv4(struct reader *r, char separator, struct ct_ftp_text *out)
{
    uint32_t addr = 0;
    unsigned int n;

    out->separator = separator;
    out->start = r->p - r->text;
    for (int i = 0; i < 4; i++) {
        if ((i && !skip_char(r, separator))
            || !read_number(r, UINT8_MAX, &n)) {
            return false;
        }
        addr = addr << 8 | n;
    }
    out->end = r->p - r->text;
    out->addr.ipv4 = htonl(addr);
    return true;
}

static bool
read_ipv6(struct reader *r, struct ct_ftp_text *out)
{
    size_t len = strspn(r->p, "0123456789abcdefABCDEF:.");
    char addr[INET6_ADDRSTRLEN];

    if (len >= sizeof addr) {
        return false;
    }
    memcpy(addr, r->p, len);
    addr[len] = '\0';
    out->start = r->p - r->text;
    r->p += len;
    out->end = r->p - r->text;
    return inet_pton(AF_INET6, addr, &out->addr.ipv6) == 1;
}

/* "h1,h2,h3,h4,p1,p2". */
static enum ct_ftp_found
read_host_port(struct reader *r, struct ct_ftp_text *out)
{
    unsigned int high, low;

    if (!read_ipv4(r, ',', out)
        || !skip_char(r, ',') || !read_number(r, UINT8_MAX, &high)
        || !skip_char(r, ',') || !read_number(r, UINT8_MAX, &low)
        || !(high | low)) {
        return CT_FTP_MALFORMED;
    }
    out->port = high << 8 | low;
    return CT_FTP_ADDRESS;
}

static bool
read_port(struct reader *r, char delimiter, struct ct_ftp_text *out)
{
    unsigned int port;

    if (!read_number(r, UINT16_MAX, &port) || !port
        || !skip_char(r, delimiter)) {
        return false;
    }
    out->port = port;
    return true;
}

/* "<d>family<d>address<d>port<d>", <d> being any character. */
static enum ct_ftp_found
read_eprt(struct reader *r, bool is_ipv6, struct ct_ftp_text *out)
{
    char d = *r->p;
    unsigned int family;

    if (d < 33 || d > 126
        || !skip_char(r, d) || !read_number(r, 2, &family)
        || family != (is_ipv6 ? 2 : 1)
        || !skip_char(r, d)
        || !(is_ipv6 ? read_ipv6(r, out) : read_ipv4(r, '.', out))
        || !skip_char(r, d) || !read_port(r, d, out)) {
        return CT_FTP_MALFORMED;
    }
    return CT_FTP_ADDRESS;
}

/* "text (<d><d><d>port<d>)". */
static enum ct_ftp_found
read_epsv(struct reader *r, struct ct_ftp_text *out)
{
    char d;

    r->p = strchr(r->p, '(');
    if (!r->p) {
        return CT_FTP_MALFORMED;
    }
    r->p++;
    d = *r->p;
    if (d < 33 || d > 126
        || !skip_char(r, d) || !skip_char(r, d) || !skip_char(r, d)
        || !read_port(r, d, out)) {
        return CT_FTP_MALFORMED;
    }
    return CT_FTP_PORT;
}

/* RFC 1123, 4.1.2.6: the numbers need not be in parentheses. */
static enum ct_ftp_found
read_pasv(struct reader *r, struct ct_ftp_text *out)
{
    r->p += strcspn(r->p, "(0123456789");
    if (*r->p == '(') {
        r->p++;
    }
    return read_host_port(r, out);
}

enum ct_ftp_found
ct_ftp_read(const char *text, size_t size, bool from_server, bool is_ipv6,
            struct ct_ftp_text *out)
{
    struct reader r;

    size = MIN(size, CT_FTP_MAX_TEXT);
    memcpy(r.text, text, size);
    r.text[size] = '\0';
    r.p = r.text;
    memset(out, 0, sizeof *out);

    if (from_server) {
        return (!is_ipv6 && skip_word(&r, "227 ") ? read_pasv(&r, out)
                : skip_word(&r, "229 ") ? read_epsv(&r, out)
                : CT_FTP_NOTHING);
    }
    return (!is_ipv6 && skip_word(&r, "PORT ") ? read_host_port(&r, out)
            : skip_word(&r, "EPRT ") ? read_eprt(&r, is_ipv6, out)
            : CT_FTP_NOTHING);
}

size_t
ct_ftp_write_address(const struct ct_ftp_text *text, bool is_ipv6,
                     const union ct_addr *addr, char buf[CT_FTP_ADDRESS_MAX])
{
    if (is_ipv6) {
        inet_ntop(AF_INET6, &addr->ipv6, buf, CT_FTP_ADDRESS_MAX);
    } else {
        uint32_t a = ntohl(addr->ipv4);
        char c = text->separator;

        snprintf(buf, CT_FTP_ADDRESS_MAX, "%u%c%u%c%u%c%u", a >> 24, c,
                 a >> 16 & 0xff, c, a >> 8 & 0xff, c, a & 0xff);
    }
    return strlen(buf);
}
