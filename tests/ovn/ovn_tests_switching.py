# SPDX-License-Identifier: Apache-2.0
"""Tests of logical switches, and of what they do with packets on their way.

A test gets the lab and a stack of what shall be undone after it."""

from ovn_host import GROUP_PORT, WHO, WHO_ELSE
from ovn_lab import HOMES, addresses, ip4, ip6

CLOSED = 7777               # A port that nobody listens to.


def test_reach(lab, _undo):
    """everybody reaches everybody, in and between chassis, both IPs"""
    for source in "red1", "red3", "blue2":
        for target in [*HOMES, "outside"]:
            for address in ip4(target), ip6(target):
                lab.expect("%s to %s" % (source, address), "3",
                           lab[source].pings, address)
        for address in "10.1.0.254", "198.51.100.1", "fd01::ff", "fd02::ff":
            lab.expect("%s to router's %s" % (source, address), "3",
                       lab[source].pings, address)
    # Everybody knows everybody by now: from now on nothing is lost.
    for source, target in (("red1", "red2"), ("blue2", "red3"),
                           ("blue1", "red1"), ("red3", "outside")):
        for address in ip4(target), ip6(target):
            if target == "outside" and ":" in address:
                continue                # Only IPv4 is translated.
            lab.expect_now("all of %s to %s" % (source, address),
                           target + "@[^ ]*=300", lab[source].ask, "udp",
                           address, WHO, 300)


def test_size(lab, _undo):
    """packets as large as they may be, fragments, and megabytes"""
    for target in "red1", "red2", "blue1", "blue2", "outside":
        lab.expect("1472 bytes to " + target, "3", lab["red3"].pings,
                   ip4(target), "-s", "1472", "-M", "do")
        for size in "4000", "20000":
            lab.expect("%s bytes, in fragments, to %s" % (size, target), "3",
                       lab["red3"].pings, ip4(target), "-s", size)
        lab.expect("4000 bytes, in fragments, to %s, IPv6" % target, "3",
                   lab["red3"].pings, ip6(target), "-s", "4000")
    for source, target in (("red1", "blue2"), ("red2", "outside")):
        lab.expect("UDP, 5000 bytes, to " + target, target + "@.*=20",
                   lab[source].ask, "udp", ip4(target), WHO, 20, 5000)
    for source, address in (("red1", ip4("red2")), ("blue2", ip4("red1")),
                            ("red2", ip4("outside")), ("red1", ip6("blue2"))):
        lab.expect("20 MB from %s to %s" % (source, address), "same",
                   lab[source].send, address, 20_000_000)


def test_mtu(lab, undo):
    """a router says that a packet is too large"""
    blue2 = lab["blue2"]
    lab.set("lrp-set-options", "r-public", "gateway_mtu=1300")
    undo.callback(lab.set, "lrp-set-options", "r-public")

    def forget():
        blue2.ip("route", "flush", "cache")
        blue2.ip("-6", "route", "flush", "cache")

    undo.callback(forget)
    lab.expect("too large", r".*mtu ?= ?1300.*", blue2.ping, ip4("outside"),
               "-s", "1400", "-M", "do")
    lab.expect("not too large", "3", lab["blue1"].pings, ip4("outside"), "-s",
               "1200", "-M", "do")
    forget()
    lab.expect("TCP finds out", "same", blue2.send, ip4("outside"), 2_000_000)
    lab.expect("too large, IPv6", r".*mtu ?[=:]? ?1300.*", blue2.ping,
               ip6("outside"), "-s", "1440", "-M", "do")


def test_ttl(lab, _undo):
    """a router says that a packet has travelled enough"""
    lab.expect("TTL 1", r".*From 10\.1\.0\.254.*exceeded.*",
               lab["red1"].ping, ip4("blue2"), "-t", "1")
    lab.expect("TTL 2", "3", lab["red1"].pings, ip4("blue2"), "-t", "2")
    lab.expect("hop limit 1", ".*exceeded.*", lab["red1"].ping, ip6("blue2"),
               "-t", "1")


