# SPDX-License-Identifier: Apache-2.0
"""Tables with tunnels: what arrives in one, and what leaves by one.

Bridge br0 is the underlay, with address 1.1.2.88 and port p1; bridge "int"
has the tunnels and dummy ports.  Frames come in at p1, in a tunnel packet that
may be broken, and at i1 as they are.  See Maker.encapsulate()."""

from twin_frames import LOCAL, REMOTE
from twin_tables import SETS, Port, Table, dummy, some
from twin_whole import (GENEVE_MAP, geneve_options_fit, gtpu_is_ip,
                        has_payload, nsh_has_length, outer_is_whole)

IPV6_SIDE = ("2001:cafe::88", "2001:cafe::92")


def tunnel(name, number, kind, *options):
    return Port("int", name, kind, number, [],
                ["options:" + option for option in options])


def overlay(rng, kind, ports, inner, outer, **rest):
    """A table with tunnel 'ports' of type 'kind'.  'inner' are flows of
    bridge "int", 'outer' are settings of it."""
    underlay = ["priority=10,arp,actions=LOCAL,3",
                "priority=10,in_port=1,dl_dst=%s,actions=LOCAL" % LOCAL[0],
                "priority=10,in_port=LOCAL,actions=1",
                "priority=1,actions=3"]
    commands = [
        ("netdev-dummy/ip4addr", "br0", LOCAL[1] + "/24"),
        ("netdev-dummy/ip6addr", "br0", IPV6_SIDE[0] + "/64"),
        ("ovs/route/add", REMOTE[1] + "/24", "br0"),
        ("ovs/route/add", IPV6_SIDE[1] + "/64", "br0"),
        ("tnl/neigh/set", "br0", REMOTE[1], REMOTE[0]),
        ("tnl/neigh/set", "br0", IPV6_SIDE[1], REMOTE[0])]
    return Table(
        bridges=["br0", "int"],
        ports=[dummy("p1", 1), dummy("p3", 3)]
        + [dummy("i%d" % i, i, "int") for i in range(1, 4)] + ports,
        commands=commands,
        openflow=[("br0", "add-flows", underlay), *outer,
                  ("int", "add-flows", inner)],
        in_ports=["p1", "p1", "p1", "i1"], wrap={"p1": [kind, *rest.get(
            "also", [])]},
        usable=[outer_is_whole, *rest.get("usable", [])],
        config=["vlan-limit=%d" % rng.choice([0, 1])])


def inner_flows(rng, numbers, l3=()):
    """Flows that take packets out of the tunnels 'numbers', and into them
    from port 1.  The tunnels in 'l3' carry packets without Ethernet."""
    flows = ["priority=0,actions=3"]
    edits = [sets for sets in SETS[""] + ["push_vlan:0x8100"]
             if "set_field" not in sets]
    for number in numbers:
        if number in l3:
            flows += [
                "priority=2,in_port=%d,packet_type=(1,0x800),"
                "actions=encap(ethernet),set_field:02:00:00:00:00:07->eth_dst,"
                "2" % number,
                "priority=2,in_port=%d,packet_type=(1,0x86dd),"
                "actions=encap(ethernet),2" % number,
                "priority=1,in_port=%d,actions=2" % number,
                "priority=3,in_port=%d,packet_type=(1,0x800),nw_proto=17,"
                "actions=dec_ttl,2" % number]
        else:
            flows += [
                "priority=2,in_port=%d,actions=%s,2"
                % (number, ",".join(some(rng, edits)[:2])),
                "priority=3,in_port=%d,ip,actions=%s,2,push_vlan:0x8100,3"
                % (number, ",".join(some(rng, SETS["ip"][:4]))),
                "priority=3,in_port=%d,ipv6,actions=%s,2"
                % (number, ",".join(some(rng, SETS["ipv6"][:4]))),
                "priority=4,in_port=%d,tcp,actions=ct(table=1)" % number]
    matches = ["ip", "ipv6", "arp", "tcp", "udp", "dl_vlan=10", "icmp6",
               "dl_src=02:00:00:00:00:02"]
    for i, match in enumerate(matches):
        flows.append("priority=%d,in_port=1,%s,actions=%soutput:%d" % (
            i + 2, match, rng.choice(
                ["", "", "mod_dl_dst:02:00:00:00:00:08,", "2,"]),
            rng.choice(numbers)))
    flows.append("table=1,ct_state=+trk,ip,actions=dec_ttl,2")
    return flows


