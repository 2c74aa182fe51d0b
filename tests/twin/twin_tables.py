# SPDX-License-Identifier: Apache-2.0
"""The tables that both daemons get.

Each is made by a function, which may draw from a random.Random: the seed
decides about the rules as it does about the frames."""

import collections

from twin_whole import has_labels, nsh_has_length

Port = collections.namedtuple("Port", "bridge name type number port interface")

# How flows are found must make no difference.
VARIANTS = [[], [], ["emc-insert-inv-prob=1"], ["emc-insert-inv-prob=0"],
            ["smc-enable=true", "emc-insert-inv-prob=0"],
            ["hw-offload=true"]]
ALL = "priority=0,actions=4"


class Table:
    """What a daemon is configured with, and what it is fed."""

    def __init__(self, flows=(), **rest):
        self.bridges = ["br0"]
        self.ports = [dummy("p%d" % i, i) for i in range(1, 5)]
        self.vsctl = []         # More arguments for ovs-vsctl.
        self.config = []        # Settings in other_config.
        self.commands = []      # For the daemon's control socket.
        self.openflow = []      # Bridge, command of ovs-ofctl, its arguments.
        self.frames = [None]    # What Maker.frame() makes, None for anything.
        self.in_ports = ["p1", "p1", "p1", "p2"]
        self.wrap = {}          # In-ports where frames come in a tunnel.
        self.warp = 0           # Milliseconds from batch to batch.
        self.settle = False     # Packets change what becomes of the next.
        self.unordered = False  # A flood may reach the ports in any order.
        self.spread = False     # A matter of luck by which port.
        self.polled = False     # By a PMD thread.
        self.usable = []        # Functions that tell which frames are.
        for name, value in rest.items():
            if not hasattr(self, name):
                raise TypeError("a table has no " + name)
            setattr(self, name, value)
        if flows:
            self.openflow = self.openflow + [("br0", "add-flows",
                                              list(flows))]


def dummy(name, number, bridge="br0"):
    """A port that is fed, or captured, or both."""
    return Port(bridge, name, "dummy", number, [], [])


def some(rng, choices, least=1):
    """Returns some of 'choices', in any order."""
    return rng.sample(choices, rng.randrange(least, len(choices) + 1))


def exact(_):
    """Flows that name every field."""
    flows = [ALL]
    for i in range(1, 7):
        for port in (1, 53, 80, 443):
            flows.append("priority=10,in_port=1,udp,dl_src=02:00:00:00:00:01,"
                         "nw_src=10.0.0.%d,nw_dst=10.0.0.1,tp_dst=%d,"
                         "actions=2" % (i, port))
            flows.append("priority=10,in_port=1,tcp,nw_src=10.0.0.%d,"
                         "nw_dst=10.0.0.2,tp_src=%d,actions=3" % (i, port))
    return Table(flows)


