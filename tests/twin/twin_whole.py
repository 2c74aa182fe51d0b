# SPDX-License-Identifier: Apache-2.0
"""What of a frame is there.

Open vSwitch 3.1 believes many headers to be there that are not.  Ours does
not, on purpose.  left_alone() tells where a frame that has left bears witness
of that; the others tell which frames cannot be compared at all, because theirs
takes them for something else: Table.usable."""

from twin_frames import checksum

TAGS = (b"\x81\0", b"\x88\xa8")
ARP = (b"\x08\x06", b"\x80\x35")
IP4, IP6 = b"\x08\0", b"\x86\xdd"
MPLS = (b"\x88\x47", b"\x88\x48")
NSH = b"\x89\x4f"
SNAP = b"\xaa\xaa\3\0\0\0"
TCP, FRAGMENT, AH, ICMP6 = 6, 44, 51, 58
EXTENSIONS = (0, 43, FRAGMENT, AH, 60)
NEIGHBOR = (135, 136)


def type_of(frame):
    """Returns the type of what follows the Ethernet header of 'frame' and its
    tags, and where that begins."""
    at = 12
    while frame[at:at + 2] in TAGS:
        at += 4
    kind, at = frame[at:at + 2], at + 2
    if kind < b"\x06" and frame[at:at + 6] == SNAP:
        kind, at = frame[at + 6:at + 8], at + 8
    return kind, at


def has_whole_options(options):
    """False if the options of neighbor discovery end before they should, or
    Open vSwitch looks behind them: it does if the first is long and none is
    an Ethernet address."""
    first_is_long = len(options) >= 8 and options[1] > 1
    has_address = False
    while options:
        size = 8 * options[1] if len(options) > 1 else 0
        if not size or size > len(options):
            return False
        has_address |= size == 8 and options[0] in (1, 2)
        options = options[size:]
    return has_address or not first_is_long


def behind_extensions(packet):
    """Returns the type of what follows the extension headers of the IPv6
    'packet', where that begins, and whether it is a later fragment's.  The
    type is None if there is nothing."""
    proto, at = packet[6] if len(packet) >= 40 else None, 40
    is_later = False
    while proto in EXTENSIONS and at + 8 <= len(packet):
        if proto == FRAGMENT:
            is_later = packet[at + 2] or packet[at + 3] & 0xf8
            size = 8
        elif proto == AH:
            size = 4 * packet[at + 1] + 8
        else:
            size = 8 * packet[at + 1] + 8
        proto, at = packet[at], at + size
    return proto if at < len(packet) else None, at, is_later


def left_alone(frame):
    """Which header of 'frame' do flows of ours leave as it came in, because it
    is not whole, or not a header?

    Returns two offsets: up to the first theirs must have made the same of the
    frame, and from the second on it is as it came in.  (Between them is a
    checksum that also covers addresses.)  None if there is no such header."""
    kind, at = type_of(frame)
    rest = frame[at:]
    if kind in ARP:
        return (at, at) if len(rest) < 28 else None
    if kind in MPLS:
        return (at, at) if len(rest) < 4 else None
    if kind == NSH:
        # Its type is half a byte, or theirs a whole one: it then sets contexts
        # to what its stack holds.
        is_odd = len(rest) < 8 or rest[2] & 15 == 1 != rest[2]
        return (at, at) if is_odd else None
    if kind == IP4:
        if len(rest) < 20:
            return at, at
        at += 4 * (rest[0] & 15)
        is_later = rest[6] & 0x1f or rest[7]
        return (at, at) if is_later else None
    if kind == IP6:
        if len(rest) < 40:
            return at, at
        proto, l4, is_later = behind_extensions(rest)
        end = 40 + int.from_bytes(rest[4:6], "big")
        if is_later:
            return at + l4, at + l4
        if (proto == ICMP6 and rest[l4] in NEIGHBOR
                and not has_whole_options(rest[l4 + 24:end])):
            return at + l4 + 2, at + l4 + 4
    return None


