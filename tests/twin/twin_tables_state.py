# SPDX-License-Identifier: Apache-2.0
"""Tables whose answer depends on earlier packets, or on groups and bridges."""

from twin_tables import ALL, SETS, Port, Table, dummy, some
from twin_whole import OpensAlone, dei_is_clear, priority_is_clear, \
    syn_window_fits


def conntrack(rng):
    """Connections: zones, marks, labels, states, fragments."""
    flows = [
        "table=0,priority=0,actions=4",
        "table=0,priority=10,ip,in_port=1,actions=ct(table=1,zone=%d)"
        % rng.randrange(3),
        "table=0,priority=10,ipv6,in_port=1,actions=ct(table=1)",
        "table=0,priority=10,ip,in_port=2,actions=ct(table=1)",
        "table=0,priority=11,icmp6,icmp_type=135,icmp_code=0,"
        "actions=ct(table=1,zone=5)",
        "table=1,priority=10,ct_state=+trk+new,tcp,actions=ct(commit,%s),2"
        % rng.choice(["zone=1", "exec(set_field:7->ct_mark)",
                      "exec(set_field:0x55/0xff->ct_label)"]),
        "table=1,priority=10,ct_state=+trk+new,udp,actions=ct(commit,table=2)",
        "table=1,priority=9,ct_state=+trk+new,ip,actions=ct(commit,"
        "exec(set_field:3->ct_mark,set_field:9->ct_label)),3",
        "table=1,priority=9,ct_state=+trk+new,ipv6,actions=ct(commit),3",
        "table=1,priority=11,ct_state=+trk+est,ct_mark=7,ip,actions=dec_ttl,2",
        "table=1,priority=10,ct_state=+trk+est,ip,actions=dec_ttl,2",
        "table=1,priority=10,ct_state=+trk+est,ipv6,actions=3",
        "table=1,priority=12,ct_state=+trk+rpl,ip,"
        "actions=move:NXM_NX_CT_MARK[]->NXM_NX_REG0[],resubmit(,2)",
        "table=1,priority=13,ct_state=+trk+inv,ip,actions=%s"
        % rng.choice(["drop", "4", "mod_nw_tos:4,4"]),
        "table=1,priority=14,ct_state=+trk+rel,ip,actions=mod_nw_tos:8,2",
        "table=1,priority=0,actions=drop",
        "table=2,priority=2,ct_state=+trk+new,"
        "actions=mod_dl_src:02:00:00:00:00:09,2",
        "table=2,priority=1,reg0=7,actions=3",
        "table=2,priority=1,ct_nw_src=10.0.0.0/30,ct_state=+trk-inv,ip,"
        "actions=dec_ttl,3",
        "table=2,priority=0,actions=4"]
    return Table(flows, frames=["ipv4", "ipv4", "ipv6", None],
                 usable=[syn_window_fits, OpensAlone()])


