# SPDX-License-Identifier: Apache-2.0
"""Restarts ovs-vswitchd so that traffic is out for as short as can be.

The new daemon is started while the old one forwards, by ovs-ctl, so that it
has the options that it always has.  It waits for the lock in the database that
the old one holds, as any second daemon does.  When it is ready, OpenFlow flows
are saved, the old daemon is asked to exit, and flows go back to each bridge as
soon as the new daemon has made it.  Until then nothing has happened that could
not be undone: a daemon that does not come up costs no packet.

Two daemons, one pidfile: the old one's is moved aside, so that ovs-ctl and the
new daemon find none.  When the old daemon ends, it removes the file of that
name, which is the new one's by then, so another link to that is kept, and put
back.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

SCRIPTS = '/usr/share/openvswitch/scripts'
RUNDIR = os.environ.get('OVS_RUNDIR', '/var/run/openvswitch')
PIDFILE = os.path.join(RUNDIR, 'ovs-vswitchd.pid')
ASIDE = PIDFILE + '.before'     # The old daemon's.
KEPT = PIDFILE + '.after'       # The new daemon's second.

LOOK = 0.002                    # Seconds between two looks at a process.
PATIENCE = 10.0                 # Seconds to wait for an answer.
READY = 120.0                   # Seconds a daemon has to get ready.
BACK = 60.0                     # Seconds until its bridges must be there.
ASK_ONCE_MORE = 5.0             # Seconds until SIGTERM, and then SIGKILL.


class SwitchError(Exception):
    """Something is wrong; the text says what."""


class StillRuns(SwitchError):
    """As above, but nothing has happened: the old daemon works as before."""


def call(*command):
    """Runs 'command', returns its output; raises SwitchError if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.PIPE, check=False,
                              start_new_session=True)
    except OSError as error:
        raise SwitchError('%s: %s' % (command[0], error.strerror)) from error
    if done.returncode:
        raise SwitchError('"%s" has failed:\n%s'
                          % (' '.join(command),
                             (done.stdout + done.stderr).strip()))
    return done.stdout


def exists(pid):
    """Whether process 'pid' has not ended.  Nobody may have buried it, but
    its first thread may have ended before others, too."""
    try:
        with open('/proc/%d/stat' % pid, encoding='utf-8',
                  errors='replace') as stream:
            fields = stream.read().rpartition(')')[2].split()
    except OSError:
        return False
    return fields[0] != 'Z' or int(fields[17]) > 1


def running():
    """Returns process ID and program of the daemon that runs, or None."""
    try:
        with open(PIDFILE, encoding='ascii') as stream:
            pid = int(stream.read())
        program = os.readlink('/proc/%d/exe' % pid)
    except (OSError, ValueError):
        return None
    # What an upgrade has replaced is the old file, which has gone.
    return pid, re.sub(r' \(deleted\)$', '', program)


def ask(pid, *command):
    """Returns what daemon 'pid' answers, as "ovs-appctl" prints it: nothing if
    it refuses, None if nobody answers.

    That is ovs-appctl without its start, which takes longer than the
    answer."""
    request = json.dumps({'id': 0, 'method': command[0],
                          'params': command[1:]}).encode()
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(PATIENCE)
            stream.connect(os.path.join(RUNDIR, 'ovs-vswitchd.%d.ctl' % pid))
            stream.sendall(request)
            reply = b''
            while True:
                data = stream.recv(65536)
                if not data:
                    return None
                reply += data
                if not data.endswith(b'}'):
                    continue
                try:
                    return json.loads(reply.decode()).get('result') or ''
                except ValueError:
                    pass                # More to come.
    except OSError:
        return None


