# SPDX-License-Identifier: Apache-2.0
"""Packets at a steady rate, which are counted; see "traffic"."""

import signal
import subprocess
import sys

from traffic_bed import run, wait_until

# A thousand packets a second, until a signal; then it says how many.
SENDER = """
import signal, socket, sys, time
signal.signal(signal.SIGTERM, lambda *args: sys.exit())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n = 0
try:
    while True:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        s.sendto(b'', (sys.argv[1], 9))
        n += 1
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        time.sleep(.001)
finally:
    print(n)
"""
RECEIVER = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)    # SO_RCVBUFFORCE
s.bind((sys.argv[1], 9))
print(flush=True)
while True:
    s.recv(100)
"""


class Stream:
    """Packets from the first host to the second, which has 'address'."""

    def __init__(self, bed, hosts, address):
        self.host = hosts[1]
        self.receiver = subprocess.Popen(
            ["ip", "netns", "exec", hosts[1], sys.executable, "-c", RECEIVER,
             address], stdout=subprocess.PIPE)
        bed.servers.append(self.receiver)
        if not self.receiver.stdout.readline():
            raise RuntimeError("there is no receiver")
        self.before = self.received()
        self.sender = subprocess.Popen(
            ["ip", "netns", "exec", hosts[0], sys.executable, "-c", SENDER,
             address], stdout=subprocess.PIPE)
        bed.servers.append(self.sender)

    def received(self):
        """How many the receiver has read, since its host exists."""
        return int(run("ip", "netns", "exec", self.host, "sed", "-n",
                       "s/^Udp: \\([0-9]*\\) .*/\\1/p", "/proc/net/snmp"))

    def wait_for(self, n, what):
        """Waits until so many more packets have arrived."""
        end = self.received() + n
        wait_until(lambda: self.received() >= end, "packets " + what)

    def check(self, lost=0):
        """Ends it: what was sent has arrived, but 'lost' packets."""
        self.sender.send_signal(signal.SIGTERM)
        sent = int(self.sender.communicate()[0])
        try:
            wait_until(lambda: self.received() - self.before + lost == sent,
                       "all")
        except RuntimeError as error:
            raise RuntimeError("%d packets were sent, %d arrived, %d were lost "
                               "for a known reason" % (
                                   sent, self.received() - self.before,
                                   lost)) from error
        self.receiver.kill()
        self.receiver.wait()
