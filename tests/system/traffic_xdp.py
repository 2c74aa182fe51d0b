# SPDX-License-Identifier: Apache-2.0
"""Ports whose packets an XDP program forwards or marks; see "traffic"."""

import glob
import os
import re
import shutil
import signal
import subprocess

from traffic_bed import PortError, Skip, Switch, ping, run, wait_until
from traffic_stream import Stream

# Ports of type "afxdp" with hw-offload.  The hosts know each other's MAC
# address, so that all packets between them are unicast IPv4.

XDP_ADDRESSES = "10.7.0.1", "10.7.0.2"
XDP_FLOWS = ("in_port=h1,ip,actions=output:h2",
             "in_port=h2,ip,actions=output:h1")


def xdp_interface(i):
    """A port whose OpenFlow number stays, so that flows find it again."""
    return "type=afxdp", "ofport_request=%d" % i


def ready_host(bed, i, gro):
    """Sets up what is new with the device of host 'i', 1 or 2."""
    host = bed.prefix + "h%d" % i
    run("ip", "netns", "exec", host, "ethtool", "-K", "eth0", "gro",
        "on" if gro else "off")
    run("ip", "-n", host, "link", "set", "eth0", "address",
        "02:00:00:00:00:0%d" % i)
    run("ip", "-n", host, "neighbour", "replace", XDP_ADDRESSES[2 - i],
        "lladdr", "02:00:00:00:00:0%d" % (3 - i), "dev", "eth0")
    return host


def xdp_bed(bed, gro):
    """A switch, and its hosts.  Packets come before the second port does."""
    switch = Switch(bed, "s", ("hw-offload=true",))
    switch.add_flows("actions=drop")
    hosts = []
    for i, address in enumerate(XDP_ADDRESSES, 1):
        try:
            bed.host(switch, "h%d" % i, address, xdp_interface(i))
        except PortError as error:
            raise Skip(error) from error
        hosts.append(ready_host(bed, i, gro))
        ping(hosts[0], XDP_ADDRESSES[1])
    return switch, hosts


def rules(switch, level):
    """How many rules there are of IPv4 between the hosts with this level."""
    return len([line for line in switch.run(
        "ovs-appctl", "dpctl/dump-flows", "-m").splitlines()
                if "eth_type(0x0800)" in line
                and "offloaded:" + level in line
                and re.search("in_port\\(h[12]\\)", line)])


def wait_for_rules(switch, hosts, n, level):
    """Sends packets both ways until 'n' rules are there with this level."""
    wait_until(lambda: ping(hosts[0], XDP_ADDRESSES[1], 5) == 5
               and rules(switch, level) == n,
               "%d rules with offloaded:%s; see\n%s" % (
                   n, level, switch.run("ovs-appctl", "offload/rules")))


def counts(switch):
    """Packets and bytes of each OpenFlow flow of IPv4."""
    return [tuple(int(x) for x in re.search(
        r"n_packets=(\d+), n_bytes=(\d+)", line).groups())
            for line in switch.run("ovs-ofctl", "dump-flows",
                                   "br0").splitlines() if "ip," in line]


def program(switch, name):
    return "xdp" in run("ip", "-n", switch.namespace, "-d", "link", "show",
                        name).split("mtu")[1].split("qdisc")[0]


def purge(switch):
    switch.run("ovs-appctl", "revalidator/purge")


def check_counts(switch, hosts):
    """What XDP, sockets and software count together is what was sent."""
    # What old datapath flows have counted would be that of the new flows.
    switch.add_flows()
    purge(switch)
    wait_until(lambda: "Rules: 0, in NICs: 0" in switch.run(
        "ovs-appctl", "offload/show"), "no rules")
    for _ in range(2):          # Also of what is counted after the removal.
        switch.run("ovs-appctl", "revalidator/wait")
    switch.add_flows(*XDP_FLOWS)
    sent = 0
    for _ in range(3):
        while not rules(switch, "yes") == 2 or not sent:
            sent += ping(hosts[0], XDP_ADDRESSES[1], 20)
        sent += ping(hosts[0], XDP_ADDRESSES[1], 500)
        expected = [(sent, sent * 98)] * 2
        wait_until(lambda: counts(switch) == expected,
                   "flows that count %s" % expected)
        purge(switch)
        wait_until(lambda: not rules(switch, "yes"), "no rules")
        if counts(switch) != expected:
            raise RuntimeError("flows count %s, not %s"
                               % (counts(switch), expected))