def remove(path):
    """Removes a file, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def heal():
    """Undoes what a tool that was killed has left: puts the pidfile back, and
    has systemd forget how it did it."""
    forget_starter()
    try:
        with open(ASIDE, encoding='ascii') as stream:
            pid = int(stream.read())
        if not running() and exists(pid):
            os.rename(ASIDE, PIDFILE)
    except (OSError, ValueError):
        pass


class SavedFlows:
    """OpenFlow flows and groups of all bridges, in files until forget().

    Open vSwitch's scripts save and restore them, too, but what they have saved
    is lost if the daemon does not come up."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='markpath-flows-')
        self.commands = {}              # By bridge.
        try:
            for bridge in call('ovs-vsctl', '--timeout=10', '--', '--real',
                               'list-br').split():
                self.commands[bridge] = self.save(bridge)
        except BaseException:
            self.forget()
            raise

    def save(self, bridge):
        """Returns commands that restore the flows of 'bridge'."""
        done = subprocess.run(
            [os.path.join(SCRIPTS, 'ovs-save'), 'save-flows', bridge],
            env=dict(os.environ, TMPDIR=self.folder), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False)
        # It goes on if the daemon refuses, and exits with 0.
        if done.returncode or done.stderr:
            raise SwitchError("flows of bridge %s can't be saved:\n%s"
                              % (bridge, done.stderr.strip()))
        # The files are ours to remove: they are needed again if this fails.
        commands = re.sub(r'^rm -rf .*\n?', '', done.stdout, flags=re.M)
        # What there is nothing of needs no program.
        commands = re.sub(r"^ovs-ofctl -O \S+ add-tlv-map \S+ ''\n", '',
                          commands, flags=re.M)
        for match in list(re.finditer(
                r'^ovs-ofctl -O \S+ add-groups \S+[\s\\]+"(.*)".*\n',
                commands, re.M)):
            if os.path.getsize(match[1]) == 0:
                commands = commands.replace(match[0], '')
        return self.save_meters(bridge, commands) + commands

    @staticmethod
    def save_meters(bridge, commands):
        """Returns commands that restore the meters of 'bridge', in the version
        of OpenFlow that 'commands' have.  Open vSwitch's script leaves meters
        out, and flows that use them are refused then."""
        version = re.search(r'^ovs-ofctl -O (OpenFlow1([3-9])) ', commands,
                            re.M)
        if not version:
            return ''                   # There were none before 1.3.
        text = call('ovs-ofctl', '-O', version[1], 'dump-meters', bridge)
        # Bands are on lines of their own, below their meter.
        meters = re.findall(r'^meter=\d+ (?:.|\n(?!meter))*', text, re.M)
        return ''.join('ovs-ofctl -O %s add-meter %s %s\n'
                       % (version[1], bridge,
                          shlex.quote(','.join(meter.split())))
                       for meter in meters)

    def start(self, bridge, flags='-ec'):
        """Gives its flows to 'bridge' of the daemon that runs.  Returns the
        process that does so; finish() waits for it."""
        # pylint: disable=consider-using-with
        return subprocess.Popen(['sh', flags, self.commands[bridge]],
                                stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                start_new_session=True)

    def finish(self, bridge, process):
        """Raises SwitchError if the flows are not there."""
        text = process.communicate()[0]
        if process.returncode:
            raise SwitchError("flows of bridge %s can't be restored:\n%s"
                              % (bridge, text.strip()))

    def restore(self):
        """Gives the flows to the daemon that runs, which may have groups and
        the like already: the last command, for flows, replaces what is
        there."""
        processes = [(bridge, self.start(bridge, '-c'))
                     for bridge in self.commands]
        for bridge, process in processes:
            self.finish(bridge, process)

    def forget(self):
        """Removes the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def managed_by_systemd():
    """Whether the daemons are systemd's."""
    return (os.path.isdir('/run/systemd/system')
            and subprocess.run(['systemctl', '-q', 'is-active',
                                'openvswitch-switch'], check=False)
            .returncode == 0)


def ovs_ctl(*arguments):
    """The command that runs ovs-ctl with the administrator's options."""
    return ['sh', '-c',
            'if [ -e /etc/default/openvswitch-switch ]; then\n'
            '    . /etc/default/openvswitch-switch\n'
            'fi\n'
            'exec %s/ovs-ctl --system-id=random "$@" $OVS_CTL_OPTS' % SCRIPTS,
            'ovs-ctl', *arguments]


