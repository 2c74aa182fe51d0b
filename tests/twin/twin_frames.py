# SPDX-License-Identifier: Apache-2.0
"""Frames of our own, well formed and not, and mutations of any frame.

Everything comes from a random.Random that the caller seeds.  Addresses, tags,
labels and ports are few, so that packets meet the rules of the tables and the
connections of each other."""

import struct

MACS = ["02000000000%d" % i for i in range(1, 5)]
OTHER_MACS = ["ffffffffffff", "01005e000001", "333300000001", "0180c2000000",
              "0180c200000e", "01000ccccccc", "000000000000"]
IP4 = [bytes([10, 0, 0, i]) for i in range(1, 7)] + [bytes([10, 1, 0, 1]),
                                                     bytes([224, 0, 0, 1])]
IP6 = [bytes.fromhex("fd00" + "00" * 13 + "%02x" % i) for i in range(1, 7)] + [
    bytes.fromhex("fe80" + "00" * 13 + "01"),
    bytes.fromhex("ff02" + "00" * 13 + "01"),
    bytes.fromhex("ff0200000000000000000001ff000002")]
PORTS = [1, 2, 7, 21, 53, 69, 80, 443, 1000, 1001, 2152, 4789, 6081, 0xffff]
TCP_FLAGS = [0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x00, 0x3f, 0xc2]
VIDS = [0, 1, 10, 20, 100, 4095]
LABELS = [0, 1, 3, 16, 100, 0xfffff]

KEYS = [0, 5, 7, 8, 9, 123, 0x77]
# MAC address, IP address, IPv6 address of the ends of tunnels.
LOCAL = ("aa:55:aa:55:00:00", "1.1.2.88", "2001cafe" + "00" * 11 + "88")
REMOTE = ("f8:bc:12:44:34:b6", "1.1.2.92", "2001cafe" + "00" * 11 + "92")


