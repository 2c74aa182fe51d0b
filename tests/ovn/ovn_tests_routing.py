# SPDX-License-Identifier: Apache-2.0
"""Tests of logical routers, load balancers, and services of OVN's own."""

import re

from ovn_host import WHO
from ovn_lab import ip4, ip6
from ovn_tests_switching import CLOSED


def test_nat(lab, undo):
    """SNAT, floating addresses, and distributed ones"""
    outside = lab["outside"]
    for protocol in "tcp", "udp":
        lab.expect("SNAT, " + protocol, r"outside@198\.51\.100\.1=20",
                   lab["red1"].ask, protocol, ip4("outside"), WHO, 20)
    lab.nb("lr-nat-add", "r", "dnat_and_snat", "198.51.100.11", ip4("red2"))
    undo.callback(outside.ip, "neigh", "flush", "all")
    undo.callback(lab.set, "lr-nat-del", "r", "dnat_and_snat")
    lab.nb("lr-nat-add", "r", "dnat_and_snat", "198.51.100.22", ip4("blue2"),
           "blue2", "0a:00:00:00:10:22")
    lab.nb("lr-nat-add", "r", "dnat_and_snat", "fd10::11", ip6("red2"))
    lab.sync()
    lab.expect("in", "red2@198.51.100.100=20", outside.ask, "tcp",
               "198.51.100.11", WHO, 20)
    lab.expect("in, IPv6", "red2@fd10::100=20", outside.ask, "tcp",
               "fd10::11", WHO, 20)
    lab.expect("out", "outside@198.51.100.11=20", lab["red2"].ask, "tcp",
               ip4("outside"), WHO, 20)
    lab.expect("distributed, in", "blue2@198.51.100.100=20", outside.ask,
               "tcp", "198.51.100.22", WHO, 20)
    lab.expect("distributed, out", "outside@198.51.100.22=20",
               lab["blue2"].ask, "udp", ip4("outside"), WHO, 20)
    lab.expect("distributed, fragments", "3", outside.pings, "198.51.100.22",
               "-s", "4000")
    lab.expect("distributed, its MAC", ".*0a:00:00:00:10:22.*", outside.ip,
               "neigh", "show", "198.51.100.22")
    lab.expect_now("distributed, not by the gateway", "0", lambda: lab.chassis[
        "ch1"].appctl("dpctl/dump-conntrack").count("198.51.100.22"))
    lab.expect("from one to the other", "blue2@198.51.100.11=20",
               lab["red2"].ask, "tcp", "198.51.100.22", WHO, 20)
    lab.expect("megabytes", "same", outside.send, "198.51.100.22", 10_000_000)
    for address in "198.51.100.11", "198.51.100.22":
        lab.expect("ICMP errors through " + address, "refused=3", outside.ask,
                   "udp", address, CLOSED, 3)


