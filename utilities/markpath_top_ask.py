# SPDX-License-Identifier: Apache-2.0
"""What "markpath top" asks the daemon, and how often.

A command is not given again before twenty times as long has passed as its last
answer took: a daemon with a great many flows, rules or connections spends no
more than a twentieth of its time on each of them, and figures then change more
slowly.  Where another daemon answers than before, its counters are not compared
with the old ones.
"""

import json
import os
import socket
import time

from markpath_top_figures import SOURCES, Pair, compute

PATIENCE = 10.0                 # Seconds to wait for an answer.
SHARE = 20                      # One part of the time for each command.


class AskError(Exception):
    """Nobody answers; the text says why."""


class Connection:
    """To the control socket of a daemon."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(path)
        except OSError as error:
            self.socket.close()
            raise AskError('%s: %s' % (path, error.strerror)) from error

    def ask(self, command, *arguments):
        """Returns the answer, or None if the daemon refuses."""
        request = {'id': 0, 'method': command, 'params': arguments}
        try:
            self.socket.sendall(json.dumps(request).encode())
            reply = b''
            while True:
                data = self.socket.recv(1 << 20)
                if not data:
                    raise AskError('%s: closed' % self.path)
                reply += data
                if data.endswith(b'}'):
                    try:
                        return json.loads(reply.decode()).get('result')
                    except ValueError:
                        pass            # More to come.
        except OSError as error:
            raise AskError('%s: %s' % (self.path,
                                       error.strerror or error)) from error

    def close(self):
        """Ends the connection."""
        self.socket.close()


class Source:
    """One command: its last two readings."""

    def __init__(self, command, arguments, parse):
        self.command, self.arguments, self.parse = command, arguments, parse
        self.pair = None
        self.when = 0.0             # Of the newer reading.
        self.due = 0.0              # Not to be asked again before.

    def read(self, connection, at_once, *more):
        """Asks, unless it is too early."""
        began = time.monotonic()
        if began < self.due and not at_once:
            return
        answer = connection.ask(self.command, *self.arguments, *more)
        now = time.monotonic()
        self.due = now + (SHARE - 1) * (now - began)
        try:
            new = None if answer is None else self.parse(answer)
        except ValueError:
            new = None
        if new is None:
            self.pair = None        # Refused: this daemon does not know it.
            return
        # In the middle: who answers late has read early.
        when = (began + now) / 2
        self.pair = Pair(new, self.pair.new if self.pair else None,
                         when - self.when)
        self.when = when


class Daemon:
    """Whatever daemon runs: 'target' is the path of a control socket, or the
    name of a daemon."""

    def __init__(self, target):
        self.target = target
        self.rundir = os.environ.get('OVS_RUNDIR', '/var/run/openvswitch')
        self.identity = None
        self.restarts = 0
        self.sources = {}
        self.forget()

    def forget(self):
        """Forgets all readings."""
        self.sources = {name: Source(command, arguments, parse)
                        for name, command, arguments, parse in SOURCES}

    def find(self):
        """Returns the socket, and what tells one daemon from the next; raises
        AskError."""
        if self.target.startswith('/'):
            path, pid = self.target, None
        else:
            pidfile = os.path.join(self.rundir, self.target + '.pid')
            try:
                with open(pidfile, encoding='ascii') as stream:
                    pid = int(stream.read())
            except (OSError, ValueError) as error:
                raise AskError('%s: %s' % (
                    pidfile, getattr(error, 'strerror', None)
                    or 'no process ID')) from error
            path = os.path.join(self.rundir, '%s.%d.ctl' % (self.target, pid))
        try:
            status = os.stat(path)
        except OSError as error:
            raise AskError('%s: %s' % (path, error.strerror)) from error
        return path, pid, (pid, status.st_ino, status.st_mtime_ns)

    def read(self, with_flows=True, order='packets', at_once=False):
        """Asks for everything, or, if not 'at_once', for what it is not too
        early for, and returns figures; raises AskError."""
        path, pid, identity = self.find()
        if identity != self.identity:
            self.restarts += self.identity is not None
            self.identity = identity
            self.forget()
        connection = Connection(path)
        try:
            for name, source in self.sources.items():
                if name != 'flows':
                    source.read(connection, at_once)
                elif with_flows:
                    source.read(connection, at_once, order)
        finally:
            connection.close()
        seconds = [source.pair.seconds for source in self.sources.values()
                   if source.pair and source.pair.old is not None]
        return compute({name: source.pair
                        for name, source in self.sources.items()
                        if source.pair},
                       time=int(time.time()), pid=pid,
                       interval_s=max(seconds) if seconds else None,
                       restarts=self.restarts)