MATCHES = [
    lambda r: "ip,nw_src=10.0.0.0/%d" % r.randrange(8, 33),
    lambda r: "ip,nw_dst=10.0.0.%d/%d" % (r.randrange(4), r.randrange(24, 33)),
    lambda r: "ip,nw_src=10.0.0.1/255.0.0.%d" % r.randrange(256),
    lambda r: "ip,nw_ttl=%d" % r.choice([0, 1, 64]),
    lambda r: "ip,nw_tos=%d" % r.choice([0, 4, 0xb8]),
    lambda r: "ip,nw_ecn=%d" % r.randrange(4),
    lambda r: "%s,nw_frag=%s" % (r.choice(["ip", "ipv6"]), r.choice(
        ["no", "yes", "first", "later", "not_later"])),
    lambda r: "ip,nw_proto=%d" % r.choice([1, 2, 6, 17, 50, 132]),
    lambda r: "ipv6,nw_proto=%d" % r.choice([0, 6, 17, 43, 44, 58, 59, 60]),
    lambda r: "%s,tp_dst=%d" % (r.choice(["udp", "tcp", "sctp", "udp6",
                                          "tcp6", "sctp6"]),
                                r.choice([1, 53, 80, 443])),
    lambda r: "%s,tp_src=0x%x/0x%x" % ((r.choice(
        ["udp", "tcp", "udp6", "tcp6"]),) + r.choice(
            [(0, 1), (0, 0xfff0), (1000, 0xfffe), (0x1000, 0xf000)])),
    lambda r: "tcp,tcp_flags=%s" % r.choice(["+syn", "-syn", "+syn-ack",
                                             "+rst", "+fin+ack", "0/0xfff"]),
    lambda r: "icmp,icmp_type=%d" % r.choice([0, 8, 3, 11]),
    lambda r: "icmp6,icmp_type=%d" % r.choice([128, 135, 136, 1]),
    lambda r: "icmp6,icmp_type=135,icmp_code=0,nd_target=fd00::%d" % (
        r.randrange(1, 7)),
    lambda r: "icmp6,icmp_type=135,icmp_code=0,nd_sll=02:00:00:00:00:0%d" % (
        r.randrange(1, 5)),
    lambda r: "icmp6,icmp_type=136,icmp_code=0,nd_tll=02:00:00:00:00:0%d" % (
        r.randrange(1, 5)),
    lambda r: "ipv6,ipv6_src=fd00::%d/%d" % (r.randrange(1, 7),
                                             r.randrange(0, 129)),
    lambda r: "ipv6,ipv6_label=%d" % r.choice([0, 1, 0xfffff]),
    lambda r: "arp,arp_op=%d" % r.randrange(1, 4),
    lambda r: "arp,arp_spa=10.0.0.%d/%d" % (r.randrange(1, 7),
                                            r.randrange(8, 33)),
    lambda r: "arp,arp_sha=02:00:00:00:00:0%d" % r.randrange(1, 5),
    lambda r: "dl_type=0x%04x" % r.choice([0x8847, 0x8848, 0x894f, 0x88cc,
                                           0x8035, 0x5ff, 0x1234, 0x6558]),
    lambda r: "dl_src=02:00:00:00:00:0%d" % r.randrange(1, 5),
    lambda r: "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00",
    lambda r: "dl_vlan=%d" % r.choice([1, 10, 20, 100]),
    lambda r: "vlan_tci=0/0x1000",
    lambda r: "vlan_tci=0x1000/0x1000",
    lambda r: "dl_vlan_pcp=%d" % r.choice([0, 3, 7]),
    lambda r: "in_port=%d" % r.choice([1, 2]),
]


def masked(rng):
    """Flows of all masks and priorities."""
    flows = [ALL]
    for _ in range(80):
        flows.append("priority=%d,%s,actions=%s" % (
            rng.randrange(1, 20), rng.choice(MATCHES)(rng),
            rng.choice(["2", "3", "4", "2,3", "drop", "IN_PORT", "LOCAL"])))
    return Table(flows)


