# SPDX-License-Identifier: Apache-2.0
"""What grows in "make bench-growth", and how to measure each of its points."""

import re
import statistics
import time

from scenarios import allow_connections, by_address, short_connections, \
    subtables
import testbed

CURVES = {}
TENS = tuple(10 ** i for i in range(7))
CYCLES = "cycles/packet"
LIMIT = "upcall/set-flow-limit", 4000000


class Load:
    """Traffic of generator 'gen', or of the packets that 'capture' yields,
    from port 1 to port 2, by OpenFlow flows 'flows'.  'setup' is called with
    the switch before traffic begins.  All is there when the number that
    'full', a pattern, finds in what 'command' answers is 'n', but for one in a
    thousand."""

    def __init__(self, gen="", flows=("in_port=1,udp,actions=output:2",),
                 capture=None, setup=None, options=(), config=(),
                 cores=(testbed.PMD_CORE,), n=0, full=None, command=()):
        self.gen = gen
        self.flows = flows
        self.capture = capture
        self.setup = setup
        self.options = options
        self.config = config
        self.cores = cores
        self.n = n
        self.full = full
        self.command = command

    def wait(self, switch, patience):
        end = time.monotonic() + patience
        while self.n:
            now = int(re.search(self.full, switch.appctl(*self.command))[1])
            if now >= self.n - self.n // 1000:
                break
            if time.monotonic() > end:
                raise RuntimeError("%d of %d after %d s" % (now, self.n,
                                                            patience))
            time.sleep(.05)
        time.sleep(.5)                  # The rest, and caches.


class Curve:
    """Cycles per packet for each of 'points', in the load that 'load' returns
    for it.  With 'steps', a rise between two points is named if it is more
    than 2 for a factor of 10."""

    units = (CYCLES,)

    def __init__(self, name, points, load, steps=True):
        self.name = name
        self.points = points
        self.load = load
        self.steps = steps
        CURVES[name] = self

    def start(self, load, args, name, daemon, gen):
        """Returns a switch with all that 'load' asks for, paused."""
        switch = testbed.Switch(name, daemon, args.huge,
                                ("flow-limit=4000000", *load.config),
                                cores=load.cores)
        try:
            switch.add_port("p1", "net_simnic1,mode=sink", 2)
            if load.setup:
                load.setup(switch)
            self.fill(switch, load, args, gen)
            switch.pause()
        except BaseException:
            switch.close()
            raise
        return switch

    def fill(self, switch, load, args, gen):
        switch.add_flows(load.flows)
        switch.add_port("p0", "net_simnic0," + gen, 1, options=load.options)
        begin(switch)
        load.wait(switch, args.patience)

    def measure(self, switch, args):
        """Returns a figure for each of the units."""
        return (switch.window(args.window / 2, args.window)
                * args.mhz / 1000,)


def begin(switch):
    """Traffic begins anew, with no flow there.  Revalidators are paused, or
    Open vSwitch would lower its flow limit again."""
    switch.appctl("netdev-dpdk/set-admin-state", "p0", "down")
    switch.appctl("revalidator/purge")
    switch.ready()
    switch.appctl(*LIMIT)
    switch.appctl("netdev-dpdk/set-admin-state", "p0", "up")


# An address that is moved is part of the megaflow.
READ = "move:NXM_OF_IP_DST[]->NXM_NX_REG0[],"


def megaflows(n):
    return Load("streams=%d,megaflows=%d,order=rand" % (n, n),
                ("in_port=1,ip,actions=" + READ + "output:2",), n=n,
                full=r"\(current (\d+)\)", command=("upcall/show",))


Curve("megaflows", TENS, megaflows)
# A million streams, so that the exact-match cache has next to none.
Curve("subtables", (1, 4, 16, 64), lambda n: Load(
    "streams=1000000,megaflows=1000,order=rand", tuple(subtables(n)), n=1000,
    full=r"\(current (\d+)\)", command=("upcall/show",)))


