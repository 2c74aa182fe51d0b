# SPDX-License-Identifier: Apache-2.0
"""Namespaces with hosts and switches; "traffic" is the program."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SIZE = 8 << 20
SERVER = """
import http.server, sys
data = open(sys.argv[2], 'rb').read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = data if self.path == '/data' else \\
            self.client_address[0].encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], 80), Handler).serve_forever()
"""


class PortError(RuntimeError):
    """The switch does not take a port."""


class Skip(Exception):
    """The machine cannot do this; the text says what."""


class Bed:
    """Namespaces, switches and servers; close() removes them."""

    def __init__(self, args):
        self.args = args
        self.folder = tempfile.mkdtemp(prefix="markpath-traffic-")
        self.prefix = "mpt%d-" % os.getpid()
        self.namespaces, self.servers, self.switches = [], [], []
        self.queues = 1         # Of devices.
        self.mounter = None     # Keeps mounts for switches, see mount_bpf().
        self.data = os.urandom(SIZE)
        with open(self.folder + "/data", "wb") as f:
            f.write(self.data)

    def namespace(self, name):
        name = self.prefix + name
        run("ip", "netns", "add", name)
        self.namespaces.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        return name

    def mount_bpf(self):
        """From now on switches see a BPF file system, which goes with us.
        ("ip netns exec" hides that of the machine.)"""
        self.mounter = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", "mount -t bpf bpf /sys/fs/bpf "
             "&& echo && exec sleep 1000000"], stdout=subprocess.PIPE)
        self.servers.append(self.mounter)
        if not self.mounter.stdout.readline():
            raise Skip("no BPF file system")

    def inside(self, namespace):
        """The command that runs another in 'namespace', for a switch."""
        if not self.mounter:
            return "ip", "netns", "exec", namespace
        return ("nsenter", "--mount=/proc/%d/ns/mnt" % self.mounter.pid,
                "--net=/run/netns/" + namespace)

    def link(self, one, one_name, two, two_name, mtu=1500):
        """A pair of veth devices; packets have their checksums."""
        run("ip", "-n", one, "link", "add", one_name, "numrxqueues",
            str(self.queues), "numtxqueues", str(self.queues), "type", "veth",
            "peer", "name", two_name, "numrxqueues", str(self.queues),
            "numtxqueues", str(self.queues), "netns", two)
        for namespace, name in ((one, one_name), (two, two_name)):
            run("ip", "netns", "exec", namespace, "ethtool", "-K", name, "tx",
                "off")
            run("ip", "-n", namespace, "link", "set", name, "mtu", str(mtu),
                "up")

    def host(self, switch, name, address, interface=(), mtu=1500,
             bridge="br0"):
        """A host behind port 'name' of the switch."""
        namespace = self.namespace(name)
        self.link(switch.namespace, name, namespace, "eth0", mtu)
        run("ip", "-n", namespace, "address", "add", address + "/24", "dev",
            "eth0")
        switch.add_port(name, *(x.replace("NAME", name) for x in interface),
                        bridge=bridge)
        return namespace

    def remove_namespace(self, namespace):
        for server in run("ip", "netns", "pids", namespace).split():
            os.kill(int(server), signal.SIGKILL)
        run("ip", "netns", "delete", namespace)
        self.namespaces.remove(namespace)

    def serve(self, namespace, address):
        self.servers.append(subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, "-c", SERVER,
             address, self.folder + "/data"], stderr=subprocess.DEVNULL))

    def fetch(self, namespace, address, path):
        return subprocess.run(
            ["ip", "netns", "exec", namespace, "curl", "-s", "-m", "60",
             "--retry", "20", "--retry-delay", "1", "--retry-all-errors",
             "--connect-timeout", "2", "http://%s/%s" % (address, path)],
            check=True, stdout=subprocess.PIPE).stdout

    def check(self, namespace, address):
        """Fetches the data, and returns whom the server saw."""
        got = self.fetch(namespace, address, "data")
        if hashlib.sha256(got).digest() != hashlib.sha256(self.data).digest():
            raise RuntimeError("%d bytes, and not those that were sent"
                               % len(got))
        return self.fetch(namespace, address, "address").decode()

    def both_ways(self, one, one_address, two, two_address):
        for namespace, address in (one, one_address), (two, two_address):
            self.serve(namespace, address)
        if (self.check(one, two_address) != one_address
                or self.check(two, one_address) != two_address):
            raise RuntimeError("the server saw a wrong address")

    def close(self):
        for server in self.servers:
            server.kill()
            server.wait()
        for switch in self.switches:
            switch.close()
        for name in self.namespaces:
            subprocess.run(["ip", "netns", "delete", name], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


def run(*command, env=None):
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False,
                          universal_newlines=True)
    if done.returncode:
        raise RuntimeError("%s: %s" % (" ".join(command),
                                       (done.stderr or done.stdout).strip()))
    return done.stdout


def devices(namespace):
    return {words[1].split("@")[0] for words in (
        line.split(": ") for line in run(
            "ip", "-n", namespace, "-o", "link", "show").splitlines())}


def wait_until(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("not within a minute: " + what)
        time.sleep(0.1)


def has_ended(pid):
    """Have all threads of process 'pid' ended, and its files been closed?
    Nobody may have buried it."""
    try:
        with open("/proc/%d/stat" % pid) as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return True
    return fields[0] == "Z" and int(fields[17]) <= 1    # State, threads.


class Switch:
    """An ovs-vswitchd with one bridge, in a namespace of its own or in that of
    another one."""

    def __init__(self, bed, name, other_config=(), namespace=None,
                 bridge="br0"):
        args = bed.args
        self.namespace = namespace or bed.namespace(name)
        self.bed = bed
        self.inside = bed.inside(self.namespace)
        bed.switches.append(self)
        folder = self.folder = bed.folder + "/" + name
        os.mkdir(folder)
        self.env = dict(os.environ, OVS_RUNDIR=folder, OVS_LOGDIR=folder,
                        OVS_DBDIR=folder, OVS_SYSCONFDIR=folder)
        self.env["PATH"] = ":".join(
            [args.build + "/utilities", args.build + "/ovsdb",
             os.environ["PATH"]])
        os.symlink(os.path.abspath(args.vswitchd), folder + "/ovs-vswitchd")
        self.run("ovsdb-tool", "create", folder + "/conf.db",
                 args.source + "/vswitchd/vswitch.ovsschema")
        self.run("ovsdb-server", "-vconsole:off", "--detach", "--no-chdir",
                 "--pidfile", "--log-file", "--remote=punix:%s/db.sock"
                 % folder, folder + "/conf.db")
        self.run("ovs-vsctl", "--no-wait", "init")
        for config in other_config:
            self.run("ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".",
                     "other_config:" + config)
        self.start()
        self.add_bridge(bridge)

    def start(self):
        self.run(*self.inside, self.folder + "/ovs-vswitchd",
                 "-vconsole:off", "--detach", "--no-chdir", "--pidfile", "--log-file")

    def pid(self):
        with open(self.folder + "/ovs-vswitchd.pid") as f:
            return int(f.read())

    def kill(self):
        """Kills the daemon, and waits until it has no files any more."""
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: has_ended(pid), "an end of the daemon")

    def exit(self, *arguments):
        """Asks the daemon to end, and waits for that."""
        pid = self.pid()
        self.run("ovs-appctl", "exit", *arguments)
        wait_until(lambda: has_ended(pid), "an end of the daemon")

    def run(self, *command):
        return run(*command, env=self.env)

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--timeout=30", *args)

    def add_bridge(self, name, address=None):
        self.vsctl("add-br", name, "--", "set", "bridge", name,
                   "datapath_type=netdev")
        if address:
            run("ip", "-n", self.namespace, "address", "add", address, "dev",
                name)
            run("ip", "-n", self.namespace, "link", "set", name, "up")

    def add_port(self, name, *interface, bridge="br0"):
        more = ["--", "set", "interface", name, *interface] if interface \
            else []
        self.vsctl("add-port", bridge, name, *more)
        error = self.error(name)
        if error != "[]":
            raise PortError("port %s: %s" % (name, error))

    def add_flows(self, *flows):
        self.run("ovs-ofctl", "del-flows", "br0")
        for flow in flows:
            self.run("ovs-ofctl", "add-flow", "br0", flow)

    def error(self, name):
        """What the database says is wrong with an interface."""
        return self.vsctl("get", "interface", name, "error").strip()

    def log(self, text):
        """The lines of the daemon's log with 'text'."""
        with open(self.folder + "/ovs-vswitchd.log") as f:
            return [line for line in f if text in line]

    def close(self):
        for target in ("ovs-vswitchd", "ovsdb-server"):
            try:
                self.run("ovs-appctl", "-t", target, "exit")
            except (RuntimeError, subprocess.SubprocessError):
                pass


def ping(host, address, n=1, size=56):
    """How many of 'n' answers came."""
    done = subprocess.run(
        ["ip", "netns", "exec", host, "ping", "-q", "-c", str(n), "-i",
         "0.002", "-W", "1", "-s", str(size), address],
        stdout=subprocess.PIPE, check=False, universal_newlines=True)
    found = re.search(r"(\d+) received", done.stdout)
    return int(found.group(1)) if found else 0