# How systemd's unit is reloaded instead: the new daemon belongs to the unit
# from its start.  A unit whose main process has ended is stopped, so systemd
# is told which is the main process now, by a name that the old daemon does not
# remove.
DROP_IN = '/run/systemd/system/ovs-vswitchd.service.d/markpath.conf'
RELOAD = """# Made by "markpath restart", which removes it.
[Service]
Environment=MARKPATH_STANDBY=%s
PIDFile=%s
ExecReload=
ExecReload=%s/ovs-ctl --no-ovsdb-server --no-monitor --system-id=random \\
    --no-record-hostname start $OVS_CTL_OPTS
"""


def starter(standby):
    """The command that starts a daemon beside the one that runs, and its
    environment, with 'standby' there for the daemon."""
    if not managed_by_systemd():
        return (ovs_ctl('--no-ovsdb-server', 'start'),
                dict(os.environ, MARKPATH_STANDBY=standby))
    os.makedirs(os.path.dirname(DROP_IN), exist_ok=True)
    with open(DROP_IN, 'w', encoding='ascii') as stream:
        stream.write(RELOAD % (standby, KEPT, SCRIPTS))
    call('systemctl', 'daemon-reload')
    return ['systemctl', 'reload', 'ovs-vswitchd'], None


def forget_starter():
    """Removes what starter() has left."""
    if os.path.exists(DROP_IN):
        os.unlink(DROP_IN)
        try:
            os.rmdir(os.path.dirname(DROP_IN))
        except OSError:
            pass                        # Others have drop-ins, too.
        call('systemctl', 'daemon-reload')


def restart_by_scripts():
    """Has Open vSwitch's scripts do all, with flows saved and restored."""
    if managed_by_systemd():
        # The scripts again, but daemons stay systemd's.
        call('systemctl', 'reload', 'openvswitch-switch')
    else:
        call(*ovs_ctl('restart'))