def test_acl(lab, undo):
    """stateful ACLs: allowed, dropped, rejected, related, and changed"""
    red1, blue2 = lab["red1"], lab["blue2"]
    lab.nb("pg-add", "pg", "red1", "red2", "red3")
    undo.callback(lab.set, "pg-del", "pg")

    def acl(direction, priority, match, verdict):
        lab.nb("acl-add", "pg", direction, str(priority), "%s == @pg && %s" % (
            "outport" if direction == "to-lport" else "inport", match),
               verdict)

    acl("to-lport", 1000, "ip", "drop")
    for match in "icmp4", "tcp.dst == %d" % WHO, "udp.dst == %d" % WHO:
        acl("to-lport", 1001, "ip4 && " + match, "allow-related")
    for protocol in "tcp", "udp":
        acl("to-lport", 1002, "ip4 && %s.dst == 9998" % protocol, "reject")
    acl("from-lport", 1001, "ip", "allow-related")
    acl("from-lport", 1002, "ip4 && tcp.dst == 9997", "reject")
    lab.sync()
    for protocol in "tcp", "udp":
        lab.expect(protocol + " allowed", "red2@10.2.0.2=20", blue2.ask,
                   protocol, ip4("red2"), WHO, 20)
        lab.expect(protocol + " dropped", "silence=1", blue2.ask, protocol,
                   ip4("red1"), WHO_ELSE, 1)
        lab.expect(protocol + " rejected", "refused=5", blue2.ask, protocol,
                   ip4("red1"), 9998, 5)
        lab.expect(protocol + " from inside", "blue2@10.1.0.1=20", red1.ask,
                   protocol, ip4("blue2"), WHO_ELSE, 20)
    lab.expect("rejected inside", "refused=5", red1.ask, "tcp", ip4("blue1"),
               9997, 5)
    lab.expect("ICMP allowed", "3", blue2.pings, ip4("red1"))
    lab.expect("ICMP allowed, fragments", "3", blue2.pings, ip4("red2"), "-s",
               "6000")
    lab.expect("UDP from inside, fragments", "blue2@10.1.0.1=5", red1.ask,
               "udp", ip4("blue2"), WHO, 5, 5000)
    lab.expect("IPv6 dropped", "0", blue2.pings, ip6("red1"))
    lab.expect("an ICMP error is related", "refused=3", red1.ask, "udp",
               ip4("blue2"), CLOSED, 3)
    lab.expect("megabytes", "same", red1.send, ip4("blue2"), 10_000_000)

    # What was allowed ends with its ACL.
    acl("to-lport", 1005, "tcp", "allow-related")
    lab.sync()
    undo.callback(blue2.hang_up)
    lab.expect("a connection", "None", blue2.connect, ip4("red1"))
    lab.expect_now("is used", "heard", blue2.talk)
    lab.set("acl-del", "pg", "to-lport", "1005", "outport == @pg && tcp")
    lab.expect("is cut off", "timed out|closed|.*reset.*", blue2.talk, 3)


def test_acl_log(lab, undo):
    """ACLs that log, through a meter"""
    lab.nb("meter-add", "few", "drop", "5", "pktps", "2")
    undo.callback(lab.set, "meter-del", "few")
    lab.set("--log", "--severity=alert", "--name=loud", "--meter=few",
            "acl-add", "red", "to-lport", "1000",
            'outport == "red2" && icmp4', "drop")
    undo.callback(lab.set, "acl-del", "red")

    def logged():
        n = 0
        for chassis in lab.chassis.values():
            with open(chassis.folder + "/ovn-controller.log") as f:
                n += sum("loud" in line for line in f)
        return n

    lab.expect("dropped", "0", lab["red1"].pings, ip4("red2"))
    lab.expect("some are logged", "[1-9].*", logged)
    before = logged()
    lab["red1"].ping(ip4("red2"), "-c", "300", "-i", "0.01", "-W", "1")
    # 3 seconds or so, even if that is 10 on a slow machine.
    lab.expect("not all are logged", "True",
               lambda: 1 <= logged() - before < 100)


def test_security(lab, undo):
    """port security: no addresses but one's own"""
    red1 = lab["red1"]
    mac, four, six = addresses("red1")
    lab.set("lsp-set-port-security", "red1", "%s %s %s" % (mac, four, six))
    undo.callback(lab.set, "lsp-set-port-security", "red1")
    undo.callback(red1.address)
    lab.expect("own address", "3", red1.pings, ip4("red2"))
    lab.expect("own address, IPv6", "3", red1.pings, ip6("red2"))
    red1.ip("address", "add", "10.1.0.77/24", "dev", "eth0")
    undo.callback(red1.ip, "address", "delete", "10.1.0.77/24", "dev", "eth0")
    lab.expect("another's", "0", red1.pings, ip4("red2"), "-I", "10.1.0.77")
    red1.ip("address", "add", "fd01::77/64", "dev", "eth0", "nodad")
    undo.callback(red1.ip, "address", "delete", "fd01::77/64", "dev", "eth0")
    lab.expect("another's, IPv6", "0", red1.pings, ip6("red2"), "-I",
               "fd01::77")
    red1.ip("link", "set", "eth0", "address", "0a:00:00:00:01:66")
    lab.expect("another's MAC", "0", red1.pings, ip4("red2"))
    red1.address()
    lab.expect("own again", "3", red1.pings, ip4("red2"))


