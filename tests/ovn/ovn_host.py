# SPDX-License-Identifier: Apache-2.0
"""What the hosts of the lab do: ordinary programs that know nothing of OVN.

Started in a host's namespace, it answers on a few ports, and carries out what
comes as a line of JSON on its standard input, [METHOD, ARGUMENT...].  The
answer is a line, too: [true, RESULT], or [false, MESSAGE]."""

import collections
import fcntl
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ovn_wire import BfdPeer, Capture, VlanDevice, resolve  # noqa: E402
from ovn_wire import lease  # noqa: E402

WHO, WHO_ELSE, DIGEST, ECHO = 8000, 8001, 8002, 8003
GROUP_PORT = 5007
DEVICE = "eth0"


def family(address):
    """The address family of 'address'."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def in_thread(function, *args):
    """Calls 'function' in a thread that ends when the program does."""
    threading.Thread(target=function, args=args, daemon=True).start()


class Server:
    """Answers everybody: with our name and his address (TCP and UDP, port WHO
    and WHO_ELSE), with the SHA-256 of what he sends (DIGEST), or with the same
    (ECHO)."""

    def __init__(self, name):
        self.name = name
        for port, handler in ((WHO, self.tell), (WHO_ELSE, self.tell),
                              (DIGEST, self.digest), (ECHO, self.echo)):
            sock = socket.create_server(
                ("::", port), family=socket.AF_INET6, dualstack_ipv6=True,
                backlog=500)
            in_thread(self.accept, sock, handler)
        for port in WHO, WHO_ELSE:
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            sock.bind(("::", port))
            in_thread(self.answer, sock)

    def greeting(self, peer):
        """What someone gets to know."""
        return ("%s %s" % (self.name, peer[0].replace("::ffff:", ""))).encode()

    def accept(self, sock, handler):
        while True:
            connection, peer = sock.accept()
            connection.settimeout(60)
            in_thread(self.handle, handler, connection, peer)

    @staticmethod
    def handle(handler, connection, peer):
        with connection:
            try:
                handler(connection, peer)
            except OSError:
                pass            # Its peer will miss something.

    def tell(self, connection, peer):
        connection.sendall(self.greeting(peer))

    @staticmethod
    def digest(connection, _peer):
        digest = hashlib.sha256()
        while True:
            data = connection.recv(65536)
            if not data:
                break
            digest.update(data)
        connection.sendall(digest.hexdigest().encode())

    @staticmethod
    def echo(connection, _peer):
        while True:
            data = connection.recv(65536)
            if not data:
                break
            connection.sendall(data)

    def answer(self, sock):
        while True:
            data, peer = sock.recvfrom(65536)
            try:
                sock.sendto(self.greeting(peer).ljust(len(data)), peer)
            except OSError:
                pass


class Host:
    """Methods for the lab."""

    def __init__(self):
        self.connection = None
        self.n_bound = 0
        self.groups = {}
        self.kept = {}

    def ask(self, kind, address, port, n, size=1, source=None, first=0):
        """Makes 'n' requests, each from a port of its own; with 'source', from
        that address and a port after 'first' not used before.  Returns who
        answered, and whom he saw: "red1@10.1.0.2=4 red2@10.1.0.2=6"."""
        kind = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[kind]
        answers = collections.Counter()
        for _ in range(n):
            with socket.socket(family(address), kind) as sock:
                # Long enough for a second SYN.
                sock.settimeout(1.5)
                if source:
                    self.n_bound += 1
                    sock.bind((source, first + self.n_bound))
                try:
                    sock.connect((address, port))
                    if kind == socket.SOCK_DGRAM:
                        sock.send(b"?" * size)
                    data = sock.recv(65536)
                    if kind == socket.SOCK_DGRAM and len(data) < size:
                        answers["short"] += 1
                    answers[data.decode().strip().replace(" ", "@")] += 1
                except ConnectionRefusedError:
                    answers["refused"] += 1
                except socket.timeout:
                    answers["silence"] += 1
                except OSError as error:
                    answers[os.strerror(error.errno)] += 1
        return " ".join("%s=%d" % item for item in sorted(answers.items()))

    @staticmethod
    def send(address, size):
        """Sends 'size' bytes by TCP.  Returns "same" if they have arrived."""
        data = os.urandom(size)
        try:
            with socket.create_connection((address, DIGEST), 10) as sock:
                sock.settimeout(30)
                sock.sendall(data)
                sock.shutdown(socket.SHUT_WR)
                answer = sock.recv(100).decode()
        except OSError as error:
            return str(error)
        return "same" if answer == hashlib.sha256(data).hexdigest() \
            else "different: " + answer

    @staticmethod
    def ping(address, *options):
        """Returns what ping says about three requests."""
        return subprocess.run(
            ["ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", *options,
             address], check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, universal_newlines=True).stdout

    def connect(self, address):
        """Makes the connection that talk() uses."""
        self.hang_up()
        self.connection = socket.create_connection((address, ECHO), 10)

    def talk(self, seconds=20):
        """Returns "heard" if the other end of the connection echoes."""
        self.connection.settimeout(seconds)
        try:
            self.connection.sendall(b"hello")
            return "heard" if self.connection.recv(100) else "closed"
        except OSError as error:
            return str(error)

    def hang_up(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def stream(self, address, megabits, size, n):
        """Sends 'n' datagrams of 'size' bytes, evenly."""
        gap = size * 8 / (megabits * 1e6)
        with socket.socket(family(address), socket.SOCK_DGRAM) as sock:
            for _ in range(n):
                sock.sendto(b"*" * size, (address, GROUP_PORT))
                select.select([], [], [], gap)

    # Multicast.

    def join(self, group):
        """Joins 'group' and counts what comes until leave()."""
        index = socket.if_nametoindex(DEVICE)
        sock = socket.socket(family(group), socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", GROUP_PORT))
        if family(group) == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                            struct.pack("=4s4si", socket.inet_aton(group),
                                        bytes(4), index))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                            socket.inet_pton(socket.AF_INET6, group)
                            + struct.pack("=I", index))
        self.groups[group] = [sock, 0]

    def heard(self, group):
        """How many datagrams have come."""
        sock, _ = self.groups[group]
        while select.select([sock], [], [], 0)[0]:
            sock.recv(4096)
            self.groups[group][1] += 1
        return self.groups[group][1]

    def leave(self, group):
        self.groups.pop(group)[0].close()

    @staticmethod
    def shout(group, n):
        """Sends 'n' datagrams to 'group'."""
        index = socket.if_nametoindex(DEVICE)
        with socket.socket(family(group), socket.SOCK_DGRAM) as sock:
            if family(group) == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                                struct.pack("=4s4si", bytes(4), bytes(4),
                                            index))
            else:
                sock.setsockopt(socket.IPPROTO_IPV6,
                                socket.IPV6_MULTICAST_HOPS, 8)
                sock.setsockopt(socket.IPPROTO_IPV6,
                                socket.IPV6_MULTICAST_IF, index)
            for _ in range(n):
                sock.sendto(b"hello", (group, GROUP_PORT))

    # What the kernel or other programs would do; see ovn_wire.

    resolve = staticmethod(resolve)
    lease = staticmethod(lambda: lease(DEVICE))

    def keep(self, name, thing):
        """Makes 'thing' findable, in place of the one it replaces."""
        self.stop(name)
        self.kept[name] = thing

    def stop(self, name):
        """Ends a capture, BFD peer or VLAN device."""
        thing = self.kept.pop(name, None)
        if thing:
            thing.close()

    def capture(self, device=DEVICE):
        """Takes note of all frames from now on."""
        self.keep("capture", Capture(device))

    def captured(self, pattern):
        """How many frames match 'pattern' so far; see ovn_wire.describe()."""
        return self.kept["capture"].count(pattern)

    def vlan(self, tag, name):
        """Makes device 'name', for what has the VLAN tag 'tag'."""
        self.keep("vlan", VlanDevice(DEVICE, tag, name))

    def bfd(self, local, remote):
        """Talks BFD with 'remote'."""
        self.keep("bfd", BfdPeer(local, remote))

    def bfd_state(self):
        return self.kept["bfd"].state()


def main():
    """Reads commands until there are no more."""
    host = Host()
    Server(sys.argv[1])
    # Whatever we print by accident shall not look like an answer.
    answers = os.fdopen(fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, 3), "w")
    os.dup2(2, 1)
    print(json.dumps([True, "ready"]), file=answers, flush=True)
    for line in sys.stdin:
        method, *args = json.loads(line)
        try:
            answer = [True, getattr(host, method)(*args)]
        except Exception as error:      # The lab decides what it means.
            answer = [False, "%s: %r" % (method, error)]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
