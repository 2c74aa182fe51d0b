# SPDX-License-Identifier: Apache-2.0
"""Switches and testpmd on net_simnic, one of them running at a time.

All that are to be compared are started and configured, then stopped with
SIGSTOP; whose turn it is to be measured is continued.  So they share one run,
and what the machine does to one it does to the others.

The figure is TSC cycles of CPU time of the polling threads for each packet:
their own time, so what other processes take of its core does not count
(but for what they do to its caches).
"""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "drivers"))
from testpmd import NAME, Testpmd, end_daemon, find_plugin  # noqa: E402

DEBIAN = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = os.environ.get("OVS_SCHEMA",
                        "/usr/share/openvswitch/vswitch.ovsschema")
MAIN_CORE, PMD_CORE = 0, 1


def free_huge_pages():
    """Returns the megabytes that are free in huge pages."""
    with open("/proc/meminfo") as f:
        text = f.read()
    return (int(re.search(r"HugePages_Free: +(\d+)", text)[1])
            * int(re.search(r"Hugepagesize: +(\d+) kB", text)[1]) // 1024)


def missing(theirs=None):
    """What stands in the way of Switch and Limit, as a line that says what to
    do; or None.  'theirs' is Debian's daemon, if it is needed."""
    if os.geteuid():
        return "needs root"
    packages = [package for program, package in (
        ("dpdk-testpmd", "dpdk-dev"), ("taskset", "util-linux"),
        ("ovsdb-server", "openvswitch-common"),
        (theirs or "sh", "openvswitch-switch-dpdk"))
                if not shutil.which(program)]
    return ("something is missing; run: apt-get install " + " ".join(packages)
            if packages else None)


def find_thread(pid, pattern):
    """Returns the number of the thread of 'pid' that is called 'pattern'."""
    for task in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/comm" % (pid, task)) as f:
            if re.match(pattern, f.read()):
                return int(task)
    raise RuntimeError("process %d has no thread %s" % (pid, pattern))


def spread(values):
    """Returns half the distance between quartiles."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2
    quartiles = statistics.quantiles(values, n=4)
    return (quartiles[2] - quartiles[0]) / 2


def write_capture(path, packets):
    with open(path, "wb") as f:
        f.write(struct.pack("!IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            f.write(struct.pack("!IIII", 0, 0, len(packet), len(packet)))
            f.write(packet)


class Bench:
    """Something with polling threads, whose packets can be counted."""

    name = None
    pid = None
    threads = ()

    def count(self):
        """Returns the number of packets so far."""
        raise NotImplementedError

    def cpu_ns(self, threads=None):
        total = 0
        for thread in threads or self.threads:
            with open("/proc/%d/task/%d/schedstat" % (self.pid, thread)) as f:
                total += int(f.read().split()[0])
        return total

    def resident_kb(self):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])

    def pause(self):
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    def profile(self, path):
        """Has perf sample the threads for three seconds."""
        self.resume()
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F",
                        "5000", "-t", ",".join(map(str, self.threads)), "-o",
                        path, "sleep", "3"], check=True)
        self.pause()

    def sample(self):
        """Returns CPU time in ns and packets, both at about the same time."""
        before = self.cpu_ns()
        n = self.count()
        return (before + self.cpu_ns()) / 2, n

    def window(self, warm_up, seconds):
        """Returns ns for each packet in a window of time."""
        self.resume()
        time.sleep(warm_up)
        ns0, n0 = self.sample()
        time.sleep(seconds)
        ns1, n1 = self.sample()
        self.pause()
        if n1 == n0:
            raise RuntimeError(self.name + " forwards no packets")
        return (ns1 - ns0) / (n1 - n0)


class Limit(Bench):
    """testpmd, which forwards without looking at packets."""

    name = "limit"

    def __init__(self, gen, huge):
        self.testpmd = Testpmd(gen, "mode=sink", mbufs=16384, huge=huge)
        try:
            self.testpmd.do("start")
            self.pid = self.testpmd.process.pid
            self.threads = (find_thread(self.pid, "(rte|dpdk)-worker"),)
        except BaseException:
            self.close()
            raise

    def count(self):
        return self.testpmd.stats(0)["RX-packets"]

    def close(self):
        if self.pid:
            self.resume()
        self.testpmd.close()


class Switch(Bench):
    """An ovs-vswitchd with a database, folder and network namespace of its
    own, and a lane on each of 'cores'."""

    def __init__(self, name, daemon, huge, other_config=(), memory=512,
                 cores=(PMD_CORE,)):
        self.name = name
        self.cores = cores
        self.folder = folder = tempfile.mkdtemp(prefix="markpath-bench-")
        self.env = dict(os.environ, OVS_RUNDIR=folder, OVS_LOGDIR=folder,
                        OVS_DBDIR=folder, OVS_SYSCONFDIR=folder,
                        LD_LIBRARY_PATH=folder)
        self.pid = None
        try:
            self.start(daemon, huge, other_config, memory)
        except BaseException:
            self.close()
            raise

    def start(self, daemon, huge, other_config, memory):
        """Starts database and daemon, and makes a bridge."""
        folder = self.folder
        shutil.copy(find_plugin(), folder)
        # The daemon names its files after the name that it is called by.
        os.symlink(os.path.abspath(daemon), folder + "/ovs-vswitchd")
        self.run("ovsdb-tool", "create", folder + "/conf.db", SCHEMA)
        self.run("ovsdb-server", "-vconsole:off", folder + "/conf.db",
                 "--detach", "--no-chdir", "--pidfile", "--log-file",
                 "--remote=punix:%s/db.sock" % folder)
        self.vsctl("--no-wait", "init")
        config = ["dpdk-init=true",
                  "pmd-cpu-mask=%#x" % sum(1 << core for core in self.cores),
                  "dpdk-lcore-mask=%#x" % (1 << MAIN_CORE),
                  "dpdk-extra=--no-pci %s -m %d --file-prefix=%s -d %s"
                  % ("--in-memory" if huge else "--no-huge --legacy-mem",
                     memory, os.path.basename(folder), NAME),
                  "per-port-memory=true", "max-idle=3600000",
                  "max-revalidator=10000", *other_config]
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                   *("other_config:" + c for c in config))
        self.run("unshare", "--net", "taskset", "-c", str(MAIN_CORE),
                 folder + "/ovs-vswitchd", "-vconsole:off",
                 "unix:%s/db.sock" % folder, "--pidfile", "--detach",
                 "--log-file", cwd="/")
        with open(folder + "/ovs-vswitchd.pid") as f:
            self.pid = int(f.read())
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0",
                   "datapath_type=netdev", "fail_mode=secure")
        # By itself the limit of Open vSwitch grows by 1,000 in each round.
        self.appctl("upcall/set-flow-limit", 1000000)

    def run(self, *command, stdin=None, cwd=None):
        return subprocess.run(command, env=self.env, check=True, input=stdin,
                              stdout=subprocess.PIPE, timeout=300,
                              universal_newlines=True,
                              cwd=cwd or self.folder).stdout

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--timeout=60",
                        "--db=unix:%s/db.sock" % self.folder, *args)

    def in_namespace(self, *command):
        return self.run("nsenter", "-t", str(self.pid), "-n", *command)

    def appctl(self, method, *args):
        """Does what ovs-appctl does, without starting a process."""
        path = "%s/ovs-vswitchd.%d.ctl" % (self.folder, self.pid)
        request = json.dumps({"id": 0, "method": method,
                              "params": [str(a) for a in args]})
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(300)
            s.connect(path)
            s.sendall(request.encode())
            text = ""
            while True:
                text += s.recv(1 << 20).decode()
                try:
                    answer = json.loads(text)
                    break
                except ValueError:
                    pass
        if answer["error"]:
            raise RuntimeError("%s: %s" % (method, answer["error"]))
        return answer["result"]

    def add_flows(self, flows, bridge="br0"):
        self.run("ovs-ofctl", "-vconsole:off", "-O", "OpenFlow15", "add-flows",
                 "unix:%s/%s.mgmt" % (self.folder, bridge), "-",
                 stdin="\n".join(flows) + "\n")

    def add_port(self, name, devargs, ofport, bridge="br0", options=()):
        self.vsctl("add-port", bridge, name, "--", "set", "interface", name,
                   "type=dpdk", "ofport_request=%d" % ofport,
                   "options:dpdk-devargs=" + devargs, *options)
        error = self.vsctl("get", "interface", name, "error").strip()
        if error != "[]":
            raise RuntimeError("%s: port %s: %s" % (self.name, name, error))

    def stat(self, name):
        """Returns the sum of a number of the lanes' statistics."""
        return sum(int(re.search(name + r": (\d+)", self.appctl(
            "dpif-netdev/pmd-stats-show", "-pmd", core))[1])
                   for core in self.cores)

    def telemetry(self, command):
        """Asks DPDK, and with it the emulated NIC."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect("/var/run/dpdk/%s/dpdk_telemetry.v2"
                      % os.path.basename(self.folder))
            s.recv(1024)
            s.send(command.encode())
            return json.loads(s.recv(65536).decode())[command.split(",")[0]]

    def lane(self):
        """Returns the number of the thread of the first lane."""
        return find_thread(self.pid, "pmd-c%02d" % self.cores[0])

    def waited_us(self):
        """For how long the first lane was ready, but did not run."""
        with open("/proc/%d/task/%d/schedstat" % (self.pid,
                                                  self.lane())) as f:
            return int(f.read().split()[1]) / 1000

    def count(self):
        return self.stat("packets received")

    def ready(self):
        """Called when all flows are there.  Revalidators would take the time
        that the process is stopped for time that they have needed."""
        self.appctl("revalidator/pause")
        self.threads = [find_thread(self.pid, "pmd-c%02d" % core)
                        for core in self.cores]

    def close(self):
        if self.threads:
            try:
                self.resume()
                # Open vSwitch 3.1 would wait for paused threads for ever.
                self.appctl("revalidator/resume")
            except (RuntimeError, OSError):
                pass
        for target in ("ovs-vswitchd", "ovsdb-server"):
            end_daemon(self.folder, target, self.run)
        shutil.rmtree(self.folder, ignore_errors=True)


def tsc_mhz():
    """Returns the frequency of the time stamp counter, which simnic knows."""
    with Testpmd("mode=sink") as pmd:
        pmd.stats(0)                    # Waits until it is up.
        return pmd.telemetry("/simnic/show,net_simnic0")["tsc_hz"] / 1e6
