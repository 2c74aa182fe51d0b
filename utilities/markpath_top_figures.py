# SPDX-License-Identifier: Apache-2.0
"""What "markpath top" computes: from answers of the daemon to figures.

Pure: no daemon, no clock, no terminal.  parse() makes values of what a command
answers; compute() makes figures of two readings of each command.  The names
are those of "markpath top --once --json", which Documentation/topics/top.rst
has: stable, and what is not known is left out.
"""

import json
import re

# Who finds the flow of a packet: our name, that in pmd-stats-show.
FOUND_BY = (('mark', 'phwol hits'), ('merged', None),
            ('simple_match', 'simple match hits'), ('emc', 'emc hits'),
            ('smc', 'smc hits'), ('classifier', 'megaflow hits'),
            ('upcall', 'miss with success upcall'),
            ('lost', 'miss with failed upcall'))

# Counters of a port: our name, those of dpctl/show.
PORT_COUNTERS = (('rx_packets', 'RX', 'packets'), ('rx_bytes', 'RX', 'bytes'),
                 ('tx_packets', 'TX', 'packets'), ('tx_bytes', 'TX', 'bytes'),
                 ('rx_dropped', 'RX', 'dropped'),
                 ('tx_dropped', 'TX', 'dropped'),
                 ('rx_errors', 'RX', 'errors'), ('tx_errors', 'TX', 'errors'))


# From text to values.

def parse_threads(text):
    """pmd-stats-show: counters by core, None for the main thread."""
    threads, counters = {}, {}
    for line in text.splitlines():
        head = re.match(r'(?:main thread|pmd thread.* core_id (\d+)):$', line)
        counter = re.match(r'  ([a-z .]+): (\d+)(?: |$)', line)
        if head:
            core = int(head.group(1)) if head.group(1) else None
            counters = threads.setdefault(core, {})
            numa = re.search(r'numa_id (\d+)', line)
            if numa:
                counters['numa'] = int(numa.group(1))
        elif counter:
            counters[counter.group(1)] = int(counter.group(2))
    return threads


def parse_queues(text):
    """pmd-rxq-show: lists of queues by core."""
    queues, core = {}, None
    for line in text.splitlines():
        head = re.match(r'pmd thread.* core_id (\d+):$', line)
        queue = re.match(r'  port: (\S+) +queue-id: +(\d+) \((\w+)\) +'
                         r'pmd usage: +(?:(\d+) %)?', line)
        if head:
            core = int(head.group(1))
            queues[core] = []
        elif queue and core is not None:
            entry = {'port': queue.group(1), 'queue': int(queue.group(2)),
                     'enabled': queue.group(3) == 'enabled'}
            if queue.group(4):
                entry['usage_percent'] = int(queue.group(4))
            queues[core].append(entry)
    return queues


def parse_ports(text):
    """dpctl/show -s: counters by port."""
    ports, port = {}, {}
    for line in text.splitlines():
        head = re.match(r'  port \d+: (\S+)(?: \((\w[\w-]*))?', line)
        if head:
            port = ports.setdefault(head.group(1), {})
            if head.group(2):
                port['type'] = head.group(2)
            continue
        for way, rest in re.findall(r'([RT]X) ((?:\w+:[\d?]+ ?)+)', line):
            words = dict(re.findall(r'(\w+):(\d+)', rest))
            for name, of_way, word in PORT_COUNTERS:
                if of_way == way and word in words:
                    port[name] = int(words[word])
    return ports


def parse_bridges(text):
    """dpif/show: bridge by port."""
    bridges, bridge = {}, None
    for line in text.splitlines():
        head = re.match(r'  (\S+):$', line)
        port = re.match(r'    (\S+) \d+/', line)
        if head:
            bridge = head.group(1)
        elif port:
            bridges[port.group(1)] = bridge
    return bridges


def parse_upcalls(text):
    """upcall/show: sums of all datapaths."""
    values = {}
    for name, pattern in (('flows', r'\(current (\d+)\)'),
                          ('flow_limit', r'\(limit (\d+)\)'),
                          ('dump_duration_ms', r'dump duration : (\d+)ms')):
        found = re.findall(pattern, text)
        if found:
            values[name] = max(int(n) for n in found)
    return values


def parse_version(text):
    """version: Markpath's, or nothing."""
    found = re.search(r'^Markpath (\S+),', text)
    return {'version': found.group(1)} if found else {}


