# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch as its scripts start it, in a folder and in a network namespace
of its own, for "markpath restart"."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(TOP, "tests", "drivers"))
from testpmd import NAME, find_plugin  # noqa: E402

SCRIPTS = "/usr/share/openvswitch/scripts"
INSIDE = "MARKPATH_RESTART_INSIDE"
FRAME = (bytes.fromhex("020000000002020000000001080045000020000000004011")
         + bytes.fromhex("0000c6120001c6120002000a000b000c0000")
         + bytes(60))
ETH_P_IP = 0x0800
SO_RCVBUFFORCE = 33


def enter_namespace():
    """Goes on in a network namespace of our own; returns false if something is
    missing for that."""
    if os.geteuid() or not os.path.exists(SCRIPTS):
        print("skipped: needs root and Debian's openvswitch-switch")
        return False
    if not os.environ.get(INSIDE):
        os.environ[INSIDE] = "yes"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable]
                  + sys.argv)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return True


class Traffic:
    """1,000 packets a second from veth device 'source' to 'sink'."""

    def __init__(self, source, sink):
        self.ended = threading.Event()
        self.paused = False
        self.arrived = []
        self.n_sent = self.n_arrived = 0
        self.out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.out.bind((source, ETH_P_IP))
        self.into = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                  socket.htons(ETH_P_IP))
        self.into.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.into.bind((sink, ETH_P_IP))
        self.into.settimeout(.1)
        self.threads = [threading.Thread(target=self.send),
                        threading.Thread(target=self.receive)]
        for thread in self.threads:
            thread.start()

    def send(self):
        while not self.ended.wait(.001):
            if self.paused:
                continue
            try:
                self.out.send(FRAME)
                self.n_sent += 1
            except OSError:
                pass                    # The device is down for a moment.

    def receive(self):
        while not self.ended.is_set():
            try:
                self.into.recv(2048)
                self.arrived.append(time.monotonic())
                self.n_arrived += 1
            except OSError:
                pass

    def longest_gap(self):
        """The longest time without a packet since the last call."""
        times, self.arrived = self.arrived, []
        return max((y - x for x, y in zip(times, times[1:])), default=0)

    def close(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self.out.close()
        self.into.close()


class Switch:
    """Open vSwitch with 'daemon', as its scripts start it."""

    def __init__(self, daemon, other_config):
        self.folder = folder = tempfile.mkdtemp(prefix="markpath-restart-")
        os.chmod(folder, 0o755)
        self.traffic = None
        self.restart_command = [
            sys.executable, os.path.join(TOP, "utilities", "markpath-switch"),
            "restart"]
        self.env = dict(os.environ, OVS_RUNDIR=folder, OVS_LOGDIR=folder,
                        OVS_DBDIR=folder, OVS_SYSCONFDIR=folder,
                        OVS_SBINDIR=folder + "/sbin",
                        LD_LIBRARY_PATH=folder, TMPDIR=folder,
                        RUNTIME_DIRECTORY=folder,
                        PATH=folder + "/sbin:" + os.environ["PATH"])
        try:
            for name in "sbin", "openvswitch":
                os.mkdir(os.path.join(folder, name))
            self.use(daemon)
            os.symlink("/usr/sbin/ovsdb-server", folder + "/sbin/ovsdb-server")
            shutil.copy(find_plugin(), folder)
            self.ctl("--no-ovs-vswitchd", "start")
            if other_config:
                self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                           *("other_config:" + c for c in other_config))
            self.ctl("start")
            self.vsctl("add-br", "br0", "--", "set", "bridge", "br0",
                       "datapath_type=netdev", "fail_mode=secure")
        except BaseException:
            self.close()
            raise

    def use(self, daemon):
        """Makes 'daemon' what the next start starts."""
        link = self.folder + "/sbin/ovs-vswitchd"
        if os.path.lexists(link):
            os.unlink(link)
        os.symlink(os.path.abspath(daemon), link)

    def run(self, *command, stdin=None):
        done = subprocess.run(command, env=self.env, input=stdin, check=False,
                              stdout=subprocess.PIPE, text=True, timeout=120,
                              stderr=subprocess.STDOUT, cwd="/")
        if done.returncode:
            raise RuntimeError("%s has failed:\n%s" % (" ".join(command),
                                                       done.stdout))
        return done.stdout

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--timeout=30", *args)

    def ctl(self, *args):
        return self.run(SCRIPTS + "/ovs-ctl", "--system-id=random",
                        "--no-record-hostname", *args)

    def add_ports(self, kind):
        """Two ports, and what sends packets from one to the other."""
        for i in 1, 2:
            port = ["--", "set", "interface", "p%d" % i, "ofport_request=%d"
                    % i]
            if kind == "simnic":
                port += ["type=dpdk", "options:dpdk-devargs=net_simnic%d,%s"
                         % (i, "mode=sink" if i == 2
                            else "mode=gen,megaflows=1,rate=1000")]
            else:
                self.run("ip", "link", "add", "p%d" % i, "type", "veth",
                         "peer", "name", "h%d" % i)
                for name in "p%d" % i, "h%d" % i:
                    self.run("ip", "link", "set", name, "up")
                if kind == "afxdp":
                    port += ["type=afxdp"]
            self.vsctl("add-port", "br0", "p%d" % i, *port)
            error = self.vsctl("get", "interface", "p%d" % i, "error").strip()
            if error != "[]":
                raise RuntimeError("port of kind %s: %s" % (kind, error))
        if kind != "simnic":
            self.traffic = Traffic("h1", "h2")

    def add_flows(self, n):
        flows = ["in_port=1,priority=1,actions=output:2"]
        flows += ["table=1,ip,nw_dst=10.1.%d.%d,actions=output:2"
                  % (i >> 8, i & 255) for i in range(n - 1)]
        self.run("ovs-ofctl", "add-flows", "br0", "-",
                 stdin="\n".join(flows) + "\n")

    def flows(self):
        return sorted(self.run("ovs-ofctl", "dump-flows", "--no-stats",
                               "br0").splitlines())

    def close(self):
        if self.traffic:
            self.traffic.close()
        try:
            self.run(SCRIPTS + "/ovs-ctl", "stop")
        finally:
            for device in "p1", "p2":
                subprocess.run(["ip", "link", "del", device], check=False,
                               stderr=subprocess.DEVNULL)
            shutil.rmtree(self.folder, ignore_errors=True)
