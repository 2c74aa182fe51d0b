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


ALLOWED = [
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
