# SPDX-License-Identifier: Apache-2.0
"""What is measured: traffic and configuration, the same for each switch."""

import ipaddress
import struct
import time

SCENARIOS = {}


class Scenario:
    """Traffic of generator 'gen', port p0, through a switch to sinks p1...

    'flows' are OpenFlow flows; port 1 is the generator, 2 the first sink.
    'setup' is called with the switch before traffic begins, 'begin' before it
    is measured, 'after' when it has been measured once more."""

    def __init__(self, name, gen="", flows=("in_port=1,actions=output:2",),
                 sinks=1, other_config=(), setup=None,
                 options=(), offload=0, capture=None, settle=1.0, memory=512,
                 megaflows=0, merged=0, after=None, begin=None, warm_up=None,
                 window=None):
        self.name = name
        self.gen = gen
        self.flows = flows
        self.sinks = sinks
        self.other_config = list(other_config)
        self.setup = setup
        self.options = options
        self.offload = offload          # Rules to wait for; 0: no hw-offload.
        self.capture = capture
        self.settle = settle
        self.memory = memory
        self.megaflows = megaflows      # To wait for.
        self.merged = merged            # Merged flows of ours, likewise.
        self.after = after
        self.begin = begin
        self.warm_up = warm_up          # Seconds, if not as told...
        self.window = window            # ...by the command line.
        if offload:
            self.other_config.append("hw-offload=true")
        SCENARIOS[name] = self


def by_address(n, actions="output:2"):
    """One flow for each of the generator's megaflows."""
    first = ipaddress.ip_address("198.18.0.1")
    return ["in_port=1,ip,nw_dst=%s,actions=%s" % (first + i, actions)
            for i in range(n)]


# What the caches and the classifier do.

# A flow that matches a field which dp-simple cannot take.
UDP = ("in_port=1,udp,actions=output:2",)
NO_EMC = ("emc-insert-inv-prob=0",)

Scenario("simple-match")
Scenario("emc-1", flows=UDP)
Scenario("emc-1000", "streams=1000,megaflows=1000", by_address(1000))
# As most traffic arrives: a few packets for each poll.
for n in (1, 2, 4, 8):
    Scenario("burst-%d" % n, "burst=%d" % n, flows=UDP)
Scenario("megaflows-10000", "streams=10000,megaflows=10000",
         by_address(10000), settle=3)


def subtables(n):
    """1,000 megaflows of the generator, under 'n' masks, at most 64: besides
    the address, each looks at some of six fields."""
    first = ipaddress.ip_address("198.18.0.1")
    for i in range(1000):
        yield "table=0,in_port=1,ip,nw_dst=%s,actions=resubmit(,%d)" % (
            first + i, 1 + i % n)
    for m in range(n):
        yield "table=%d,ip%s%s%s%s%s%s,actions=output:2" % (
            m + 1,
            ",nw_src=10.0.0.0/8" if m & 1 else "",
            ",nw_proto=17" if m & 2 else "",
            ",nw_tos=0" if m & 4 else "",
            ",nw_ttl=64" if m & 8 else "",
            ",dl_src=00:00:00:00:00:00/01:00:00:00:00:00" if m & 16 else "",
            ",dl_dst=00:00:00:00:00:00/01:00:00:00:00:00" if m & 32 else "")


for n in (4, 16):
    Scenario("thrash-%d-rand" % n,
             "streams=1000000,megaflows=1000,order=rand",
             tuple(subtables(n)), settle=2)
for order in ("rr", "rand", "zipf:1"):
    Scenario("thrash-1-" + order,
             "streams=1000000,megaflows=1000,order=" + order,
             by_address(1000), settle=2)
Scenario("thrash-1-train",
         "streams=1000000,megaflows=1000,order=rand,train=8",
         by_address(1000), settle=2)
Scenario("cold", "streams=1000000,megaflows=1000,cold=1", by_address(1000),
         settle=2)
Scenario("imix", "streams=1000000,megaflows=1000,size=imix",
         by_address(1000), settle=2)
Scenario("smc", "streams=100000,megaflows=1000", by_address(1000), settle=2,
         other_config=("smc-enable=true", *NO_EMC))

