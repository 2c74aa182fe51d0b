# SPDX-License-Identifier: Apache-2.0
"""Two daemons that get the same table and the same frames.

Their clocks stand still.  All ports are dummies, which the main thread polls,
or one PMD thread, so that a daemon takes one frame at a time, in the order in
which they were fed: a dummy never gives more than one.  What leaves is read
from the file that each port writes."""

import concurrent.futures
import os
import re
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "stress"))
from stress_switch import Gone, Switch, Unixctl  # noqa: E402

BATCH = 100             # The queue of a dummy port holds no more.
SIDES = ("theirs", "ours")
PCAP_HEADER, PCAP_RECORD = 24, 16
# Counted by "coverage"; what begins with a dash goes on like the one before.
DROPS = """
datapath_drop -invalid_bond -invalid_port -invalid_tnl_port -lock_error -meter
    -nsh_decap_error -recirc_error -rx_invalid_packet -sample_error
    -tunnel_pop_error -tunnel_push_error -upcall_error -userspace_action_error
drop_action -of_pipeline -bridge_not_found -recursion_too_deep
    -too_many_resubmit -stack_too_deep -no_recirculation_context
    -recirculation_conflict -too_many_mpls_labels -invalid_tunnel_metadata
    -unsupported_packet_type -congestion -forwarding_disabled
conntrack -full -invalid_tcp_flags -l3csum_err -l4csum_err
    -lookup_natted_miss -tcp_seq_chk_bypass -tcp_seq_chk_failed
ipf -l3csum_err -stuck_frag_list_purged
"""


def drop_counters():
    """Yields the names in DROPS."""
    group = None
    for word in DROPS.split():
        if word.startswith("-"):
            yield group + "_" + word[1:]
        else:
            group = word


class Refused(Exception):
    """A daemon doesn't take a table: the table is wrong."""


class Output:
    """What leaves by a port, as it leaves."""

    def __init__(self, path):
        self.path = path
        self.stream = None

    def read(self):
        """Returns the frames that have left since the last call."""
        if not self.stream:
            if not os.path.exists(self.path):
                return []
            self.stream = open(self.path, "rb")
            self.stream.seek(PCAP_HEADER)
        data, frames, at = self.stream.read(), [], 0
        while at < len(data):
            size, = struct.unpack_from("=I", data, at + 8)
            at += PCAP_RECORD
            frames.append(data[at:at + size])
            at += size
        return frames

    def close(self):
        if self.stream:
            self.stream.close()


