# SPDX-License-Identifier: Apache-2.0
"""Connections that are merged ("ct-merge=true"); "traffic" is the program."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys

from traffic_bed import PortError, Skip, Switch, run, wait_until

N_SHORT = 10000
IDLE_S = 5              # After which the tracker forgets a connection.

# Answers each line with itself, on any number of connections.
ECHO_SERVER = """
import socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
    daemon_threads = True
    allow_reuse_address = True
Server((sys.argv[1], 7), Handler).serve_forever()
"""

# Opens one connection after the other, each for one line.  The one that meets
# a flush may be lost: nobody knows then whom the answer is for.
SHORT_CLIENT = """
import socket, sys
half = int(sys.argv[2]) // 2
lost = []
for i in range(2 * half):
    try:
        with socket.create_connection((sys.argv[1], 7), 10) as s:
            line = b'%d\\n' % i
            s.sendall(line)
            got = b''
            while got != line:
                more = s.recv(64)
                if not more:
                    sys.exit('connection %d answers %r' % (i, got))
                got += more
    except TimeoutError:
        lost.append(i)
    if i == half:
        print('half', flush=True)
if len(lost) > 1 or lost and lost[0] <= half:
    sys.exit('no answer to %s' % lost)
"""

# Opens two connections, talks on both, then on the first only; prints their
# ports.  Ends when its input does.
TWO_CLIENT = """
import select, socket, sys
busy, idle = (socket.create_connection((sys.argv[1], 7), 30) for _ in '12')
def talk(s):
    s.sendall(b'x\\n')
    if s.recv(2) != b'x\\n':
        sys.exit('no answer')
for _ in range(2000):
    talk(busy)
    talk(idle)
