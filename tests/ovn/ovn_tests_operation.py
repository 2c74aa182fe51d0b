# SPDX-License-Identifier: Apache-2.0
"""Tests of what operators and misfortune do to a deployment."""

import re
import signal

from ovn_host import WHO
from ovn_lab import CHASSIS, ip4, ip6


class Skip(Exception):
    """Not in this lab; the text says why."""


def all_well(lab, when):
    """Whoever can reach another does so, and nothing is lost any more."""
    for source, target in (("red1", "red2"), ("blue2", "red1"),
                           ("blue1", "red3"), ("red3", "outside")):
        what = "%s to %s %s" % (source, target, when)
        answers = target + "@[^ ]*=%d"
        if lab.expect(what, answers % 10, lab[source].ask, "udp", ip4(target),
                      WHO, 10):
            lab.expect_now("all, " + what, answers % 200, lab[source].ask,
                           "udp", ip4(target), WHO, 200)
    lab.expect("IPv6 " + when, "3", lab["red1"].pings, ip6("blue2"))
    lab.expect("NAT " + when, r"outside@198\.51\.100\.1=10", lab["blue2"].ask,
               "tcp", ip4("outside"), WHO, 10)


def test_trace(lab, _undo):
    """ovn-trace and ofproto/trace know the way"""
    flow = ("inport == \"red1\" && eth.src == 0a:00:00:00:01:01 && "
            "eth.dst == %s && ip4.src == 10.1.0.1 && ip4.dst == %s && "
            "ip.ttl == 64 && icmp4")
    for mac, target, way in (
            ("0a:00:00:00:01:02", "red2", r'output\("red2"\)'),
            ("0a:00:00:00:01:ff", "blue2", r'ip\.ttl--.*output\("blue2"\)')):
        lab.expect("ovn-trace to " + target, ".*%s.*" % way, lab.run,
                   "ovn-trace", "--minimal", "red", flow % (mac, ip4(target)))
    chassis = lab.chassis["ch1"]
    lab.expect("ofproto/trace", ".*tnl_push.*", chassis.appctl,
               "ofproto/trace", "br-int", "in_port=%s,icmp,dl_src=0a:00:00:00:"
               "01:01,dl_dst=0a:00:00:00:01:ff,nw_src=10.1.0.1,"
               "nw_dst=10.2.0.2,nw_ttl=64" % chassis.port("red1"))


def test_migrate(lab, undo):
    """a host moves to another chassis and back, with its connections"""
    red2 = lab["red2"]
    undo.callback(red2.hang_up)
    lab.expect("a connection", "None", red2.connect, ip4("red1"))
    for home in "ch3", "ch1":
        lab.plug("red1", home)
        lab.expect("is at " + home, home, lab.claimed_by, "red1")
        lab.expect("goes on, at " + home, "heard", red2.talk)
        all_well(lab, "when red1 is at " + home)


def test_restart(lab, _undo):
    """switches are killed and come back; ovn-controller is replaced"""
    for name in "ch1", "ch2":
        lab.chassis[name].end_switch(signal.SIGKILL)
        lab.chassis[name].start_switch()
        all_well(lab, "after %s was killed" % name)
    lab.chassis["ch3"].end_switch()
    lab.chassis["ch3"].start_switch()
    all_well(lab, "after ch3 has ended")

    chassis = lab.chassis["ch1"]
    answers = "red1@10.1.0.2=300"
    ask = lab["red2"].ask, "udp", ip4("red1"), WHO, 300
    chassis.end_controller(restart=True)
    lab.expect_now("all, without ovn-controller", answers, *ask)
    chassis.start_controller()
    lab.expect_now("all, while it starts", answers, *ask)
    lab.sync()
    lab.expect_now("all, when it has started", answers, *ask)
    lab.chassis["ch2"].end_controller()
    lab.chassis["ch2"].start_controller()
    lab.sync()
    all_well(lab, "after ovn-controller was replaced")


def test_failover(lab, _undo):
    """a gateway dies: BFD between chassis finds out, another takes over"""
    ch1, ch2 = lab.chassis["ch1"], lab.chassis["ch2"]
    gateway = "cr-r-public"
    lab.expect("BFD is up", "up", ch2.bfd_state, "ch1")
    lab.expect("ch1 is the gateway", "ch1", lab.claimed_by, gateway)
    ch1.end_switch(signal.SIGKILL)
    lab.expect("BFD is down", "down", ch2.bfd_state, "ch1")
    lab.expect("ch2 is the gateway", "ch2", lab.claimed_by, gateway)
    lab.expect("NAT by ch2", r"outside@198\.51\.100\.1=30", lab["blue2"].ask,
               "tcp", ip4("outside"), WHO, 30)
    ch1.start_switch()
    lab.expect("BFD is up again", "up", ch2.bfd_state, "ch1")
    lab.expect("ch1 is the gateway again", "ch1", lab.claimed_by, gateway)
    all_well(lab, "when ch1 is back")
    lab.expect("NAT by ch1", ".*198.51.100.100.*", ch1.appctl,
               "dpctl/dump-conntrack")


