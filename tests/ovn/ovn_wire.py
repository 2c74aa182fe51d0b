# SPDX-License-Identifier: Apache-2.0
"""Small ends of protocols, for ovn_host.

DNS, DHCP, BFD (RFC 5880, asynchronous mode), VLAN tags and a capture: so that
tests need neither programs nor kernel modules for them."""

import fcntl
import os
import random
import re
import select
import socket
import struct
import threading
import time

SOL_PACKET, PACKET_AUXDATA = 263, 8
ETH_P_ALL, ETH_P_8021Q = 3, 0x8100
TP_STATUS_VLAN_VALID = 0x10
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 2, 0x1000


class Loop:
    """Calls step() in a thread until close()."""

    def __init__(self):
        self.ending = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending:
            self.step()

    def step(self):
        raise NotImplementedError

    def close(self):
        self.ending = True
        self.thread.join()


def packet_socket(device):
    """A socket for whole frames, which tells tags that the kernel removed."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                         socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((device, 0))
    return sock


def receive(sock):
    """Returns the next frame as it was on the wire, or None if it is one that
    this host has sent."""
    frame, extra, _, address = sock.recvmsg(65536, 64)
    if address[2] == socket.PACKET_OUTGOING:
        return None
    for level, kind, data in extra:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("=3I4H", data)
            if status & TP_STATUS_VLAN_VALID:
                frame = frame[:12] + struct.pack("!HH", tpid or ETH_P_8021Q,
                                                 tci) + frame[12:]
    return frame


def describe(frame):
    """A line about 'frame': "vlan 42, ip 10.1.0.1 > 10.1.0.2, tos 0x0, proto
    17, port 5007"."""
    words = []
    kind, at = struct.unpack_from("!H", frame, 12)[0], 14
    while kind == ETH_P_8021Q:
        tci, kind = struct.unpack_from("!HH", frame, at)
        words.append("vlan %d" % (tci & 0xfff))
        at += 4
    if kind == 0x0800 and len(frame) >= at + 20:
        header = struct.unpack_from("!BBHHHBBH4s4s", frame, at)
        words += ["ip %s > %s" % tuple(map(socket.inet_ntoa, header[8:])),
                  "tos 0x%x" % header[1], "proto %d" % header[6]]
        at += (header[0] & 15) * 4
        if header[6] in (6, 17) and not header[4] & 0x1fff:
            words.append("port %d" % struct.unpack_from("!H", frame, at + 2))
    elif kind == 0x86dd and len(frame) >= at + 40:
        words += ["ip6 %s > %s" % tuple(
            socket.inet_ntop(socket.AF_INET6, frame[at + i:at + i + 16])
            for i in (8, 24)), "proto %d" % frame[at + 6]]
        if frame[at + 6] in (6, 17):
            words.append("port %d" % struct.unpack_from("!H", frame, at + 42))
    else:
        words.append("type 0x%04x" % kind)
    return ", ".join(words)


class Capture(Loop):
    """Takes note of the frames that come."""

    def __init__(self, device):
        self.sock = packet_socket(device)
        self.lines = []
        super().__init__()

    def step(self):
        if select.select([self.sock], [], [], .1)[0]:
            frame = receive(self.sock)
            if frame:
                self.lines.append(describe(frame))

    def count(self, pattern):
        return sum(bool(re.search(pattern, line)) for line in list(self.lines))

    def close(self):
        super().close()
        self.sock.close()