def outer_is_whole(frame):
    """False if 'frame' is too short for the version that its IP header says,
    against its Ethernet type.  Theirs goes by that when it takes the frame out
    of a tunnel, and reads on behind the end."""
    kind, at = type_of(frame)
    if kind not in (IP4, IP6) or at >= len(frame):
        return True
    least = {4: 4 * (frame[at] & 15), 6: 40}.get(frame[at] >> 4, 0)
    return len(frame) >= at + least


def inner_frame(frame):
    """Returns the Ethernet frame in the tunnel packet 'frame', or None if it
    has none in GRE, VXLAN or Geneve."""
    kind, at = type_of(frame)
    if kind == IP4 and len(frame) > at + 20:
        proto, at = frame[at + 9], at + 4 * (frame[at] & 15)
    elif kind == IP6 and len(frame) > at + 40:
        proto, at = frame[at + 6], at + 40
    else:
        return None
    if proto == 47 and frame[at + 2:at + 4] == b"\x65\x58":
        return frame[at + 4 + 4 * (frame[at] & 0xb0).bit_count():]
    return frame[at + 16:] if proto == 17 else None


def has_payload(frame):
    """False if nothing follows an Ethernet header and its tags.  What a tunnel
    without Ethernet takes off them leaves nothing: theirs sends it, ours has
    dropped it."""
    while frame is not None:
        _, at = type_of(frame)
        if at >= len(frame):
            return False
        frame = inner_frame(frame)
    return True


def all_after(frame, pattern):
    """Yields where in 'frame' something follows 'pattern'."""
    at = frame.find(pattern)
    while at >= 0:
        yield at + len(pattern)
        at = frame.find(pattern, at + 1)


def nsh_has_length(frame):
    """False if 'frame' may have an NSH header that says it is shorter than any
    is.  Theirs takes such a header itself for what it carries, when it is
    taken off; ours drops the packet."""
    starts = list(all_after(frame, NSH))
    # VXLAN-GPE has types of its own.
    starts += [at + 12 for at in all_after(frame, b"\x12\xb6")
               if frame[at + 7:at + 8] == b"\4"]
    return not any(frame[at + 1] & 0x3f < 2 and frame[at + 2] not in (1, 2)
                   for at in starts if at + 2 < len(frame))


GENEVE_MAP = {b"\xff\xff\x80": 4, b"\xff\xff\x01": 8}


def geneve_options_fit(frame):
    """False if 'frame' may have an option that is cut off, or critical and
    unknown, or not as long as GENEVE_MAP says.  The megaflow that drops such a
    packet matches on no options, so it is another one's, too: which of the two
    a packet meets is luck."""
    for at in all_after(frame, b"\x17\xc1"):        # UDP port 6081.
        size = 4 * (frame[at + 4] & 0x3f) if len(frame) > at + 4 else 0
        options = frame[at + 12:at + 12 + size]
        while options:
            size = 4 * (options[3] & 0x1f) if len(options) >= 4 else 128
            known = GENEVE_MAP.get(options[:3])
            if (len(options) < 4 + size
                    or known is None and options[2] & 0x80
                    or known not in (None, size)):
                return False
            options = options[4 + size:]
    return True


def gtpu_is_ip(frame):
    """False if 'frame' may be GTP-U whose content Open vSwitch 3.1 takes for
    what it isn't: it looks for the version of IP eight bytes too far on."""
    for at in all_after(frame, b"\x08\x68"):        # UDP port 2152.
        flags = frame[at + 4:at + 5] or b"\0"
        inner = at + 12 + (4 if flags[0] & 7 else 0)
        if (len(frame) < inner + 20
                or frame[inner] >> 4 not in (4, 6) or flags[0] & 5
                or frame[inner] >> 4 != frame[inner + 8] >> 4):
            return False
    return True


def has_labels(frame):
    """False if 'frame' ends within its MPLS labels, the first three at least.
    Theirs takes off labels that are not there, and bytes of the Ethernet header
    with them."""
    kind, at = type_of(frame)
    for _ in range(3 if kind in MPLS else 0):
        if len(frame) < at + 4:
            return False
        if frame[at + 2] & 1:
            break
        at += 4
    return True