class Handover:
    """Has a new daemon take the place of process 'old'."""

    def __init__(self, old, program, flows):
        self.old = old
        self.flows = flows      # Newer ones when it is done; not ours.
        self.new = None
        self.ours = 'Markpath' in call(program, '--version')
        self.starter = None
        self.output = None      # What that says.
        self.holds = False      # "flow-restore-wait" is in the database.
        self.times = []         # What has taken how long.

    def run(self):
        """Does it all."""
        try:
            try:
                self.start_somehow()
                self.save_again()
                self.hold_packets(True)
            except (SwitchError, OSError) as error:
                self.undo()
                if exists(self.old):
                    raise StillRuns(str(error)) from error
                raise
            self.take_over()
        finally:
            forget_starter()

    # While the old daemon works.

    def start_somehow(self):
        """Starts the new daemon, and waits until it can take over."""
        try:
            self.start(str(self.old))
        except SwitchError:
            if not self.ours:
                raise
            # There may not be memory for two that both use DPDK.
            self.undo()
            self.start('%d,late' % self.old)

    def start(self, standby):
        """Tries to, with 'standby' in the environment."""
        os.rename(PIDFILE, ASIDE)
        # pylint: disable=consider-using-with
        self.output = tempfile.TemporaryFile('w+')
        command, environment = starter(standby)
        self.starter = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=subprocess.STDOUT,
            start_new_session=True)
        began = time.monotonic()
        while not self.is_ready():
            if self.starter.poll() is not None and not running():
                raise SwitchError('the daemon does not start:\n%s'
                                  % self.said())
            if time.monotonic() - began > READY:
                raise SwitchError('the daemon is not ready after %d s'
                                  % READY)
            time.sleep(LOOK)
        self.new = running()[0]
        self.times.append(('to get ready', time.monotonic() - began))
        remove(KEPT)
        os.link(PIDFILE, KEPT)

    def is_ready(self):
        """Whether the new daemon can take over."""
        new = running()
        if not new:
            return False
        if not exists(self.old):
            return True                 # It must, ready or not.
        # Open vSwitch's tells nothing of the kind, but has nothing to do.
        answer = ask(new[0], 'vswitchd/standby' if self.ours else 'version')
        return (answer is not None
                and (not self.ours or answer.strip() in ('ready', 'active')))

    def said(self):
        """What ovs-ctl has said."""
        self.output.seek(0)
        return self.output.read().strip()

    def save_again(self):
        """Has 'flows' be as they are now, if the old daemon can still
        tell."""
        if exists(self.old):
            older, self.flows = self.flows, SavedFlows()
            older.forget()

    def hold_packets(self, hold):
        """Says whether a daemon that starts is to wait for flows."""
        self.holds = hold
        if hold:
            call('ovs-vsctl', '--timeout=10', '--no-wait', 'set',
                 'Open_vSwitch', '.', 'other_config:flow-restore-wait=true')
        else:
            call('ovs-vsctl', '--timeout=10', '--no-wait', '--if-exists',
                 'remove', 'Open_vSwitch', '.', 'other_config',
                 'flow-restore-wait=true')

    def undo(self):
        """Ends the new daemon, as if it had not been started."""
        if self.holds:
            self.hold_packets(False)
        remove(KEPT)
        new = running()
        if new and new[0] != self.old:
            ask(new[0], 'exit')
            self.see_off(new[0])
        try:
            os.killpg(self.starter.pid, signal.SIGTERM)
        except (AttributeError, ProcessLookupError):
            pass
        if self.starter:
            self.starter.wait()
        if exists(self.old):
            os.rename(ASIDE, PIDFILE)
        else:
            remove(ASIDE)

    # From here on, there is no way back.

    def take_over(self):
        """Has the old daemon exit, and the new one get the flows."""
        began = time.monotonic()
        try:
            # It gives up the database's lock before all that its successor
            # needs.  Ours knows that, and waits until it has gone.
            if not self.ours:
                self.tell_new(signal.SIGSTOP)
            threading.Thread(target=ask, args=(self.old, 'exit'),
                             daemon=True).start()
            self.see_off(self.old)
            left = time.monotonic()
            self.tell_new(signal.SIGCONT)
            self.restore()
            restored = time.monotonic()
        finally:
            self.tell_new(signal.SIGCONT)
            self.hold_packets(False)
            told = time.monotonic()
            failed = self.wait_for_starter()
            remove(KEPT)
            remove(ASIDE)
            if not exists(self.new):
                remove(PIDFILE)
        self.times += [('for the old daemon to leave', left - began),
                       ('for bridges and flows', restored - left),
                       ('to say that these are back', told - restored)]
        if failed:
            raise SwitchError('the daemon does not start:\n%s' % self.said())

    def tell_new(self, number):
        """Sends a signal to the new daemon, if that has not ended."""
        try:
            os.kill(self.new, number)
        except ProcessLookupError:
            pass

    def wait_for_starter(self):
        """Waits until ovs-ctl has ended, which waits for the daemon's first
        configuration, and returns its exit status."""
        try:
            return self.starter.wait(BACK)
        except subprocess.TimeoutExpired:
            self.tell_new(signal.SIGKILL)
            return self.starter.wait()

    def see_off(self, pid):
        """Waits until process 'pid' has ended, and has it end if need be.
        Meanwhile, nobody takes the new daemon's pidfile away."""
        began = time.monotonic()
        harder = [signal.SIGTERM, signal.SIGKILL]
        waits = ASK_ONCE_MORE
        while exists(pid):
            self.keep_pidfile()
            if harder and time.monotonic() - began > waits:
                try:
                    os.kill(pid, harder.pop(0))
                except ProcessLookupError:
                    pass
                waits += ASK_ONCE_MORE
            time.sleep(LOOK)
        self.keep_pidfile()

    def keep_pidfile(self):
        """Puts the new daemon's pidfile back if the old one has removed it."""
        try:
            os.link(KEPT, PIDFILE)
        except (FileExistsError, FileNotFoundError):
            pass

    def restore(self):
        """Gives each bridge its flows as soon as it is there."""
        waiting = set(self.flows.commands)
        processes = []
        deadline = time.monotonic() + BACK
        while waiting:
            # It is asked while it makes them, and answers when that is done.
            bridges = set((ask(self.new, 'ofproto/list') or '').split())
            for bridge in waiting & bridges:
                processes.append((bridge, self.flows.start(bridge)))
            waiting -= bridges
            if not exists(self.new) or time.monotonic() > deadline:
                raise SwitchError('the daemon does not make its bridges')
            time.sleep(LOOK)
        for bridge, process in processes:
            self.flows.finish(bridge, process)