def nat(rng):
    """Addresses and ports are translated both ways.

    Ours finds ports and identifiers where theirs finds none, see conntrack.rst.
    So there is one answer to find: no connection ends, since ours then has its
    port free at once; and of what has no ports only one client's packets are
    translated, to an address that nobody else has."""
    method = rng.choice(["", ",hash", ",random", ",persistent"])
    inside = rng.choice(["10.9.9.9", "10.9.9.1-10.9.9.1"]) + method
    service = rng.choice(["10.8.8.8", "10.8.8.8:5353"]) + method
    flows = [
        ALL,
        "priority=5,arp,actions=3",
        "priority=20,tcp,tcp_flags=+fin,actions=3",
        "priority=20,tcp,tcp_flags=+rst,actions=3",
        "priority=20,tcp6,tcp_flags=+fin,actions=3",
        "priority=20,tcp6,tcp_flags=+rst,actions=3",
        "priority=10,in_port=1,ip,actions=ct(table=1,zone=3,nat)",
        "priority=10,in_port=2,ip,actions=ct(table=1,zone=3,nat)",
        "priority=10,in_port=1,ipv6,actions=ct(table=1,zone=4,nat)",
        "priority=10,in_port=2,ipv6,actions=ct(table=1,zone=4,nat)",
        "priority=11,in_port=1,tcp,tp_dst=21,"
        "actions=ct(table=1,zone=3,nat,alg=ftp)",
        "table=1,priority=9,ct_state=+trk+new,actions=3"]
    for proto in "tcp", "udp", "sctp":
        flows += [
            "table=1,priority=10,in_port=1,%s,ct_state=+trk+new,"
            "actions=ct(commit,zone=3,nat(src=%s)),2" % (proto, inside),
            "table=1,priority=10,in_port=1,%s6,ct_state=+trk+new,"
            "actions=ct(commit,zone=4,nat(src=fd00::99)),2" % proto,
            "table=1,priority=10,in_port=2,%s,ct_state=+trk+new,"
            "actions=ct(commit,zone=3,nat(dst=10.0.0.5)),1" % proto]
    flows += [
        "table=1,priority=11,in_port=1,udp,nw_dst=10.0.0.2,"
        "ct_state=+trk+new,actions=ct(commit,zone=3,nat(dst=%s)),2" % service,
        "table=1,priority=10,in_port=1,ip,nw_src=10.0.0.1,ct_state=+trk+new,"
        "actions=ct(commit,zone=3,nat(src=10.9.9.8)),2",
        "table=1,priority=10,in_port=1,ipv6,ipv6_src=fd00::1,"
        "ct_state=+trk+new,actions=ct(commit,zone=4,nat(src=fd00::98)),2",
        "table=1,priority=10,in_port=2,ip,nw_dst=10.0.0.6,ct_state=+trk+new,"
        "actions=ct(commit,zone=3,nat(dst=10.8.8.9)),1",
        "table=1,priority=9,ct_state=+trk+est,in_port=1,actions=2",
        "table=1,priority=9,ct_state=+trk+est,in_port=2,actions=1",
        "table=1,priority=12,ct_state=+trk+rel,actions=3",
        "table=1,priority=13,ct_state=+trk+inv,actions=drop",
        "table=1,priority=0,actions=4"]
    return Table(flows, frames=["ipv4", "ipv4", "ipv6"],
                 usable=[syn_window_fits, OpensAlone()])


def meters(rng):
    """Packets are metered, while the clock moves from batch to batch."""
    lines = ["meter=1,kbps,burst,stats,band=type=drop,rate=%d,burst_size=20"
             % rng.choice([10, 100]),
             "meter=2,pktps,burst,stats,bands=type=drop,rate=%d,burst_size=5"
             % rng.choice([10, 50]),
             "meter=3,pktps,stats,bands=type=drop,rate=100 "
             "type=drop,rate=20",
             "meter=4,kbps,stats,bands=type=drop,rate=50"]
    flows = [
        ALL,
        "priority=2,ip,actions=meter:1,2",
        "priority=3,tcp,actions=meter:2,dec_ttl,2",
        "priority=3,udp,actions=meter:3,3",
        "priority=2,ipv6,actions=meter:4,2",
        "priority=3,udp6,actions=meter:2,push_vlan:0x8100,3",
        "priority=2,arp,actions=meter:3,3"]
    return Table(flows, warp=rng.choice([10, 100, 1000]),
                 openflow=[("br0", "add-meter", lines)])


def groups(rng):
    """Groups of all types but those that choose by the datapath's hash."""
    lines = [
        "group_id=1,type=all,bucket=mod_nw_tos:4,2,bucket=dec_ttl,3,"
        "bucket=set_field:10.7.7.7->ip_dst,4",
        "group_id=2,type=select,selection_method=hash,fields(tcp_src,ipv6_src)"
        ",bucket=weight:100,2,bucket=weight:50,3,bucket=weight:100,4",
        "group_id=3,type=select,selection_method=hash,"
        "fields(ip_src,ip_dst),bucket=2,bucket=3",
        "group_id=4,type=indirect,bucket=mod_dl_src:02:00:00:00:00:09,2",
        "group_id=5,type=ff,bucket=watch_port:3,3,bucket=watch_port:2,2",
        "group_id=6,type=all,bucket=push_vlan:0x8100,2,bucket=group:4,"
        "bucket=3"]
    flows = [
        "priority=0,actions=group:6",
        "priority=2,ip,actions=group:1",
        "priority=3,tcp,actions=group:2",
        "priority=3,udp,actions=group:3,group:4",
        "priority=3,icmp,actions=group:5",
        "priority=2,ipv6,actions=group:5,group:6",
        "priority=3,udp6,actions=dec_ttl,group:2"]
    return Table(flows, openflow=[("br0", "add-group", lines)])