def test_lb(lab, undo):
    """load balancers of a switch: backends, hairpin, affinity, health"""
    red1, red2 = lab["red1"], lab["red2"]

    def balance(name, address, backends, protocol="tcp"):
        lab.nb("lb-add", name, address, ",".join(backends), protocol)
        undo.callback(lab.set, "lb-del", name)
        for switch in "red", "blue":
            lab.nb("ls-lb-add", switch, name)

    backends = ["%s:%d" % (ip4(host), WHO) for host in ("red2", "red3")]
    balance("two", "10.8.0.1:80", backends)
    balance("two-udp", "10.8.0.1:80", backends, "udp")
    balance("six", "[fd08::1]:80", ["[%s]:%d" % (ip6(host), WHO)
                                    for host in ("red2", "red3")])
    balance("own", "10.8.0.2:80", backends[:1])
    balance("none", "10.8.0.3:80", [""])
    lab.set("set", "load_balancer", "none", "options:reject=true")

    for protocol in "tcp", "udp":
        lab.expect("two backends, " + protocol,
                   r"red2@10\.1\.0\.1=\d+ red3@10\.1\.0\.1=\d+", red1.ask,
                   protocol, "10.8.0.1", 80, 60)
        lab.expect("one is the client, " + protocol,
                   r"red2@10\.8\.0\.1=\d+ red3@10\.1\.0\.2=\d+", red2.ask,
                   protocol, "10.8.0.1", 80, 60)
    lab.expect("two backends, IPv6", r"red2@fd01::1=\d+ red3@fd01::1=\d+",
               red1.ask, "tcp", "fd08::1", 80, 60)
    lab.expect("from the other switch",
               r"red2@10\.2\.0\.2=\d+ red3@10\.2\.0\.2=\d+", lab["blue2"].ask,
               "tcp", "10.8.0.1", 80, 60)
    lab.expect("the client only", r"red2@10\.8\.0\.2=20", red2.ask, "tcp",
               "10.8.0.2", 80, 20)
    lab.expect("no backend", "refused=3", red1.ask, "tcp", "10.8.0.3", 80, 3)

    lab.set("set", "load_balancer", "two", "selection_fields=ip_src,ip_dst")
    lab.expect("one client, one backend", r"red[23]@10\.1\.0\.1=30", red1.ask,
               "tcp", "10.8.0.1", 80, 30)
    lab.nb("clear", "load_balancer", "two", "selection_fields")
    lab.set("set", "load_balancer", "two", "options:affinity_timeout=60")
    lab.expect("affinity", r"red[23]@10\.1\.0\.1=30", red1.ask, "tcp",
               "10.8.0.1", 80, 30)
    lab.set("clear", "load_balancer", "two", "options")

    # A backend leaves; another does not answer.
    lab.set("set", "load_balancer", "two",
            'vips:"10.8.0.1:80"="%s"' % backends[1])
    lab.expect("one is left", r"red3@10\.1\.0\.1=30", red1.ask, "tcp",
               "10.8.0.1", 80, 30)
    lab.nb("set", "load_balancer", "two", 'vips:"10.8.0.1:80"="%s,%s:%d"' % (
        backends[1], ip4("red2"), CLOSED), *(
            'ip_port_mappings:"%s"="%s:10.1.0.250"' % (ip4(host), host)
            for host in ("red2", "red3")))
    lab.nb("--id=@check", "create", "load_balancer_health_check",
           r'vip="10.8.0.1:80"', "options:interval=1", "options:timeout=1",
           "options:success_count=1", "options:failure_count=1",
           "--", "add", "load_balancer", "two", "health_check", "@check")
    lab.expect("health", "offline online", lambda: " ".join(sorted(
        lab.sb("--bare", "--columns=status", "list", "service_monitor")
        .split())))
    lab.sync()
    lab.expect("the healthy one only", r"red3@10\.1\.0\.1=30", red1.ask,
               "tcp", "10.8.0.1", 80, 30)


def make_gateway(lab, undo):
    """A router in one chassis, "gw", beside the distributed one."""
    lab.nb("lr-add", "gw", "--", "set", "logical_router", "gw",
           "options:chassis=ch2")
    undo.callback(lab.set, "lr-del", "gw", "--", "lsp-del", "red-gw",
                  "--", "lsp-del", "public-gw")
    lab.connect("red", "gw", "0a:00:00:00:01:c8", "10.1.0.200/24")
    lab.connect("public", "gw", "0a:00:00:00:10:02", "198.51.100.2/24")