def flow_based(flows, numbers, sets):
    """Lets the flows that leave by the tunnels 'numbers' say where to."""
    changed = []
    for flow in flows:
        for number in numbers:
            if flow.endswith("output:%d" % number):
                flow = flow.replace("output:%d" % number,
                                    "%s,output:%d" % (sets, number))
        changed.append(flow)
    return changed


TO_REMOTE = "set_field:0x77->tun_id,set_field:%s->tun_dst" % REMOTE[1]


def vxlan(rng):
    """VXLAN, with keys, checksums, group policies, and without Ethernet."""
    ports = [tunnel("v5", 5, "vxlan", "remote_ip=" + REMOTE[1], "key=123"),
             tunnel("v6", 6, "vxlan", "remote_ip=flow", "key=flow"),
             tunnel("v7", 7, "vxlan", "remote_ip=" + REMOTE[1], "key=flow",
                    "csum=true", "exts=gbp", "dst_port=4788"),
             tunnel("v8", 8, "vxlan", "remote_ip=" + IPV6_SIDE[1], "key=5"),
             tunnel("v9", 9, "vxlan", "remote_ip=" + REMOTE[1], "key=5",
                    "exts=gpe", "dst_port=4790")]
    flows = inner_flows(rng, [5, 6, 7, 8])
    flows += ["priority=5,in_port=9,actions=2",
              "priority=20,in_port=1,sctp,actions=9"]
    return overlay(rng, "vxlan", ports, flow_based(flows, [6], TO_REMOTE), [])


def geneve(rng):
    """Geneve, with options."""
    ports = [tunnel("g5", 5, "geneve", "remote_ip=" + REMOTE[1], "key=123"),
             tunnel("g6", 6, "geneve", "remote_ip=flow", "key=flow",
                    "csum=true"),
             tunnel("g8", 8, "geneve", "remote_ip=" + IPV6_SIDE[1],
                    "key=flow")]
    flows = inner_flows(rng, [5, 6, 8])
    flows += ["priority=9,in_port=6,tun_metadata0=0x1122,actions=3",
              "priority=8,in_port=6,tun_metadata1=0/1,actions="
              "move:NXM_NX_TUN_METADATA1[0..31]->NXM_NX_REG0[],2"]
    options = ("int", "add-tlv-map",
               ["{class=0x%s,type=0x%s,len=%d}->tun_metadata%d"
                % (option[:2].hex(), option[2:].hex(), size, i)
                for i, (option, size) in enumerate(GENEVE_MAP.items())])
    sets = TO_REMOTE + rng.choice(["", ",set_field:0x55->tun_metadata0"])
    return overlay(rng, "geneve", ports, flow_based(flows, [6], sets),
                   [options], usable=[geneve_options_fit])


def gre(rng):
    """GRE, over IPv4 or IPv6, with keys, checksums and sequence numbers.

    Packets of GRE go to one type of tunnel, whatever IP they come in: which one
    is a matter of luck if there are two."""
    if rng.random() < .2:
        return overlay(rng, "gre", [
            tunnel("r8", 8, "ip6gre", "remote_ip=" + IPV6_SIDE[1], "key=5")],
            inner_flows(rng, [8]), [], usable=[has_payload])
    ports = [tunnel("r5", 5, "gre", "remote_ip=" + REMOTE[1], "key=123"),
             tunnel("r6", 6, "gre", "remote_ip=flow", "key=flow",
                    "csum=true"),
             tunnel("r7", 7, "gre", "remote_ip=" + REMOTE[1], "key=9",
                    "seq=true"),
             tunnel("r9", 9, "gre", "remote_ip=" + REMOTE[1], "key=7",
                    "packet_type=legacy_l3"),
             tunnel("r10", 10, "gre", "remote_ip=" + REMOTE[1], "key=8",
                    "packet_type=ptap")]
    flows = inner_flows(rng, [5, 6, 7])
    flows += ["priority=30,in_port=9,actions=2",
              "priority=30,in_port=10,actions=2",
              "priority=29,in_port=1,icmp,actions=9",
              "priority=29,in_port=1,sctp,actions=10"]
    return overlay(rng, "gre", ports, flow_based(flows, [6], TO_REMOTE), [],
                   usable=[has_payload])


