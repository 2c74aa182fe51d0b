# SPDX-License-Identifier: Apache-2.0
"""What counts as a difference between the two daemons, and what doesn't.

A difference has a kind:

output     other frames left by a port
flows      another datapath flow, or other counts or actions of one
openflow   other counts of a flow, port, meter or group
conntrack  another connection
drops      another count of dropped packets
died       a daemon died or hung; 'name' is the side
wrong      a sanitizer's report, or a bad exit status; 'name' is the side"""

import collections
import re

Difference = collections.namedtuple("Difference", "kind name theirs ours")


class Allowed:
    """A difference that is known, and why it is there.

    'kind' is that of the difference; 'name' and 'table' are regular
    expressions.  'same', if given, decides about what the daemons have shown:
    a frame each for "output", a text or None for the others."""

    def __init__(self, reason, kind, name=".*", table=".*", same=None):
        self.reason = reason
        self.kind = kind
        self.name = re.compile(name)
        self.table = re.compile(table)
        self.same = same
        self.n_used = 0

    def covers(self, table, kind, name, theirs, ours):
        if (kind != self.kind or not self.table.fullmatch(table)
                or not self.name.fullmatch(name)
                or self.same and not self.same(theirs, ours)):
            return False
        self.n_used += 1
        return True


def outer_l4(frame):
    """Where the outer UDP or GRE header of a tunnel packet begins."""
    return 54 if frame[12:14] == b"\x86\xdd" else 34


def without(frame, *ranges):
    """'frame' with the bytes in 'ranges' of its outer L4 header cleared."""
    changed = bytearray(frame)
    for start, end in ranges:
        at = outer_l4(frame) + start
        changed[at:at + end - start] = b"\0" * len(changed[at:at + end
                                                          - start])
    return changed


def same_but_source_port(theirs, ours):
    """True if only the outer UDP source port differs, and what it changes."""
    return (without(theirs, (0, 2), (6, 8)) == without(ours, (0, 2), (6, 8)))


def same_but_time(theirs, ours):
    """True if only the timestamp of an ERSPAN header of version 2 differs."""
    return without(theirs, (12, 16)) == without(ours, (12, 16))


LEAST = {1: 8, 6: 20, 17: 8, 58: 8, 132: 12}    # Bytes of layer 4.


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


def is_whole(frame):
    """False if 'frame' has not all of an ARP, IP or layer 4 header, or says so
    itself.  Looks through VLAN tags only."""
    at = 12
    while frame[at:at + 2] in (b"\x81\0", b"\x88\xa8"):
        at += 4
    kind, rest = frame[at:at + 2], frame[at + 2:]
    if kind < b"\x06" and rest[:6] == b"\xaa\xaa\3\0\0\0":      # SNAP.
        kind, rest = rest[6:8], rest[8:]
    if kind in (b"\x08\x06", b"\x80\x35"):
        return len(rest) >= 28
    if kind == b"\x08\0":
        size = 4 * (rest[0] & 15) if rest else 0
        total = int.from_bytes(rest[2:4], "big")
        return (len(rest) >= 20 and 20 <= size <= total <= len(rest)
                and not (rest[6] & 0x1f or rest[7])
                and total >= size + LEAST.get(rest[9], 0))
    if kind == b"\x86\xdd":
        total = 40 + int.from_bytes(rest[4:6], "big")
        return (len(rest) >= 40 and total <= len(rest) and rest[6] in LEAST
                and total >= 40 + LEAST[rest[6]]
                and (rest[40] not in (135, 136) or rest[6] != 58
                     or has_whole_options(rest[64:total])))
    return kind not in (b"\x88\x47", b"\x88\x48", b"\x89\x4f")


def same_but_broken(theirs, ours):
    """True if the frame has lost or never had a header that a flow sets."""
    return len(theirs) == len(ours) and not is_whole(ours)


ALLOWED = [
    Allowed("ours does not set fields of headers that are not whole, nor of "
            "layer 4 in later fragments", "output", same=same_but_broken),
    Allowed("Open vSwitch counts packets that go to a controller and nowhere "
            "else", "drops", "datapath_drop_userspace_action_error",
            same=lambda theirs, ours: ours == 0),
    Allowed("ours breaks the loop of packets whose hash is 0", "drops",
            "datapath_drop_recirc_error|drop_action_of_pipeline", "dp_hash"),
    Allowed("ERSPAN tells the time of the day", "output", "p1", "erspan",
            same_but_time),
    Allowed("Open vSwitch makes the outer source port of a packet with a mark "
            "from a hash that nobody has written", "output", "p1",
            "vxlan|geneve|gtpu|l3_packets", same_but_source_port),
    Allowed("Open vSwitch's own daemon does not survive the input", "died",
            "theirs"),
    Allowed("Open vSwitch's own daemon did not end well", "wrong", "theirs"),
]


def allowed(table, kind, name, theirs, ours):
    """True if the table of allowed differences has this one."""
    return any(entry.covers(table, kind, name, theirs, ours)
               for entry in ALLOWED)


def outputs(table, theirs, ours):
    """Yields how the frames that left differ; both are dictionaries from port
    to frames."""
    for port in sorted(set(theirs) | set(ours)):
        a, b = theirs.get(port, []), ours.get(port, [])
        if a == b:
            continue
        if len(a) == len(b) and all(
                x == y or allowed(table, "output", port, x, y)
                for x, y in zip(a, b)):
            continue
        yield Difference("output", port, a, b)


def counters(table, theirs, ours):
    """Yields how the counters differ, as Side.counters() has them."""
    for kind in theirs:
        a, b = theirs[kind], ours[kind]
        for name in sorted(set(a) | set(b)):
            if (a.get(name) != b.get(name) and not allowed(
                    table, kind, name, a.get(name), b.get(name))):
                yield Difference(kind, name, a.get(name), b.get(name))


def explain(difference):
    """Returns lines that tell a reader of 'difference'."""
    kind, name, theirs, ours = difference
    if kind != "output":
        return ["%s: %s" % (kind, name), "  theirs: %s" % (theirs,),
                "  ours:   %s" % (ours,)]
    lines = ["output by %s: theirs %d frames, ours %d"
             % (name, len(theirs), len(ours))]
    same = 0
    while (same < min(len(theirs), len(ours))
           and theirs[same] == ours[same]):
        same += 1
    for side, frames in (("theirs", theirs), ("ours", ours)):
        lines += ["  %s: %s" % (side, frame.hex())
                  for frame in frames[same:same + 3]] \
            or ["  %s: no more" % side]
    return lines