def dp_hash(rng):
    """Groups that choose by the datapath's hash."""
    # Open vSwitch loops where nothing can be hashed: only what can gets there.
    # What goes back to its in-port is dropped: no bucket does that.
    lines = [
        "group_id=2,type=select,bucket=weight:100,2,bucket=weight:50,3,"
        "bucket=weight:100,4",
        "group_id=7,type=select,selection_method=dp_hash,"
        "selection_method_param=%d,bucket=2,bucket=3,bucket=4,bucket=LOCAL"
        % rng.randrange(100)]
    flows = [
        ALL,
        "priority=2,tcp,nw_frag=no,actions=group:2",
        "priority=2,tcp6,nw_frag=no,actions=group:7",
        "priority=3,udp,actions=dec_ttl,group:7",
        "priority=3,udp6,actions=dec_ttl,group:2"]
    return Table(flows, openflow=[("br0", "add-group", lines)],
                 in_ports=["p1"], spread=True)


def normal(rng):
    """Learning, trunks, access ports and a mirror.

    Whether a tag keeps its DEI bit depends on where a flood begins, which is
    a matter of luck in both daemons, since ports are ordered by where they
    are in memory: there are no frames with one.  So it is with the priority
    of what is mirrored after a flood."""
    ports = [Port("br0", "p1", "dummy", 1, ["trunks=10,20,100"], []),
             Port("br0", "p2", "dummy", 2, ["tag=%d"
                                            % rng.choice([10, 20])], []),
             Port("br0", "p3", "dummy", 3, ["tag=10", "vlan_mode=%s"
                                            % rng.choice(["native-tagged",
                                                          "native-untagged"])],
                  []),
             dummy("p4", 4)]
    mirror = ["--", "--id=@m", "create", "mirror", "name=m", "select_all=%s"
              % rng.choice(["true", "false"]), "output_vlan=100", "--", "set",
              "bridge", "br0", "mirrors=@m"]
    vsctl = rng.choice([[], mirror])
    flows = ["priority=0,actions=normal",
             "priority=1,ip,nw_dst=10.0.0.2,actions=dec_ttl,normal",
             "priority=1,udp6,actions=normal,4",
             "priority=1,arp,arp_op=2,actions=flood",
             "priority=1,dl_type=0x88cc,actions=all"]
    return Table(flows, ports=ports, in_ports=["p1", "p2", "p3", "p4"],
                 settle=True, unordered=True,
                 usable=([dei_is_clear, priority_is_clear] if vsctl
                         else [dei_is_clear]),
                 vsctl=vsctl,
                 config=["vlan-limit=%d" % rng.choice([1, 2])])


