# SPDX-License-Identifier: Apache-2.0
"""Three OVN chassis on one machine, and hosts behind them.

             outside  other  spy
                |       |     |
     +------- bridges "public" and "under" --------+
     |                   |                  |
    ch1                 ch2                ch3         each: br-int, br-tun,
   red1 blue1          red2 blue2         red3         br-ex, our switch

Logical switches "red" (10.1.0.0/24, fd01::/64) and "blue" (10.2.0.0/24,
fd02::/64), router "r" and switch "public" (198.51.100.0/24, fd10::/64), whose
localnet port is br-ex.  Tunnels are Geneve on 192.0.2.0/24, by "under".  "spy"
is on that network, too, and is no chassis.

Everything is in a network namespace of its own, and in the folder that the lab
is given; the caller has seen to it that the machine's own is out of reach, and
that whatever is started ends (see run-ovn).  Nothing here waits for a time."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time

from ovn_chassis import Chassis
from ovn_process import OvnError, run, spawn, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
CHASSIS = ("ch1", "ch2", "ch3")
HOMES = {"red1": "ch1", "red2": "ch2", "red3": "ch3", "blue1": "ch1",
         "blue2": "ch2"}
OUTSIDE = {"outside": 100, "other": 101}

PATIENCE = 40               # Seconds until something has not happened.
IMPATIENCE = 5              # The same, in a test that has failed already.
SCHEMAS = "/usr/share/ovn"


def number(name):
    """The number at the end of a name."""
    return int(re.search(r"\d+$", name)[0])


def addresses(host):
    """Returns Ethernet address, IPv4 and IPv6 address of a host."""
    if host in OUTSIDE:
        n = OUTSIDE[host]
        return "0a:00:00:00:10:%02x" % n, "198.51.100.%d" % n, "fd10::%d" % n
    switch, n = 1 if host.startswith("red") else 2, number(host)
    return ("0a:00:00:00:%02x:%02x" % (switch, n), "10.%d.0.%d" % (switch, n),
            "fd%02d::%d" % (switch, n))


def ip4(host):
    """The IPv4 address of a host."""
    return addresses(host)[1]


def ip6(host):
    """The IPv6 address of a host."""
    return addresses(host)[2]


class Host:
    """A namespace with programs; see ovn_host.Host for what can be called:
    host.ping("10.1.0.1")."""

    def __init__(self, name, log):
        self.name = name
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        self.netns("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0",
                   "net.ipv6.conf.default.accept_ra=0",
                   "net.ipv4.conf.all.rp_filter=0",
                   "net.ipv4.conf.default.rp_filter=0")
        self.process = spawn(
            ["ip", "netns", "exec", name, sys.executable,
             os.path.join(HERE, "ovn_host.py"), name], log,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            universal_newlines=True)
        self.result()

    def netns(self, *command):
        """Runs a command in this namespace."""
        return run("ip", "netns", "exec", self.name, *command)

    def ip(self, *args):
        return run("ip", "-n", self.name, *args)

    def start(self, method, *args):
        """Calls a method, whose result will be fetched with result()."""
        self.process.stdin.write(json.dumps([method, *args]) + "\n")
        self.process.stdin.flush()

    def result(self):
        """Returns what the method has returned."""
        line = self.process.stdout.readline()
        good, result = json.loads(line) if line else (False, "it has ended")
        if not good:
            raise OvnError("%s: %s" % (self.name, result))
        return result

    def __getattr__(self, method):
        def call(*args):
            self.start(method, *args)
            return self.result()
        return call

    def pings(self, address, *options):
        """How many of three requests were answered."""
        found = re.search(r"(\d+) received", self.ping(address, *options))
        return int(found[1]) if found else 0

    def cable(self, device, other, other_device, bridge=None):
        """Makes a device here that is connected to one of namespace 'other',
        or to a bridge of the machine between all."""
        self.ip("link", "add", device, "type", "veth", "peer", "name",
                other_device, "netns", other or str(os.getpid()))
        prefix = ("ip", "-n", other) if other else ("ip",)
        # Switches forward what they get: checksums must be there already.
        self.netns("ethtool", "-K", device, "tx", "off")
        self.ip("link", "set", device, "mtu", "1500", "up")
        run(*prefix, "link", "set", other_device, "up",
            *(["master", bridge] if bridge else []))

    def address(self):
        """Gives eth0 the addresses that this host has by default."""
        mac, four, six = addresses(self.name)
        self.ip("link", "set", "eth0", "address", mac, "up")
        self.ip("address", "replace", four + "/24", "dev", "eth0")
        self.ip("address", "replace", six + "/64", "dev", "eth0", "nodad")
        if self.name in OUTSIDE:
            self.ip("route", "replace", "fd00::/13", "via", "fd10::1")
        else:
            self.ip("route", "replace", "default", "via",
                    re.sub(r"\d+$", "254", four))
            self.ip("-6", "route", "replace", "default", "via",
                    re.sub(r"\d+$", "ff", six))


class Lab:
    """The whole of it, with 'daemon' as ovs-vswitchd.  With 'offload', all
    chassis have hw-offload=true, and net_simnic is what hosts and tunnels are
    connected to; 'plugin' is its file."""

    def __init__(self, folder, daemon, schema, offload=False, plugin=None):
        self.folder, self.daemon, self.schema = folder, daemon, schema
        self.offload = offload
        self.processes, self.hosts, self.chassis = {}, {}, {}
        self.test, self.results, self.notes = None, {}, []
        self.patience = PATIENCE
        os.mkdir(folder)
        if offload:
            shutil.copy(plugin, folder)
        # Whoever has not been told yet where the databases are.
        self.env = dict(os.environ, OVN_RUNDIR=folder, OVS_RUNDIR=folder,
                        OVN_LOGDIR=folder, OVN_DBDIR=folder,
                        OVN_NB_DB="unix:%s/nb.sock" % folder,
                        OVN_SB_DB="unix:%s/sb.sock" % folder)

    def up(self):
        """Makes everything, and waits until packets can be expected to get
        through."""
        run("ip", "link", "set", "lo", "up")
        for bridge in "public", "under":
            run("ip", "link", "add", bridge, "type", "bridge",
                "mcast_snooping", "0")
            run("ip", "link", "set", bridge, "up")
        self.start_central()
        self.make_logical_network()
        for name in CHASSIS:
            self.chassis[name] = Chassis(self, name, number(name))
        for name in OUTSIDE:
            host = self.add_host(name)
            host.cable("eth0", None, "p-" + name, "public")
            host.address()
        self.add_host("spy").cable("eth0", None, "p-spy", "under")
        self.hosts["spy"].ip("address", "add", "192.0.2.100/24", "dev", "eth0")
        for name, home in HOMES.items():
            self.add_host(name)
            self.plug(name, home)
        self.wait_until(lambda: all(
            self.nb("get", "logical_switch_port", name, "up") == "true"
            for name in HOMES), "ports of all hosts are up")
        self.sync()

    def add_host(self, name):
        host = Host(name, "%s/%s.log" % (self.folder, name))
        self.hosts[name] = host
        return host

    def __getitem__(self, name):
        return self.hosts[name]

    def start_central(self):
        """Databases and northd."""
        for db in "nb", "sb":
            path = "%s/%s" % (self.folder, db)
            self.run("ovsdb-tool", "create", path + ".db",
                     "%s/ovn-%s.ovsschema" % (SCHEMAS, db))
            self.spawn(db, "ovsdb-server", path + ".db",
                       "--remote=punix:%s.sock" % path,
                       "--unixctl=%s.ctl" % path, "--log-file=%s.log" % path)
            self.wait_until(lambda: os.path.exists(path + ".sock"), db)
        self.nb("init")
        self.sb("init")
        self.spawn("northd", "ovn-northd", "--log-file",
                   "--unixctl=%s/northd.ctl" % self.folder,
                   "--ovnnb-db=" + self.env["OVN_NB_DB"],
                   "--ovnsb-db=" + self.env["OVN_SB_DB"])

    def make_logical_network(self):
        """What OVN shall make."""
        self.nb("lr-add", "r")
        for i, switch in enumerate(("red", "blue"), 1):
            self.nb("ls-add", switch)
            self.connect(switch, "r", "0a:00:00:00:%02x:ff" % i,
                         "10.%d.0.254/24" % i, "fd%02d::ff/64" % i)
        for host in HOMES:
            self.nb("lsp-add", host[:-1], host, "--", "lsp-set-addresses",
                    host, " ".join(addresses(host)))
        self.nb("ls-add", "public")
        self.connect("public", "r", "0a:00:00:00:10:01", "198.51.100.1/24",
                     "fd10::1/64")
        self.nb("lsp-add", "public", "public-wire",
                "--", "lsp-set-type", "public-wire", "localnet",
                "--", "lsp-set-addresses", "public-wire", "unknown",
                "--", "lsp-set-options", "public-wire", "network_name=public")
        for i, chassis in enumerate(CHASSIS):
            self.nb("lrp-set-gateway-chassis", "r-public", chassis,
                    str(30 - 10 * i))
        self.nb("lr-nat-add", "r", "snat", "198.51.100.1", "10.0.0.0/8")

    def connect(self, switch, router, mac, *networks):
        """Connects a logical switch with a logical router."""
        ports = switch + "-" + router, router + "-" + switch
        self.nb("lrp-add", router, ports[1], mac, *networks,
                "--", "lsp-add", switch, ports[0],
                "--", "lsp-set-type", ports[0], "router",
                "--", "lsp-set-addresses", ports[0], "router",
                "--", "lsp-set-options", ports[0], "router-port=" + ports[1])

    def plug(self, name, home):
        """Connects a host to a chassis, and to no other."""
        for chassis in self.chassis.values():
            chassis.unplug(name)
        self.chassis[home].plug(self.hosts[name])
        self.hosts[name].address()

    # Programs.

    def run(self, *command):
        return run(*command, env=self.env)

    def spawn(self, name, *command):
        self.processes[name] = spawn(
            [*command, "-vconsole:off"], "%s/%s.out" % (self.folder, name),
            env=self.env)

    def dead(self):
        """The names of those that have ended and should not have."""
        processes = dict(self.processes)
        for name, chassis in self.chassis.items():
            processes["ovn-controller of " + name] = chassis.controller
            processes["switch of " + name] = chassis.switch
        return [name for name, process in processes.items()
                if process and process.poll() is not None]

    def nb(self, *args):
        return self.run("ovn-nbctl", "--timeout=60", *args).strip()

    def sb(self, *args):
        return self.run("ovn-sbctl", "--timeout=60", *args).strip()

    def sync(self):
        """Waits until all chassis have done what the northbound database
        says."""
        self.nb("--wait=hv", "sync")

    def set(self, *args):
        """Changes the northbound database, and waits for all chassis."""
        self.nb("--wait=hv", *args)

    def claimed_by(self, port):
        """The name of the chassis that has a port."""
        uuid = self.sb("--bare", "--columns=chassis", "find", "port_binding",
                       "logical_port=" + port)
        return self.sb("get", "chassis", uuid, "name").strip('"') if uuid \
            else ""

    # Results.

    def wait_until(self, condition, what):
        wait_until(condition, what, self.patience)

    def begin(self, test):
        """From now on, results are those of 'test'."""
        self.test, self.patience = test, PATIENCE

    def record(self, what, good, text):
        """Takes note of a result."""
        # A loop may ask twice; one failure is enough.
        known = self.results.get((self.test, what), (True, ""))
        if known[0]:
            self.results[self.test, what] = (good, text)

    def expect(self, what, pattern, function, *args):
        """Calls 'function' until the text of what it returns matches
        'pattern', or it is too late.  Returns whether it matches."""
        end = time.monotonic() + self.patience
        while True:
            try:
                text = str(function(*args)).strip()
            except OvnError as error:
                text = "error: %s" % error
            good = re.fullmatch(pattern, text, re.DOTALL) is not None
            if good or time.monotonic() > end:
                break
            time.sleep(.05)
        if not good:
            # Where one thing doesn't work, others don't either.
            self.patience = min(self.patience, IMPATIENCE)
        self.record(what, good, "wanted %s, got %s" % (pattern, text))
        return good

    def expect_now(self, what, pattern, function, *args):
        """The same, at the first call."""
        with self.without_patience():
            return self.expect(what, pattern, function, *args)

    @contextlib.contextmanager
    def without_patience(self):
        patience, self.patience = self.patience, -1
        try:
            yield
        finally:
            self.patience = patience

    def note(self, text):
        """Says something that is worth knowing, and is no result."""
        self.notes.append("%s: %s" % (self.test, text))