def vlan(rng):
    """Tags: none to three, pushed, popped and changed.

    Upper layers know two tags.  A third that is pushed makes them forget the
    last, but not if the flow was made by a packet with one: which of two such
    flows a packet meets is a matter of luck.  So with a limit of two, a rule
    pushes a tag only if it has popped one."""
    limit = rng.choice([0, 1, 2])
    pushes = [
        "push_vlan:0x8100,set_field:4106->vlan_vid,2,pop_vlan",
        "push_vlan:0x88a8,set_field:4116->vlan_vid,set_field:3->vlan_pcp,2",
        "push_vlan:0x8100,push_vlan:0x88a8,set_field:4097->vlan_vid,2,"
        "pop_vlan",
        "mod_dl_src:02:00:00:00:00:09,push_vlan:0x8100,3"]
    edits = ["set_field:4196->vlan_vid,3,", "set_field:5->vlan_pcp,2,", "",
             "set_field:2->vlan_pcp,pop_vlan,2,", "pop_vlan,"]
    flows = []
    for priority, match in enumerate(
            ["", "ip", "dl_vlan=10", "dl_vlan=20,dl_vlan_pcp=3",
             "vlan_vid=0x1000/0x1000", "vlan_vid=0", "ipv6,vlan_vid=0",
             "vlan_vid=0x1001/0x1fff", "dl_vlan=100,ip", "dl_vlan=10,ipv6"]):
        # OpenFlow 1.5 wants to know of a tag before it is popped or changed,
        # and there may be two.
        tagged = "dl_vlan" in match or "=0x" in match
        edit = rng.choice(edits) if tagged else ""
        push = rng.choice(pushes[:2] if tagged else pushes)
        if tagged and limit == 2 and "pop_vlan" not in edit:
            push = "2"
        flows.append("priority=%d%s,actions=%s%s%s,4" % (
            priority, "," * bool(match) + match,
            rng.choice(["", "dec_ttl,"]) if "ip" in match else "",
            edit, push))
    return Table(flows, config=["vlan-limit=%d" % limit])


def mpls(rng):
    """Labels: pushed, popped and changed."""
    flows = [
        ALL,
        "priority=2,ip,actions=push_mpls:0x8847,set_field:%d->mpls_label,"
        "set_field:3->mpls_tc,2" % rng.randrange(1000),
        "priority=3,ip,nw_src=10.0.0.2,actions=push_mpls:0x8847,"
        "set_field:7->mpls_label,push_mpls:0x8848,set_mpls_ttl:9,2",
        "priority=2,ipv6,actions=push_mpls:0x8847,push_mpls:0x8847,"
        "push_mpls:0x8847,dec_mpls_ttl,2",
        "priority=2,arp,actions=push_mpls:0x8848,2",
        "priority=4,mpls,mpls_bos=1,mpls_label=16,actions=pop_mpls:0x0800,"
        "dec_ttl,2",
        "priority=4,mpls,mpls_bos=1,mpls_label=100,actions=pop_mpls:0x86dd,"
        "set_field:fd00::9->ipv6_dst,2",
        "priority=4,mpls,mpls_bos=1,mpls_label=3,actions=pop_mpls:0x0800,"
        "resubmit(,1)",
        "priority=3,mpls,mpls_bos=0,mpls_label=1,actions=pop_mpls:0x8847,"
        "pop_mpls:0x8847,2",
        "priority=3,mpls,mpls_bos=0,mpls_label=0,actions=pop_mpls:0x8847,"
        "dec_mpls_ttl,3",
        "priority=1,mpls,actions=dec_mpls_ttl,2,set_field:5->mpls_label,3",
        "priority=3,mpls,mpls_label=3,actions=set_field:77->mpls_label,"
        "push_mpls:0x8847,2",
        "priority=2,mplsm,actions=set_mpls_ttl:3,2",
        "priority=5,mpls,dl_vlan=10,actions=strip_vlan,dec_mpls_ttl,3",
        "table=1,priority=1,tcp,actions=set_field:99->tcp_src,2",
        "table=1,priority=1,udp,nw_dst=10.0.0.0/30,actions=dec_ttl,3",
        "table=1,priority=0,actions=4"]
    return Table(flows, frames=["mpls", "mpls", "mpls", None],
                 usable=[has_labels])


NSH_SETS = ["set_field:2->nsh_flags", "set_field:254->nsh_si",
            "set_field:0x44332211->nsh_c1", "set_field:0x55->nsh_spi",
            "set_field:7->nsh_ttl", "dec_nsh_ttl",
            "set_field:0x1->nsh_c4"]


