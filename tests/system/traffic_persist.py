# SPDX-License-Identifier: Apache-2.0
"""Flows that XDP forwards while there is no daemon; see "traffic"."""

import re

from traffic_bed import Switch, ping, run, wait_until
from traffic_stream import Stream
from traffic_xdp import (
    TAKEN, XDP_ADDRESSES, XDP_FLOWS, add_taken_port, program, rules,
    wait_for_rules, xdp_bed, xdp_interface)

FLOW_RESTORE_WAIT = "other_config:flow-restore-wait=true"

# One rule has two outputs.
COPIES = "in_port=h1,ip,actions=output:h2,output:h3", XDP_FLOWS[1]


def set_flows(switch, hosts, flows):
    switch.add_flows(*flows)
    wait_for_rules(switch, hosts, 2, "yes")


def persistent_bed(bed):
    """A switch with rules that run whole, which stay."""
    bed.mount_bpf()
    switch, hosts = xdp_bed(bed, True)
    switch.vsctl("set", "Open_vSwitch", ".", "other_config:xdp-persist=true")
    set_flows(switch, hosts, XDP_FLOWS)
    return switch, hosts


def expect_no_leak(switch, host):
    """The kernel's stack does not get what is the switch's: it would answer
    to ARP."""
    address = "10.7.0.9"
    run("ip", "-n", switch.namespace, "address", "replace", address + "/24",
        "dev", "h1")
    if ping(host, address) or "lladdr" in run("ip", "-n", host, "neighbour",
                                              "show", address):
        raise RuntimeError("the kernel gets packets of the switch")


def come_back(switch, hosts, flows, stream):
    """Starts a daemon.  The flows of the last one are at work until ours are
    there, and then the latter are."""
    switch.vsctl("--no-wait", "set", "Open_vSwitch", ".", FLOW_RESTORE_WAIT)
    switch.start()
    switch.vsctl("list-br")
    stream.wait_for(200, "by the old flows, with the new daemon")
    if rules(switch, "yes"):
        raise RuntimeError("the new daemon has rules already")
    switch.add_flows(*flows)
    switch.vsctl("remove", "Open_vSwitch", ".", "other_config",
                 "flow-restore-wait")
    wait_for_rules(switch, hosts, 2, "yes")
    stream.wait_for(200, "by the new flows")


def check_end(switch, hosts, flows, end):
    """Nothing is lost when a daemon has this end."""
    set_flows(switch, hosts, flows)
    stream = Stream(switch.bed, hosts, XDP_ADDRESSES[1])
    stream.wait_for(200, "by the first daemon")
    end()
    stream.wait_for(1000, "without a daemon")
    expect_no_leak(switch, hosts[0])
    come_back(switch, hosts, flows, stream)
    stream.check()
    switch.add_flows("actions=drop")
    wait_until(lambda: not ping(hosts[0], XDP_ADDRESSES[1]), "no traffic")


def case_xdp_persist(bed):
    switch, hosts = persistent_bed(bed)
    third = bed.host(switch, "h3", "10.7.0.3", xdp_interface(3))
    run("ip", "netns", "exec", third, "ethtool", "-K", "eth0", "gro", "on")
    for flows in XDP_FLOWS, COPIES:
        for end in switch.kill, switch.exit:
            check_end(switch, hosts, flows, end)


def pins(bed):
    """How many names there are for programs."""
    return len(re.findall(r"^\d+$", run(
        *bed.inside(bed.namespaces[0]), "ls", "-R", "/sys/fs/bpf"), re.M))


def expect_programs(switch, *names):
    """Those of h1 and h2 that have a program, and a name for it."""
    has = [name for name in ("h1", "h2") if program(switch, name)]
    if has != list(names) or pins(switch.bed) != len(names):
        raise RuntimeError("%s have programs, with %d names"
                           % (has, pins(switch.bed)))


def case_xdp_left(bed):
    switch, hosts = persistent_bed(bed)
    expect_programs(switch, "h1", "h2")

    # It is not that of another daemon, which refuses the device.
    switch.kill()
    expect_programs(switch, "h1", "h2")
    other = Switch(bed, "other", (), switch.namespace, "br1")
    add_taken_port(other, "br1")
    wait_until(lambda: TAKEN in other.error("h1"), "an error")
    other.exit()
    expect_programs(switch, "h1", "h2")

    # A port that is no more.
    switch.vsctl("--no-wait", "del-port", "h2")
    switch.start()
    switch.vsctl("list-br")
    wait_until(lambda: not program(switch, "h2"), "no program")
    expect_programs(switch, "h1")
    switch.add_port("h2", *xdp_interface(2))
    set_flows(switch, hosts, XDP_FLOWS)
    expect_programs(switch, "h1", "h2")

    # Whoever wants no persistence any more takes over, too.
    switch.kill()
    switch.vsctl("--no-wait", "remove", "Open_vSwitch", ".", "other_config",
                 "xdp-persist")
    switch.start()
    switch.vsctl("list-br")
    wait_until(lambda: not pins(bed), "no names")
    set_flows(switch, hosts, XDP_FLOWS)
    switch.vsctl("set", "Open_vSwitch", ".", "other_config:xdp-persist=true")
    expect_programs(switch, "h1", "h2")
    switch.exit("--cleanup")
    expect_programs(switch)
    switch.start()
    switch.vsctl("list-br")
    if switch.log("|WARN|can't"):
        raise RuntimeError("complaints")