def checksum(data):
    """The Internet checksum of 'data'."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def crc32c_of_byte(byte):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
    return byte


CRC32C = [crc32c_of_byte(byte) for byte in range(256)]


def crc32c(data):
    """The checksum of SCTP; a packet has it with the low byte first."""
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


class Maker:
    """Makes frames.  With 'hostile', a tenth of the length and checksum
    fields are wrong."""

    def __init__(self, rng, hostile=True):
        self.rng = rng
        self.hostile = hostile

    def odd(self, share=0.1):
        """True now and then, if frames may be malformed."""
        return self.hostile and self.rng.random() < share

    def blob(self, most):
        """Up to 'most' bytes of payload."""
        return self.rng.randbytes(self.rng.randrange(most + 1))

    # Layer 4.

    def l4_checksum(self, pseudo, proto, data, at):
        """'data' with its checksum at offset 'at'."""
        if self.odd():
            return data
        value = checksum(pseudo + struct.pack("!HBB", len(data), 0, proto)
                         + data)
        if proto == 17 and not value:
            value = 0xffff
        return data[:at] + struct.pack("!H", value) + data[at + 2:]

    def tcp(self, pseudo):
        rng = self.rng
        options = b"\1" * 4 * rng.choice([0, 0, 0, 1, 3, 10])
        offset = 5 + len(options) // 4
        if self.odd():
            offset = rng.randrange(16)
        data = struct.pack("!HHIIBBHHH", rng.choice(PORTS), rng.choice(PORTS),
                           rng.choice([1, 1000, 2 ** 32 - 1]),
                           rng.choice([0, 1, 1001]), offset << 4,
                           rng.choice(TCP_FLAGS), 8192, 0, 0)
        return self.l4_checksum(pseudo, 6, data + options + self.blob(40), 16)

    def udp(self, pseudo):
        rng = self.rng
        payload = self.blob(60)
        size = 8 + len(payload)
        if self.odd():
            size = rng.choice([0, 7, size + 1, size - 1, 0xffff]) & 0xffff
        data = struct.pack("!HHHH", rng.choice(PORTS), rng.choice(PORTS), size,
                           0) + payload
        return self.l4_checksum(pseudo, 17, data, 6)

    def sctp(self, _):
        rng = self.rng
        data = struct.pack("!HHII", rng.choice(PORTS), rng.choice(PORTS), 1, 0)
        for _ in range(rng.choice([0, 1, 1, 1, 2])):
            chunk = self.blob(20)
            size = 4 + len(chunk)
            if self.odd():
                size = rng.choice([0, 3, size + 1, size + 4, 0xffff])
            padding = b"" if self.odd() else b"\0" * (-len(chunk) % 4)
            data += struct.pack("!BBH", rng.choice([0, 1, 2, 3, 6, 14, 200]),
                                0, size) + chunk + padding
        if self.odd():
            return data
        return data[:8] + struct.pack("<I", crc32c(data)) + data[12:]

    def icmp(self, _):
        rng = self.rng
        kind = rng.choice([0, 8, 8, 3, 5, 11, 13, 99])
        inner = self.blob(20)
        if kind in (3, 5, 11) and rng.random() < .8:
            inner = self.ipv4(6, self.rng.randbytes(8))
        data = struct.pack("!BBHHH", kind, rng.choice([0, 0, 1, 4]), 0,
                           rng.choice([1, 2]), 1) + inner
        if self.odd():
            return data
        return data[:2] + struct.pack("!H", checksum(data)) + data[4:]

    def icmp6(self, pseudo):
        rng = self.rng
        kind = rng.choice([128, 129, 133, 134, 135, 135, 136, 136, 1, 2, 130,
                           131, 143])
        if kind in (135, 136):
            body = struct.pack("!I", rng.choice([0, 0x60000000]))
            body += rng.choice(IP6)
            for _ in range(rng.choice([0, 1, 1, 2])):
                size = rng.choice([0, 2, 31]) if self.odd() else 1
                body += struct.pack("!BB", rng.choice([1, 2, 2, 5]), size)
                body += bytes.fromhex(rng.choice(MACS))
        elif kind == 1:
            body = b"\0" * 4 + self.ipv6(17, self.rng.randbytes(8))
        else:
            body = struct.pack("!HH", 1, 1) + self.blob(40)
        code = 1 if self.odd(0.05) else 0
        return self.l4_checksum(pseudo, 58, bytes([kind, code, 0, 0]) + body,
                                2)

    def igmp(self, _):
        data = bytes([self.rng.choice([0x11, 0x12, 0x16, 0x17, 0x22]), 0, 0,
                      0, 224, 0, 0, self.rng.randrange(4)]) + self.blob(10)
        return data[:2] + struct.pack("!H", checksum(data)) + data[4:]

    # Layer 3.

    def ipv4(self, proto=None, payload=None, src=None, dst=None):
        """An IPv4 packet; what it carries is made up unless given."""
        rng = self.rng
        src, dst = src or rng.choice(IP4), dst or rng.choice(IP4)
        if proto is None:
            proto, make = rng.choice([(6, self.tcp), (6, self.tcp),
                                      (17, self.udp), (17, self.udp),
                                      (132, self.sctp), (1, self.icmp),
                                      (2, self.igmp), (50, self.blob_of_40)])
            payload = make(src + dst + b"\0\0")
        options = b"\1" * 4 * rng.choice([0] * 12 + [1, 2, 10])
        ihl = 5 + len(options) // 4
        total = 4 * ihl + len(payload)
        fragment = rng.choice([0] * 16 + [0x4000, 0x2000, 0x2001, 0x0001,
                                          0x1f00, 0x1fff])
        version = 4
        if self.odd(0.05):
            ihl = rng.randrange(16)
        if self.odd(0.05):
            total = rng.choice([0, 19, 20, total + 1, total - 1, total + 4,
                                0xffff]) & 0xffff
        if self.odd(0.02):
            version = rng.randrange(16)
        head = struct.pack("!BBHHHBBH", version << 4 | ihl,
                           rng.choice([0, 0, 0, 1, 3, 0xb8]), total, 1,
                           fragment, rng.choice([64, 64, 64, 1, 0, 2, 255]),
                           proto, 0) + src + dst + options
        if not self.odd(0.05):
            head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return head + payload

    def blob_of_40(self, _):
        return self.blob(40)

    def extensions(self, proto, payload):
        """Puts IPv6 extension headers before 'payload' of type 'proto'."""
        rng = self.rng
        for _ in range(rng.choice([0] * 6 + [1, 1, 2, 3, 8])):
            kind = rng.choice([0, 43, 44, 44, 51, 60, 135, 139])
            size = rng.choice([0, 0, 1, 2])
            if kind == 44:
                more = rng.choice([0, 1, 8, 9, 0xfff8])
                payload = struct.pack("!BBHI", proto, 0, more, 7) + payload
            elif kind == 51:
                payload = (bytes([proto, 4, 0, 0]) + b"\0" * 20) + payload
            else:
                length = rng.randrange(256) if self.odd() else size
                payload = (bytes([proto, length]) + b"\1" * 6
                           + b"\0" * 8 * size) + payload
            proto = kind
        return proto, payload

    def ipv6(self, proto=None, payload=None, src=None, dst=None):
        """An IPv6 packet; what it carries is made up unless given."""
        rng = self.rng
        src, dst = src or rng.choice(IP6), dst or rng.choice(IP6)
        if proto is None:
            proto, make = rng.choice([(6, self.tcp), (17, self.udp),
                                      (132, self.sctp), (58, self.icmp6),
                                      (58, self.icmp6),
                                      (59, self.blob_of_40)])
            payload = make(src + dst + b"\0\0")
            proto, payload = self.extensions(proto, payload)
        size = len(payload)
        if self.odd(0.05):
            size = rng.choice([0, size + 1, max(size - 1, 0), 0xffff])
        word = rng.choice([6, 6, 6, 6] if not self.odd(0.02) else [0, 5]) << 28
        word |= rng.choice([0, 0, 3, 0xb8]) << 20 | rng.choice([0, 1, 0xfffff])
        return struct.pack("!IHBB", word, size, proto,
                           rng.choice([64, 64, 1, 0, 255])) + src + dst \
            + payload

    def arp(self):
        rng = self.rng
        return struct.pack("!HHBBH", rng.choice([1, 1, 1, 1, 6]), 0x800,
                           6 if not self.odd() else 8, 4,
                           rng.choice([1, 2, 1, 2, 3, 9, 256])) \
            + bytes.fromhex(rng.choice(MACS)) + rng.choice(IP4) \
            + bytes.fromhex(rng.choice(MACS)) + rng.choice(IP4) \
            + b"\0" * rng.choice([0, 18])

    # What an Ethernet type may be followed by.

    def mpls(self):
        rng = self.rng
        labels = rng.choice([1, 1, 2, 3, 4, 8])
        data = b""
        for i in range(labels):
            bottom = i == labels - 1 and not self.odd(0.05)
            data += struct.pack("!I", rng.choice(LABELS) << 12
                                | rng.randrange(8) << 9 | bottom << 8
                                | rng.choice([64, 64, 1, 0, 2]))
        kind, inner = self.l3()
        return data + (inner if kind != 0x806 else self.blob(60))

    def nsh(self):
        rng = self.rng
        if rng.random() < .7:
            md_type, context = 1, rng.randbytes(16)
            if rng.random() < .7:
                context = struct.pack("!IIII", 0x11223344, 2, 3, 4)
        else:
            md_type = 2
            context = b"".join(
                struct.pack("!HBB", 0x1000, 1, 4) + rng.randbytes(4)
                for _ in range(rng.randrange(4)))
        size = 2 + len(context) // 4
        protocol, inner = rng.choice(
            [(1, self.ipv4), (1, self.ipv4), (2, self.ipv6), (3, self.frame),
             (3, self.frame), (4, self.nsh_once), (5, self.mpls)])
        if self.odd(0.05):
            size = rng.randrange(64)
        if self.odd(0.05):
            md_type = rng.randrange(16)
        return struct.pack("!HBBI", rng.choice([0, 0x2000]) | 63 << 6 | size,
                           md_type, protocol,
                           0x1234 << 8 | rng.choice([255, 254, 1, 0])) \
            + context + inner()

    def nsh_once(self):
        return struct.pack("!HBBI", 63 << 6 | 6, 1, 1, 0x1234ff) \
            + b"\0" * 16 + self.ipv4()

    def l3(self):
        """An Ethernet type and a packet of that type."""
        roll = self.rng.random()
        if roll < .5:
            return 0x800, self.ipv4()
        if roll < .85:
            return 0x86dd, self.ipv6()
        return 0x806, self.arp()

    def payload(self):
        """The same, of rarer types too."""
        rng = self.rng
        roll = rng.random()
        if roll < .8:
            return self.l3()
        return rng.choice([
            lambda: (rng.choice([0x8847, 0x8848]), self.mpls()),
            lambda: (0x894f, self.nsh()),
            lambda: (0x8035, self.arp()),
            lambda: (0x8863, self.blob(50)),
            lambda: (0x88cc, self.blob(50)),
            lambda: (0x8902, self.blob(50)),
            lambda: (rng.randrange(0x600), b"\xaa\xaa\x03\0\0\0"
                     + struct.pack("!H", rng.choice([0x800, 0x806, 0x1234]))
                     + self.ipv4()),
            lambda: (rng.randrange(0x600), b"\x42\x42\x03" + self.blob(40)),
            lambda: (rng.choice([0x1234, 0x6558, 0xffff, 0x0600]),
                     self.blob(50)),
        ])()

    def ethernet(self, kind, payload, tags=0):
        rng = self.rng
        addresses = rng.choice(MACS + OTHER_MACS[:4] + MACS * 2 + MACS)
        if self.odd(0.05):
            addresses = rng.choice(OTHER_MACS)
        head = bytes.fromhex(addresses + rng.choice(MACS))
        for i in range(tags):
            tpid = 0x88a8 if i == 0 and tags > 1 and rng.random() < .6 \
                else 0x8100
            tci = rng.choice(VIDS) | rng.choice([0, 0, 0, 7, 3]) << 13
            if self.odd(0.03):
                tci |= 0x1000
            head += struct.pack("!HH", tpid, tci)
        return head + struct.pack("!H", kind) + payload

    def frame(self, what=None, tags=None):
        """A frame.  'what' is the name of a method that makes its payload."""
        rng = self.rng
        if tags is None:
            tags = rng.choice([0] * 6 + [1, 1, 2, 3])
        kinds = {"ipv4": 0x800, "ipv6": 0x86dd, "arp": 0x806, "nsh": 0x894f,
                 "mpls": rng.choice([0x8847, 0x8848])}
        if what in kinds:
            kind, payload = kinds[what], getattr(self, what)()
        else:
            kind, payload = self.payload()
        frame = self.ethernet(kind, payload, tags)
        if len(frame) < 60 and rng.random() < .5:
            frame += b"\0" * (60 - len(frame))
        return frame


class TunnelMaker(Maker):
    """Makes packets of tunnels that end at 'LOCAL'."""

    def outer(self, proto, payload, ip6=False):
        """An Ethernet frame of protocol 'proto' to us."""
        macs = bytes.fromhex((LOCAL[0] + REMOTE[0]).replace(":", ""))
        if ip6:
            return macs + b"\x86\xdd" + self.ipv6(
                proto, payload, bytes.fromhex(REMOTE[2]),
                bytes.fromhex(LOCAL[2]))
        return macs + b"\x08\0" + self.ipv4(
            proto, payload, *(bytes(map(int, end[1].split(".")))
                              for end in (REMOTE, LOCAL)))

    def udp_to(self, port, payload):
        """The same for UDP to 'port'."""
        size = 8 + len(payload)
        if self.odd(0.03):
            size = self.rng.choice([0, 7, 8, size + 1])
        ip6 = self.rng.random() < .15
        ends = [bytes.fromhex(end[2]) for end in (REMOTE, LOCAL)] if ip6 \
            else [bytes(map(int, end[1].split(".")))
                  for end in (REMOTE, LOCAL)]
        data = struct.pack("!HHHH", self.rng.choice(PORTS), port, size % 65536,
                           0) + payload
        if ip6 or self.rng.random() < .3:
            data = self.l4_checksum(b"".join(ends), 17, data, 6)
        return self.outer(17, data, ip6)

    def vxlan(self, inner):
        rng = self.rng
        flags, group, protocol = 8, 0, 0
        port = rng.choice([4789, 4789, 4789, 4788, 4790])
        if port == 4788:
            flags, group = 0x88, rng.randrange(0x10000)
        elif port == 4790:
            flags, protocol = 0x0c, rng.choice([1, 2, 3, 4, 5])
            if protocol in (1, 2):
                inner = inner[14:]
        if self.odd(0.05):
            flags = rng.randrange(256)
        head = struct.pack("!BBH", flags, 0, group | protocol)
        return self.udp_to(port, head + struct.pack(
            "!I", rng.choice(KEYS) << 8) + inner)

    def geneve(self, inner):
        rng = self.rng
        options = b"".join(
            struct.pack("!HBB", 0xffff, rng.choice([0x80, 1, 1, 7]), words)
            + rng.randbytes(4 * words)
            for words in (rng.choice([1, 2, 0, 3])
                          for _ in range(rng.choice([0, 0, 1, 1, 2, 4]))))
        size = len(options) // 4
        if self.odd():
            size = rng.randrange(64)
        head = struct.pack("!BBHI", size, rng.choice([0, 0x40, 0x80]),
                           rng.choice([0x6558] * 9 + [0x800]),
                           rng.choice(KEYS) << 8)
        return self.udp_to(6081, head + options + inner)

    def gre(self, inner, types=(0x6558,)):
        rng = self.rng
        flags = rng.choice([0x2000, 0x2000, 0x2000, 0, 0xa000, 0x3000,
                            0xb000, 0x1000])
        if self.odd(0.05):
            flags = rng.randrange(0x10000)
        kind = rng.choice(types) if len(inner) >= 14 else types[0]
        if kind != 0x6558:
            kind, inner = struct.unpack("!H", inner[12:14])[0], inner[14:]
        key = struct.pack("!I", rng.choice(KEYS)) if flags & 0x2000 else b""
        sequence = b"\0\0\0\1" if flags & 0x1000 else b""
        head = struct.pack("!HH", flags, kind)
        if flags & 0x8000:
            value = checksum(head + b"\0" * 4 + key + sequence + inner)
            head += struct.pack("!HH", 0 if self.odd() else value, 0)
        return self.outer(47, head + key + sequence + inner,
                          rng.random() < .15)

    def gre_l3(self, inner):
        return self.gre(inner, (0x6558, 0x800, 0x800))

    def erspan(self, inner):
        rng = self.rng
        version = rng.choice([1, 1, 2, 2, 0, 3])
        head = struct.pack("!HHI", 0x1000 if not self.odd(0.05) else 0,
                           0x22eb if version == 2 and not self.odd(0.05)
                           else 0x88be, 1)
        head += struct.pack("!HH", version << 12 | rng.randrange(4096),
                            rng.choice(KEYS) & 0x3ff)
        head += rng.randbytes(8 if version == 2 else 4)
        return self.outer(47, head + inner, rng.random() < .15)

    def gtpu(self, inner):
        rng = self.rng
        flags = rng.choice([0x30, 0x30, 0x30, 0x32, 0x34, 0x36])
        if self.odd(0.05):
            flags = rng.randrange(256)
        options = rng.randbytes(4) if flags & 7 else b""
        # Open vSwitch takes the TTL for the version: 64 makes it IPv4.
        inner = bytearray(inner[14:])
        if rng.random() < .7 and len(inner) > 8:
            inner[8] = inner[0] & 0xf0 | inner[8] & 0x0f
        payload = options + inner
        head = struct.pack("!BBHI", flags, rng.choice([255] * 6 + [1, 254]),
                           len(payload), rng.choice(KEYS))
        return self.udp_to(2152, head + payload)

    def encapsulate(self, kind, inner):
        """Puts 'inner' into a tunnel of type 'kind'; a tenth of the time cut
        off somewhere."""
        if self.odd():
            inner = inner[:self.rng.randrange(
                min(len(inner), self.rng.choice([1, 15, 40])))]
        return getattr(self, kind)(inner)


TYPES = [0x800, 0x86dd, 0x806, 0x8847, 0x8848, 0x8100, 0x88a8, 0x894f, 0x8035]


def mutate(rng, frame, other):
    """Returns 'frame' changed in one to three ways.  'other' is another
    frame, which may lend some bytes."""
    data = bytearray(frame)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.randrange(10)
        at = rng.randrange(min(len(data), rng.choice([14, 34, 54, 80, 2000])))
        if kind == 0:
            del data[rng.randrange(14, len(data) + 1):]
        elif kind == 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at] = rng.choice([0, 1, 0x7f, 0x80, 0xff, 4, 6, 20])
        elif kind == 3:
            data[at] = (data[at] + rng.choice([1, 255])) & 0xff
        elif kind == 4 and len(data) > at + 2:
            data[at:at + 2] = struct.pack("!H", rng.choice(
                [0, 1, len(data) - at, len(data), 0xffff, 0x8000] + TYPES))
        elif kind == 5:
            data += rng.randbytes(rng.choice([1, 2, 4, 18, 100]))
        elif kind == 6:
            data[12:12] = struct.pack("!HH", rng.choice([0x8100, 0x88a8]),
                                      rng.choice(VIDS))
        elif kind == 7 and len(data) > 14:
            data[12:14] = struct.pack("!H", rng.choice(TYPES))
        elif kind == 8:
            data[at:] = other[at:]
        elif kind == 9:
            del data[at:at + rng.choice([1, 2, 4, 8])]
        if len(data) < 14:
            data += b"\0" * (14 - len(data))
    return bytes(data[:1900])
