# SPDX-License-Identifier: Apache-2.0
"""What compare-commands gives to both daemons."""

import fnmatch

DP = "netdev@ovs-netdev"
MAC = "50:54:00:00:00:0a"
ETH = "eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a)"
PACKET = "in_port(2),%s,eth_type(0x0800),ipv4(src=10.0.0.2,dst=10.0.0.3," \
    "proto=1,tos=0,ttl=64,frag=no),icmp(type=8,code=0)" % ETH
ARP = "in_port(2),eth(src=50:54:00:00:00:09,dst=ff:ff:ff:ff:ff:ff)," \
    "eth_type(0x0806),arp(sip=10.0.0.2,tip=10.0.0.3,op=1," \
    "sha=50:54:00:00:00:09,tha=00:00:00:00:00:00)"
FLOW = "in_port(1),eth(),eth_type(0x88ca)"
UFID = "ufid:00000000-0000-0000-0000-000000000001"


def _avx512(*cases):
    """Returns 'cases', unless this processor has no AVX-512: then Open vSwitch
    refuses what ours takes for the sake of scripts, with a note in the log."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        return list(cases) if " avx512bw" in f.read() else []


# Files in the daemon's folder.
FILES = {
    "flows": "add in_port(1),eth(),eth_type(0x88cb) 2\n",
    "bad-flows": "no flow\n",
    "changes": "modify in_port(1),eth(),eth_type(0x88cb) 1\n",
}

# A bridge with OpenFlow rules, and one with protocols.
def _port(bridge, name, kind, number, *settings):
    return ("add-port", bridge, name, "--", "set", "interface", name,
            "type=" + kind, "ofport_request=%d" % number, *settings)


def _bridge(name, number, *settings):
    return ("add-br", name, "--", "set", "bridge", name,
            "datapath_type=netdev", "fail_mode=secure",
            "other_config:hwaddr=aa:55:aa:55:00:%02x" % number,
            "other_config:datapath-id=%016x" % number, *settings)


CONFIGURATION = [
    _bridge("br0", 1),
    _port("br0", "p1", "dummy-pmd", 1),
    _port("br0", "p2", "dummy", 2, "bfd:enable=true", "lldp:enable=true"),
    _port("br0", "v1", "vxlan", 4, "options:remote_ip=1.1.2.92"),
    _bridge("br1", 2, "rstp_enable=true", "mcast_snooping_enable=true"),
    ("--", "--id=@i", "create", "interface", "name=p3", "type=dummy-pmd",
     "ofport_request=1", "cfm_mpid=1",
     "--", "--id=@p", "create", "port", "name=b0", "interfaces=@i",
     "bond_mode=balance-tcp", "lacp=active",
     "other_config:rstp-enable=false",
     "--", "add", "bridge", "br1", "ports", "@p"),
    ("--", "--id=@i", "create", "interface", "name=p4", "type=dummy-pmd",
     "ofport_request=2", "--", "add", "port", "b0", "interfaces", "@i"),
    _port("br1", "p5", "dummy", 3),
    ("set-controller", "br1", "ptcp:0:127.0.0.1"),
    ("--", "--id=@i", "create", "ipfix", "targets=\"127.0.0.1:4739\"",
     "--", "set", "bridge", "br1", "ipfix=@i"),
    ("--", "--id=@q", "create", "queue", "other_config:min-rate=1000",
     "--", "--id=@qos", "create", "qos", "type=linux-htb", "queues:0=@q",
     "--", "set", "port", "b0", "qos=@qos"),
    ("set-manager", "ptcp:0:127.0.0.1"),
    ("--", "--id=@d", "create", "datapath", "datapath_version=0",
     "--", "set", "open_vswitch", ".", "datapaths:netdev=@d"),
]

OPENFLOW = ["in_port=2,ip,actions=1", "in_port=2,arp,actions=normal",
            "in_port=1,icmp6,actions=ct(table=1)", "table=1,actions=2"]

# Commands that are not given arguments, and why.
LEFT_OUT = {
    "exit": "ends the daemon; tests/vswitchd.at has it",
    "time/stop": "stops the clock at the time of day, once and again",
    "time/warp": "lets protocols go on, by how much is a matter of timing",
    "vlog/close": "lines that are under way get lost, and the log is read",
    "vlog/reopen": "the comparison reads the log, and gives this all the time",
}

# Commands that have no line in "list-commands".
HIDDEN = [("dpif-netdev/subtable-lookup-prio-get",), ("no-such-command",)]

# Commands that follow each other.
IN_TURN = [
    ("dpctl/add-dp", "netdev@other"),
    ("dpctl/add-dp", "netdev@other"),
    ("dpctl/add-if", "netdev@other", "q1,type=dummy"),
    ("dpctl/dump-dps",),
    ("dpctl/show", "other"),
    ("dpctl/show",),
    ("dpctl/dump-flows",),
    ("dpctl/ct-set-limits", "default=5"),
    ("dpctl/ct-set-limits", "netdev@other", "default=5"),
    ("dpctl/ct-get-limits", "netdev@other"),
    ("dpif-netdev/pmd-rxq-show",),
    ("dpif-netdev/pmd-rxq-show", "other"),
    ("dpif-netdev/pmd-rxq-show", "netdev@other"),
    ("dpctl/del-if", "netdev@other", "q1"),
    ("dpctl/del-dp", "netdev@other"),
    ("dpctl/del-dp", "netdev@other"),
]

# Commands whose numbers are times, amounts of memory, or random.
COUNTING = ["bfd/show", "coverage/show", "memory/show", "dpif-netdev/pmd-*-show",
            "coverage/read-counter", "bond/hash"]

# Commands whose lines come in any order.
UNORDERED = ["vlog/list", "dpctl/dump-flows", "dpif/dump-flows",
             "dpif/show-dp-features",
             "dpctl/list-commands", "memory/show", "ovs/route/show",
             "coverage/show", "lacp/show"]

# Log modules that tell how busy the machine is.
LOADED = ["timeval", "ovs_rcu", "poll_loop", "reconnect"]

# After the cases of a command: puts back what they changed.
UNDO = {
    "dpctl/add-dp": [("dpctl/del-dp", name) for name in (
        "garbage", "netdev@other", "99999999999999999999", "x")],
    "upcall/disable-megaflows": [("upcall/enable-megaflows",)],
    "upcall/disable-ufid": [("upcall/enable-ufid",)],
    "revalidator/pause": [("revalidator/resume",)],
    "vlog/set": [("vlog/set", "ANY:file:info")],
    "upcall/set-flow-limit": [("upcall/set-flow-limit", "200000")],
}

# What nearly every command refuses.
BAD = [("garbage",), ("",), ("-s",), ("-s", "-s"), ("--garbage",), ("-1",),
       ("99999999999999999999",), ("garbage", "garbage"), ("x",) * 12]

# What each command is good for.  Lists of ways to name the datapath come
# first.
_NAMES = [("ovs-netdev",), (DP,), ("netdev@none",), ("system@ovs-system",)]
_PMD = [("-pmd", "0"), ("-pmd", "1"), ("-pmd", "x"), ("-pmd",),
        ("-pmd", "77"), ("-pmd", "0", "ovs-netdev"), ("-pmd", "0", DP)]
_PORTS = [("p1",), ("p2",), ("b0",), ("v1",)]
_BRIDGES = [("br0",), ("br1",)]
_ZONES = [("zone=",), ("zone=,",), ("zone=1",), ("zone=1,2",), ("zone=x",),
          ("zone=65536",), ("zone=1,",), (DP, "zone=1"), (DP,),
          ("-s", "zone=1")]
_ARITHMETIC = [("0",), ("1",), ("4294967296",), (DP, "7"), (DP, "x"), (DP,)]

GOOD = {
    "autoattach/*": _BRIDGES,
    "bfd/*": _PORTS + [("p2", "true"), ("p2", "false"), ("p2", "normal")],
    "bond/*": [("b0",), ("b0", "p3"), ("b0", "p9"), ("b0", "7", "p3"),
               ("b0", "256", "p3"), ("b0", MAC, "p3"), (MAC,), (MAC, "7"),
               (MAC, "7", "3"), (MAC, "4097")],
    "bridge/dump-flows": _BRIDGES + [("--offload-stats", "br0")],
    "bridge/reconnect": _BRIDGES,
    "cfm/*": _PORTS + [("p3", "true"), ("p3", "false"), ("p3", "normal")],
    "coverage/read-counter": [("bridge_reconfigure",), ("util_xalloc",)],
    "dpctl/add-dp": [(DP,), ("netdev@other", "q1,type=none")],
    "dpctl/add-flow": [(FLOW, "2"), (FLOW, "drop"), (DP, FLOW, "1"),
                       ("in_port(1)", "2"), ("nonsense(1)", "2"),
                       (FLOW, "nonsense"), ("-s", FLOW, "1"), ("-s", "-s"),
                       ("-m", FLOW), (UFID + "," + FLOW, "1"),
                       ("in_port(99),eth(),eth_type(0x1)", "2")],
    "dpctl/add-flows": [("flows",), (DP, "flows"), ("bad-flows",),
                        ("-s", "flows")],
    "dpctl/add-if": [(DP, "q2,type=none"),
                     (DP, "q3,x=y"), ("netdev@none", "q1"), (DP,),
                     (DP, "q4,type=dummy,port_no=77")],
    "dpctl/set-if": [(DP, "p1,type=dummy"), (DP, "p1"), (DP, "p9"), (DP,),
                     (DP, "p1,port_no=9")],
    "dpctl/del-if": [(DP, "p9"), (DP, "999"),
                     (DP, "q4"), (DP,)],
    "dpctl/del-dp": [("netdev@none",)],
    "dpctl/del-flow": [(FLOW,), (FLOW,), (DP, FLOW), ("-s", FLOW), (UFID,),
                       ("in_port(1)",), ("-s", "-s"), (DP,)],
    "dpctl/get-flow": [(UFID,), (DP, UFID), ("-m", UFID), ("ufid:x",), (DP,),
                       ("-s", "-s")],
    "dpctl/mod-flow": [(FLOW, "1"), (DP, FLOW, "2"), ("-s", FLOW, "1"),
                       (FLOW, "nonsense"), ("--clear", FLOW, "2"),
                       ("--may-create", "in_port(1),eth(),eth_type(0x88cc)",
                        "drop"), ("-s", "-s"), (DP, FLOW)],
    "dpctl/mod-flows": [("changes",), (DP, "changes"), ("bad-flows",)],
    "dpctl/del-flows": [(DP,), ("changes",), ("bad-flows",), ("-m",)],
    "dpctl/dump-flows": [(DP,), ("-m",), ("--names",), ("filter=in_port=1",),
                         ("filter=nonsense",), ("type=ovs",),
                         ("type=offloaded",), ("type=partially-offloaded",),
                         ("type=dpdk",), ("type=nonsense",), ("pmd=0",),
                         ("pmd=-1",), ("pmd=x",), ("-m", DP, "type=all"),
                         ("netdev@none",)],
    "dpctl/show": [(DP,), ("-s",), ("-s", DP), ("netdev@none",),
                   (DP, "netdev@none")],
    "dpctl/cache-get-size": [(DP,)],
    "dpctl/cache-set-size": [(DP, "masks", "1"), (DP, "x", "1"), (DP,)],
    "dpctl/normalize-actions": [(FLOW, "2"), ("-s", FLOW, "2"), (FLOW,),
                                ("in_port(1)", "set(eth(src=%s))" % MAC)],
    "dpctl/parse-actions": [("2,3",), ("nonsense",), ("drop",), ("ct(commit)",)],
    "dpctl/dump-conntrack": [(DP,), ("-m",), ("-s",), ("zone=1",),
                             ("zone=x",), (DP, "zone=1"), (DP, "x")],
    "dpctl/flush-conntrack": [(DP,), ("zone=1",), ("zone=x",),
                              ("zone=1", "ct_nw_src=10.0.0.1"),
                              ("zone=1", "nonsense"), (DP, "zone=1"),
                              ("ct_nw_src=10.0.0.1,ct_nw_proto=6",)],
    "dpctl/ct-stats-show": _ZONES + [("zone=1", "verbose"), ("verbose",)],
    "dpctl/ct-bkts": [(DP,), ("gt=1",), ("gt=x",), (DP, "gt=1")],
    "dpctl/ct-get-limits": _ZONES,
    "dpctl/ct-del-limits": _ZONES,
    "dpctl/ct-set-limits": [
        ("default=10",), ("default=x",), ("default=",), (DP, "default=0"),
        ("zone=1,limit=5",), ("zone=1,limit=x",), ("zone=,limit=",),
        ("zone=1",), ("zone=,",), (DP, "zone=2,limit=6"), (DP,),
        ("default=7", "zone=3,limit=8"), ("-s", "default=10"),
        ("zone=65536,limit=1",)],
    "dpctl/ct-set-maxconns": _ARITHMETIC,
    "dpctl/ct-*able-tcp-seq-chk": [(DP,), ("netdev@none",)],
    "dpctl/ct-get-*": [(DP,), ("netdev@none",)],
    "dpctl/ct-*-sweep-interval": _ARITHMETIC,
    "dpctl/dump-conntrack-exp": [(DP,), ("zone=1",), ("zone=x",),
                                 (DP, "zone=1"), ("netdev@none",)],
    "dpctl/ipf-set-*": [("v4",), ("v6",), ("v5",), (DP, "v4"), (DP, "v4", "3"),
                        ("v4", "5"), ("v4", "0"), ("v6", "x"), (DP,),
                        ("v4", "4294967296"), ("-s", "-s"), ("-s", "v4")],
    "dpctl/ipf-get-status": [(DP,), ("-m",), ("-m", DP)],
    "dpctl/offload-stats-show": [(DP,), ("-m",), ("netdev@none",)],
    "dpif-dummy/change-port-number": [(DP, "p1", "x"), (DP, "p9", "5"),
                                      ("ovs-netdev", "p1", "1"),
                                      ("ovs-netdev", "p9", "5"),
                                      ("ovs-netdev", "p1", "0"),
                                      ("ovs-netdev", "p1", "x")],
    "dpif-dummy/delete-port": [("ovs-netdev", "p9"), (DP, "p9")],
    "dpif-netdev/pmd-stats-*": _NAMES + _PMD,
    "dpif-netdev/pmd-rxq-show": _NAMES + _PMD + [
        ("-secs", "5"), ("-secs", "0"), ("-secs", "-1"), ("-secs", "77"),
        ("-secs", "x"), ("-secs",), ("-secs", "5", "-pmd", "0", DP)],
    "dpif-netdev/pmd-perf-show": _NAMES + _PMD + [
        ("-nh",), ("-it", "5"), ("-ms", "5"), ("-it",), ("-it", "x"),
        ("-ms", "-5"), ("-it", "99999"), ("-nh", "-it", "5", "-ms", "5", DP)],
    "dpif-netdev/pmd-perf-log-set": [
        ("on",), ("off",), ("on", "-b", "5"), ("on", "-us", "x"),
        ("on", "-e", "-q", "3"), ("on", "-a"), ("maybe",), ("off", "-ne")],
    "dpif-netdev/pmd-rxq-rebalance": _NAMES,
    "dpif-netdev/pmd-sleep-show": _NAMES + _PMD,
    "dpif-netdev/bond-show": _NAMES,
    "dpif-netdev/dpif-impl-set": [("dpif_scalar",),
                                  *_avx512(("dpif_avx512",))],
    "dpif-netdev/miniflow-parser-set": [
        ("scalar",), ("study",), ("study", "5"), ("study", "x"),
        ("study", "0"), ("autovalidator",), ("scalar", "5"), ("-pmd",),
        ("-pmd", "0"), ("-pmd", "0", "scalar"), ("-pmd", "77", "scalar"),
        ("-pmd", "x", "scalar"), ("-pmd", "0", "study", "3", "4"),
        ("scalar", "-pmd", "0"), ("-pmd", "0", "-pmd", "0", "scalar"),
        *_avx512(("avx512_ipv4_udp",)), ("scalar",)],
    "dpif-netdev/subtable-lookup-prio-set": [
        ("generic", "3"), ("generic", "256"), ("generic", "-1"),
        ("generic", "x"), ("garbage", "3"), ("avx512_gather", "5"),
        ("autovalidator", "2"), ("autovalidator", "0"), ("generic", "1")],
    "dpif/dump-flows": _BRIDGES + [("-m", "br0"), ("--names", "br0"),
                                   ("--no-names", "br0"), ("br9",)],
    "dpif/show-dp-features": _BRIDGES,
    "dpif/set-dp-features": _BRIDGES + [
        ("br0", "ct_eventmask"), ("br0", "ct_eventmask", "false"),
        ("br0", "nonsense", "true"), ("br0", "ct_eventmask", "maybe"),
        ("br0", "ct_eventmask", "true")],
    "fdb/add": [("br0", "p2", "5", MAC), ("br0", "p9", "5", MAC),
                ("br0", "p2", "x", MAC), ("br0", "p2", "5", "x"),
                ("br9", "p2", "5", MAC), ("br0", "p2", "5000", MAC)],
    "fdb/del": [("br0", "5", MAC), ("br0", "5", MAC), ("br0", "x", MAC),
                ("br9", "5", MAC)],
    "fdb/*": _BRIDGES,
    "lacp/*": _PORTS,
    "mdb/*": _BRIDGES,
    "rstp/*": _BRIDGES,
    "set-options": [("--format", "x"), ("--format",), ("--format", "json"),
                    ("--format", "text")],
    "stp/*": _BRIDGES,
    "qos/*": _PORTS + [("p3",)],
    "netdev-dummy/receive": [("p2", PACKET), ("p2", ARP), ("p2", "nonsense"),
                             ("p9", PACKET), ("p2", PACKET, "--len", "100"),
                             ("p2", "0123"), ("p2",)],
    "netdev-dummy/set-admin-state": [("up",), ("p2", "down"), ("p2", "up"),
                                     ("p2", "x")],
    "netdev-dummy/conn-state": [("p2",), ("v1",)],
    "netdev-dummy/ip4addr": [("br0", "1.1.2.88/24"), ("p9", "1.1.2.88/24"),
                             ("br0", "x")],
    "netdev-dummy/ip6addr": [("br0", "fe80::1/64"), ("br0", "x")],
    "odp-execute/action-impl-set": [("scalar",), ("autovalidator",),
                                    ("scalar",)],
    "ofproto/trace*": [
        ("br0", "in_port=2,ip"), ("br0", "in_port=2,nonsense"),
        ("br0", "in_port=1,icmp6", "-generate"), (DP, PACKET),
        ("ovs-dummy", PACKET), ("br9", "in_port=2"),
        ("br0", "in_port=2,ip", "--consistent"), (PACKET,),
        ("--names", "br0", "in_port=p2,ip"),
        ("br0", "in_port=1,icmp6", "--ct-next", "trk,new"),
        ("br0", "in_port=1,icmp6", "--ct-next", "nonsense"),
        ("br0", "in_port=2,ip", "normal"), ("br0", "", "2")],
    "ofproto/tnl-push-pop": [("on",), ("off",), ("on",)],
    "ofproto/detrace": [(UFID,), ("--names", UFID), (UFID, "pmd=0"),
                         (UFID, "pmd=x"), ("garbage", "pmd=0")],
    "ovs/route/add": [("1.1.2.0/24", "br0"), ("1.1.2.0/24", "br0"),
                      ("1.1.3.0/24", "br0", "1.1.2.1"), ("x", "br0"),
                      ("1.1.4.0/24", "br9"),
                      ("1.1.5.0/24", "br0", "pkt_mark=5"),
                      ("1.1.5.0/24", "br0", "pkt_mark=x")],
    "ovs/route/del": [("1.1.3.0/24",), ("1.1.3.0/24",), ("x",),
                      ("1.1.5.0/24", "pkt_mark=5")],
    "ovs/route/lookup": [("1.1.2.92",), ("9.9.9.9",), ("x",),
                         ("1.1.2.92", "pkt_mark=1")],
    "revalidator/*": [],
    "tnl/*/aging": [("5",), ("0",), ("3600",), ("3601",), ("900",)],
    "tnl/*/set": [("br0", "1.1.2.92", MAC), ("br9", "1.1.2.92", MAC),
                  ("br0", "x", MAC), ("br0", "1.1.2.92", "x")],
    "tnl/egress_port_range": [("40000", "50000"), ("1",), ("50000", "40000"),
                              ("0", "0"), ("x", "y"), ("70000", "80000"),
                              ("32768", "61000")],
    "tnl/ports/show": [("-v",)],
    "upcall/set-flow-limit": [("0",), ("1000",), ("x",), ("-1",)],
    "vlog/set": [("dpif_netdev:dbg",), ("netdev_offload_dpdk:file:dbg",),
                 ("nonsense:dbg",), ("dpif_netdev:nonsense",),
                 ("PATTERN:file:%m",), ("FACILITY:daemon",),
                 ("PATTERN:file:%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m",)],
    "vlog/*able-rate-limit": [("dpif_netdev",), ("ANY",), ("vswitchd", "x")],
}

# Columns that the daemon writes.
COLUMNS = [
    ("open_vswitch", "datapath_types"), ("open_vswitch", "iface_types"),
    ("open_vswitch", "dpdk_initialized"), ("datapath", "capabilities"),
    ("bridge", "status"), ("bridge", "rstp_status"), ("port", "rstp_status"),
    ("interface", "status"), ("interface", "ofport"),
    ("interface", "admin_state"), ("interface", "link_state"),
    ("interface", "error"), ("interface", "mtu")]

# Keys.

BAD_VALUES = ["garbage", "", "-1", "0", "99999999999999999999"]

# Whose key is set: a name, or None for the only record.
RECORDS = {
    "Bridge": "br1",
    "Controller": None,
    "IPFIX": None,
    "Interface": "p3",
    "Manager": None,
    "Open_vSwitch": ".",
    "Port": "b0",
    "QoS": None,
    "Queue": None,
}

# Keys that CONFIGURATION sets: what puts them back.
CONFIGURED = {
    ("Bridge", "hwaddr"): ("--", "set", "bridge", "br1",
                           "other_config:hwaddr=aa:55:aa:55:00:02"),
    ("Bridge", "datapath-id"): (
        "--", "set", "bridge", "br1",
        "other_config:datapath-id=0000000000000002"),
}

# Tells what a key has done.
SHOWN_WITH_KEYS = [
    ("upcall/show",), ("dpif/show",), ("dpif-netdev/pmd-rxq-show",),
    ("bond/show",), ("lacp/show",), ("cfm/show",), ("rstp/show", "br1"),
    ("mdb/show", "br1"), ("fdb/stats-show", "br1"), ("qos/show", "p3")]

# Options that --help does not tell.
UNTOLD_OPTIONS = ["--dpdk", "--mlockall", "--enable-dummy",
                  "--disable-system", "--disable-system-route",
                  "--dummy-numa", "--peer-ca-cert", "--syslog-method",
                  "--monitor", "--nonsense", "-V", "-h", "-v", "-p", "-c",
                  "-C", "-x"]


def good_arguments(command):
    """The argument lists that 'command' is good for."""
    for pattern, args in GOOD.items():
        if fnmatch.fnmatchcase(command, pattern):
            return args
    return []


def argument_lists(command):
    """The argument lists that 'command' gets."""
    return [()] + BAD + good_arguments(command)


def option_uses(option):
    """Command lines with 'option'."""
    if option.startswith("--"):
        return [(option,), (option + "=",), (option + "=garbage",),
                (option, "unix:a", "unix:b")]
    return [(option,), (option + "garbage",)]