def nsh(rng):
    """Network service headers: pushed, popped and changed."""
    flows = [
        ALL,
        "priority=3,dl_type=0x894f,nsh_mdtype=1,nsh_np=1,nsh_si=255,actions=%s"
        ",2" % ",".join(some(rng, NSH_SETS)),
        "priority=3,dl_type=0x894f,nsh_mdtype=1,nsh_np=3,actions=%s,2"
        % ",".join(some(rng, NSH_SETS)),
        "priority=4,dl_type=0x894f,nsh_mdtype=1,nsh_np=3,nsh_si=255,"
        "actions=decap(),decap(),resubmit(,1)",
        "priority=4,dl_type=0x894f,nsh_np=1,nsh_si=254,actions=decap(),"
        "decap(),resubmit(,1)",
        "priority=4,dl_type=0x894f,nsh_np=4,actions=decap(),decap(),"
        "resubmit(,1)",
        "priority=2,dl_type=0x894f,nsh_mdtype=2,actions=decap(),decap(),"
        "resubmit(,1)",
        "priority=1,dl_type=0x894f,actions=dec_nsh_ttl,2",
        "priority=2,ip,actions=encap(nsh(md_type=1)),set_field:0x1234->nsh_spi"
        ",set_field:0x11223344->nsh_c1,encap(ethernet),"
        "set_field:02:00:00:00:00:09->dl_dst,3",
        "priority=2,ipv6,actions=encap(nsh(md_type=2,tlv(0x1000,10,0x12345678)"
        ",tlv(0x2000,20,0xfedcba9876543210))),set_field:0x1234->nsh_spi,"
        "encap(ethernet),set_field:02:00:00:00:00:09->dl_dst,3",
        "priority=3,ip,nw_src=10.0.0.2,actions=encap(nsh),decap(),2",
        "priority=3,ip,nw_src=10.0.0.3,actions=encap(nsh(md_type=1)),"
        "encap(nsh(md_type=1)),encap(ethernet),3",
        "table=1,priority=3,packet_type=(1,0x800),actions=encap(ethernet),"
        "set_field:02:00:00:00:00:03->dl_dst,2",
        "table=1,priority=3,packet_type=(1,0x86dd),actions=encap(ethernet),"
        "set_field:02:00:00:00:00:04->dl_dst,2",
        "table=1,priority=3,packet_type=(1,0x894f),actions=encap(ethernet),3",
        "table=1,priority=2,packet_type=(0,0),ip,actions=dec_ttl,3",
        "table=1,priority=1,packet_type=(0,0),actions=push_vlan:0x8100,2"]
    return Table(flows, frames=["nsh", "nsh", "nsh", None],
                 usable=[nsh_has_length])