class VlanDevice(Loop):
    """A device for a VLAN, also where the kernel has none: a tap device, and
    a thread that adds and removes the tag."""

    def __init__(self, device, tag, name):
        self.tag = struct.pack("!HH", ETH_P_8021Q, tag)
        self.sock = packet_socket(device)
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack(
            "16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
        super().__init__()

    def step(self):
        ready = select.select([self.sock, self.tap], [], [], .1)[0]
        if self.sock in ready:
            frame = receive(self.sock)
            if frame and frame[12:16] == self.tag:
                self.pass_on(os.write, self.tap, frame[:12] + frame[16:])
        if self.tap in ready:
            frame = os.read(self.tap, 65536)
            self.pass_on(socket.socket.send, self.sock,
                         frame[:12] + self.tag + frame[12:])

    @staticmethod
    def pass_on(function, *args):
        try:
            function(*args)
        except OSError:
            pass                # A device that is down loses frames.

    def close(self):
        super().close()
        self.sock.close()
        os.close(self.tap)


class BfdPeer(Loop):
    """One end of a BFD session, with a detection time of a second."""

    DOWN, INIT, UP = 1, 2, 3
    NAMES = {DOWN: "down", INIT: "init", UP: "up"}
    INTERVAL = .2
    MULTIPLIER = 5

    def __init__(self, local, remote):
        self.remote = remote
        self.ours, self.theirs = random.getrandbits(31) + 1, 0
        self.now = self.DOWN
        self.last_sent = self.last_heard = 0
        self.rx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rx.bind((local, 3784))
        self.tx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tx.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
        self.tx.bind((local, 49152 + random.randrange(10000)))
        super().__init__()

    def step(self):
        if select.select([self.rx], [], [], .05)[0]:
            self.hear(self.rx.recv(1000))
        now = time.monotonic()
        if self.now != self.DOWN and \
                now > self.last_heard + self.INTERVAL * self.MULTIPLIER * 5:
            self.now, self.theirs = self.DOWN, 0
        if now > self.last_sent + self.INTERVAL:
            self.say()

    def hear(self, data):
        """RFC 5880, 6.8.6, without what is not used here."""
        if len(data) < 24:
            return
        _, flags, _, _, mine, yours = struct.unpack_from("!4BII", data)
        if yours not in (0, self.ours):
            return
        self.theirs, self.last_heard = mine, time.monotonic()
        state = flags >> 6
        if self.now == self.DOWN:
            self.now = {self.DOWN: self.INIT, self.INIT: self.UP}.get(
                state, self.DOWN)
        elif self.now == self.INIT and state in (self.INIT, self.UP):
            self.now = self.UP
        elif self.now == self.UP and state <= self.DOWN:
            self.now = self.DOWN
        if flags & 0x20:
            self.say(final=True)

    def say(self, final=False):
        interval = int(self.INTERVAL * 1e6)
        self.last_sent = time.monotonic()
        try:
            self.tx.sendto(struct.pack(
                "!4B5I", 1 << 5, self.now << 6 | (0x10 if final else 0),
                self.MULTIPLIER, 24, self.ours, self.theirs, interval,
                interval, 0), (self.remote, 3784))
        except OSError:
            pass                # Nobody there yet.

    def state(self):
        return self.NAMES[self.now]

    def close(self):
        super().close()
        self.rx.close()
        self.tx.close()


def resolve(server, name, kind):
    """Asks a DNS server.  Returns what it answers, as text."""
    number = {"A": 1, "AAAA": 28, "PTR": 12}[kind]
    question = b"".join(bytes([len(label)]) + label.encode()
                        for label in name.split(".")) + b"\0" \
        + struct.pack("!2H", number, 1)
    request = struct.pack("!6H", 0x1234, 0x0100, 1, 0, 0, 0) + question
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1.5)
        try:
            sock.connect((server, 53))
            sock.send(request)
            answer = sock.recv(4096)
        except OSError as error:
            return "refused" if isinstance(error, ConnectionRefusedError) \
                else "silence"
    n, = struct.unpack_from("!H", answer, 6)
    if not n:
        return "none"
    found, at = [], len(request)
    for _ in range(n):
        at = skip_name(answer, at)
        kind, _, _, size = struct.unpack_from("!HHIH", answer, at)
        at += 10
        data = answer[at:at + size]
        at += size
        found.append(
            socket.inet_ntop(socket.AF_INET, data) if kind == 1 else
            socket.inet_ntop(socket.AF_INET6, data) if kind == 28 else
            labels(data))
    return " ".join(found)


def skip_name(data, at):
    """Returns where the name at 'at' ends."""
    while data[at] and data[at] < 0xc0:
        at += 1 + data[at]
    return at + (2 if data[at] else 1)


def labels(data):
    """The text of a name without pointers."""
    words, at = [], 0
    while at < len(data) and data[at]:
        words.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(words)


def lease(device):
    """Gets a lease by DHCP.  Returns it as text."""
    with open("/sys/class/net/%s/address" % device) as f:
        mac = bytes.fromhex(f.read().strip().replace(":", ""))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE,
                        device.encode())
        sock.bind(("", 68))
        sock.settimeout(2)
        offer = dhcp_exchange(sock, mac, {53: b"\1"})
        if not isinstance(offer, dict):
            return offer
        answer = dhcp_exchange(sock, mac, {53: b"\3", 50: offer["address"],
                                           54: offer[54]})
    if not isinstance(answer, dict):
        return answer
    return "%s of %s, router %s, dns %s, mtu %d, %d s" % (
        {5: "lease", 6: "refusal"}.get(answer[53][0], answer[53]),
        socket.inet_ntoa(answer["address"]), socket.inet_ntoa(answer[3]),
        socket.inet_ntoa(answer[6]), int.from_bytes(answer[26], "big"),
        int.from_bytes(answer[51], "big"))


def dhcp_exchange(sock, mac, options):
    """Sends a DHCP request with 'options'.  Returns the options of the answer,
    and "address", or what went wrong."""
    number = random.getrandbits(32)
    options = dict(options)
    options[55] = bytes([1, 3, 6, 26, 51])
    # Flag: the answer shall be broadcast.
    request = struct.pack("!4BIHH16x16s192x", 1, 1, 6, 0, number, 0, 0x8000,
                          mac) + b"\x63\x82\x53\x63"
    for code, value in options.items():
        request += bytes([code, len(value)]) + value
    try:
        sock.sendto(request + b"\xff", ("255.255.255.255", 67))
        while True:
            answer = sock.recv(4096)
            if struct.unpack_from("!I", answer, 4)[0] == number:
                break
    except OSError as error:
        return str(error)
    found, at = {"address": answer[16:20]}, 240
    while at < len(answer) and answer[at] != 255:
        if not answer[at]:
            at += 1
            continue
        size = answer[at + 1]
        found[answer[at]] = answer[at + 2:at + 2 + size]
        at += 2 + size
    return found