def test_qos(lab, undo):
    """QoS: a rate, by a meter, and DSCP marks"""
    red1, red2 = lab["red1"], lab["red2"]
    burst = 500
    undo.callback(red2.stop, "capture")

    def arrived(source):
        """Per cent of a stream of 500 datagrams."""
        red2.capture()
        lab[source].stream(ip4("red2"), 20, 1200, burst)
        pattern = "ip %s .*port %d" % (ip4(source), GROUP_PORT)
        last = -1
        while red2.captured(pattern) > last:
            last = red2.captured(pattern)
            lab[source].ping(ip4("red2"))       # Comes behind them.
        return 100 * last // burst

    lab.expect("without, all", "(9[5-9]|100)", arrived, "red1")
    lab.set("qos-add", "red", "from-lport", "100", 'inport == "red1" && udp',
            "rate=2000", "burst=200")
    undo.callback(lab.set, "qos-del", "red")
    # 4.8 megabits; a slow machine may take a second for them, not two.
    lab.expect("of 2 Mbit/s, some", "[1-9]|[1-8][0-9]", arrived, "red1")
    lab.expect("others, all", "(9[5-9]|100)", arrived, "red3")
    lab.expect("the meter counts drops", "[1-9][0-9]*", lambda: sum(
        int(word) for line in lab.chassis["ch1"].run(
            "ovs-ofctl", "-O", "OpenFlow15", "meter-stats", "br-int"
        ).splitlines() if line.strip().startswith("0:")
        for word in line.replace(":", " ").split()[2:3]))
    lab.set("qos-del", "red")
    lab.set("qos-add", "red", "from-lport", "100", 'inport == "red1" && ip4',
            "dscp=40")

    def marked():
        red2.capture()
        red1.ping(ip4("red2"))
        return red2.captured("ip 10.1.0.1 .*tos 0xa0, proto 1$")

    lab.expect("DSCP", "[1-9]", marked)


def hears(lab, group, source, target):
    """Sends to 'group' until 'target', who has joined, hears it."""
    lab[source].shout(group, 10)
    return "heard" if lab[target].heard(group) else "nothing"


def test_multicast(lab, undo):
    """multicast: flooded, snooped, and relayed by the router"""
    group, group6, relayed = "239.1.2.3", "ff0e::42", "239.1.2.4"

    def join(host, to):
        lab[host].join(to)
        undo.callback(lab[host].leave, to)

    join("red2", group)
    join("red3", group)
    for host in "red2", "red3":
        lab.expect("without snooping, " + host, "heard", hears, lab, group,
                   "red1", host)
    undo.pop_all().close()
    lab.set("set", "logical_switch", "red", "other_config:mcast_snoop=true",
            "other_config:mcast_querier=true",
            "other_config:mcast_eth_src=0a:00:00:00:01:fe",
            "other_config:mcast_ip4_src=10.1.0.253",
            "other_config:mcast_ip6_src=fe80::253",
            "other_config:mcast_query_interval=1")
    undo.callback(lab.set, "clear", "logical_switch", "red", "other_config")
    for to in group, group6:
        join("red2", to)
        lab.expect("group %s is known" % to, ".*%s.*" % to, lab.sb, "--bare",
                   "--columns=address", "list", "igmp_group")
        lab.expect("who has joined %s hears it" % to, "heard", hears, lab, to,
                   "red1", "red2")
    lab["red3"].capture()
    undo.callback(lab["red3"].stop, "capture")
    lab.expect_now("again", "heard", hears, lab, group, "red1", "red2")
    lab.expect("packets come", "3", lab["red1"].pings, ip4("red3"))
    lab.expect_now("but not those for others", "0", lab["red3"].captured,
                   "> %s" % group)
    lab.set("set", "logical_router", "r", "options:mcast_relay=true",
            "--", "set", "logical_switch", "blue",
            "other_config:mcast_snoop=true")
    undo.callback(lab.set, "clear", "logical_switch", "blue", "other_config")
    undo.callback(lab.set, "remove", "logical_router", "r", "options",
                  "mcast_relay")
    join("blue2", relayed)
    lab.expect("through the router", "heard", hears, lab, relayed, "red1",
               "blue2")