# What is asked: our name, command, arguments, parser.
SOURCES = (
    ('version', 'version', (), parse_version),
    ('threads', 'dpif-netdev/pmd-stats-show', (), parse_threads),
    ('queues', 'dpif-netdev/pmd-rxq-show', ('-secs', '5'), parse_queues),
    ('ports', 'dpctl/show', ('-s',), parse_ports),
    ('bridges', 'dpif/show', (), parse_bridges),
    ('upcalls', 'upcall/show', (), parse_upcalls),
    ('offload', 'offload/show', ('--format', 'json'), json.loads),
    ('whys', 'offload/why', ('--format', 'json', 'all'), json.loads),
    ('merge', 'merge/show', ('--format', 'json'), json.loads),
    ('conntrack', 'ct/show', ('--format', 'json'), json.loads),
    ('drops', 'dpif/show-drops', ('--format', 'json', '--pmd'), json.loads),
    ('merged_hit', 'coverage/read-counter', ('dp_merged_hit',), int),
    ('merged_marked', 'coverage/read-counter', ('dp_merged_marked',), int),
    ('flows', 'dpif/top-flows', ('--format', 'json'), json.loads),
)


# From two readings to figures.

class Pair:
    """Two readings of one command: values, and the seconds between them.
    'old' is None if there was no earlier one of the same daemon."""

    def __init__(self, new, old=None, seconds=0):
        self.new, self.old, self.seconds = new, old, seconds


def rate(new, old, seconds):
    """How fast a counter has grown, or None if that can't be known: it was not
    there, or has gone back."""
    if new is None or old is None or seconds <= 0 or new < old:
        return None
    return (new - old) / seconds


def put(figures, **values):
    """Adds those values that are known."""
    for name, value in values.items():
        if value is not None:
            figures[name] = round(value, 4) if isinstance(value, float) \
                else value


def growth(new, old):
    """How much the counters of a thread have grown.  If somebody has cleared
    them, what they are now is what has come since."""
    if old is None:
        return {}
    cleared = any(n < old.get(name, 0) for name, n in new.items())
    return {name: n if cleared else n - old.get(name, 0)
            for name, n in new.items() if name != 'numa'}


def shares(grown, merged_hit=0, merged_marked=0):
    """Which part of lookups was answered by what; {} if there were none.
    Merged flows are counted as marks or EMC hits in pmd-stats-show."""
    n = {name: grown.get(theirs, 0) for name, theirs in FOUND_BY if theirs}
    of_marks = min(max(merged_marked, 0), n['mark'])
    of_emc = min(max(merged_hit, 0), n['emc'])
    n['mark'] -= of_marks
    n['emc'] -= of_emc
    n['merged'] = of_marks + of_emc
    total = sum(n.values())
    return {name: round(n[name] / total, 4) for name, _ in FOUND_BY} \
        if total else {}


def cost(figures, grown):
    """Adds what packets cost a thread, or all of them."""
    received = grown.get('packets received')
    busy = grown.get('processing cycles')
    cycles = (busy or 0) + grown.get('idle cycles', 0)
    if cycles:
        put(figures, busy_percent=100.0 * busy / cycles)
        if received:
            put(figures, cycles_per_packet=cycles / received,
                busy_cycles_per_packet=busy / received)
    if received:
        passes = received + grown.get('packet recirculations', 0)
        put(figures, passes_per_packet=passes / received)


def compute_threads(figures, readings):
    """Totals, and a list of threads."""
    pair = readings.get('threads')
    if not pair:
        return
    old = pair.old or {}
    queues = readings['queues'].new if 'queues' in readings else {}
    total, rates, upcalls = {}, [], []
    figures['threads'] = []
    for core in sorted(pair.new, key=lambda c: (c is None, c or 0)):
        new = pair.new[core]
        grown = growth(new, old.get(core))
        thread = {'core': core}
        put(thread, numa=new.get('numa'))
        one = rate(new.get('packets received'),
                   old.get(core, {}).get('packets received'), pair.seconds)
        put(thread, packets_per_second=one)
        cost(thread, grown)
        found = shares(grown)
        if found:
            thread['found_by'] = found
        if core in queues:
            thread['queues'] = queues[core]
        figures['threads'].append(thread)
        rates.append(one)
        upcalls.append(rate(new.get('miss with success upcall'),
                            old.get(core, {}).get('miss with success upcall'),
                            pair.seconds))
        for name, n in grown.items():
            # The main thread counts no cycles, nor should its packets count.
            total[name] = total.get(name, 0) + n
    if old and None not in rates:
        put(figures, packets_per_second=float(sum(rates)))
    if old and None not in upcalls:
        put(figures, upcalls_per_second=float(sum(upcalls)))
    cost(figures, total)
    grew = {name: (pair.new - pair.old if pair.old is not None else 0)
            for name, pair in readings.items()
            if name in ('merged_hit', 'merged_marked')}
    found = shares(total, **grew)
    if found:
        figures['found_by'] = found


