/* SPDX-License-Identifier: Apache-2.0 */

/* The file is read twice: once to see how many packets and bytes there are,
 * once to take them in.  Each packet begins at a multiple of 64 bytes.
 * Packets of the same shape share a template. */

#include "simnic-pcap.h"

#include <errno.h>
#include <stdio.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "simnic-rx.h"

#define MAX_FRAME 9728
#define MAX_TEMPLATES 512
#define LINKTYPE_ETHERNET 1

struct file_header {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy;
    uint32_t snap_length;
    uint32_t link_type;
};

struct packet_header {
    uint32_t seconds;
    uint32_t fraction;
    uint32_t size;              /* Of what was captured. */
    uint32_t wire_size;
};

struct reader {
    FILE *file;
    bool swap;
    uint32_t ns;                /* Nanoseconds in a unit of 'fraction'. */
    char *why;                  /* Reason of an error, 'why_size' bytes. */
    size_t why_size;
};

static int
refuse(const struct reader *r, const char *why)
{
    snprintf(r->why, r->why_size, "%s", why);
    return EBADMSG;
}

static uint32_t
get32(const struct reader *r, uint32_t x)
{
    return r->swap ? rte_bswap32(x) : x;
}

static int
read_file_header(struct reader *r)
{
    struct file_header h;

    if (fread(&h, sizeof h, 1, r->file) != 1) {
        return refuse(r, "too short for a capture");
    }
    r->swap = h.magic == 0xd4c3b2a1 || h.magic == 0x4d3cb2a1;
    switch (get32(r, h.magic)) {
    case 0xa1b2c3d4:
        r->ns = 1000;
        break;
    case 0xa1b23c4d:
        r->ns = 1;
        break;
    case 0x0a0d0d0a:
        return refuse(r, "a pcapng capture; the classic format is read, which "
                      "\"editcap -F pcap\" converts to");
    default:
        return refuse(r, "not a capture of the classic format");
    }
    return ((get32(r, h.link_type) & 0x0fffffff) == LINKTYPE_ETHERNET
            ? 0 : refuse(r, "a capture of something else than Ethernet"));
}

/* Reads the next packet to the MAX_FRAME bytes at 'frame'.  Returns 0, ENOENT
 * at the end, or EBADMSG. */
static int
read_packet(const struct reader *r, uint8_t *frame, uint32_t *size,
            uint64_t *time_ns)
{
    struct packet_header h;
    size_t n = fread(&h, 1, sizeof h, r->file);

    if (!n) {
        return ENOENT;
    }
    if (n != sizeof h) {
        return refuse(r, "the last packet is cut off");
    }
    *size = get32(r, h.size);
    *time_ns = (get32(r, h.seconds) * UINT64_C(1000000000)
                + (uint64_t) get32(r, h.fraction) * r->ns);
    if (*size < RTE_ETHER_HDR_LEN || *size > MAX_FRAME) {
        return refuse(r, "a packet has less than 14 or more than 9728 bytes");
    }
    return (fread(frame, *size, 1, r->file) == 1
            ? 0 : refuse(r, "the last packet is cut off"));
}

/* Returns the template for packets like 'p', new if need be. */
static uint16_t
find_template(struct simnic_streams *ss, const struct simnic_parsed *p)
{
    const struct simnic_layer *l = &p->key.layer[0];
    struct simnic_template *t;
    uint32_t i;

    for (i = 0; i < ss->n_templates; i++) {
        const struct simnic_layer *have = &ss->parsed[i].key.layer[0];

        if (ss->parsed[i].ptype == p->ptype && have->present == l->present
            && have->l4 == l->l4) {
            return i;
        }
    }
    if (i == MAX_TEMPLATES) {
        return 0;
    }
    ss->n_templates++;
    ss->parsed[i] = *p;
    t = &ss->wire[i];
    t->packet_type = p->ptype;
    t->ol_flags = simnic_rx_checksums(p);
    return i;
}

static int
load(struct reader *r, struct simnic_streams *ss, uint8_t *frame)
{
    uint64_t first = 0, time_ns;
    size_t line = 0;

    for (uint32_t i = 0; i < ss->n; i++) {
        struct simnic_stream *s = &ss->record[i];
        struct simnic_parsed p;
        uint32_t size;
        int error = read_packet(r, frame, &size, &time_ns);

        if (error) {
            return refuse(r, "it has shrunk while it was read");
        }
        memcpy(ss->bytes + line * 64, frame, size);
        simnic_key_parse(frame, size, size, &p);
        s->tmpl = find_template(ss, &p);
        s->cap.line = line;
        s->cap.size = size;
        first = i ? first : time_ns;
        ss->time_ns[i] = time_ns > first ? time_ns - first : 0;
        ss->max_size = RTE_MAX(ss->max_size, size);
        line += (size + 63) / 64;
    }
    return 0;
}

static int
read_streams(struct reader *r, struct simnic_streams *ss, uint8_t *frame)
{
    uint64_t time_ns;
    uint32_t n = 0, size;
    size_t lines = 0;
    int error = read_file_header(r);
    long start;

    if (error) {
        return error;
    }
    start = ftell(r->file);
    while (!(error = read_packet(r, frame, &size, &time_ns))) {
        n++;
        lines += (size + 63) / 64;
    }
    if (error != ENOENT) {
        return error;
    }
    if (!n) {
        return refuse(r, "a capture without packets");
    }
    if (lines > UINT32_MAX) {
        return EFBIG;
    }

    error = simnic_streams_init(ss, n, MAX_TEMPLATES);
    if (error) {
        return error;
    }
    ss->n_templates = 0;
    ss->is_pcap = true;
    ss->bytes_size = lines * 64;
    ss->bytes = simnic_map(&ss->bytes_size);
    ss->time_ns = calloc(n, sizeof *ss->time_ns);
    error = (!ss->bytes || !ss->time_ns ? ENOMEM
             : fseek(r->file, start, SEEK_SET) ? errno
             : load(r, ss, frame));
    if (error) {
        simnic_streams_uninit(ss);
    }
    return error;
}

int
simnic_pcap_streams(const char *path, struct simnic_streams *ss, char *why,
                    size_t size)
{
    struct reader r = {
        .file = fopen(path, "rb"), .why = why, .why_size = size,
    };
    int error = r.file ? 0 : errno;
    uint8_t *frame;

    if (!error) {
        frame = malloc(MAX_FRAME);
        error = frame ? read_streams(&r, ss, frame) : ENOMEM;
        free(frame);
        fclose(r.file);
    }
    if (error && error != EBADMSG) {
        snprintf(why, size, "%s", strerror(error));
    }
    return error;
}
