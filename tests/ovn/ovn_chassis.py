# SPDX-License-Identifier: Apache-2.0
"""A machine of the lab with a switch and ovn-controller."""

import os
import re
import signal

from ovn_process import OvnError, end, run, spawn, wait_until

PLUGIN = "librte_net_simnic.so"
TUNNEL_MTU = 1600           # So that hosts can have 1500.


class Chassis:
    """Chassis 'name', whose switch is 'lab.daemon'.

    A cable is a veth device in the chassis' namespace.  Without offload that
    is the port of the bridge.  With offload a NIC lies between the two: a pair
    of net_simnic ports, one of which is the port of the bridge, while the
    other stands for the cable's end: bridge br-nic forwards what goes from one
    to the other.  So what comes by the cable is classified by the NIC's rules
    before the bridge gets it."""

    def __init__(self, lab, name, n):
        self.lab, self.name = lab, name
        self.folder = "%s/%s" % (lab.folder, name)
        self.tunnel_address = "192.0.2.%d" % n
        self.cables = set()
        self.n_starts = 0
        self.switch = self.controller = None
        self.env = dict(lab.env, LD_LIBRARY_PATH=lab.folder, **{
            kind + "_" + what: self.folder for kind in ("OVS", "OVN")
            for what in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")})
        self.database = "unix:%s/db.sock" % self.folder
        os.mkdir(self.folder)
        # The daemon names its files after the name that it is called by.
        os.symlink(os.path.abspath(lab.daemon), self.folder + "/ovs-vswitchd")
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        self.start_database()
        self.start_switch()
        self.make_bridges(n)
        self.start_controller()

    def start_database(self):
        """The database, and what it says before the switch is started."""
        lab = self.lab
        run("ovsdb-tool", "create", self.folder + "/conf.db", lab.schema)
        lab.processes[self.name + " database"] = self.spawn(
            "ovsdb-server", self.folder + "/conf.db", "--remote=p"
            + self.database, "--log-file", "--pidfile")
        wait_until(lambda: os.path.exists(self.folder + "/db.sock"),
                   "the database of " + self.name)
        self.vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                   "external_ids:system-id=" + self.name,
                   "external_ids:hostname=" + self.name,
                   "external_ids:ovn-remote=" + lab.env["OVN_SB_DB"],
                   "external_ids:ovn-encap-type=geneve",
                   "external_ids:ovn-encap-ip=" + self.tunnel_address,
                   "external_ids:ovn-bridge-mappings=public:br-ex",
                   "external_ids:ovn-bridge-datapath-type=netdev",
                   "external_ids:ovn-monitor-all=true")
        if lab.offload:
            self.vsctl("--no-wait", "set", "Open_vSwitch", ".",
                       "other_config:hw-offload=true",
                       "other_config:ct-merge=true",
                       "other_config:dpdk-init=true",
                       "other_config:dpdk-extra=--no-pci --legacy-mem "
                       "--no-huge -m 512 --file-prefix=%s -d %s"
                       % (self.name, PLUGIN),
                       # One of the first two names is known to any version.
                       "other_config:pmd-maxsleep=100",
                       "other_config:pmd-sleep-max=100",
                       "other_config:pmd-cpu-mask=0x1")

    def make_bridges(self, n):
        """The bridges, and what connects them with the world."""
        for i, (bridge, mode) in enumerate((
                ("br-int", "secure"), ("br-tun", "standalone"),
                ("br-ex", "standalone"))):
            self.vsctl("add-br", bridge, "--", "set", "bridge", bridge,
                       "datapath_type=netdev", "fail_mode=" + mode,
                       "other_config:hwaddr=02:00:00:00:%02x:%02x" % (i, n))
        if self.lab.offload:
            self.vsctl("add-br", "br-nic", "--", "set", "bridge", "br-nic",
                       "datapath_type=netdev", "fail_mode=secure")
        for bridge, wire, mtu in (("br-tun", "under", TUNNEL_MTU),
                                  ("br-ex", "public", 1500)):
            device = "%s-%s" % (wire[:3], self.name)
            run("ip", "-n", self.name, "link", "add", wire, "mtu", str(mtu),
                "type", "veth", "peer", "name", device, "netns",
                str(os.getpid()))
            run("ip", "link", "set", device, "mtu", str(mtu), "master", wire,
                "up")
            run("ip", "-n", self.name, "link", "set", wire, "up")
            self.add_port(bridge, wire, mtu)
        self.vsctl("set", "interface", "br-tun",
                   "mtu_request=%d" % TUNNEL_MTU)
        self.address_tunnels()

    def address_tunnels(self):
        """Gives br-tun its address: the device is new with each switch."""
        wait_until(lambda: self.has_device("br-tun"), "br-tun")
        run("ip", "-n", self.name, "address", "replace",
            self.tunnel_address + "/24", "dev", "br-tun")
        run("ip", "-n", self.name, "link", "set", "br-tun", "up")

    def has_device(self, name):
        try:
            run("ip", "-n", self.name, "link", "show", name)
        except OvnError:
            return False
        return True

    # Daemons.

    def spawn(self, *command):
        return spawn(["ip", "netns", "exec", self.name, *command,
                      "-vconsole:off"], self.folder + "/out", env=self.env,
                     cwd=self.folder)

    def start_switch(self):
        """Starts the switch, and waits until it has the ports of the
        database."""
        self.switch = self.spawn(self.folder + "/ovs-vswitchd", self.database,
                                 "--pidfile", "--log-file")
        # This waits until the switch has done what the database says; if it
        # changed nothing it would not.
        self.n_starts += 1
        self.vsctl("set", "Open_vSwitch", ".",
                   "external_ids:starts=%d" % self.n_starts)
        if "br-tun" in self.vsctl("list-br").split():
            self.address_tunnels()
            for device in self.cables:
                self.connect_nic(device)

    def end_switch(self, number=signal.SIGTERM):
        end(self.switch, number)
        self.switch = None

    def start_controller(self):
        self.controller = self.spawn("ovn-controller", self.database,
                                     "--pidfile", "--log-file")

    def end_controller(self, restart=False):
        """Ends ovn-controller; if it shall be started again it leaves
        everything as it is."""
        wait_until(lambda: os.path.exists(
            self.folder + "/ovn-controller.pid"), "ovn-controller")
        self.run("ovn-appctl", "-t", "ovn-controller", "exit",
                 *(["--restart"] if restart else []))
        self.controller.wait(60)

    # Ports.

    def port(self, device):
        """The port of a bridge that a device is connected to."""
        return device + "-nic" if self.lab.offload else device

    def add_port(self, bridge, device, mtu=1500, iface_id=None):
        """Connects a device to a bridge."""
        port, settings = self.port(device), []
        if self.lab.offload:
            self.add_nic(bridge, device, mtu)
            settings += self.simnic(device, "a") + [
                "mtu_request=%d" % mtu]
        if iface_id:
            settings.append("external_ids:iface-id=" + iface_id)
        self.vsctl("add-port", bridge, port, *(
            ["--", "set", "interface", port, *settings] if settings else []))
        error = self.vsctl("get", "interface", port, "error")
        if error != "[]":
            raise OvnError("%s, port %s: %s" % (self.name, port, error))
        self.cables.add(device)

    @staticmethod
    def simnic(device, end_name):
        """Settings of one end of a pair of NICs.  All of the switch's are
        ports of one card, which can forward between them."""
        return ["type=dpdk", "options:dpdk-devargs=net_simnic_%s_%s,mode=pair,"
                "queues=1,link=%s%s" % (device, end_name, device,
                                        ",switch=1" if end_name == "a"
                                        else "")]

    def add_nic(self, bridge, device, mtu):
        """Makes the cable's end of a pair of NICs, and what connects it with
        the cable."""
        wire = device + "-wire"
        self.vsctl("add-port", "br-nic", device,
                   "--", "add-port", "br-nic", wire, "--", "set", "interface",
                   wire, *self.simnic(device, "b"),
                   "mtu_request=%d" % mtu)
        self.connect_nic(device)

    def connect_nic(self, device):
        """Connects a cable with its end of a pair of NICs, if it has one."""
        if not self.lab.offload:
            return
        wire = device + "-wire"
        for one, other in (device, wire), (wire, device):
            self.run("ovs-ofctl", "add-flow", "br-nic",
                     "in_port=%s,actions=output:%s" % (one, other))

    def plug(self, host):
        """Connects a host."""
        host.cable("eth0", self.name, host.name)
        self.add_port("br-int", host.name, iface_id=host.name)

    def unplug(self, name):
        """Takes a host away, if it is here."""
        if name not in self.cables:
            return
        self.cables.remove(name)
        for port in name, name + "-nic", name + "-wire":
            self.vsctl("--if-exists", "del-port", port)
        if self.has_device(name):
            run("ip", "-n", self.name, "link", "delete", name)

    # Questions.

    def run(self, *command):
        return run(*command, env=self.env)

    def vsctl(self, *args):
        return self.run("ovs-vsctl", "--timeout=60", "--db=" + self.database,
                        *args).strip()

    def appctl(self, *args):
        return self.run("ovs-appctl", "--timeout=60", *args)

    def bfd_state(self, other):
        """The state of the BFD session with another chassis."""
        return self.vsctl("get", "interface", "ovn-%s-0" % other,
                          "bfd_status:state").strip('"')

    def log(self, pattern):
        """The lines of the switch's log that match 'pattern'."""
        with open(self.folder + "/ovs-vswitchd.log", errors="replace") as f:
            return [line.rstrip() for line in f if re.search(pattern, line)]