def learn(rng):
    """Flows that flows make, conjunctions, registers and resubmits."""
    flows = [
        "table=0,priority=1,actions=learn(table=5,hard_timeout=%d,"
        "NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],"
        "output:NXM_OF_IN_PORT[]),resubmit(,5),resubmit(,1)"
        % rng.choice([0, 10]),
        "table=0,priority=2,tcp,actions=learn(table=5,eth_type=0x800,"
        "nw_proto=6,NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],"
        "NXM_OF_TCP_DST[]=NXM_OF_TCP_SRC[],load:3->NXM_NX_REG1[]),"
        "resubmit(,5),resubmit(,2)",
        "table=1,priority=10,ip,nw_src=10.0.0.1,actions=conjunction(1,1/2)",
        "table=1,priority=10,ip,nw_src=10.0.0.2,actions=conjunction(1,1/2)",
        "table=1,priority=10,ip,nw_dst=10.0.0.3,actions=conjunction(1,2/2)",
        "table=1,priority=10,ip,nw_dst=10.0.0.4,actions=conjunction(1,2/2)",
        "table=1,priority=10,conj_id=1,ip,actions=dec_ttl,3",
        "table=1,priority=1,ip,actions=move:NXM_OF_IP_SRC[0..15]->"
        "NXM_NX_REG2[0..15],load:0x17->NXM_OF_IP_TOS[2..7],"
        "push:NXM_OF_IP_SRC[],pop:NXM_OF_IP_DST[],2",
        "table=1,priority=1,ipv6,actions=check_pkt_larger(%d)->"
        "NXM_NX_REG0[0],resubmit(,3)" % rng.choice([60, 100, 200]),
        "table=1,priority=0,actions=4",
        "table=2,priority=1,reg1=3,actions=2",
        "table=2,priority=0,tcp,actions=multipath(symmetric_l4,1024,"
        "modulo_n,3,0,NXM_NX_REG3[0..7]),resubmit(,4)",
        "table=3,priority=1,reg0=1/1,actions=2",
        "table=3,priority=0,actions=truncate,3".replace(
            "truncate,3", "output(port=3,max_len=%d)"
            % rng.choice([14, 40, 64])),
        "table=4,priority=1,reg3=0,actions=2",
        "table=4,priority=1,reg3=1,actions=3",
        "table=4,priority=0,actions=bundle(eth_src,7,active_backup,ofport,"
        "members:2,3)"]
    return Table(flows, settle=True)


def odd_actions(rng):
    """What sends packets nowhere, up, or through loops."""
    flows = [
        ALL,
        "priority=3,ip,nw_ttl=1,actions=dec_ttl,2",
        "priority=3,ip,nw_ttl=0,actions=dec_ttl,2",
        "priority=2,tcp,actions=controller(max_len=20),2",
        "priority=2,udp,actions=sample(probability=65535,collector_set_id=1),"
        "2,output:99",
        "priority=2,icmp,actions=resubmit(,0)",
        "priority=2,ipv6,actions=clone(mod_nw_ttl:3,2),dec_ttl,3",
        "priority=3,udp6,actions=clone(push_vlan:0x8100,clone(dec_ttl,2),3),4",
        "priority=3,tcp6,actions=write_actions(set_field:fd00::9->ipv6_dst,"
        "output:2),goto_table:1",
        "priority=2,arp,actions=IN_PORT,ALL",
        "priority=2,sctp,actions=ct(table=1),ct(table=1,zone=2)",
        "priority=2,rarp,actions=in_port,flood",
        "table=1,priority=1,tcp6,actions=write_actions(output:3)",
        "table=1,priority=0,ip,actions=ct_clear,dec_ttl,%d"
        % rng.randrange(2, 5)]
    return Table(flows, unordered=True)


def patches(rng):
    """A packet goes through four bridges."""
    bridges = ["br0", "br1", "br2", "br3"]
    ports = [dummy("p%d" % i, i) for i in range(1, 5)]
    ports += [dummy("q%d" % i, i, "br3") for i in range(1, 3)]
    openflow = []
    for i in range(3):
        for here, there in ((i, i + 1), (i + 1, i)):
            ports.append(Port(bridges[here], "patch%d%d" % (here, there),
                              "patch", 10 + there, [],
                              ["options:peer=patch%d%d" % (there, here)]))
    names = list(SETS)
    for i, bridge in enumerate(bridges):
        flows = ["priority=1,actions=%s" % (
            "output:%d" % (10 + i + 1) if i < 3 else "1,2")]
        for match in some(rng, names[1:7])[:3]:
            sets = [s for s in SETS[match] if "/" not in s]
            flows.append("priority=2,%s,actions=%s,output:%d" % (
                match, ",".join(some(rng, sets)[:2]),
                10 + i + 1 if i < 3 else 1))
        if not i:
            flows.append("priority=4,in_port=1,udp,actions=ct(commit),"
                         "output:11")
        if i == 2:
            flows.append("priority=4,udp,actions=ct(table=1)")
            flows.append("table=1,priority=1,actions=%d" % (10 + 3))
        openflow.append((bridge, "add-flows", flows))
    return Table(bridges=bridges, ports=ports, openflow=openflow)


STATE_TABLES = [conntrack, nat, meters, groups, dp_hash, normal, learn,
                odd_actions, patches]
