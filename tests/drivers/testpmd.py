# SPDX-License-Identifier: Apache-2.0
"""Runs dpdk-testpmd on net_simnic ports and talks with it.

The plugin comes from SIMNIC_PLUGIN or from drivers/net/simnic/ of the build
tree.  It is copied to a folder of its own and loaded by its bare name: EAL
refuses plugins below a folder that everyone may write to, and another user
may have no access to the build tree.
"""

import glob
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

NAME = "librte_net_simnic.so"
SKIP = 77


def find_plugin():
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.environ.get("SIMNIC_PLUGIN") or os.path.join(
        here, "..", "..", "drivers", "net", "simnic", NAME)
    for candidate in (path, os.path.join("drivers", "net", "simnic", NAME)):
        if os.path.exists(candidate):
            return os.path.abspath(candidate)
    print("skipped: no " + NAME + "; set SIMNIC_PLUGIN")
    sys.exit(SKIP)


def require(program):
    if not shutil.which(program):
        print("skipped: no " + program)
        sys.exit(SKIP)


def end_on_signals():
    """From now on, signals that ask us to end raise SystemExit, so that what
    was started is ended and removed."""
    def end(number, _frame):
        # Once is enough: cleaning up must not be interrupted.
        for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def end_daemon(folder, name, run):
    """Asks the daemon whose pidfile is in 'folder' to end, and sees to it.
    'run' runs a command in its environment."""
    try:
        with open(os.path.join(folder, name + ".pid")) as f:
            pid = int(f.read())
    except (OSError, ValueError):
        return                          # It has not come so far.
    try:
        run("ovs-appctl", "--timeout=30", "-t", name, "exit")
    except (subprocess.SubprocessError, OSError):
        pass
    try:
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(.1)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Testpmd:
    """A testpmd with one port for each string of device arguments."""

    def __init__(self, *ports, args=(), eal=(), user=None, cores="0,1",
                 mbufs=8192, huge=False, preload=None):
        require("dpdk-testpmd")
        plugin = find_plugin()
        self.folder = tempfile.mkdtemp(prefix="simnic-")
        os.chmod(self.folder, 0o755)
        shutil.copy(plugin, self.folder)
        runtime = os.path.join(self.folder, "run")
        os.mkdir(runtime)
        if user:
            shutil.chown(runtime, user)
        self.prefix = "simnic%d" % os.getpid()
        self.runtime = runtime
        memory = ["--in-memory"] if huge else ["--no-huge"]
        command = ["stdbuf", "-oL", "dpdk-testpmd", *memory, "-m", "256",
                   "--no-pci", "--lcores", cores, "--file-prefix", self.prefix,
                   "-d", NAME, *eal]
        for i, devargs in enumerate(ports):
            command += ["--vdev", "net_simnic%d,%s" % (i, devargs)]
        command += ["--", "-i", "--total-num-mbufs=%d" % mbufs, *args]
        env = dict(os.environ, LD_LIBRARY_PATH=self.folder,
                   RUNTIME_DIRECTORY=runtime, XDG_RUNTIME_DIR=runtime)
        if preload:
            env["LD_PRELOAD"] = preload
        extra = {"user": user, "group": "nogroup",
                 "extra_groups": []} if user else {}
        self.output = ""
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=env, cwd="/", **extra)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def read(self, timeout):
        """Reads what there is, waiting for at most 'timeout' seconds."""
        fd = self.process.stdout.fileno()
        if select.select([fd], [], [], timeout)[0]:
            data = os.read(fd, 65536).decode(errors="replace")
            self.output += data
            return data
        return None

    def until(self, pattern, timeout=60, start=0):
        """Waits for 'pattern' in the output after 'start'."""
        end = time.time() + timeout
        while True:
            match = re.compile(pattern, re.S).search(self.output, start)
            if match:
                return match
            if time.time() > end or self.read(1) == "":
                raise RuntimeError("testpmd did not print %r:\n%s" % (
                    pattern, self.output[-3000:]))

    def send(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def do(self, line, expect=None, timeout=60):
        """Sends a command, and returns what it printed."""
        start = len(self.output)
        self.send(line)
        # An unknown command is answered in a fixed way: it marks the end.
        self.send("no-such-command")
        end = self.until(r"(Bad arguments|Command not found)", timeout, start)
        text = self.output[start:end.start()]
        if expect and not re.search(expect, text, re.S):
            raise RuntimeError("%s: expected %r, got:\n%s" % (line, expect,
                                                              text))
        return text

    def stats(self, port):
        """The counters of 'port', by name."""
        text = self.do("show port stats %d" % port, "NIC statistics")
        return {k: int(v) for k, v in
                re.findall(r"((?:RX|TX)-\w+): +(\d+)", text)}

    def count(self, port, rule):
        text = self.do("flow query %d %d count" % (port, rule), "hits: ")
        return int(re.search(r" hits: (\d+)", text)[1])

    def telemetry(self, command):
        """Sends a telemetry command, and returns its answer."""
        self.until("testpmd> ")
        paths = glob.glob(self.runtime + "/**/dpdk_telemetry.v2",
                          recursive=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(paths[0])
            s.recv(1024)
            s.send(command.encode())
            answer = json.loads(s.recv(65536).decode())
        return answer[command.split(",")[0]]

    def close(self):
        if self.process.poll() is None:
            try:
                self.send("quit")
                while self.read(30):
                    pass
                self.process.wait(30)
            except (BrokenPipeError, subprocess.TimeoutExpired):
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return self.process.returncode