class Side:
    """One of the daemons."""

    def __init__(self, name, daemon, table):
        self.name = name
        self.table = table
        self.fed = 0
        self.paused = False
        self.outputs = {}
        self.switch = Switch(
            daemon, ["--enable-dummy", "--disable-system",
                     "--disable-system-route"],
            ["max-idle=3600000", "flow-restore-wait=false", *table.config])
        self.ctl = Unixctl(self.switch.socket, 60)
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def call(self, *command):
        error, reply = self.ctl(*command)
        if error is not None:
            raise Refused("%s: %s" % (" ".join(command)[:200], error.strip()))
        return reply

    def ofctl(self, *args, stdin=None):
        command = ["ovs-ofctl", "-vconsole:off", "-O", "OpenFlow10,OpenFlow15",
                   *args]
        try:
            return self.switch.run(*command, stdin=stdin)
        except subprocess.CalledProcessError:
            # Either it has died, which this waits for, or it closes
            # connections, as it does while it reconfigures a bridge.
            self.call("version")
        try:
            return self.switch.run(*command, stdin=stdin)
        except subprocess.CalledProcessError as error:
            raise Refused(str(error)) from error

    def bridge(self, name):
        return "unix:%s/%s.mgmt" % (self.switch.folder, name)

    def set_up(self):
        """Brings the table into the daemon."""
        try:
            self.set_up_ports()
            self.set_up_openflow()
        except subprocess.CalledProcessError as error:
            raise Refused(str(error)) from error
        # What the set-up itself sent is of no interest.
        self.wait()
        self.read()
        self.received = self.count()

    def set_up_ports(self):
        table, folder = self.table, self.switch.folder
        args = []
        for bridge in table.bridges:
            args += ["--", "add-br", bridge, "--", "set", "bridge", bridge,
                     "datapath_type=dummy", "fail_mode=secure",
                     "other_config:datapath-id=%016x"
                     % (1 + table.bridges.index(bridge)),
                     "other_config:hwaddr=aa:55:aa:55:00:%02x"
                     % table.bridges.index(bridge)]
        for port in table.ports:
            args += ["--", "add-port", port.bridge, port.name, *port.port,
                     "--", "set", "interface", port.name, "type=" + port.type,
                     "ofport_request=%d" % port.number, *port.interface]
        captured = table.bridges + [port.name for port in table.ports
                                    if port.type.startswith("dummy")]
        for name in captured:
            path = "%s/%s.pcap" % (folder, name)
            self.outputs[name] = Output(path)
            args += ["--", "set", "interface", name, "options:tx_pcap=" + path]
        self.switch.vsctl(*args, *table.vsctl)
        self.call("time/stop")
        for command in table.commands:
            self.call(*command)
        # When revalidators look at a flow is a matter of luck, and a flow
        # that goes while packets come takes some counts with it.
        self.call("revalidator/pause")
        self.paused = True

    def set_up_openflow(self):
        for bridge, kind, lines in self.table.openflow:
            for line in lines if kind != "add-flows" else [None]:
                # A file of flows is one process, all else one for each.
                text = "\n".join(lines) + "\n" if line is None else None
                self.ofctl(kind, self.bridge(bridge),
                           "-" if line is None else line, stdin=text)

    def count(self):
        return int(self.call("coverage/read-counter", "netdev_received"))

    def feed(self, port, frames):
        """Gives the daemon 'frames' at 'port', and waits until it has
        forwarded them."""
        for at in range(0, len(frames), BATCH):
            part = [frame.hex() for frame in frames[at:at + BATCH]]
            self.call("netdev-dummy/receive", port, *part)
            self.fed += len(part)
            if self.table.polled:
                self.wait_for_pmd()
            self.wait()

    def wait_for_pmd(self):
        """Waits until a PMD thread has taken all that was fed.  It adds what
        it has counted to the sums between two of its iterations, when a second
        has gone by: so what is in the sums then has been forwarded."""
        deadline = time.monotonic() + 60
        while True:
            shown = self.call("dpif-netdev/pmd-stats-show")
            if sum(map(int, re.findall(r"packets received: (\d+)", shown))) \
                    >= self.fed:
                break
            if time.monotonic() > deadline:
                raise Gone("hangs: a PMD thread has not taken all frames")
            time.sleep(0.001)
        self.call("time/warp", "1000", "1000")

    def wait(self):
        """Waits until all that was fed has been taken, and nothing comes any
        more: a port with an address answers ARP."""
        least = self.fed + getattr(self, "received", 0)
        deadline = time.monotonic() + 60
        last = None
        while True:
            n = self.count()
            if n >= least and n == last:
                return
            last = n
            if time.monotonic() > deadline:
                raise Gone("hangs: %d of %d frames taken" % (n, least))
            if n < least:
                time.sleep(0.001)

    def read(self):
        """Returns what has left since the last call, by port."""
        return {name: frames for name, frames in
                ((name, output.read()) for name, output
                 in self.outputs.items()) if frames}

    def counters(self):
        """Everything that the daemon has counted and learnt, as a dictionary
        from kind to a dictionary from name to value."""
        found = {"flows": {}, "openflow": {}}
        for line in self.call("dpctl/dump-flows", "--names").splitlines():
            if not line.startswith("flow-dump from"):
                add_flow(found, line, self.table.unordered)
        found["conntrack"] = dict.fromkeys(
            self.call("dpctl/dump-conntrack").split("\n"), "")
        self.resume()
        self.call("revalidator/purge")
        for bridge in self.table.bridges:
            for what in ("dump-flows", "dump-ports", "meter-stats",
                         "dump-group-stats"):
                text = self.ofctl(what, self.bridge(bridge))
                found["openflow"].update(openflow_lines(bridge, what, text))
        if self.table.spread:
            keep_sums(found)
        found["drops"] = {
            name: int(self.call("coverage/read-counter", name))
            for name in drop_counters()}
        return found

    def resume(self):
        """Lets revalidators go on; one that is paused would not end."""
        if self.paused:
            self.paused = False
            self.call("revalidator/resume")

    def close(self):
        """Ends the daemon.  Returns what was wrong with it."""
        for output in self.outputs.values():
            output.close()
        try:
            self.resume()
        except Gone:
            pass
        status = self.switch.close(discard=self.name == "theirs")
        return ["exit status %d" % status] * bool(status) \
            + self.switch.reported