def recirculations(n):
    """An MPLS label that comes and goes leaves nothing behind, but headers
    that are to be parsed again."""
    return Load("streams=100", (
        *("table=%d,ip,actions=push_mpls:0x8847,pop_mpls:0x0800,"
          "resubmit(,%d)" % (i, i + 1) for i in range(n)),
        "table=%d,udp,actions=output:2" % n), n=n + 1,
        full=r"passes per packet: (\d+)",
        command=("dpif-netdev/pmd-stats-show", "-pmd", testbed.PMD_CORE))


Curve("recirculations", range(6), recirculations, steps=False)


def keep_connections(switch):
    """Lets connections live while the switch is stopped."""
    allow_connections(switch)
    switch.vsctl("--id=@it", "create", "Datapath", "datapath_version=0", "--",
                 "set", "Open_vSwitch", ".", "datapaths:netdev=@it", "--",
                 "add-zone-tp", "netdev", "zone=0",
                 *("udp_%s=36000" % state
                   for state in ("first", "single", "multiple")))


# Both directions of each connection.
Curve("connections", TENS, lambda n: Load(
    capture=lambda: short_connections(2, n), setup=keep_connections,
    flows=("table=0,in_port=1,udp,actions=ct(table=1)",
           "table=1,ct_state=+trk+new,nw_src=10.0.0.1,udp,"
           "actions=ct(commit),output:2",
           "table=1,ct_state=+trk+est,udp,actions=output:2"),
    n=n, full=r"(\d+)", command=("dpctl/ct-get-nconns",)))


def ports(n):
    """Internal ports, which carry nothing."""
    def setup(switch):
        for first in range(3, n + 1, 50):
            switch.vsctl(*(word for i in range(first, min(first + 50, n + 1))
                           for word in (
                               "--", "add-port", "br0", "i%d" % i, "--",
                               "set", "interface", "i%d" % i,
                               "type=internal")))
    return Load(setup=setup)


Curve("ports", (2, 10, 100, 1000), ports)
# Two lanes into one port.
Curve("lanes", (1, 2), lambda n: Load(
    "streams=1000,megaflows=1000", by_address(1000),
    cores=(testbed.PMD_CORE, testbed.MAIN_CORE)[:n],
    options=("options:n_rxq=%d" % n, "other_config:pmd-rxq-affinity=\"%s\""
             % ",".join("%d:%d" % (i, 1 - i) for i in range(n))),
    config=("pmd-rxq-isolate=false",), n=1000, full=r"\(current (\d+)\)",
    command=("upcall/show",)))


class Rules(Curve):
    """OpenFlow rules for as many addresses: CPU time of the main thread to
    take each, growth of the resident set, and cycles of the lane for a packet
    that is the first of its megaflow."""

    units = "load, us/rule", "memory, bytes/rule", "cycles/upcall"

    def fill(self, switch, load, args, gen):
        kb, ns = switch.resident_kb(), switch.cpu_ns([switch.pid])
        switch.add_flows(load.flows)
        switch.load = ((switch.cpu_ns([switch.pid]) - ns) / 1000 / load.n,
                       (switch.resident_kb() - kb) * 1024 / load.n)
        switch.add_port("p0", "net_simnic0," + gen, 1)
        begin(switch)

    def measure(self, switch, args):
        switch.resume()
        switch.appctl("revalidator/resume")
        begin(switch)
        cycles = []
        end = time.monotonic() + args.patience
        while sum(seconds for seconds, _ in cycles) < args.window:
            before = switch.cpu_ns(), *upcalls(switch)
            time.sleep(.05)
            ns, missed, received = (after - was for was, after in zip(
                before, (switch.cpu_ns(), *upcalls(switch))))
            if missed and missed > .95 * received:
                cycles.append((ns / 1e9, ns / missed * args.mhz / 1000))
            elif time.monotonic() > end:
                raise RuntimeError("not enough upcalls")
        switch.pause()
        return (*switch.load, statistics.median(c for _, c in cycles))


def upcalls(switch):
    return switch.stat("miss with success upcall"), switch.count()


Rules("rules", TENS[1:], lambda n: Load(
    "streams=2000000,megaflows=2000000", (
        "table=0,in_port=1,ip,actions=" + READ + "resubmit(,1)",
        "table=1,priority=0,actions=output:2",
        *(rule.replace("in_port=1", "table=1") for rule in by_address(n))),
    n=n))