# For measure_nothing(): the NIC has no place for a rule.
NO_PLACES = Scenario("emc-1000-no-places",
                     "streams=1000,megaflows=1000,capacity=0",
                     by_address(1000))
del SCENARIOS["emc-1000-no-places"]

# Actions.

Scenario("drop", flows=("in_port=1,udp,actions=drop",))
Scenario("vlan-push",
         flows=("in_port=1,udp,actions=push_vlan:0x8100,"
                "set_field:4196->vlan_vid,output:2",))
Scenario("vlan-pop", "vlan=100",
         flows=("in_port=1,dl_vlan=100,udp,actions=pop_vlan,output:2",))
Scenario("set-fields", "streams=1000,megaflows=1000",
         by_address(1000, "set_field:02:00:00:00:00:09->eth_dst,"
                    "set_field:10.9.8.7->ip_src,dec_ttl,output:2"))
Scenario("multicast-8", sinks=8,
         flows=("in_port=1,udp,actions=output:2,output:3,output:4,output:5,"
                "output:6,output:7,output:8,output:9",))


def add_meter(switch):
    switch.run("ovs-ofctl", "-O", "OpenFlow15", "add-meter",
               "unix:%s/br0.mgmt" % switch.folder,
               "meter=1,pktps,band=type=drop,rate=4000000000")


Scenario("meter", flows=("in_port=1,udp,actions=meter:1,output:2",),
         setup=add_meter)
Scenario("rxqs-8", options=("options:n_rxq=8",), flows=UDP)

# Connection tracking.


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def udp4(src, dst, sport, dport, payload=b"\0" * 18,
         macs=bytes.fromhex("0200000000020200000000010800")):
    """A UDP packet without a UDP checksum."""
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17,
                       0, ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(dst).packed)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return macs + head + udp