def case_xdp(bed):
    switch, hosts = xdp_bed(bed, True)
    switch.add_flows(*XDP_FLOWS)
    wait_for_rules(switch, hosts, 2, "yes")
    for host, address in zip(hosts, XDP_ADDRESSES):
        bed.serve(host, address)
    for host, address in zip(hosts, reversed(XDP_ADDRESSES)):
        bed.check(host, address)
    shown = switch.run("ovs-appctl", "offload/show")
    hits = int(re.search(r"index hits: (\d+)", shown).group(1))
    if hits < 1000:
        raise RuntimeError("the program has found %d packets" % hits)
    check_counts(switch, hosts)


def check_late_gro(bed, switch, hosts):
    """A device that gets GRO while it is down: Linux may not tell what that is
    good for, but the log tells what helps."""
    h2 = "ip", "netns", "exec", hosts[1]
    said = "h2: takes no packets that XDP redirects"
    run("ip", "-n", hosts[1], "link", "set", "eth0", "down")
    run(*h2, "ethtool", "-K", "eth0", "gro", "on")
    run("ip", "-n", hosts[1], "link", "set", "eth0", "up")
    ready_host(bed, 2, True)
    wait_until(lambda: ping(hosts[0], XDP_ADDRESSES[1], 5) == 5, "answers")
    if len(switch.log(said)) != 1:
        raise RuntimeError("not one line in the log that says: " + said)
    for value in "off", "on":
        run(*h2, "ethtool", "-K", "eth0", "gro", value)
    wait_for_rules(switch, hosts, 1, "yes")
    wait_for_rules(switch, hosts, 1, "partial")
    if not switch.log("h2: takes packets that XDP redirects"):
        raise RuntimeError("the log does not say that GRO has helped")


def case_xdp_marks(bed):
    switch, hosts = xdp_bed(bed, False)
    switch.add_flows(*XDP_FLOWS)
    wait_for_rules(switch, hosts, 2, "partial")
    bed.both_ways(hosts[0], XDP_ADDRESSES[0], hosts[1], XDP_ADDRESSES[1])
    check_late_gro(bed, switch, hosts)


def xdp_device_changes(switch, hosts):
    """The switch learns that a device can do less, or more."""
    def check(whole, marked, *command):
        run(*command)
        wait_for_rules(switch, hosts, whole, "yes")
        wait_for_rules(switch, hosts, marked, "partial")

    for value, n in ("off", 0), ("on", 1):
        check(1 + n, 1 - n, "ip", "netns", "exec", hosts[1], "ethtool", "-K",
              "eth0", "gro", value)
    # What h1 may receive is too long for h2.
    for value, n in ("1400", 0), ("1500", 1):
        check(1 + n, 1 - n, "ip", "-n", switch.namespace, "link", "set", "h2",
              "mtu", value)


def xdp_flows_go(switch, hosts):
    switch.run("ovs-ofctl", "del-flows", "br0")
    wait_until(lambda: not ping(hosts[0], XDP_ADDRESSES[1]), "no traffic")
    switch.add_flows(*XDP_FLOWS)
    wait_for_rules(switch, hosts, 2, "yes")


def xdp_offload_goes(switch, hosts):
    with subprocess.Popen(
            ["ip", "netns", "exec", hosts[0], "ping", "-q", "-i", "0.01",
             XDP_ADDRESSES[1]], stdout=subprocess.PIPE,
            universal_newlines=True) as going:
        for value, n in ("false", 0), ("true", 2):
            switch.vsctl("set", "Open_vSwitch", ".",
                         "other_config:hw-offload=" + value)
            wait_for_rules(switch, hosts, n, "yes")
        going.send_signal(signal.SIGINT)
        summary = going.communicate()[0]
    if " 0% packet loss" not in summary:
        raise RuntimeError("packets were lost: " + summary)


def xdp_port_goes(switch, hosts):
    switch.vsctl("del-port", "h2")
    if program(switch, "h2"):
        raise RuntimeError("h2 has a program still")
    if ping(hosts[0], XDP_ADDRESSES[1]):
        raise RuntimeError("packets go to a port that is gone")
    switch.add_port("h2", *xdp_interface(2))
    switch.add_flows(*XDP_FLOWS)
    wait_for_rules(switch, hosts, 2, "yes")