def add_flow(found, line, unordered):
    """Adds the datapath flow in 'line' to the counters in 'found'.

    Two flows may cover the same packet, if they have the same actions, and
    which of them counts it is a matter of luck.  So what is counted is counted
    for actions, not for flows."""
    key, _, rest = line.partition(", packets:")
    numbers, _, actions = rest.partition(", actions:")
    if unordered:
        actions = ",".join(sorted(actions.split(",")))
    found["flows"][key] = actions
    match = re.match(r"(\d+), bytes:(\d+)", numbers)
    if not match:
        raise Refused("flow not understood: " + line)
    where = "".join(re.findall(r"(?:recirc_id|in_port)\(\w+\)", key))
    name = "all of %s, actions:%s" % (where, actions)
    packets, n_bytes = found["flows"].get(name, (0, 0))
    found["flows"][name] = (packets + int(match[1]), n_bytes + int(match[2]))


def keep_sums(found):
    """Drops from 'found' what is a matter of luck where packets are spread
    over ports by a hash."""
    found["flows"] = {name: value for name, value in found["flows"].items()
                      if "recirc_id(0)" in name}
    found["openflow"] = {name: value for name, value
                         in found["openflow"].items()
                         if " table=" in name}


def openflow_lines(bridge, what, text):
    """Yields name and value of what ovs-ofctl has printed."""
    text = re.sub(r"(?m)^(?:OFPST|NXST).*\n?", "", text)
    text = re.sub(r"\n +(tx|duration|bucket)", r" \1", text)
    for line in text.splitlines():
        line = re.sub(r" ?(cookie|duration|idle_age|hard_age)=[^, ]*,?", "",
                      line).strip()
        match = re.match(r"(.*?)n_packets=(.*?), n_bytes=(\d+), ?(.*)", line)
        if match:
            table, packets, n_bytes, rule = match.groups()
            yield ("%s %s %s" % (bridge, table, rule),
                   "packets=%s bytes=%s" % (packets, n_bytes))
        elif line:
            name = re.split(r"[:,] ", line, maxsplit=1)
            yield "%s %s %s" % (bridge, what, name[0]), line


class Pair:
    """Both daemons with one table."""

    def __init__(self, daemons, table):
        self.pool = concurrent.futures.ThreadPoolExecutor(2)
        self.dead = {}
        self.sides = [None, None]
        starting = [self.pool.submit(Side, name, daemon, table)
                    for name, daemon in zip(SIDES, daemons)]
        errors = []
        for i, side in enumerate(starting):
            try:
                self.sides[i] = side.result()
            except Exception as error:
                errors.append((SIDES[i], error))
        if errors:
            self.close()
            raise Refused("%s: %s" % errors[0])

    def both(self, function):
        """Calls 'function' for both at once.  Returns both results, or None
        if a daemon has died; 'dead' then tells which."""
        running = [self.pool.submit(function, side) for side in self.sides]
        results = []
        for side, future in zip(self.sides, running):
            try:
                results.append(future.result())
            except Gone as error:
                self.dead[side.name] = str(error)
        return results if len(results) == 2 else None

    def feed(self, port, frames):
        """Feeds both.  Returns what has left each, or None."""
        def step(side):
            if not side.table.settle:
                side.feed(port, frames)
                return side.read()
            left = {}
            for frame in frames:
                side.feed(port, [frame])
                # A flow may be out of date until it is looked at again.
                side.call("revalidator/purge")
                for name, some in side.read().items():
                    # A port may get a frame and what is mirrored of it.
                    left.setdefault(name, []).extend(
                        sorted(some) if side.table.unordered else some)
            return left
        return self.both(step)

    def feed_ours(self, inputs):
        """Feeds ours only.  Returns the number of frames."""
        ours = self.sides[SIDES.index("ours")]
        try:
            for port, frames in inputs:
                ours.feed(port, frames)
        except Gone as error:
            self.dead[ours.name] = str(error)
        return sum(len(frames) for _, frames in inputs)

    def warp(self, ms):
        """Moves both clocks.  Returns false if a daemon has died."""
        return self.both(lambda side: side.call("time/warp", str(ms),
                                                str(ms)))

    def close(self):
        """Ends both.  Returns what was wrong, by side."""
        wrong = {}
        for side in self.sides:
            if side:
                found = side.close()
                if found:
                    wrong[side.name] = found
        self.pool.shutdown()
        return wrong