def test_lb_router(lab, undo):
    """load balancers of routers, distributed and gateway, with SNAT"""
    outside = lab["outside"]
    backends = "%s:%d,%s:%d" % (ip4("red1"), WHO, ip4("blue2"), WHO)
    lab.nb("lb-add", "out", "198.51.100.80:80", backends, "tcp")
    undo.callback(lab.set, "lb-del", "out")
    lab.set("lr-lb-add", "r", "out")
    seen = r"198\.51\.100\.100=\d+"
    lab.expect("from outside", "blue2@%s red1@%s" % (seen, seen), outside.ask,
               "tcp", "198.51.100.80", 80, 60)

    make_gateway(lab, undo)
    lab.nb("set", "logical_router", "gw", "options:lb_force_snat_ip=router_ip",
           "--", "lb-add", "gwlb", "198.51.100.81:80", "%s:%d,%s:%d"
           % (ip4("red1"), WHO, ip4("red3"), WHO), "tcp")
    undo.callback(lab.set, "lb-del", "gwlb")
    lab.set("lr-lb-add", "gw", "gwlb")
    seen = r"10\.1\.0\.200=\d+"
    lab.expect("gateway router", "red1@%s red3@%s" % (seen, seen),
               outside.ask, "tcp", "198.51.100.81", 80, 60)


def two_ways(lab, undo):
    """10.9.0.1 is behind both "outside" and "other"."""
    for name in "outside", "other":
        host = lab[name]
        host.ip("address", "add", "10.9.0.1/32", "dev", "lo")
        undo.callback(host.ip, "address", "delete", "10.9.0.1/32", "dev", "lo")
        host.ip("route", "replace", "10.0.0.0/13", "via", "198.51.100.1")
        undo.callback(host.ip, "route", "delete", "10.0.0.0/13")


BY_BOTH = r"other@[^ ]*=\d+ outside@[^ ]*=\d+"


def test_ecmp(lab, undo):
    """routes with two ways, and answers that take the way back"""
    two_ways(lab, undo)
    for name in "outside", "other":
        lab.nb("--ecmp", "lr-route-add", "r", "10.9.0.0/24", ip4(name))
    undo.callback(lab.set, "--if-exists", "lr-route-del", "r")
    lab.sync()
    for source in "red2", "blue1":
        lab.expect("two ways, from " + source, BY_BOTH, lab[source].ask,
                   "tcp", "10.9.0.1", WHO, 60)
    lab.set("lr-route-del", "r")

    make_gateway(lab, undo)
    for name in "outside", "other":
        lab.nb("--ecmp-symmetric-reply", "lr-route-add", "gw", "10.9.0.0/24",
               ip4(name))
        lab[name].ip("route", "replace", "10.0.0.0/13", "via", "198.51.100.2")
    lab["red3"].ip("route", "add", "10.9.0.0/24", "via", "10.1.0.200")
    undo.callback(lab["red3"].ip, "route", "delete", "10.9.0.0/24")
    lab.sync()
    # No port twice: the tracker of Open vSwitch 3.1 aborts when a connection
    # that was closed comes again, with all-zero SNAT, as OVN's routers have it.
    for name, first in ("outside", 20000), ("other", 40000):
        lab.expect("%s gets his answers" % name, r"red3@10\.9\.0\.1=30",
                   lab[name].ask, "tcp", ip4("red3"), WHO, 30, 1, "10.9.0.1",
                   first)


def test_bfd(lab, undo):
    """routes that BFD guards: the way of who is silent is not taken"""
    two_ways(lab, undo)
    for name in "outside", "other":
        lab[name].bfd(ip4(name), "198.51.100.1")
        undo.callback(lab[name].stop, "bfd")
        lab.nb("--ecmp", "--bfd", "lr-route-add", "r", "10.9.0.0/24",
               ip4(name), "r-public")
    undo.callback(lab.set, "--all", "destroy", "bfd")
    undo.callback(lab.set, "--if-exists", "lr-route-del", "r")
    lab.sync()
    for name in "outside", "other":
        lab.expect(name + " is up", "up", lab[name].bfd_state)
    lab.expect("OVN says the same", "up up", lambda: " ".join(
        lab.nb("--bare", "--columns=status", "list", "bfd").split()))
    lab.expect("two ways", BY_BOTH, lab["red2"].ask, "tcp", "10.9.0.1", WHO,
               60)
    lab["other"].stop("bfd")
    lab.expect("silence is noticed", "down up", lambda: " ".join(sorted(
        lab.nb("--bare", "--columns=status", "list", "bfd").split())))
    lab.sync()
    lab.expect("one way", r"outside@[^ ]*=60", lab["red2"].ask, "tcp",
               "10.9.0.1", WHO, 60)
    lab["other"].bfd(ip4("other"), "198.51.100.1")
    lab.expect("two ways again", BY_BOTH, lab["red2"].ask, "tcp", "10.9.0.1",
               WHO, 60)


