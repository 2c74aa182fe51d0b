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

from twin_whole import left_alone

Difference = collections.namedtuple("Difference", "kind name theirs ours")


class Allowed:
    """A difference that is known, and why it is there.

    'kind' is that of the difference; 'name' and 'table' are regular
    expressions.  'same', if given, decides about what the daemons have shown:
    a frame each for "output", a text or a number for the others.  Its third
    argument are all frames that came in."""

    def __init__(self, reason, kind, name=".*", table=".*", same=None):
        self.reason = reason
        self.kind = kind
        self.name = re.compile(name)
        self.table = re.compile(table)
        self.same = same
        self.n_used = 0

    def covers(self, table, kind, name, theirs, ours, fed):
        if (kind != self.kind or not self.table.fullmatch(table)
                or not self.name.fullmatch(name)
                or self.same and not self.same(theirs, ours, fed)):
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


def same_but_source_port(theirs, ours, _):
    """True if only the outer UDP source port differs, and what it changes."""
    return (without(theirs, (0, 2), (6, 8)) == without(ours, (0, 2), (6, 8)))


def same_but_time(theirs, ours, _):
    """True if only the timestamp of an ERSPAN header of version 2 differs."""
    return without(theirs, (12, 16)) == without(ours, (12, 16))


def same_but_broken(theirs, ours, fed):
    """True if theirs has set fields of a header that is not whole, and ours
    has sent that part as it came in."""
    ends = left_alone(ours)
    return (ends is not None and len(theirs) == len(ours)
            and theirs[:ends[0]] == ours[:ends[0]]
            and any(frame.endswith(ours[ends[1]:]) for frame in fed))


ALLOWED = [
    Allowed("ours does not set fields of headers that are not whole, nor of "
            "layer 4 in later fragments", "output", same=same_but_broken),
    Allowed("Open vSwitch counts packets that go to a controller and nowhere "
            "else", "drops", "datapath_drop_userspace_action_error",
            same=lambda _theirs, ours, _: ours == 0),
    Allowed("Open vSwitch damages the payload of later fragments when it sets "
            "addresses, and then finds the checksum of the datagram wrong",
            "drops", "conntrack_l4csum_err", "patches",
            same=lambda theirs, ours, _: ours < theirs),
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


def allowed(table, kind, name, theirs, ours, fed=()):
    """True if the table of allowed differences has this one."""
    return any(entry.covers(table, kind, name, theirs, ours, fed)
               for entry in ALLOWED)


# Theirs finds the checksum of a datagram wrong whose later fragments it has
# damaged.  So that datagram is no part of a group that it is a part of with
# ours, and what was together in a burst may leave in another order.
REORDERED = ("patches",)


def are_same(table, port, theirs, ours, fed):
    """True if the frames of both are the same, or may be different."""
    def same(one, other):
        return one == other or allowed(table, "output", port, one, other, fed)

    if len(theirs) != len(ours):
        return False
    if all(map(same, theirs, ours)):
        return True
    # Those that are equal, whatever their order, leave those that are damaged:
    # there must be some.
    damaged = collections.Counter(theirs) - collections.Counter(ours)
    left = collections.Counter(ours) - collections.Counter(theirs)
    return table in REORDERED and bool(damaged) and all(
        map(same, sorted(damaged.elements()), sorted(left.elements())))


def outputs(table, theirs, ours, fed):
    """Yields how the frames that left differ; both are dictionaries from port
    to frames.  'fed' are those that came in so far."""
    for port in sorted(set(theirs) | set(ours)):
        a, b = theirs.get(port, []), ours.get(port, [])
        if a != b and not are_same(table, port, a, b, fed):
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