def compute_ports(figures, readings):
    """A list of ports."""
    pair = readings.get('ports')
    if not pair:
        return
    bridges = readings['bridges'].new if 'bridges' in readings else {}
    offload = readings['offload'].new if 'offload' in readings else {}
    nics = {nic['name']: nic for nic in offload.get('ports', [])}
    figures['ports'] = []
    for name in sorted(pair.new):
        new, old = pair.new[name], (pair.old or {}).get(name, {})
        port = {'name': name}
        put(port, type=new.get('type'), bridge=bridges.get(name))
        for counter, _, _ in PORT_COUNTERS:
            put(port, **{counter + '_per_second': rate(
                new.get(counter), old.get(counter), pair.seconds)})
        nic = nics.get(name, {})
        if 'provider' in nic:
            put(port, **{key: nic.get(key) for key in (
                'provider', 'whole', 'marked', 'places_used', 'places')})
        figures['ports'].append(port)


def compute_offload(figures, readings):
    """What is in NICs."""
    pair = readings.get('offload')
    if not pair:
        return

    def total(reading, name):
        return reading and sum(port.get(name, 0) for port in reading['ports'])

    def change(name):
        return rate(total(pair.new, name), total(pair.old, name),
                    pair.seconds)

    offload = {}
    put(offload, enabled=pair.new.get('enabled'), rules=pair.new.get('rules'),
        installed=pair.new.get('installed'), marks=pair.new.get('marks'),
        whole=total(pair.new, 'whole'), marked=total(pair.new, 'marked'),
        puts_per_second=change('puts'), dels_per_second=change('dels'),
        failed_per_second=change('failed'))
    offload['tables'] = []
    for table in pair.new.get('rebalance', {}).get('tables', []):
        one = {}
        put(one, **{key: table.get(key) for key in (
            'ports', 'full', 'used', 'places', 'waiting', 'hit_share')})
        offload['tables'].append(one)
    if 'whys' in readings:
        offload['whys'] = [
            {key: why[key] for key in ('why', 'why_text', 'rules', 'whole',
                                       'marked', 'cause', 'cure')
             if key in why}
            for why in sorted(readings['whys'].new,
                              key=lambda why: -why['rules'])]
    figures['offload'] = offload


def sum_rate(pair, name):
    """How fast the sum of the counters in the object 'name' grows."""
    return rate(sum(pair.new.get(name, {}).values()),
                pair.old and sum(pair.old.get(name, {}).values()),
                pair.seconds)


def compute_state(figures, readings):
    """Connections, merged flows, and what ofproto has to do with flows."""
    pair = readings.get('conntrack')
    if pair:
        figures['conntrack'] = {}
        old = pair.old or {}
        put(figures['conntrack'], connections=pair.new.get('connections'),
            maximum=pair.new.get('maximum'),
            setups_per_second=pair.new.get('setups_per_second'),
            ended_per_second=sum_rate(pair, 'ended'),
            refused_per_second=sum_rate(pair, 'refused'),
            past_the_tracker_packets_per_second=rate(
                pair.new.get('past_the_tracker', {}).get('packets'),
                old.get('past_the_tracker', {}).get('packets'),
                pair.seconds))
        figures['conntrack']['zones'] = [
            {key: zone[key] for key in ('zone', 'connections', 'limit',
                                        'with_rules', 'set_up')
             if zone.get(key) is not None}
            for zone in pair.new.get('zones', [])]
    pair = readings.get('merge')
    if pair:
        figures['merging'] = {}
        put(figures['merging'], merging=pair.new.get('merging'),
            rules=pair.new.get('rules'), max_rules=pair.new.get('max_rules'),
            connections=pair.new.get('connections'),
            packets_per_second=rate(pair.new.get('packets'),
                                    (pair.old or {}).get('packets'),
                                    pair.seconds),
            ended_per_second=sum_rate(pair, 'ended'))
    if 'upcalls' in readings:
        figures['upcalls'] = dict(readings['upcalls'].new)


def compute_drops(figures, readings):
    """Who drops, and how fast."""
    pair = readings.get('drops')
    if not pair:
        return

    def name(drop):
        return drop.get('port'), drop['by'], drop.get('core'), drop['reason']

    old = {name(drop): drop['packets'] for drop in pair.old or []}
    figures['drops'] = []
    total = 0.0
    for new in pair.new:
        drop = {key: new[key] for key in ('port', 'by', 'core', 'reason',
                                          'text', 'packets') if key in new}
        if pair.old is not None:
            # What was not there had dropped nothing.
            one = rate(new['packets'], old.get(name(new), 0), pair.seconds)
            put(drop, packets_per_second=one)
            total += one or 0
        figures['drops'].append(drop)
    if pair.old is not None:
        put(figures, drops_per_second=total)


def compute(readings, **about):
    """Figures from 'readings', pairs by the names in SOURCES, of which any may
    be missing.  'about' is put in front."""
    figures = {}
    put(figures, **about)
    if 'version' in readings:
        figures.update(readings['version'].new)
    compute_threads(figures, readings)
    compute_ports(figures, readings)
    compute_offload(figures, readings)
    compute_state(figures, readings)
    compute_drops(figures, readings)
    if 'flows' in readings:
        figures['flows'] = dict(readings['flows'].new)
    return figures