def xdp_device_goes(bed, switch, hosts):
    """The device of an output goes, and another one gets its name."""
    run("ip", "-n", switch.namespace, "link", "delete", "h2")
    wait_until(lambda: rules(switch, "yes") == 0, "no rules")
    bed.link(switch.namespace, "h2", hosts[1], "eth0")
    run("ip", "-n", hosts[1], "address", "add", XDP_ADDRESSES[1] + "/24",
        "dev", "eth0")
    ready_host(bed, 2, True)
    wait_for_rules(switch, hosts, 2, "yes")


def xdp_others_come(switch, hosts):
    """Nobody removes or replaces the program of a port by accident."""
    for kind in "xdp", "xdpdrv", "xdpgeneric":
        subprocess.run(["ip", "-n", switch.namespace, "link", "set", "dev",
                        "h1", kind, "off"], stderr=subprocess.DEVNULL,
                       check=False)
    if not program(switch, "h1"):
        raise RuntimeError("the program was removed")
    wait_for_rules(switch, hosts, 2, "yes")


def detach_program(switch, name):
    """Takes the program off the device, as only its owner should."""
    ifindex = run("ip", "netns", "exec", switch.namespace, "cat",
                  "/sys/class/net/%s/ifindex" % name).strip()
    for path in glob.glob("/proc/%d/fdinfo/*" % switch.pid()):
        with open(path) as f:
            info = dict(line.split(":\t") for line in f.read().splitlines()
                        if ":\t" in line)
        if info.get("link_type") == "xdp" and info.get("ifindex") == ifindex:
            run("bpftool", "link", "detach", "id", info["link_id"])
            return
    raise RuntimeError("the program of %s has no link" % name)


TAKEN = "h1: has another XDP program, id "


def xdp_program_goes(bed, switch, hosts):
    """Somebody takes the program off a port, and puts another one there."""
    if not shutil.which("bpftool") or not shutil.which("clang"):
        return
    said = "h1: somebody has taken our XDP program off"
    detach_program(switch, "h1")
    wait_until(lambda: len(switch.log(said)) == 1, "a line in the log")
    wait_for_rules(switch, hosts, 2, "yes")

    source, foreign = bed.folder + "/foreign.c", bed.folder + "/foreign.o"
    with open(source, "w") as f:
        f.write("int foreign(void *ctx) __attribute__((section(\"xdp\")));\n"
                "int foreign(void *ctx) { return 2; }\n")
    run("clang", "--target=bpf", "-O2", "-c", source, "-o", foreign)
    detach_program(switch, "h1")
    run("ip", "-n", switch.namespace, "link", "set", "dev", "h1", "xdpdrv",
        "obj", foreign, "sec", "xdp")
    wait_until(lambda: TAKEN in switch.error("h1"), "an error")
    if "xdp off" not in switch.error("h1"):
        raise RuntimeError("nothing removes what " + switch.error("h1"))
    if len(switch.log(TAKEN)) != 1 or len(switch.log(said)) != 2:
        raise RuntimeError("not one line in the log that names the other "
                           "program")
    wait_until(lambda: rules(switch, "yes") == 0, "no rules")
    if not program(switch, "h1"):
        raise RuntimeError("the other program was removed")
    run("ip", "-n", switch.namespace, "link", "set", "dev", "h1", "xdpdrv",
        "off")
    wait_until(lambda: switch.error("h1") == "[]", "no error")
    wait_for_rules(switch, hosts, 2, "yes")


def xdp_daemon_goes(switch, hosts):
    """Packets go to the kernel, as they do without a switch."""
    kernel = "10.7.0.9"
    run("ip", "-n", switch.namespace, "address", "add", kernel + "/24", "dev",
        "h1")
    mac = run("ip", "netns", "exec", switch.namespace, "cat",
              "/sys/class/net/h1/address").strip()
    run("ip", "-n", hosts[0], "neighbour", "replace", kernel, "lladdr", mac,
        "dev", "eth0")
    if ping(hosts[0], kernel):
        raise RuntimeError("the kernel gets packets of the switch")
    switch.kill()
    wait_until(lambda: ping(hosts[0], kernel), "an answer of the kernel")
    for name in "h1", "h2":
        if program(switch, name):
            raise RuntimeError("a program was left on " + name)
        if "promiscuity 0" not in run("ip", "-n", switch.namespace, "-d",
                                      "link", "show", name):
            raise RuntimeError(name + " receives all packets")

    # Nothing that the last one has left is in the way of the next.
    for _ in range(3):
        switch.start()
        switch.vsctl("--timeout=30", "list-br")
        switch.add_flows(*XDP_FLOWS)
        wait_for_rules(switch, hosts, 2, "yes")
        switch.kill()
    switch.start()
    switch.vsctl("--timeout=30", "list-br")
    for name in "h1", "h2":
        wait_until(lambda: switch.error(name) == "[]", "no error")