print(busy.getsockname()[1], idle.getsockname()[1], flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    talk(busy)
"""

FTP_SERVER = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_anonymous(sys.argv[2])
FTPServer((sys.argv[1], 21), FTPHandler).serve_forever()
"""

# Port 1 is h1, whose connections get another source; 2 is h2, whose
# connections to 10.7.0.98 go to h1; by 3 come packets of h2 that left by
# another device than they came to.  Each packet is counted once per table.
FLOWS = (
    "priority=3,arp,actions=normal",
    "priority=2,ip,actions=ct(nat,zone=1,table=1)",
    "priority=0,actions=drop",
    "table=1,priority=2,in_port=1,ct_state=+trk+new-rel,tcp,tp_dst=21,"
    "actions=ct(commit,zone=1,alg=ftp,nat(src=10.7.0.99)),output:2",
    "table=1,priority=2,ct_state=+trk+new+rel,in_port=1,ip,"
    "actions=ct(commit,zone=1,nat),output:2",
    "table=1,priority=1,in_port=1,ct_state=+trk+new-rel,ip,"
    "actions=ct(commit,zone=1,nat(src=10.7.0.99)),output:2",
    "table=1,priority=1,in_port=2,ct_state=+trk+new-rel,ip,nw_dst=10.7.0.98,"
    "actions=ct(commit,zone=1,nat(dst=10.7.0.1)),output:1",
    "table=1,priority=1,in_port=1,ct_state=+trk+est,ip,actions=output:2",
    "table=1,priority=1,in_port=2,ct_state=+trk+est,ip,actions=output:1",
    "table=1,priority=1,in_port=3,ct_state=+trk+est,ip,actions=output:1",
    "table=1,priority=0,actions=drop")


class Merging:
    """A switch that merges, and two hosts."""

    def __init__(self, bed, interface=(), merge="true"):
        self.bed = bed
        self.switch = Switch(bed, "s", ("ct-merge=" + merge,))
        self.switch.add_flows(*FLOWS)
        try:
            self.one = bed.host(self.switch, "h1", "10.7.0.1", interface)
            self.two = bed.host(self.switch, "h2", "10.7.0.2", interface)
        except PortError as error:
            raise Skip(error) from error
        # Nobody answers for translated addresses.
        self.know(self.two, "10.7.0.99", self.one)
        self.know(self.two, "10.7.0.98", self.one)

    def know(self, host, address, owner, device="eth0"):
        mac = run("ip", "netns", "exec", owner, "cat",
                  "/sys/class/net/eth0/address").strip()
        run("ip", "-n", host, "neighbour", "replace", address, "lladdr", mac,
            "dev", device)

    def start(self, host, program, *args, **more):
        child = subprocess.Popen(
            ["ip", "netns", "exec", host, sys.executable, "-c", program,
             *args], universal_newlines=True, **more)
        self.bed.servers.append(child)
        return child

    def echo(self, host, address):
        self.start(host, ECHO_SERVER, address)
        wait_until(lambda: ":7 " in run("ip", "netns", "exec", host, "ss",
                                        "-ltnH"), "a server")

    def appctl(self, *command):
        return self.switch.run("ovs-appctl", *command)

    def figure(self, *names):
        """A number that merge/show tells."""
        value = json.loads(self.appctl("merge/show", "--format", "json"))
        for name in names:
            value = value[name]
        return value

    def n_merged(self):
        """Packets that went by merged flows."""
        return self.figure("packets")

    def flows(self, table):
        """Packets and bytes that the flows of 'table' for IP have counted, and
        packets that all of its flows have."""
        ip, all_ip, n = 0, 0, 0
        for line in self.switch.run("ovs-ofctl", "dump-flows", "br0",
                                    "table=%d" % table).splitlines():
            found = re.search(r"n_packets=(\d+), n_bytes=(\d+)", line)
            if found:
                n += int(found.group(1))
                if table or "priority=2,ip" in line:
                    ip += int(found.group(1))
                    all_ip += int(found.group(2))
        return ip, all_ip, n

    def check_counters(self):
        """When traffic rests: the lanes have received what table 0 has
        counted, but for packets of a port that OpenFlow did not know yet, and
        each stage has counted all packets and bytes."""
        def same():
            received = sum(map(int, re.findall(
                r"packets received: (\d+)",
                self.appctl("dpif-netdev/pmd-stats-show"))))
            early = int(self.appctl("coverage/read-counter",
                                    "datapath_drop_upcall_error"))
            zero, one = self.flows(0), self.flows(1)
            self.counted = "%d received, %d too early, tables %s %s" % (
                received, early, zero, one)
            return (received == zero[2] + early
                    and zero[:2] == one[:2])
        try:
            wait_until(same, "the same counts")
        except RuntimeError as error:
            raise RuntimeError("%s: %s" % (error, self.counted)) from error

    def check_merged(self, before, what):
        try:
            wait_until(lambda: self.n_merged() > before, "merged packets")
        except RuntimeError as error:
            raise RuntimeError(what + " was not merged:\n"
                               + self.appctl("merge/show")) from error


def iperf(merging, reverse=()):
    """Right bytes are iperf3's business; ours is that it ends."""
    server = subprocess.Popen(
        ["ip", "netns", "exec", merging.two, "iperf3", "-s", "-1", "-B",
         "10.7.0.2"], stdout=subprocess.DEVNULL)
    merging.bed.servers.append(server)
    wait_until(lambda: ":5201 " in run("ip", "netns", "exec", merging.two,
                                       "ss", "-ltnH"), "iperf3")
    run("ip", "netns", "exec", merging.one, "iperf3", "-c", "10.7.0.2", "-n",
        "50M", *reverse)
    server.wait()


def short_connections(merging):
    """Connections of a few packets, and a flush when half of them are over.
    None is stuck."""
    client = merging.start(merging.one, SHORT_CLIENT, "10.7.0.2",
                           str(N_SHORT), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
    if client.stdout.readline().strip() == "half":
        merging.appctl("dpctl/flush-conntrack")
    _, error = client.communicate(timeout=120)
    if client.returncode:
        raise RuntimeError("short connections: " + error)


def flush_while_fetching(merging):
    """Flushes ten times while data are on their way.  What the server sends
    after a flush is dropped until the client says something, and that may have
    acknowledged all before: so it asks whether the server is alive."""
    fetch = subprocess.Popen(
        ["ip", "netns", "exec", merging.one, "curl", "-s", "-m", "60",
         "--keepalive-time", "1", "--limit-rate", "4M", "-o",
         merging.bed.folder + "/got", "http://10.7.0.2/data"])
    merging.bed.servers.append(fetch)
    for _ in range(10):
        before = merging.n_merged()
        wait_until(lambda: fetch.poll() is not None
                   or merging.n_merged() > before, "merged packets")
        if fetch.poll() is not None:
            break
        merging.appctl("dpctl/flush-conntrack")
    if fetch.wait(timeout=60):
        raise RuntimeError("a flush has stopped a connection")
    with open(merging.bed.folder + "/got", "rb") as f:
        if f.read() != merging.bed.data:
            raise RuntimeError("not the data that were sent")


def case_merge(bed, interface=()):
    merging = Merging(bed, interface)
    bed.serve(merging.two, "10.7.0.2")
    bed.serve(merging.one, "10.7.0.1")
    merging.echo(merging.two, "10.7.0.2")

    # Translated in one direction, and in the other.
    if bed.check(merging.one, "10.7.0.2") != "10.7.0.99":
        raise RuntimeError("the source was not translated")
    merging.check_merged(0, "a source that is translated")
    before = merging.n_merged()
    if bed.check(merging.two, "10.7.0.98") != "10.7.0.2":
        raise RuntimeError("the destination was not translated")
    merging.check_merged(before, "a destination that is translated")
    merging.check_counters()

    flush_while_fetching(merging)
    short_connections(merging)
    if shutil.which("iperf3"):
        iperf(merging)
        iperf(merging, ("-R",))
    merging.check_counters()
    # dpctl looks for the kernel's datapath, too.
    complaints = [line for level in ("|WARN|", "|ERR|")
                  for line in merging.switch.log(level)
                  if "enumerate system datapaths" not in line]
    if complaints:
        raise RuntimeError("complaints in the log:\n%s" % complaints)
    if not shutil.which("iperf3"):
        raise Skip("all but iperf3, which is not there")


def case_merge_paths(bed):
    """What comes back comes by another port."""
    merging = Merging(bed)
    switch, two = merging.switch, merging.two
    bed.link(switch.namespace, "h3", two, "eth1")
    switch.add_port("h3")
    for name in "all", "eth0", "eth1":
        run("ip", "netns", "exec", two, "sysctl", "-qw",
            "net.ipv4.conf.%s.rp_filter=0" % name)
    run("ip", "-n", two, "route", "replace", "10.7.0.99/32", "dev", "eth1",
        "src", "10.7.0.2")
    merging.know(two, "10.7.0.99", merging.one, "eth1")
    merging.know(merging.one, "10.7.0.2", two)
    bed.serve(two, "10.7.0.2")
    if bed.check(merging.one, "10.7.0.2") != "10.7.0.99":
        raise RuntimeError("the source was not translated")
    bed.check(merging.one, "10.7.0.2")
    merging.check_merged(0, "an asymmetric way")
    merging.check_counters()
    by_port = {port: sum(map(int, re.findall(
        r"n_packets=(\d+)", switch.run("ovs-ofctl", "dump-flows", "br0",
                                       "table=1,in_port=%d" % port))))
               for port in (2, 3)}
    if by_port[2] or not by_port[3]:
        raise RuntimeError("the way was not asymmetric: %s" % by_port)


def case_merge_idle(bed):
    """A merged connection that is idle ends when its policy says, a busy one
    does not."""
    merging = Merging(bed)
    switch = merging.switch
    switch.vsctl("--", "--id=@d", "create", "Datapath", "datapath_version=0",
                 "--", "set", "Open_vSwitch", ".", "datapaths:netdev=@d")
    # In two steps: Open vSwitch 3.5.0 forgets about a policy until it changes.
    switch.vsctl("add-zone-tp", "netdev", "zone=1", "tcp_established=60")
    policy = switch.vsctl("--bare", "--columns=_uuid", "list",
                          "CT_Timeout_Policy").strip()
    switch.vsctl("set", "CT_Timeout_Policy", policy,
                 "timeouts:tcp_established=%d" % IDLE_S)
    merging.echo(merging.two, "10.7.0.2")
    client = merging.start(merging.one, TWO_CLIENT, "10.7.0.2",
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    busy, idle = client.stdout.readline().split()

    def has(port):
        return "sport=%s," % port in merging.appctl("dpctl/dump-conntrack")

    dump = merging.appctl("merge/dump-flows")
    if not has(idle) or "src=%s," % idle not in dump:
        raise RuntimeError("the connection was not merged:\n" + dump)
    # Three times what the policy allows, by the tracker's own clock: three
    # connections go, one after the other.
    wait_until(lambda: not has(idle), "an end of the idle connection")
    for _ in range(2):
        other = merging.start(merging.one, TWO_CLIENT, "10.7.0.2",
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        _, idle = other.stdout.readline().split()
        wait_until(lambda: not has(idle), "an end of an idle connection")
    if not has(busy) or client.poll() is not None:
        raise RuntimeError("the busy connection has ended")
    client.stdin.close()
    if client.wait(timeout=30):
        raise RuntimeError("the busy connection was disturbed")


def case_merge_ftp(bed):
    """Connections with a helper, and those that it announces, are never
    merged."""
    if not importlib.util.find_spec("pyftpdlib"):
        raise Skip("no pyftpdlib")
    merging = Merging(bed)
    merging.start(merging.two, FTP_SERVER, "10.7.0.2", bed.folder,
                  stderr=subprocess.DEVNULL)
    wait_until(lambda: ":21 " in run("ip", "netns", "exec", merging.two, "ss",
                                     "-ltnH"), "a server")
    for _ in range(3):
        got = subprocess.run(
            ["ip", "netns", "exec", merging.one, "curl", "-s", "-m", "60",
             "--limit-rate", "8M", "ftp://10.7.0.2/data"], check=True,
            stdout=subprocess.PIPE).stdout
        if got != bed.data:
            raise RuntimeError("not the data that were sent")
    if not merging.figure("refused", "c_helper"):
        raise RuntimeError("nobody has tried to merge it:\n"
                           + merging.appctl("merge/show"))
    if merging.n_merged() or merging.figure("traces", "made"):
        raise RuntimeError("a connection of FTP was merged")
    merging.check_counters()
