/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ct/ct-ftp.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"
#include "tests/dptest.h"
#include "util.h"

/* What is read of each text, for IPv4 and for IPv6. */
static const struct {
    const char *text;
    bool from_server, is_ipv6;
    enum ct_ftp_found found;
    const char *addr;
    uint16_t port;
} cases[] = {
    { "PORT 10,0,0,1,4,1\r\n", false, false, CT_FTP_ADDRESS, "10.0.0.1",
      1025 },
    { "port 10,0,0,1,255,255", false, false, CT_FTP_ADDRESS, "10.0.0.1",
      65535 },
    { "PORT 10,0,0,256,4,1\r\n", false, false, CT_FTP_MALFORMED, NULL, 0 },
    { "PORT 10,0,0,1,4\r\n", false, false, CT_FTP_MALFORMED, NULL, 0 },
    { "PORT 10,0,0,1,0,0\r\n", false, false, CT_FTP_MALFORMED, NULL, 0 },
    { "PORT 1000000000000,0,0,1,4,1", false, false, CT_FTP_MALFORMED, NULL,
      0 },
    { "PORT ", false, false, CT_FTP_MALFORMED, NULL, 0 },
    { "PORT 10,0,0,1,4,1\r\n", true, false, CT_FTP_NOTHING, NULL, 0 },
    { "EPRT |1|10.0.0.1|2000|\r\n", false, false, CT_FTP_ADDRESS, "10.0.0.1",
      2000 },
    { "EPRT !1!10.0.0.1!2000!\r\n", false, false, CT_FTP_ADDRESS, "10.0.0.1",
      2000 },
    { "EPRT |2|10.0.0.1|2000|\r\n", false, false, CT_FTP_MALFORMED, NULL, 0 },
    { "EPRT |2|fd00::1|2000|\r\n", false, true, CT_FTP_ADDRESS, "fd00::1",
      2000 },
    { "EPRT |2|::ffff:10.0.0.1|2000|\r\n", false, true, CT_FTP_ADDRESS,
      "::ffff:10.0.0.1", 2000 },
    { "EPRT |2|fd00:::1|2000|\r\n", false, true, CT_FTP_MALFORMED, NULL, 0 },
    { "EPRT |2|fd00::1|65536|\r\n", false, true, CT_FTP_MALFORMED, NULL, 0 },
    { "227 Entering Passive Mode (10,0,0,1,4,1)\r\n", true, false,
      CT_FTP_ADDRESS, "10.0.0.1", 1025 },
    { "227 =10,0,0,1,4,1\r\n", true, false, CT_FTP_ADDRESS, "10.0.0.1", 1025 },
    { "227 Entering Passive Mode\r\n", true, false, CT_FTP_MALFORMED, NULL,
      0 },
    { "229 Extended Passive Mode OK (|||2000|)\r\n", true, true, CT_FTP_PORT,
      NULL, 2000 },
    { "229 Extended Passive Mode OK (|||2000|)\r\n", true, false, CT_FTP_PORT,
      NULL, 2000 },
    { "229 Extended Passive Mode OK (||2000|)\r\n", true, true,
      CT_FTP_MALFORMED, NULL, 0 },
    { "220 welcome\r\n", true, false, CT_FTP_NOTHING, NULL, 0 },
    { "USER x\r\n", false, false, CT_FTP_NOTHING, NULL, 0 },
    { "", false, false, CT_FTP_NOTHING, NULL, 0 },
};

static void
check_case(size_t i)
{
    struct ct_ftp_text out;
    union ct_addr addr;
    char buf[CT_FTP_ADDRESS_MAX];
    size_t len;

    memset(&addr, 0, sizeof addr);
    if (ct_ftp_read(cases[i].text, strlen(cases[i].text),
                    cases[i].from_server, cases[i].is_ipv6, &out)
        != cases[i].found) {
        dptest_fail("\"%s\" is read wrongly", cases[i].text);
    }
    if (cases[i].port) {
        ovs_assert(out.port == cases[i].port);
    }
    if (cases[i].addr) {
        ovs_assert(inet_pton(cases[i].is_ipv6 ? AF_INET6 : AF_INET,
                             cases[i].addr, &addr) == 1);
        ovs_assert(!memcmp(&addr, &out.addr, sizeof addr));
        len = ct_ftp_write_address(&out, cases[i].is_ipv6, &addr, buf);
        ovs_assert(len == out.end - out.start);
        ovs_assert(!memcmp(buf, cases[i].text + out.start, len));
    }
}

/* Whatever the text, no byte behind it is read, and what is found lies within
 * it. */
static void
check_noise(void)
{
    for (int i = 0; i < 200000; i++) {
        size_t c = random_range(ARRAY_SIZE(cases));
        size_t len = random_range(strlen(cases[c].text) + 1);
        char *text = xmemdup(cases[c].text, len ? len : 1);
        struct ct_ftp_text out;

        for (int j = random_range(4); j > 0 && len; j--) {
            text[random_range(len)] = random_uint8();
        }
        if (ct_ftp_read(text, len, cases[c].from_server, cases[c].is_ipv6,
                        &out) == CT_FTP_ADDRESS) {
            ovs_assert(out.start < out.end && out.end <= len);
        }
        free(text);
    }
}

static void
test_ct_ftp_main(int argc OVS_UNUSED, char *argv[] OVS_UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        check_case(i);
    }
    check_noise();
}

DPTEST_REGISTER("ct-ftp", test_ct_ftp_main);
