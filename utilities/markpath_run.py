# SPDX-License-Identifier: Apache-2.0
"""What "make run" needs whatever its ports are: daemons in a folder.

Daemons, database, logs and sockets are in the folder "run" of the current
folder, whose file "env" gives another shell the ovs-* tools for this switch,
"markpath", and, where there is an emulated NIC or a capture, $SIMNIC and $PCAP.
The daemons die with us, however that comes; only logs stay.
"""

import ctypes
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

DEFAULT_TIME = 10

PR_SET_PDEATHSIG = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunError(Exception):
    """The switch cannot be run; the text says why and what to do."""


class Stop(Exception):
    """A signal has asked us to end."""


def say(text=''):
    """Prints 'text' at once."""
    print(text, flush=True)


def title(text):
    """Prints a heading."""
    say('\n--- %s' % text)


def dies_with_parent():
    """In a child: have the kernel end us when the parent is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def call(*command, timeout=30):
    """Runs 'command' and returns its output; raises RunError if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=timeout,
                              stderr=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError as error:
        raise RunError('%s is not installed' % command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise RunError('"%s" has not ended within %d s'
                       % (' '.join(command), timeout)) from error
    if done.returncode:
        raise RunError('"%s" failed: %s'
                       % (' '.join(command),
                          (done.stderr or done.stdout).strip()))
    return done.stdout


def ignore_signals():
    """From now on, signals that ask us to end are ignored."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Daemons:
    """ovsdb-server, ovs-vswitchd and other children; stop() ends them."""

    def __init__(self, options):
        self.options = options
        self.folder = os.path.abspath(options.folder)
        self.started = False
        self.children = []
        self.stopping = threading.Event()

    def path(self, name):
        """The path of 'name' in our folder."""
        return os.path.join(self.folder, name)

    def spawn(self, name, *command):
        """Starts a process that lives as long as we do."""
        with open(self.path(name + '.out'), 'w', encoding='utf-8') as output:
            # pylint: disable=subprocess-popen-preexec-fn,consider-using-with
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, preexec_fn=dies_with_parent)
        child.name = name
        self.children.append(child)
        return child

    def wait_for(self, what, condition, child=None, seconds=15):
        """Waits until 'condition' holds; 'child' must not end before."""
        deadline = time.monotonic() + seconds
        while not condition():
            if child and child.poll() is not None:
                with open(os.path.join(self.folder, child.name + '.out'),
                          encoding='utf-8', errors='replace') as output:
                    raise RunError('%s has ended: %s'
                                   % (child.name, output.read().strip()))
            if time.monotonic() > deadline:
                raise RunError('%s: not after %d s; see %s'
                               % (what, seconds, self.folder))
            time.sleep(0.05)

    def check_alive(self):
        """Raises RunError if a child has ended."""
        for child in self.children:
            if child.poll() is not None:
                raise RunError('%s has ended, status %d; see %s'
                               % (child.name, child.returncode, self.folder))

    def check_folder(self):
        """Raises RunError if somebody runs a switch in the folder."""
        pidfile = os.path.join(self.folder, 'pid')
        if os.path.exists(pidfile):
            with open(pidfile, encoding='utf-8') as stream:
                pid = stream.read().strip()
            if pid.isdigit() and os.path.exists('/proc/%s' % pid):
                with open('/proc/%s/cmdline' % pid, 'rb') as stream:
                    if b'markpath-run' in stream.read():
                        raise RunError('a switch runs in %s already, '
                                       'process %s' % (self.folder, pid))

    def make_folder(self):
        """Makes the run folder with its "env"."""
        self.started = True
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, 'pid'), 'w',
                  encoding='utf-8') as stream:
            stream.write('%d\n' % os.getpid())
        build = self.options.build
        for name in ('RUNDIR', 'LOGDIR', 'DBDIR', 'SYSCONFDIR'):
            os.environ['OVS_' + name] = self.folder
        os.environ['OVS_PKGDATADIR'] = os.path.join(self.options.source,
                                                    'vswitchd')
        for name in ('RUNDIR', 'LOGDIR', 'DBDIR', 'SYSCONFDIR', 'PKGDATADIR'):
            self.export('OVS_' + name, os.environ['OVS_' + name])
        path = [os.path.dirname(os.path.abspath(self.options.vswitchd)),
                os.path.dirname(os.path.abspath(__file__)),
                os.path.join(build, 'utilities'), os.path.join(build, 'ovsdb')]
        os.environ['PATH'] = ':'.join(path + [os.environ['PATH']])
        self.export('PATH', ':'.join(path), ':"$PATH"')

    def export(self, name, value, more=''):
        """Has "env" give a variable to the shell that reads it: 'value', and
        then 'more', which is for the shell to expand."""
        with open(self.path('env'), 'a', encoding='utf-8') as stream:
            stream.write('export %s=%s%s\n'
                         % (name, shlex.quote(value), more))

    def take_plugin(self):
        """Has DPDK find the emulated NIC by the name in $SIMNIC."""
        # DPDK takes no plugins from below a folder that all may write to, but
        # takes one that the loader finds by its bare name.
        shutil.copy(self.options.plugin, self.folder)
        os.environ['LD_LIBRARY_PATH'] = self.folder
        self.export('SIMNIC', os.path.basename(self.options.plugin))

    def start_database(self):
        """Starts ovsdb-server."""
        call('ovsdb-tool', 'create', self.path('conf.db'),
             os.path.join(self.options.source, 'vswitchd',
                          'vswitch.ovsschema'))
        child = self.spawn('ovsdb-server', 'ovsdb-server', '--pidfile',
                           '--log-file', '-vconsole:warn',
                           '--remote=punix:' + self.path('db.sock'),
                           self.path('conf.db'))
        self.wait_for('ovsdb-server',
                      lambda: os.path.exists(self.path('db.sock')), child)
        call('ovs-vsctl', '--no-wait', 'init')

    def start_daemon(self, *prefix):
        """Starts ovs-vswitchd, by way of the command 'prefix', if any."""
        return self.spawn('ovs-vswitchd', *prefix, self.options.vswitchd,
                          '--pidfile', '--log-file', '-vconsole:warn')

    def stop(self):
        """Undoes all.  May be called at any time, and repeatedly."""
        self.stopping.set()
        for child in reversed(self.children):
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children = []
        for name in ('pid', 'env', 'conf.db', 'db.sock', 'capture',
                     'librte_net_simnic.so'):
            try:
                os.unlink(self.path(name))
            except OSError:
                pass


def add_options(parser):
    """The options that all forms have."""
    parser.add_argument('--source', required=True,
                        help="Open vSwitch's unpacked source")
    parser.add_argument('--build', required=True,
                        help='the folder it was built in')
    parser.add_argument('--vswitchd', required=True,
                        help='the ovs-vswitchd to run')
    parser.add_argument('--folder', default='run',
                        help='for database, logs, sockets (%(default)s)')
    parser.add_argument('--time', metavar='SECONDS', default='',
                        help='stop after so long')
    parser.add_argument('--pcap', metavar='FILE', default='',
                        help='replay this instead of generating packets')


def read_time(text):
    """The seconds that 'text' tells, None if it is empty; raises RunError."""
    if not text:
        return None
    if not re.fullmatch(r'[0-9]{1,9}', text) or not int(text):
        raise RunError("TIME=%s: is not a number of seconds" % text)
    return int(text)


def run(name, options, make, demonstrate):
    """Runs demonstrate(make(options), seconds), to the end or to a signal.
    Returns the exit status."""
    options.vswitchd = os.path.abspath(options.vswitchd)
    try:
        seconds = read_time(options.time)
    except RunError as error:
        print('%s: %s' % (name, error), file=sys.stderr)
        return 1
    if seconds is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        seconds = DEFAULT_TIME

    def stop(_signal, _frame):
        # Once is enough: cleaning up must not be interrupted.
        ignore_signals()
        raise Stop

    for number in SIGNALS:
        signal.signal(number, stop)
    switch = make(options)
    try:
        switch.check()
        return demonstrate(switch, seconds)
    except RunError as error:
        print('%s: %s' % (name, error), file=sys.stderr)
        return 1
    except Stop:
        say('\nStopped.')
        return 0
    finally:
        ignore_signals()
        if switch.started:
            switch.stop()
            say('Everything is removed; logs are in %s.' % switch.folder)
