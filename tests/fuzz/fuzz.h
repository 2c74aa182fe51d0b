/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H 1

/* fuzz: functions that take any bytes
 * ===================================
 *
 * Job.  A target turns some bytes into a packet, actions or a match, hands
 * them to the code under test, and aborts if that says what it must not.  It
 * is a test of tests/dptest, "fuzz-NAME", which replays the inputs in
 * corpus/NAME (fuzz-replay.c), and a program of libFuzzer, which looks for
 * new ones (fuzz-main.c, "make fuzz TARGET=NAME TIME=SECONDS").
 *
 * An input is read from its start.  Where it ends too early, zeros follow: so
 * inputs can be cut short.  Bytes that decide come before bytes that are only
 * carried about.
 *
 * A corpus is a text file: an input in hexadecimal on each line, "#" before
 * comments.  "make fuzz" leaves what it finds in tests/fuzz/found/NAME, with
 * the corpus, and merges nothing: "make fuzz-merge TARGET=NAME" makes a
 * corpus of as few inputs as reach all that these do.
 *
 * Thread-safety.  One thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "compiler.h"

struct dp_packet;

/* The rest of an input. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

typedef void fuzz_function(struct fuzz_input *);

/* Adds a target.  'name' is borrowed for ever. */
void fuzz_register(const char *name, fuzz_function *);

#define FUZZ_REGISTER(NAME, FUNCTION)                   \
    OVS_CONSTRUCTOR(register_##FUNCTION)                \
    {                                                   \
        fuzz_register(NAME, FUNCTION);                  \
    }                                                   \
    typedef int fuzz_needs_semicolon_##FUNCTION OVS_UNUSED

/* Moves 'n' bytes of the input to 'dst'. */
void fuzz_take(struct fuzz_input *, void *dst, size_t n);

uint8_t fuzz_u8(struct fuzz_input *);
uint16_t fuzz_u16(struct fuzz_input *);
uint32_t fuzz_u32(struct fuzz_input *);

/* A number below 'n', which is at most 256. */
unsigned int fuzz_range(struct fuzz_input *, unsigned int n);

/* Returns a packet of the next bytes, after one that says how many, with
 * 'headroom' bytes before them and none behind, so that AddressSanitizer sees
 * whoever leaves it.  The caller frees it. */
struct dp_packet *fuzz_packet(struct fuzz_input *, size_t headroom);

#endif /* fuzz.h */
