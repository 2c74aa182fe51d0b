/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "dp-packet.h"
#include "util.h"

void
fuzz_take(struct fuzz_input *in, void *dst, size_t n)
{
    size_t have = MIN(n, in->size);

    if (!n) {
        return;
    }
    memset(dst, 0, n);
    if (have) {
        memcpy(dst, in->data, have);
    }
    in->data += have;
    in->size -= have;
}

uint8_t
fuzz_u8(struct fuzz_input *in)
{
    uint8_t x;

    fuzz_take(in, &x, sizeof x);
    return x;
}

uint16_t
fuzz_u16(struct fuzz_input *in)
{
    uint16_t x;

    fuzz_take(in, &x, sizeof x);
    return x;
}

uint32_t
fuzz_u32(struct fuzz_input *in)
{
    uint32_t x;

    fuzz_take(in, &x, sizeof x);
    return x;
}

unsigned int
fuzz_range(struct fuzz_input *in, unsigned int n)
{
    return fuzz_u8(in) % n;
}

struct dp_packet *
fuzz_packet(struct fuzz_input *in, size_t headroom)
{
    size_t asked = fuzz_u8(in);
    size_t size = MIN(asked, in->size);
    struct dp_packet *packet = dp_packet_new(headroom + size);

    dp_packet_reserve(packet, headroom);
    fuzz_take(in, dp_packet_put_uninit(packet, size), size);
    return packet;
}