def erspan(rng):
    """ERSPAN, both versions, over IPv4 or IPv6; see gre() about that."""
    if rng.random() < .2:
        return overlay(rng, "erspan", [
            tunnel("e8", 8, "ip6erspan", "remote_ip=" + IPV6_SIDE[1],
                   "key=5", "erspan_ver=1", "erspan_idx=3")],
            inner_flows(rng, [8]), [])
    ports = [tunnel("e5", 5, "erspan", "remote_ip=" + REMOTE[1], "key=123",
                    "erspan_ver=1", "erspan_idx=3"),
             tunnel("e6", 6, "erspan", "remote_ip=" + REMOTE[1], "key=5",
                    "erspan_ver=2", "erspan_dir=1", "erspan_hwid=7")]
    return overlay(rng, "erspan", ports, inner_flows(rng, [5, 6]), [])


def gtpu(rng):
    """GTP-U: IP in a tunnel."""
    ports = [tunnel("u5", 5, "gtpu", "remote_ip=" + REMOTE[1], "key=123"),
             tunnel("u6", 6, "gtpu", "remote_ip=flow", "key=flow")]
    flows = inner_flows(rng, [5, 6], l3=[5, 6])
    return overlay(rng, "gtpu", ports, flow_based(flows, [6], TO_REMOTE), [],
                   usable=[gtpu_is_ip, has_payload])


def l3_packets(rng):
    """Packets without Ethernet go from tunnel to tunnel, through pipelines
    that know their type."""
    ports = [tunnel("l5", 5, "gre", "remote_ip=" + REMOTE[1], "key=123",
                    "packet_type=ptap"),
             tunnel("l6", 6, "gre", "remote_ip=" + REMOTE[1], "key=5",
                    "packet_type=legacy_l3"),
             tunnel("l7", 7, "vxlan", "remote_ip=" + REMOTE[1], "key=5",
                    "exts=gpe", "dst_port=4790"),
             tunnel("l8", 8, "gtpu", "remote_ip=" + REMOTE[1], "key=5")]
    flows = []
    for number in (5, 6, 7, 8):
        flows += [
            "priority=3,in_port=%d,packet_type=(1,0x800),actions=dec_ttl,2,"
            "output:%d" % (number, rng.choice([5, 6, 7, 8])),
            "priority=3,in_port=%d,packet_type=(1,0x86dd),"
            "actions=set_field:fd00::9->ipv6_src,encap(ethernet),2" % number,
            "priority=3,in_port=%d,packet_type=(1,0x894f),actions=decap(),"
            "resubmit(,1)" % number,
            "priority=3,in_port=%d,packet_type=(1,0x8847),"
            "actions=encap(ethernet),3" % number,
            "priority=2,in_port=%d,packet_type=(0,0),actions=2,output:6"
            % number]
    flows += ["priority=4,in_port=1,ip,actions=decap(),output:5",
              "priority=4,in_port=1,ipv6,actions=decap(),output:6",
              "priority=5,in_port=1,tcp,actions=output:8",
              "priority=3,in_port=1,mpls,actions=decap(),output:5",
              "priority=3,in_port=1,dl_type=0x894f,actions=decap(),output:7",
              "priority=3,in_port=1,arp,actions=output:6",
              "table=1,actions=encap(ethernet),3"]
    return overlay(rng, "gre_l3", ports, flows, [],
                   also=["gtpu", "vxlan"],
                   usable=[gtpu_is_ip, has_payload, nsh_has_length])


TUNNEL_TABLES = [vxlan, geneve, gre, erspan, gtpu, l3_packets]