def case_xdp_changes(bed):
    switch, hosts = xdp_bed(bed, True)
    switch.add_flows(*XDP_FLOWS)
    wait_for_rules(switch, hosts, 2, "yes")
    xdp_device_changes(switch, hosts)
    xdp_flows_go(switch, hosts)
    xdp_offload_goes(switch, hosts)
    xdp_port_goes(switch, hosts)
    xdp_device_goes(bed, switch, hosts)
    xdp_others_come(switch, hosts)
    xdp_program_goes(bed, switch, hosts)
    xdp_daemon_goes(switch, hosts)


def add_taken_port(switch, bridge):
    switch.vsctl("add-port", bridge, "h1", "--", "set", "interface", "h1",
                 *xdp_interface(1))


def expect_refusal(switch, n):
    """Port h1 is refused, the 'n'th time since the daemon started."""
    wait_until(lambda: TAKEN in switch.error("h1"), "an error")
    if not re.search(r"\(markpath\), .* link \d+", switch.error("h1")):
        raise RuntimeError("no link holds what " + switch.error("h1"))
    lines = switch.log(TAKEN)
    if len(lines) != n:
        raise RuntimeError("not %d lines in the log, but\n%s"
                           % (n, "".join(lines)))


def case_xdp_two(bed):
    """Two switches, of one namespace, want the same device: it is that of the
    first until that goes, however it does."""
    one = Switch(bed, "one")
    try:
        host = bed.host(one, "h1", "10.7.0.1", xdp_interface(1))
    except PortError as error:
        raise Skip(error) from error
    bed.host(one, "h2", "10.7.0.2", xdp_interface(2))
    two = Switch(bed, "two", (), one.namespace, "br1")
    add_taken_port(two, "br1")
    expect_refusal(two, 1)
    wait_until(lambda: ping(host, "10.7.0.2", 5) == 5, "traffic")
    for name in "h3", "h4":     # The bridges look at their ports again.
        run("ip", "-n", one.namespace, "link", "add", name, "type", "veth")
    wait_until(lambda: len(two.log("h1: could not set configuration")) > 1,
               "another attempt")
    expect_refusal(two, 1)

    one.vsctl("del-port", "h1")
    wait_until(lambda: two.error("h1") == "[]", "no error")
    add_taken_port(one, "br0")
    expect_refusal(one, 1)
    two.vsctl("del-port", "h1")
    wait_until(lambda: one.error("h1") == "[]", "no error")
    wait_until(lambda: ping(host, "10.7.0.2", 5) == 5, "traffic")

    add_taken_port(two, "br1")
    expect_refusal(two, 2)
    one.kill()
    wait_until(lambda: two.error("h1") == "[]", "no error")


def case_xdp_queues(bed):
    """Packets of all queues are the switch's, or it says so."""
    bed.queues = 2
    switch, hosts = xdp_bed(bed, True)
    switch.add_flows(*XDP_FLOWS)
    said = "h1: receives through 2 queues, but has 'n_rxq' 1"
    wait_until(lambda: switch.log(said), "a line in the log")
    for name in "h1", "h2":
        switch.vsctl("set", "interface", name, "options:n_rxq=2")
    for n in "1", "2":
        # The sockets stay, whatever the kernel makes of that.
        subprocess.run(["ip", "netns", "exec", switch.namespace, "ethtool",
                        "-L", "h1", "rx", n], stderr=subprocess.DEVNULL,
                       check=False)
        wait_for_rules(switch, hosts, 2, "yes")
    for cpu in os.sched_getaffinity(0):     # They make for the queue.
        pinned = subprocess.run(
            ["taskset", "-c", str(cpu), "ip", "netns", "exec", hosts[0],
             "ping", "-q", "-c", "20", "-i", "0.002", XDP_ADDRESSES[1]],
            stdout=subprocess.PIPE, check=False, universal_newlines=True)
        if " 0% packet loss" not in pinned.stdout:
            raise RuntimeError("packets were lost: " + pinned.stdout)
    if len(switch.log(said)) != 1:
        raise RuntimeError("not one line in the log")