def test_dhcp(lab, undo):
    """DHCP, and addresses by router advertisements"""
    red3, blue1 = lab["red3"], lab["blue1"]
    uuid = lab.nb("create", "dhcp_options", "cidr=10.1.0.0/24",
                  "options:server_id=10.1.0.254",
                  "options:server_mac=0a:00:00:00:01:ff",
                  "options:lease_time=3600", "options:router=10.1.0.254",
                  "options:mtu=1400", "options:dns_server={10.1.0.53}")
    undo.callback(lab.set, "destroy", "dhcp_options", uuid)
    lab.set("lsp-set-dhcpv4-options", "red3", uuid)
    undo.callback(lab.nb, "clear", "logical_switch_port", "red3",
                  "dhcpv4_options")
    undo.callback(red3.address)
    red3.ip("-4", "address", "flush", "dev", "eth0")
    lab.expect("a lease", "lease of 10.1.0.3, router 10.1.0.254, dns "
               "10.1.0.53, mtu 1400, 3600 s", red3.lease)
    red3.address()
    lab.expect("it works", "3", red3.pings, ip4("blue2"))

    undo.callback(blue1.address)
    undo.callback(blue1.ip, "-6", "address", "flush", "dev", "eth0", "scope",
                  "global")
    undo.callback(blue1.netns, "sysctl", "-qw",
                  "net.ipv6.conf.eth0.accept_ra=0")
    lab.set("set", "logical_router_port", "r-blue",
            "ipv6_ra_configs:address_mode=slaac",
            "ipv6_ra_configs:send_periodic=true",
            "ipv6_ra_configs:min_interval=3", "ipv6_ra_configs:max_interval=4")
    undo.callback(lab.set, "clear", "logical_router_port", "r-blue",
                  "ipv6_ra_configs")
    blue1.netns("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=2")
    lab.expect("router advertisement", ".*fd02::800:ff:fe00:201/64.*",
               blue1.ip, "-6", "address", "show", "dev", "eth0")
    lab.expect("that address works", "3", lab["red2"].pings,
               "fd02::800:ff:fe00:201")


def test_dns(lab, undo):
    """names that OVN answers for"""
    uuid = lab.nb("create", "dns", 'records={"www.test"="%s %s",'
                  '"2.0.1.10.in-addr.arpa"="www.test"}'
                  % (ip4("red2"), ip6("red2")))
    undo.callback(lab.set, "destroy", "dns", uuid)
    lab.set("add", "logical_switch", "red", "dns_records", uuid)
    undo.callback(lab.nb, "clear", "logical_switch", "red", "dns_records")
    for server in "10.1.0.254", "fd01::ff", ip4("outside"):
        for name, kind, answer in (
                ("www.test", "A", ip4("red2")),
                ("WWW.test", "AAAA", ip6("red2")),
                ("2.0.1.10.in-addr.arpa", "PTR", "www.test")):
            lab.expect("%s of %s by %s" % (kind, name, server),
                       re.escape(answer), lab["red1"].resolve, server, name,
                       kind)
    lab.expect("others are for others", "refused|silence",
               lab["red1"].resolve, ip4("red2"), "other.test", "A")


TESTS = (test_nat, test_lb, test_lb_router, test_ecmp, test_bfd, test_dhcp,
         test_dns)