SETS = {
    "": ["mod_dl_src:02:00:00:00:00:09", "mod_dl_dst:02:00:00:00:00:0a",
         "set_field:00:00:00:00:01:00/00:00:00:00:ff:00->eth_src"],
    "ip": ["mod_nw_src:10.7.7.7", "mod_nw_dst:10.8.8.8", "mod_nw_tos:184",
           "mod_nw_ttl:9", "set_field:2->nw_ecn", "dec_ttl",
           "set_field:10.0.7.0/255.255.255.0->ip_dst",
           "set_field:0.0.0.9/0.0.0.15->ip_src"],
    "ipv6": ["set_field:fd00::77->ipv6_src", "set_field:fd00::88->ipv6_dst",
             "set_field:0x12345->ipv6_label", "mod_nw_tos:184",
             "mod_nw_ttl:9", "dec_ttl", "set_field:1->nw_ecn",
             "set_field:::9/::f->ipv6_src"],
    "tcp": ["mod_tp_src:1111", "mod_tp_dst:2222",
            "set_field:0x10/0xf0->tcp_src", "mod_nw_dst:10.8.8.8"],
    "udp": ["mod_tp_src:1111", "mod_tp_dst:2222",
            "set_field:0x10/0xf0->udp_dst", "mod_nw_src:10.8.8.8"],
    "sctp": ["mod_tp_src:1111", "mod_tp_dst:2222", "dec_ttl"],
    "tcp6": ["mod_tp_src:1111", "set_field:fd00::88->ipv6_dst"],
    "udp6": ["mod_tp_dst:2222", "set_field:fd00::88->ipv6_src"],
    "sctp6": ["mod_tp_dst:2222", "dec_ttl"],
    "icmp": ["set_field:8->icmp_type", "set_field:1->icmp_code",
             "mod_nw_dst:10.8.8.8"],
    "icmp6": ["set_field:129->icmpv6_type", "set_field:1->icmpv6_code",
              "set_field:fd00::88->ipv6_dst"],
    "icmp6,icmp_type=135,icmp_code=0": [
        "set_field:fd00::99->nd_target", "set_field:02:00:00:00:00:0b->nd_sll",
        "set_field:fd00::88->ipv6_dst"],
    "icmp6,icmp_type=136,icmp_code=0": [
        "set_field:fd00::99->nd_target",
        "set_field:02:00:00:00:00:0b->nd_tll",
        "set_field:128->nd_options_type", "set_field:5->nd_reserved"],
    "arp": ["set_field:2->arp_op", "set_field:02:00:00:00:00:05->arp_sha",
            "set_field:02:00:00:00:00:06->arp_tha",
            "set_field:10.7.7.7->arp_spa", "set_field:10.7.7.8->arp_tpa"],
    "rarp": ["set_field:3->arp_op", "set_field:10.7.7.8->arp_tpa"],
    "mpls": ["set_field:77->mpls_label", "set_field:3->mpls_tc",
             "set_mpls_ttl:7", "dec_mpls_ttl"],
    "dl_vlan=10": ["mod_vlan_vid:100", "mod_vlan_pcp:5"],
}


def set_field(rng):
    """Every header field is set, alone and with others."""
    flows = []
    for match, sets in SETS.items():
        base = match.split(",", maxsplit=1)[0]
        for more in range(3):
            chosen = some(rng, sets) + (some(rng, SETS[""], 0)
                                        if more else [])
            # What is narrower is looked at first.
            priority = 1 + 4 * (base not in ("", "ip", "ipv6")) \
                + 4 * ("," in match) + 2 * (base in ("ip", "ipv6"))
            flows.append("priority=%d%s%s,actions=%s,2%s" % (
                priority * 4 + more, "," * bool(match) + match,
                ["", ",dl_src=02:00:00:00:00:01", ",in_port=2"][more],
                ",".join(chosen), rng.choice(["", ",IN_PORT", ",3"])))
    return Table(flows)


def ip6_extensions(rng):
    """What is matched and changed behind IPv6 extension headers."""
    flows = [ALL]
    for i, match in enumerate(
            ["ipv6", "tcp6", "udp6", "icmp6", "ipv6,nw_frag=first",
             "ipv6,nw_frag=later", "ipv6,nw_proto=44", "ipv6,nw_proto=59",
             "ipv6,nw_proto=135", "udp6,nw_frag=no",
             "icmp6,icmp_type=128", "tcp6,tp_dst=80"]):
        base = match.split(",", maxsplit=1)[0]
        sets = SETS["ipv6"] + (SETS[base] if base in SETS else [])
        flows.append("priority=%d,%s,actions=%s,2" % (
            i + 1, match, ",".join(some(rng, sets)[:4])))
    return Table(flows, frames=["ipv6", "ipv6", "ipv6", None])


PLAIN_TABLES = [exact, masked, vlan, mpls, nsh, set_field, ip6_extensions]


def polled(rng):
    """One of the tables so far, on ports that a PMD thread polls."""
    table = rng.choice(PLAIN_TABLES)(rng)
    table.polled = True
    table.config = table.config + ["pmd-cpu-mask=1"]
    table.ports = [port._replace(type="dummy-pmd") for port in table.ports]
    return table