def test_encap(lab, undo):
    """other tunnels: VXLAN, and Geneve again"""
    def tunnels(kind):
        for chassis in lab.chassis.values():
            chassis.vsctl("set", "Open_vSwitch", ".",
                          "external_ids:ovn-encap-type=" + kind)
        for name in CHASSIS:
            lab.expect("%s has %s tunnels" % (name, kind), kind, lambda:
                       " ".join(set(lab.chassis[name].vsctl(
                           "--bare", "--columns=type", "find", "interface",
                           "options:remote_ip!=\"\"").split())))
        lab.sync()

    undo.callback(tunnels, "geneve")
    for kind in "vxlan", "geneve":
        tunnels(kind)
        all_well(lab, "by " + kind)
        lab.expect("full size by " + kind, "3", lab["red3"].pings,
                   ip4("blue2"), "-s", "1472", "-M", "do")


def test_toggle(lab, undo):
    """hw-offload is set and unset while the switches run, and at start"""
    def offload(value):
        for chassis in lab.chassis.values():
            chassis.vsctl("set", "Open_vSwitch", ".",
                          "other_config:hw-offload=" + value)

    before = str(lab.offload).lower()
    undo.callback(offload, before)
    for value in ("false" if lab.offload else "true"), before:
        offload(value)
        all_well(lab, "with " + value)
        lab.expect("megabytes with " + value, "same", lab["red1"].send,
                   ip4("blue2"), 5_000_000)
        for chassis in lab.chassis.values():
            chassis.end_switch()
            chassis.start_switch()
        all_well(lab, "after a start with " + value)


def test_nic(lab, _undo):
    """with NICs: flows are there, packets bring marks or never come at all"""
    if not lab.offload:
        raise Skip("there are no NICs in this lab")
    all_well(lab, "before")
    targets = (("red1", "red2"), ("red2", "red3"), ("red3", "red1"))

    def send():
        """Traffic that each chassis sends and gets by a tunnel."""
        for source, target in targets:
            lab[source].ask("udp", ip4(target), WHO, 100)

    def marks(chassis):
        """How many packets came with the mark of their flow."""
        send()
        return re.search(r"phwol hits: (\d+)", chassis.appctl(
            "dpif-netdev/pmd-stats-show"))[1]

    def offloaded(chassis, how, port, action):
        """How many flows of 'port' are in a NIC."""
        send()
        return sum(re.search(r"in_port\(%s\).*actions:.*%s" % (port, action),
                             line) is not None
                   for line in chassis.appctl("dpctl/dump-flows", "-m",
                                              "type=" + how).splitlines())

    for name, (host, _) in zip(CHASSIS, targets):
        chassis = lab.chassis[name]
        lab.expect(name + ": marks", "[1-9].*", marks, chassis)
        lab.expect(name + ": flows of a host", "[1-9].*", offloaded, chassis,
                   "partially-offloaded", chassis.port(host), "tnl_push")
        lab.expect(name + ": flows of the tunnels", "[1-9].*", offloaded,
                   chassis, "partially-offloaded", chassis.port("under"),
                   "tnl_pop")

    # In one chassis, without conntrack: the NIC does it all, and counts.  A
    # new port has new counters.
    lab.plug("red1", "ch1")
    ch1, red1 = lab.chassis["ch1"], lab["red1"]
    port = ch1.port("red1")

    def whole():
        red1.ask("udp", ip4("blue1"), WHO, 100)
        return sum(re.search(r"in_port\(%s\).*offloaded:yes, dp:dpdk" % port,
                             line) is not None
                   for line in ch1.appctl("dpctl/dump-flows", "-m",
                                          "type=offloaded").splitlines())

    lab.expect("a flow runs in the NIC", "[1-9].*", whole)
    lab.expect("what the NIC forwards arrives", "blue1@10.1.0.1=1000",
               red1.ask, "udp", ip4("blue1"), WHO, 1000)

    def uncounted():
        """How many of red1's packets OpenFlow has not counted."""
        sent = red1.netns("cat", "/sys/class/net/eth0/statistics/tx_packets")
        number = ch1.vsctl("get", "interface", port, "ofport")
        return int(sent) - sum(int(n) for n in re.findall(
            r" n_packets=(\d+),.*[, ]in_port=%s " % number, ch1.run(
                "ovs-ofctl", "--no-names", "dump-flows", "br-int", "table=0")))

    # Some were sent before there was a flow.
    lab.expect("and is counted, once", "1?[0-9]", uncounted)


def test_logs(lab, _undo):
    """nothing is wrong in the switches' logs, and none has died"""
    for name, chassis in lab.chassis.items():
        lab.expect_now("%s is alive" % name, "None", chassis.switch.poll)
        bad = chassis.log(r"\|(ERR|EMER)\||assert")
        lab.expect_now("log of " + name, "", lambda: "\n".join(bad[:5]))
        chassis.appctl("exit")
        lab.expect("%s ends" % name, "0", chassis.switch.poll)
        chassis.switch = None
        with open(chassis.folder + "/out", errors="replace") as f:
            bad = re.findall(r".*(?:Sanitizer|runtime error).*", f.read())
        lab.expect_now("output of " + name, "", lambda: "\n".join(bad[:5]))


TESTS = (test_trace, test_nic, test_migrate, test_restart, test_failover,
         test_encap, test_toggle, test_logs)
