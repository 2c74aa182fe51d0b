# SPDX-License-Identifier: Apache-2.0
"""A daemon with a database of its own, for programs that mistreat it."""

import glob
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

SCHEMA = os.environ.get("OVS_SCHEMA",
                        "/usr/share/openvswitch/vswitch.ovsschema")
SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


class Gone(Exception):
    """The daemon does not answer any more."""


class Unixctl:
    """One connection to the daemon's control socket.

    ovs-appctl needs 10 ms for each command; this, fractions of one."""

    def __init__(self, path, timeout=300):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.id = 0

    def __call__(self, method, *params):
        """Returns (error, reply), one of which is None."""
        self.id += 1
        request = {"method": method, "params": params, "id": self.id}
        try:
            self.sock.sendall(json.dumps(request).encode())
            text = b""
            while True:
                data = self.sock.recv(1 << 20)
                if not data:
                    raise Gone("connection closed in " + method)
                text += data
                if not text.rstrip().endswith(b"}"):
                    continue
                try:
                    reply = json.loads(text)
                except ValueError:
                    continue
                return reply.get("error"), reply.get("result")
        except OSError as e:
            raise Gone("%s: %s" % (method, e))


class Switch:
    """ovsdb-server and the daemon, in a new folder."""

    def __init__(self, daemon, daemon_args=(), other_config=()):
        self.folder = tempfile.mkdtemp(prefix="stress-")
        os.symlink(os.path.abspath(daemon), self.folder + "/ovs-vswitchd")
        self.env = dict(os.environ, OVS_RUNDIR=self.folder,
                        OVS_LOGDIR=self.folder, OVS_DBDIR=self.folder,
                        OVS_SYSCONFDIR=self.folder)
        for name, supp in ("TSAN", "tsan.supp"), ("LSAN", "lsan.supp"):
            self.add_option(name, "suppressions=%s/%s" % (SUPPRESSIONS, supp))
        for name in "ASAN", "TSAN", "UBSAN":
            self.add_option(name, "log_path=%s/report" % self.folder)
        self.add_option("UBSAN", "print_stacktrace=1")
        self.add_option("TSAN", "second_deadlock_stack=1")
        self.server = self.process = None
        try:
            self.start(daemon_args, other_config)
        except BaseException:
            self.close(keep=True)
            raise

    def start(self, daemon_args, other_config):
        """Starts both."""
        self.run("ovsdb-tool", "create", self.folder + "/conf.db", SCHEMA)
        self.db = "unix:%s/db.sock" % self.folder
        self.server = self.spawn("ovsdb-server", self.folder + "/conf.db",
                                 "--remote=p" + self.db)
        self.wait_for(self.server, self.folder + "/db.sock")
        self.vsctl("--no-wait", "init")
        for setting in other_config:
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                       "other_config:" + setting)
        self.process = self.spawn(self.folder + "/ovs-vswitchd", self.db,
                                  *daemon_args)
        self.socket = "%s/ovs-vswitchd.%d.ctl" % (self.folder,
                                                  self.process.pid)
        self.wait_for(self.process, self.socket)

    def spawn(self, *command):
        """Starts a daemon that stays our child, so that it can be ended by
        its pid.  It gets none of our files: whoever reads what we print
        would wait for it."""
        return subprocess.Popen(
            [*command, "--pidfile", "--log-file", "-vconsole:off"],
            env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait_for(self, process, path):
        """Waits until 'process' listens to the socket 'path'."""
        while True:
            try:
                with socket.socket(socket.AF_UNIX) as sock:
                    sock.connect(path)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if process.poll() is not None:
                    raise Gone("daemon did not start, see " + self.folder)
            time.sleep(0.02)

    def add_option(self, name, option):
        name += "_OPTIONS"
        self.env[name] = self.env.get(name, "") + " " + option

    def run(self, *command, stdin=None, check=True):
        done = subprocess.run(command, env=self.env, check=check, input=stdin,
                              stdout=subprocess.PIPE, timeout=300,
                              stderr=None if check else subprocess.DEVNULL,
                              universal_newlines=True, cwd=self.folder)
        return done.stdout

    def vsctl(self, *args, check=True):
        return self.run("ovs-vsctl", "--timeout=240", "--db=" + self.db, *args,
                        check=check)

    def ofctl(self, command, bridge, *args, stdin=None):
        command = ["ovs-ofctl", "-O", "OpenFlow13", command,
                   "unix:%s/%s.mgmt" % (self.folder, bridge), *args]
        try:
            return self.run(*command, stdin=stdin)
        except subprocess.CalledProcessError:
            # The daemon closes connections while it reconfigures a bridge.
            time.sleep(1)
            return self.run(*command, stdin=stdin)

    def connect(self):
        return Unixctl(self.socket)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self, pattern):
        """The lines of the log that match 'pattern'."""
        with open(self.folder + "/ovs-vswitchd.log") as f:
            return [line.rstrip() for line in f if re.search(pattern, line)]

    def reports(self):
        """The sanitizers' reports, one string for each."""
        found = []
        for path in glob.glob(self.folder + "/report.*"):
            with open(path, errors="replace") as f:
                text = f.read()
            found += re.split(r"\n(?====|==\d+==)", text)
        return [r for r in found if re.search(r"ERROR|WARNING|runtime error",
                                              r)]

    def close(self, keep=False, discard=False):
        """Ends both.  Returns the exit status of the daemon.  The folder is
        kept if something was wrong, unless told to 'discard' it."""
        try:
            if self.alive():
                self.connect()("exit")
                self.process.wait(300)
        except (OSError, Gone, subprocess.TimeoutExpired):
            pass
        finally:
            for process in filter(None, (self.process, self.server)):
                process.kill()
                process.wait()
        status = self.process.returncode if self.process else 1
        self.reported = self.reports()
        if not discard and (keep or status or self.reported):
            print("kept: " + self.folder)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        return status