def test_vlan(lab, undo):
    """VLAN tags: a container in a host, and a network by localnet"""
    # Part of switch "blue", by red1's port and tag 5.
    red1 = lab["red1"]
    lab.set("lsp-add", "blue", "container", "red1", "5",
            "--", "lsp-set-addresses", "container",
            "0a:00:00:00:02:09 10.2.0.9")
    undo.callback(lab.set, "lsp-del", "container")
    red1.vlan(5, "inner")
    undo.callback(red1.stop, "vlan")
    red1.ip("link", "set", "inner", "address", "0a:00:00:00:02:09", "up")
    red1.ip("address", "add", "10.2.0.9/24", "dev", "inner")
    for source in "blue2", "blue1":
        lab.expect("container, from " + source, "3", lab[source].pings,
                   "10.2.0.9")
    lab.expect("container, TCP", r"red1@10\.2\.0\.2=10", lab["blue2"].ask,
               "tcp", "10.2.0.9", WHO, 10)

    # Another network on the same wires.
    outside = lab["outside"]
    lab.nb("ls-add", "tagged", "--", "lsp-add", "tagged", "tagged-wire", "",
           "42", "--", "lsp-set-type", "tagged-wire", "localnet",
           "--", "lsp-set-addresses", "tagged-wire", "unknown",
           "--", "lsp-set-options", "tagged-wire", "network_name=public")
    undo.callback(lab.set, "ls-del", "tagged")
    lab.connect("tagged", "r", "0a:00:00:00:42:fe", "10.42.0.254/24")
    undo.callback(lab.nb, "lrp-del", "r-tagged")
    lab.set("lrp-set-gateway-chassis", "r-tagged", "ch2", "10")
    outside.vlan(42, "tagged")
    undo.callback(outside.stop, "vlan")
    outside.ip("link", "set", "tagged", "up")
    outside.ip("address", "add", "10.42.0.1/24", "dev", "tagged")
    for network in "10.1.0.0/24", "10.2.0.0/24":
        outside.ip("route", "add", network, "via", "10.42.0.254")
    outside.capture()
    undo.callback(outside.stop, "capture")
    for source in "red1", "red2", "blue2":
        lab.expect("by tag 42, from " + source, "3", lab[source].pings,
                   "10.42.0.1")
    lab.expect("by tag 42, TCP", r"outside@10\.1\.0\.3=10", lab["red3"].ask,
               "tcp", "10.42.0.1", WHO, 10)
    lab.expect("the tag is on the wire", "[1-9].*", outside.captured,
               "vlan 42, ip 10.1.0.3 > 10.42.0.1")
    lab.expect_now("never without", "0", outside.captured,
                   "^ip .* > 10.42.0.1")


def test_mirror(lab, undo):
    """OVN's mirrors by GRE, and Open vSwitch's own"""
    spy = lab["spy"]
    lab.nb("mirror-add", "m", "gre", "7", "from-lport", "192.0.2.100")
    undo.callback(lab.set, "mirror-del", "m")
    lab.set("lsp-attach-mirror", "red1", "m")
    undo.callback(lab.set, "lsp-detach-mirror", "red1", "m")
    spy.capture()
    undo.callback(spy.stop, "capture")

    def mirrored(protocol):
        lab["red1"].pings(ip4("red2"))
        return spy.captured("ip 192.0.2.1 > 192.0.2.100, .*proto %d$"
                            % protocol)

    lab.expect("by GRE", "[1-9].*", mirrored, 47)
    lab.expect_now("and the packets arrive", "3", lab["red1"].pings,
                   ip4("red2"))
    lab.set("lsp-detach-mirror", "red1", "m")
    lab.expect("no more", "0", lambda: (
        spy.capture(), mirrored(47))[1])

    # What passes ch1's br-ex, to a wire that nothing else uses.
    chassis = lab.chassis["ch1"]
    spy.cable("eth1", "ch1", "mirror")
    chassis.add_port("br-ex", "mirror")
    undo.callback(chassis.unplug, "mirror")
    lab.expect("before", "3", lab["red2"].pings, ip4("outside"))
    chassis.vsctl(
        "--", "--id=@to", "get", "port", chassis.port("mirror"),
        "--", "--id=@m", "create", "mirror", "name=all", "select_all=true",
        "output_port=@to", "--", "set", "bridge", "br-ex", "mirrors=@m")
    undo.callback(chassis.vsctl, "clear", "bridge", "br-ex", "mirrors")
    spy.capture("eth1")
    for pattern in ("ip 198.51.100.1 > 198.51.100.100, .*proto 1$",
                    "ip 198.51.100.100 > 198.51.100.1, .*proto 1$"):
        lab.expect("by a port: " + pattern, "[1-9].*", lambda: (
            lab["red2"].pings(ip4("outside")), spy.captured(pattern))[1])


# Mirrors before VLANs: ovn-controller 23.03 crashes if a mirror comes after a
# container in a host of another chassis.
TESTS = (test_reach, test_size, test_mtu, test_ttl, test_acl, test_acl_log,
         test_security, test_qos, test_multicast, test_mirror, test_vlan)