def connections(nat, n=1000):
    """Both directions of 'n' connections, 10,000 with each server."""
    outside = "10.9.0.1" if nat else "10.0.0.1"
    for i in range(n):
        server = "198.18.0.%d" % (1 + i // 10000)
        port = 2000 + i % 10000
        yield udp4("10.0.0.1", server, port, 80)
        yield udp4(server, outside, 80, port)


def ct_flows(nat):
    return ("table=0,priority=1,in_port=1,udp,actions=ct(table=1%s)"
            % (",nat" if nat else ""),
            "table=1,ct_state=+trk+new,nw_src=10.0.0.1,udp,actions=ct(commit"
            + (",nat(src=10.9.0.1)" if nat else "") + "),output:2",
            "table=1,ct_state=+trk+est,udp,actions=output:2")


Scenario("ct-established", capture=lambda: connections(False),
         flows=ct_flows(False), settle=3)
Scenario("ct-nat", capture=lambda: connections(True), flows=ct_flows(True),
         settle=3)


# A logical switch, a router and a logical switch: three passes of the tracker
# in two zones, each followed by a recirculation.
OVN_FLOWS = (
    "table=0,priority=1,in_port=1,udp,actions=ct(zone=1,table=1)",
    "table=1,ct_state=+trk+new,nw_src=10.0.0.1,udp,"
    "actions=ct(commit,zone=1),ct(zone=2,table=2)",
    "table=1,ct_state=+trk+est,udp,actions=ct(zone=2,table=2)",
    *("table=2,ct_state=+trk+%s,udp,actions=%sset_field:02:00:00:00:00:09->"
      "eth_src,set_field:02:00:00:00:00:0a->eth_dst,dec_ttl,"
      "ct(zone=1,table=3)" % way
      for way in (("new", "ct(commit,zone=2),"), ("est", ""))),
    "table=3,ct_state=+trk-inv,udp,actions=output:2")
Scenario("ovn-like", capture=lambda: connections(False), flows=OVN_FLOWS,
         settle=3)

# The same with more of them, and with one flow for each of their directions.
MERGE = ("ct-merge=true", "ct-merge-max=1000000")

for name in ("ct-established", "ct-nat", "ovn-like"):
    def capture(n, nat=name == "ct-nat"):
        return lambda: connections(nat, n)

    flows = SCENARIOS[name].flows
    Scenario(name + "-100000", capture=capture(100000), flows=flows,
             settle=10)
    Scenario(name + "-merged", capture=capture(1000), flows=flows,
             settle=5, other_config=MERGE, merged=2000)

    # Here the NIC finds them: 10 s are enough to put two rules each.
    Scenario(name + "-merged-mark", capture=capture(1000), offload=1,
             flows=flows, settle=10, other_config=MERGE, merged=2000)
    Scenario(name + "-100000-merged", capture=capture(100000),
             flows=flows, settle=10, other_config=MERGE, merged=200000)


def allow_connections(switch):
    switch.appctl("dpctl/ct-set-maxconns", 1 << 26)


def forget_all(switch):
    """Removes all connections, and notes how many packets there had been
    before and after that."""
    before = switch.count()
    switch.appctl("dpctl/flush-conntrack")
    switch.forgotten = before, switch.count()


def count_opened(switch):
    """Returns the number of connections, and how many packets have come since
    all were forgotten, at least and at most."""
    before, after = getattr(switch, "forgotten", (0, 0))
    least = switch.count() - after
    opened = int(switch.appctl("dpctl/ct-get-nconns"))
    return opened, least, switch.count() - before


def forget_connections(switch):
    """Sees to it that each packet has opened a connection, and removes them,
    so that the next window finds as few."""
    opened, packets, _ = count_opened(switch)
    if opened < .95 * packets:
        raise RuntimeError("%s: %d packets opened %d connections only"
                           % (switch.name, packets, opened))
    forget_all(switch)


# Each packet opens a connection: streams come in turn, and more than there are
# packets between two windows' ends.
Scenario("ct-new", "streams=%d" % (1 << 23),
         ("table=0,in_port=1,udp,actions=ct(table=1)",
          "table=1,ct_state=+trk+new,udp,actions=ct(commit),output:2",
          "table=1,ct_state=+trk+est,udp,actions=output:2"), settle=0,
         setup=allow_connections, after=forget_connections)

# Connections of a few packets each: set up, established by the second packet,
# and gone.  A thousand are under way at a time.  The window must end before
# the capture begins anew, or connections would be old ones.
SHORT_PACKETS = 6000000


def short_connections(n, count=None):
    """Connections of 'n' packets each, in both directions in turn.  Ports tell
    them apart, which no checksum covers.  There are 'count' of them."""
    ways = udp4("10.0.0.1", "198.18.0.1", 0, 0), udp4("198.18.0.1",
                                                      "10.0.0.1", 0, 0)
    count = count or SHORT_PACKETS // n
    for first in range(0, count, 1000):
        ports = [(1024 + i % 60000, 1 + i // 60000)
                 for i in range(first, min(first + 1000, count))]
        there, back = (
            [way[:34] + struct.pack("!HH", *p[::step]) + way[38:]
             for p in ports] for way, step in zip(ways, (1, -1)))
        for k in range(n):
            yield from back if k % 2 else there


def forget_short(n):
    """Like forget_connections(), for connections of 'n' packets.  A thousand
    had begun before, and a thousand go on."""
    def forget(switch):
        opened, least, most = count_opened(switch)
        if not .9 * least <= opened * n <= 1.1 * most + 2000 * n:
            raise RuntimeError("%s: %d to %d packets opened %d connections"
                               % (switch.name, least, most, opened))
        forget_all(switch)
    return forget


for n in (3, 10, 100):
    for name, config in ("short-%d" % n, ()), ("short-%d-merged" % n, MERGE):
        Scenario(name, capture=lambda n=n: short_connections(n),
                 flows=ct_flows(False), other_config=config,
                 setup=allow_connections, begin=forget_all,
                 after=forget_short(n), settle=0, warm_up=.1, window=.3)

# Bonds.


def write_lacp(switch):
    """Writes what a partner says who is ready, so that a bond gets up."""
    state = 0x3c                        # In sync, collects, distributes.
    pdu = bytes.fromhex("0180c2000002" "020000002001" "8809" "0101")
    for kind in (1, 2):
        pdu += struct.pack("!BBH6sHHHB3x", kind, 20, 1,
                           bytes.fromhex("020000002000"), 1, 1, 1, state)
    pdu += struct.pack("!BBH12x", 3, 16, 0) + bytes(52)
    path = switch.folder + "/lacp.pcap"
    with open(path, "wb") as f:
        f.write(struct.pack("!IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        f.write(struct.pack("!IIII", 0, 0, len(pdu), len(pdu)) + pdu)
    return path


def bond_setup(switch):
    """Bond of two ports, whose partner repeats that it is ready."""
    devargs = "net_simnic%d,mode=pcap,rate=10,file=" + write_lacp(switch)
    members = ("b1", "b2")
    command = ["add-bond", "br0", "bond", *members, "bond_mode=balance-tcp",
               "lacp=active", "other_config:lb-output-action=true"]
    for i, name in enumerate(members):
        command += ["--", "set", "interface", name, "type=dpdk",
                    "options:dpdk-devargs=" + devargs % (i + 5)]
    switch.vsctl(*command)
    for _ in range(100):
        if "negotiated" in switch.appctl("bond/show", "bond").split(
                "lacp_status:")[1].split("\n")[0]:
            return
        time.sleep(.1)
    raise RuntimeError("the bond did not negotiate")


Scenario("bond", "streams=1000", flows=("in_port=1,udp,actions=NORMAL",),
         setup=bond_setup, settle=2)

# Tunnels.

MAC_UNDERLAY = "02:00:00:00:10:01"


def underlay(switch):
    """Bridge 'phy' has the tunnel's address and the physical port."""
    switch.vsctl("add-br", "phy", "--", "set", "bridge", "phy",
                 "datapath_type=netdev",
                 "other_config:hwaddr=" + MAC_UNDERLAY, "--",
                 "add-port", "br0", "vx", "--", "set", "interface", "vx",
                 "type=vxlan", "options:remote_ip=10.1.0.2",
                 "options:key=7", "ofport_request=100")
    switch.in_namespace("ip", "addr", "add", "10.1.0.1/24", "dev", "phy")
    switch.in_namespace("ip", "link", "set", "phy", "up")
    switch.appctl("tnl/arp/set", "phy", "10.1.0.2", "02:00:00:00:10:02")


def push_setup(switch):
    underlay(switch)
    switch.add_port("phy1", "net_simnic7,mode=sink", 1, "phy")


def vxlan_packets():
    inner_macs = bytes.fromhex("0200000000020200000000010800")
    outer_macs = bytes.fromhex(MAC_UNDERLAY.replace(":", "")
                               + "0200000010020800")
    for i in range(1000):
        inner = udp4("10.0.0.1", "198.18.0.1", 2000 + i, 80, macs=inner_macs)
        vxlan = struct.pack("!II", 0x08000000, 7 << 8) + inner
        yield udp4("10.1.0.2", "10.1.0.1", 50000 + i, 4789, vxlan, outer_macs)


Scenario("vxlan-push", "streams=1000", setup=push_setup,
         flows=("in_port=1,udp,actions=output:100",), settle=2)
Scenario("vxlan-pop", capture=vxlan_packets, setup=underlay,
         flows=("in_port=100,udp,actions=output:2",), settle=2)
SCENARIOS["vxlan-pop"].bridge = "phy"

# Offload.  Megaflows as in the measures that the feature was published with:
# "udp,tp_src", of a million connections.


def by_udp(n):
    """Flows for the generator's megaflows by UDP source port, of which there
    are not more than 64,512; by address else."""
    if n <= 60000:
        return ["in_port=1,udp,tp_src=%d,actions=output:2" % (1024 + i)
                for i in range(n)]
    return [f.replace("ip,", "udp,") for f in by_address(n)]


def million(n, more):
    return ("streams=1000000,megaflows=%d,mega=%s,%s"
            % (n, "l4-src" if n <= 60000 else "ip-dst", more))


def pair(name, n, more, memory=512):
    for offload, prefix in ((n, "offload"), (0, "software")):
        Scenario(prefix + "-" + name, million(n, more), by_udp(n),
                 offload=offload, settle=2, memory=memory, megaflows=n,
                 other_config=("flow-limit=1000000",))


for order in ("rr", "zipf:1", "rand"):
    for n in (1000, 10000, 60000, 500000):
        # In another order, the last flows come when the first have gone.
        if n < 500000 or order == "rr":
            pair("%d-%s" % (n, order), n, "order=" + order)
pair("cold", 1000, "cold=1")