def received(host):
    return int(run("ip", "netns", "exec", host, "cat",
                   "/sys/class/net/eth0/statistics/rx_packets"))


def check_copies(switch, hosts):
    """All packets of the first host get to the others, by way of XDP."""
    wait_for_rules(switch, hosts, 2, "yes")
    before = [received(host) for host in hosts[1:]]
    if ping(hosts[0], XDP_ADDRESSES[1], 200) != 200:
        raise RuntimeError("packets were lost")
    for host, n in zip(hosts[1:], before):
        wait_until(lambda: received(host) >= n + 200, "copies in " + host)
    wait_for_rules(switch, hosts, 2, "yes")


def case_xdp_copies(bed):
    """One rule has several outputs, and each of them changes."""
    switch, hosts = xdp_bed(bed, True)
    hosts.append(bed.host(switch, "h3", "10.7.0.3", xdp_interface(3)))
    run("ip", "netns", "exec", hosts[2], "ethtool", "-K", "eth0", "gro", "on")
    switch.add_flows("in_port=h1,ip,actions=output:h2,output:h3", XDP_FLOWS[1])
    check_copies(switch, hosts)
    for name, host in zip(("h2", "h3"), hosts[1:]):
        for command in (
                ("ip", "-n", switch.namespace, "link", "set", name, "mtu"),
                ("ip", "netns", "exec", host, "ethtool", "-K", "eth0", "gro")):
            for value, n in zip(("1400", "1500") if "mtu" in command
                                else ("off", "on"), (0, 1)):
                run(*command, value)
                wait_for_rules(switch, hosts, 1 + n, "yes")
        check_copies(switch, hosts)
        for mode in "generic", "native":
            switch.vsctl("set", "interface", name, "options:xdp-mode=" + mode)
            check_copies(switch, hosts)


def refused(switch):
    """How many packets of h1 the kernel has dropped since their output did not
    take them."""
    return sum(int(n) for n in re.findall(
        r"rx_queue_\d+_drops: (\d+)", run(
            "ip", "netns", "exec", switch.namespace, "ethtool", "-S", "h1")))


def level(switch):
    """Where packets of the first host are done."""
    return re.findall(r"in_port\(h1\).*eth_type\(0x0800\).*offloaded:(\w+)",
                      switch.run("ovs-appctl", "dpctl/dump-flows", "-m"))


def check_steady(switch, hosts, change, expected):
    """Packets come all the time while something changes, and find themselves
    where 'expected' says.  Returns how many the kernel has refused."""
    stream = Stream(switch.bed, hosts, XDP_ADDRESSES[1])
    stream.wait_for(200, "before that")
    before = refused(switch)
    run(*change)
    wait_until(lambda: level(switch) == [expected],
               "rules with offloaded:%s; see\n%s" % (
                   expected, switch.run("ovs-appctl", "offload/rules")))
    stream.wait_for(200, "after that")
    n = refused(switch) - before
    stream.check(n)
    return n


def case_xdp_steady(bed):
    """A port goes on while its device changes.  All that was sent arrives, but
    what XDP has redirected when GRO was off already: the kernel tells that
    afterwards.  It does not count what one of several outputs refuses."""
    switch, hosts = xdp_bed(bed, True)
    hosts.append(bed.host(switch, "h3", "10.7.0.3", xdp_interface(3)))
    run("ip", "netns", "exec", hosts[2], "ethtool", "-K", "eth0", "gro", "on")
    gro = "ip", "netns", "exec", hosts[1], "ethtool", "-K", "eth0", "gro"
    mtu = "ip", "-n", switch.namespace, "link", "set", "h2", "mtu"
    for flow in XDP_FLOWS[0], "in_port=h1,ip,actions=output:h2,output:h3":
        switch.add_flows(flow, XDP_FLOWS[1])
        wait_for_rules(switch, hosts, 2, "yes")
        if flow == XDP_FLOWS[0]:
            check_steady(switch, hosts, (*gro, "off"), "partial")
        else:
            run(*gro, "off")
            wait_for_rules(switch, hosts, 1, "partial")
        for change, expected in (((*gro, "on"), "yes"),
                                 ((*mtu, "1400"), "partial"),
                                 ((*mtu, "1500"), "yes")):
            if check_steady(switch, hosts, change, expected):
                raise RuntimeError("packets were redirected too early: "
                                   + " ".join(change))