def addresses_and_tcp(frame):
    """Returns source, destination, and the TCP header of 'frame' with its
    options; the header is None if it has none."""
    kind, at = type_of(frame)
    packet = frame[at:]
    if kind == IP4 and len(packet) >= 20:
        ends = packet[12:16], packet[16:20]
        proto, l4 = packet[9], 4 * (packet[0] & 15)
    elif kind == IP6:
        ends = packet[8:24], packet[24:40]
        proto, l4, _ = behind_extensions(packet)
    else:
        return None, None, None
    header = packet[l4:]
    if proto != TCP or len(header) < 20:
        return (*ends, None)
    return (*ends, header[:max(20, 4 * (header[12] >> 4))])


def syn_window_fits(frame):
    """False if 'frame' is a SYN with a window that, rounded up to a multiple of
    its scale, has more than 16 bits.  If the other side takes no scale, theirs
    keeps the low 16 bits, that is 0, and finds all that comes invalid."""
    header = addresses_and_tcp(frame)[2]
    if not header or not header[13] & 2:
        return True
    window, options = int.from_bytes(header[14:16], "big"), header[20:]
    while options and options[0]:
        size = 1 if options[0] == 1 else max(options[1:2] or b"\2", b"\2")[0]
        if options[0] == 3 and size == 3 and len(options) > 2:
            unit = 1 << min(options[2], 14)
            return -(-window // unit) * unit < 0x10000
        options = options[size:]
    return True


class OpensAlone:
    """Tells, frame by frame, which are no SYN to who has spoken before.  Theirs
    does not learn where the SYN of the second side is, and finds what follows
    invalid."""

    def __init__(self):
        self.spoken = set()

    def __call__(self, frame):
        src, dst, header = addresses_and_tcp(frame)
        if not header:
            return True
        here, there = src + header[:2], dst + header[2:4]
        if header[13] & 0x12 == 2 and (there, here) in self.spoken:
            return False
        self.spoken.add((here, there))
        return True


def ip_checksums_are_right(frame):
    """False if 'frame' has what may be an IPv4 header with a wrong checksum, in
    a tunnel or not.  Open vSwitch 3.5's tracker does not look at it."""
    _, start = type_of(frame)
    for at in all_after(frame, IP4):
        rest = frame[at:]
        if len(rest) >= 20 and (rest[0] & 15 >= 5 or at == start) \
                and checksum(rest[:4 * (rest[0] & 15)]):
            return False
    return True


def ipv6_fragments(packet):
    """Yields of each fragment header of the IPv6 'packet' where it ends, behind
    the IPv6 header, and where its data does, within the datagram."""
    length = int.from_bytes(packet[4:6], "big")
    proto, at = packet[6], 40
    while proto in EXTENSIONS and at + 8 <= len(packet):
        if proto == FRAGMENT:
            offset = int.from_bytes(packet[at + 2:at + 4], "big") & 0xfff8
            yield at + 8 - 40, offset + length - (at + 8 - 40)
            size = 8
        else:
            size = (4 if proto == AH else 8) * packet[at + 1] + 8
        proto, at = packet[at], at + size


def fragments_fit(frame):
    """False if 'frame' may have a fragment that ends where no datagram does,
    in a tunnel or not, or one of IPv6 with much before it.  To our tracker it
    is invalid at once; to theirs it belongs to a datagram that may be whole
    some time."""
    for at in all_after(frame, IP4):
        packet = frame[at:at + 20]
        field = int.from_bytes(packet[6:8], "big")
        if (len(packet) == 20 and field & 0x3fff
                and 8 * (field & 0x1fff)
                + int.from_bytes(packet[2:4], "big") > 65535):
            return False
    return all(head <= 40 and end <= 65535 - 40
               for at in all_after(frame, IP6) if len(frame) >= at + 40
               for head, end in ipv6_fragments(frame[at:]))


def dei_is_clear(frame):
    """False if the first tag of 'frame' has its DEI bit set."""
    return (frame[12] not in (0x81, 0x88) or not frame[14:15]
            or not frame[14] & 0x10)


def priority_is_clear(frame):
    """False if the first tag of 'frame' has a priority."""
    return (frame[12] not in (0x81, 0x88) or not frame[14:15]
            or not frame[14] & 0xe0)


# What no table of a release can compare, besides Table.usable.
USABLE_WITH = {"3.1": [fragments_fit],
               "3.5": [fragments_fit, ip_checksums_are_right]}
