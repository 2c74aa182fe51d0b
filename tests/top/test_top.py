# SPDX-License-Identifier: Apache-2.0
"""What "markpath top" computes of answers, and how it lays it out.

usage: test_top.py UTILITIES [unittest's options]
"""

import json
import os
import random
import socket
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv.pop(1))
# pylint: disable=wrong-import-position
import markpath_top_ask as ask  # noqa: E402
import markpath_top_figures as figures  # noqa: E402
import markpath_top_layout as layout  # noqa: E402
from markpath_top_figures import Pair  # noqa: E402

STATS = '''\
pmd thread numa_id 0 core_id 1:
  packets received: %d
  packet recirculations: %d
  avg. datapath passes per packet: 1.10
  phwol hits: %d
  mfex opt hits: 0
  simple match hits: 0
  emc hits: %d
  smc hits: 0
  megaflow hits: %d
  avg. subtable lookups per megaflow hit: 1.00
  miss with success upcall: %d
  miss with failed upcall: 0
  avg. packets per output batch: 32.00
  idle cycles: %d (50.00%%)
  processing cycles: %d (50.00%%)
main thread:
  packets received: 0
  packet recirculations: 0
  phwol hits: 0
  miss with success upcall: 0
'''

PORTS = '''\
netdev@ovs-netdev:
  lookups: hit:0 missed:0 lost:0
  port 1: br0 (tap)
    RX packets:0 errors:0 dropped:0 overruns:0 frame:0
    TX packets:7 errors:0 dropped:1 aborted:0 carrier:0
    collisions:0
    RX bytes:0  TX bytes:7000 (6.8 KiB)
  port 3: p0 (dpdk: mtu=1500)
    RX packets:%d errors:0 dropped:%d overruns:? frame:?
    TX packets:? errors:? dropped:? aborted:? carrier:?
    collisions:?
    RX bytes:%d (4.5 GiB)  TX bytes:?
'''


def stats(*numbers):
    """Parsed counters of threads."""
    return figures.parse_threads(STATS % numbers)


class Compute(unittest.TestCase):
    """From answers to figures."""

    def test_threads(self):
        """Rates, costs and shares are those between the readings."""
        pair = Pair(stats(3000, 200, 1500, 400, 200, 100, 10000, 310000),
                    stats(1000, 0, 0, 0, 0, 0, 0, 10000), 2.0)
        got = figures.compute({'threads': pair, 'merged_hit': Pair(150, 50, 2),
                               'merged_marked': Pair(500, 0, 2)})
        self.assertEqual(got['packets_per_second'], 1000)
        self.assertEqual(got['upcalls_per_second'], 50)
        self.assertEqual(got['busy_cycles_per_packet'], 150)
        self.assertEqual(got['cycles_per_packet'], 155)
        self.assertEqual(got['passes_per_packet'], 1.1)
        # 2200 lookups; 500 of the marks and 100 of EMC were merged flows'.
        self.assertEqual(got['found_by'], {
            'mark': round(1000 / 2200, 4), 'merged': round(600 / 2200, 4),
            'simple_match': 0, 'emc': round(300 / 2200, 4), 'smc': 0,
            'classifier': round(200 / 2200, 4),
            'upcall': round(100 / 2200, 4), 'lost': 0})
        self.assertEqual([thread['core'] for thread in got['threads']],
                         [1, None])
        self.assertEqual(got['threads'][0]['packets_per_second'], 1000)
        self.assertEqual(got['threads'][1], {'core': None,
                                             'packets_per_second': 0})

    def test_cleared(self):
        """After pmd-stats-clear no rate is known, but costs and shares."""
        pair = Pair(stats(100, 0, 100, 0, 0, 0, 0, 5000),
                    stats(9000, 0, 0, 0, 9000, 0, 0, 1), 2.0)
        got = figures.compute({'threads': pair})
        self.assertNotIn('packets_per_second', got)
        self.assertNotIn('packets_per_second', got['threads'][0])
        self.assertEqual(got['busy_cycles_per_packet'], 50)
        self.assertEqual(got['found_by']['mark'], 1)

    def test_first(self):
        """One reading tells no rate."""
        got = figures.compute({
            'threads': Pair(stats(1, 2, 3, 4, 5, 6, 7, 8)),
            'ports': Pair(figures.parse_ports(PORTS % (1, 2, 3))),
            'drops': Pair([{'port': 'p0', 'by': 'port', 'reason': 'x',
                            'packets': 3}]),
            'offload': Pair({'ports': [], 'rules': 0})})
        self.assertFalse([name for name in json.dumps(got).split('"')
                          if name.endswith('_per_second')
                          or name == 'found_by'])
        self.assertEqual(got['drops'][0]['packets'], 3)

    def test_ports(self):
        """What a driver does not count is left out."""
        got = figures.compute({
            'ports': Pair(figures.parse_ports(PORTS % (300, 5, 6000)),
                          figures.parse_ports(PORTS % (100, 1, 2000)), 2.0),
            'bridges': Pair(figures.parse_bridges(
                'netdev@ovs-netdev: hit:0 missed:0\n  br0:\n'
                '    br0 65534/1: (tap)\n    p0 1/3: (dpdk)\n')),
            'offload': Pair({'ports': [
                {'name': 'p0', 'provider': 'rte_flow', 'whole': 3,
                 'marked': 4, 'places_used': 7}]})})
        self.assertEqual(got['ports'][1], {
            'name': 'p0', 'type': 'dpdk', 'bridge': 'br0',
            'rx_packets_per_second': 100, 'rx_bytes_per_second': 2000,
            'rx_dropped_per_second': 2, 'rx_errors_per_second': 0,
            'provider': 'rte_flow', 'whole': 3, 'marked': 4,
            'places_used': 7})

    def test_queues(self):
        """Queues, of which some have no load yet."""
        got = figures.parse_queues(
            'Displaying last 5 seconds pmd usage %\n'
            'pmd thread numa_id 0 core_id 1:\n  isolated : false\n'
            '  port: p0                queue-id:  0 (enabled)   pmd usage: '
            '96 %\n'
            '  port: p1                queue-id:  3 (disabled)  pmd usage: '
            'NOT AVAIL\n  overhead:  3 %\n')
        self.assertEqual(got, {1: [
            {'port': 'p0', 'queue': 0, 'enabled': True, 'usage_percent': 96},
            {'port': 'p1', 'queue': 3, 'enabled': False}]})

    def test_offload(self):
        """Churn is that of all ports; reasons come most first."""
        def reading(puts, dels):
            return {'enabled': True, 'rules': 5, 'ports': [
                {'name': 'p0', 'puts': puts, 'dels': dels, 'whole': 1,
                 'marked': 2, 'failed': 0},
                {'name': 'p1', 'puts': 10, 'dels': 10, 'whole': 1,
                 'marked': 1, 'failed': 0}],
                    'rebalance': {'tables': [
                        {'ports': ['p0'], 'used': 3, 'places': 4,
                         'hit_share': 0.5, 'waiting': 9, 'full': True,
                         'probes': 1}]}}
        got = figures.compute({
            'offload': Pair(reading(30, 11), reading(10, 10), 4.0),
            'whys': Pair([{'why': 'A', 'why_text': 'a', 'rules': 1,
                           'whole': 0, 'marked': 1},
                          {'why': 'B', 'why_text': 'b', 'rules': 4,
                           'whole': 0, 'marked': 0}])})['offload']
        self.assertEqual((got['whole'], got['marked'], got['puts_per_second'],
                          got['dels_per_second']), (2, 3, 5, 0.25))
        self.assertEqual(got['tables'], [
            {'ports': ['p0'], 'full': True, 'used': 3, 'places': 4,
             'waiting': 9, 'hit_share': 0.5}])
        self.assertEqual([why['why'] for why in got['whys']], ['B', 'A'])

    def test_drops(self):
        """A reason that was not there had dropped nothing; the same port may
        drop by itself and in a thread."""
        got = figures.compute({'drops': Pair(
            [{'port': 'p0', 'by': 'pmd', 'core': 1, 'reason': 'x',
              'packets': 9},
             {'port': 'p0', 'by': 'port', 'reason': 'x', 'packets': 5},
             {'port': 'p0', 'by': 'main', 'reason': 'x', 'packets': 2}],
            [{'port': 'p0', 'by': 'pmd', 'core': 1, 'reason': 'x',
              'packets': 3},
             {'port': 'p0', 'by': 'port', 'reason': 'x', 'packets': 5}],
            2.0)})
        self.assertEqual([drop['packets_per_second']
                          for drop in got['drops']], [3, 0, 1])
        self.assertEqual(got['drops_per_second'], 4)

    def test_state(self):
        """Connections, merged flows and upcalls."""
        got = figures.compute({
            'conntrack': Pair({'connections': 3, 'maximum': 10,
                               'ended': {'a': 5, 'b': 3}, 'zones': [
                                   {'zone': 1, 'connections': 3,
                                    'limit': None}]},
                              {'ended': {'a': 1, 'b': 3}}, 2.0),
            'merge': Pair({'merging': True, 'rules': 2, 'packets': 100},
                          {'packets': 0}, 2.0),
            'upcalls': Pair(figures.parse_upcalls(
                'netdev@ovs-netdev:\n  flows         : (current 7) (avg 9) '
                '(max 10) (limit 53)\n  dump duration : 2ms\n'))})
        self.assertEqual(got['conntrack']['ended_per_second'], 2)
        self.assertEqual(got['conntrack']['zones'],
                         [{'zone': 1, 'connections': 3}])
        self.assertEqual(got['merging']['packets_per_second'], 50)
        self.assertEqual(got['upcalls'], {'flows': 7, 'flow_limit': 53,
                                          'dump_duration_ms': 2})

    def test_nothing(self):
        """Another daemon may know none of it."""
        self.assertEqual(figures.compute({}, pid=3, interval_s=None),
                         {'pid': 3})
        self.assertEqual(figures.parse_threads('nonsense'), {})


class FakeDaemon(threading.Thread):
    """Answers one command only, slowly."""

    def __init__(self, folder, pid, slow):
        super().__init__(daemon=True)
        self.slow, self.asked = slow, []
        self.n_packets = 1000 * pid
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(os.path.join(folder, 'it.%d.ctl' % pid))
        self.socket.listen()
        with open(os.path.join(folder, 'it.pid'), 'w',
                  encoding='ascii') as stream:
            stream.write('%d\n' % pid)
        self.start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            with connection:
                while True:
                    request = connection.recv(4096)
                    if not request:
                        break
                    self.answer(connection, json.loads(request)['method'])

    def answer(self, connection, method):
        """Answers to one request, in two parts."""
        self.asked.append(method)
        reply = {'id': 0, 'error': 'unknown', 'result': None}
        if method == 'dpif-netdev/pmd-stats-show':
            time.sleep(self.slow)
            self.n_packets += 100
            reply = {'id': 0, 'error': None, 'result':
                     STATS % (self.n_packets, 0, self.n_packets, 0, 0, 0, 0,
                              7)}
        text = json.dumps(reply).encode()
        connection.sendall(text[:40])
        connection.sendall(text[40:])


class Ask(unittest.TestCase):
    """What is asked, and when."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.daemon = ask.Daemon('it')
        self.daemon.rundir = self.folder

    def test_slow(self):
        """Who answers slowly is not asked again at once; who does not know a
        command is shown without it."""
        fake = FakeDaemon(self.folder, 7, 0.5)
        for _ in range(3):
            got = self.daemon.read()
        self.assertEqual(fake.asked.count('dpif-netdev/pmd-stats-show'), 1)
        self.assertNotIn('packets_per_second', got)
        self.assertEqual(got['pid'], 7)
        self.assertNotIn('ports', got)
        got = self.daemon.read(at_once=True)
        self.assertEqual(fake.asked.count('dpif-netdev/pmd-stats-show'), 2)
        self.assertGreater(got['packets_per_second'], 0)
        del fake.asked[:]
        self.daemon.read(with_flows=False, at_once=True)
        self.assertIn('upcall/show', fake.asked)
        self.assertNotIn('dpif/top-flows', fake.asked)

    def test_restart(self):
        """What another daemon has counted is not compared, though it is
        more."""
        FakeDaemon(self.folder, 7, 0)
        self.daemon.read(at_once=True)
        self.assertIn('packets_per_second', self.daemon.read(at_once=True))
        FakeDaemon(self.folder, 8, 0)
        got = self.daemon.read(at_once=True)
        self.assertEqual((got['pid'], got['restarts']), (8, 1))
        self.assertNotIn('packets_per_second', got)
        self.assertIn('packets_per_second', self.daemon.read(at_once=True))
        os.unlink(os.path.join(self.folder, 'it.pid'))
        self.assertRaises(ask.AskError, self.daemon.read)


def sample(n_flows=30):
    """Figures of a switch."""
    return {
        'pid': 1, 'packets_per_second': 4480123.0,
        'busy_cycles_per_packet': 177.4, 'busy_percent': 96.0,
        'upcalls_per_second': 0.0, 'drops_per_second': 3.0,
        'found_by': {name: 0.125 for name, _ in figures.FOUND_BY},
        'threads': [{'core': i, 'packets_per_second': 1000.0 * i,
                     'busy_cycles_per_packet': 300.0 - i,
                     'busy_percent': 50.0, 'found_by': {'mark': 1.0},
                     'queues': [{'port': 'p0', 'queue': i, 'enabled': True}]}
                    for i in range(12)] + [{'core': None}],
        'ports': [{'name': 'port-with-a-long-name-%d' % i,
                   'rx_packets_per_second': 10.0 ** i,
                   'rx_bytes_per_second': 64 * 10.0 ** i} for i in range(9)],
        'offload': {'enabled': True, 'rules': 5, 'whole': 2, 'marked': 3,
                    'puts_per_second': 2.5, 'dels_per_second': 0.0,
                    'tables': [{'ports': ['p0'], 'used': 3, 'places': 4,
                                'hit_share': 0.5, 'waiting': 9}],
                    'whys': [{'why': 'A_OUTPUT', 'why_text': 'elsewhere',
                              'rules': 3, 'whole': 0, 'marked': 3,
                              'cause': 'Because it is so.  ' * 9,
                              'cure': 'Change it.'}]},
        'conntrack': {'connections': 3, 'maximum': 10, 'zones': [
            {'zone': 1, 'connections': 3}, {'zone': 9, 'connections': 30}]},
        'upcalls': {'flows': 7, 'flow_limit': 53},
        'drops': [{'port': 'p0', 'by': 'pmd', 'core': 1, 'reason': 'meter',
                   'packets': 9, 'packets_per_second': 3.0,
                   'text': 'beyond the rate'},
                  {'port': 'p1', 'by': 'port', 'reason': 'rx_dropped',
                   'packets': 90}],
        'flows': {'settled': True, 'top': [
            {'packets_per_second': 1000 - i, 'bytes_per_second': 100 * i,
             'core': 1, 'port': 'p%d' % (i % 2), 'merged_flows': 0,
             'where': 'nic' if i % 2 else 'software',
             'why_text': 'offloaded' if i % 2 else 'no provider',
             'match': 'recirc_id(0),in_port(p0),packet_type(ns=0,id=0),'
                      'eth_type(0x0800),ipv4(dst=10.0.0.%d,frag=no)' % i,
             'actions': 'p1'} for i in range(n_flows)]}}


def screen(figures_, state, width=100, height=40):
    """The lines of a screen."""
    return layout.plain(layout.layout(figures_, state, width, height,
                                      '12:00:00')).split('\n')


class Layout(unittest.TestCase):
    """From figures to lines."""

    def test_fits(self):
        """Whatever is known and chosen, nothing is too wide or too high, and
        the words that tell where flows run stay."""
        random.seed(7)
        whole = sample()
        for width in list(range(20, 130, 3)) + [300]:
            for height in (3, 10, 24, 60):
                state = layout.State()
                state.view = random.choice(layout.VIEWS)
                some = {name: value for name, value in whole.items()
                        if random.random() < .8}
                lines = screen(some, state, width, height)
                self.assertLessEqual(len(lines), height)
                self.assertLessEqual(max(map(len, lines)), width)
        for width in (30, 40, 60):
            state = layout.State()
            state.view = 'flows'
            text = '\n'.join(screen(whole, state, width))
            self.assertIn('WHERE', text)
            self.assertIn('software', text)

    def test_columns(self):
        """What is less important goes first."""
        state = layout.State()
        state.view = 'flows'
        wide = '\n'.join(screen(sample(), state, 140))
        for word in ('CORE', 'WHY', 'BIT/S', 'PORT', 'ipv4(dst=10.0.0.1) ->'):
            self.assertIn(word, wide)
        narrow = '\n'.join(screen(sample(), state, 60))
        self.assertIn('PORT', narrow)
        self.assertNotIn('CORE', narrow)

    def test_droppers(self):
        """Threads and ports that have dropped have names."""
        state = layout.State()
        state.view = 'drops'
        text = '\n'.join(screen({'drops': [
            {'port': 'p%d' % i, 'by': by, 'core': 7, 'reason': 'x',
             'packets': 9}
            for i, by in enumerate(('pmd', 'main', 'past', 'port'))]}, state))
        for i, by in enumerate(('core 7', 'main thread', 'past threads',
                                'port')):
            self.assertRegex(text, 'p%d +%s +x' % (i, by))

    def test_sort(self):
        """By each column, and the other way round."""
        state = layout.State()
        state.view = 'ports'

        def first():
            lines = screen(sample(), state)
            head = [i for i, line in enumerate(lines)
                    if line.startswith('PORT')][0]
            return lines[head + 1].split()[0]

        self.assertEqual(first(), 'port-with-a-long-name-0')
        state.press('s')
        self.assertEqual(first(), 'port-with-a-long-name-8')
        state.press('r')
        self.assertEqual(first(), 'port-with-a-long-name-0')
        for _ in range(3):
            state.press('s')
        self.assertEqual(first(), 'port-with-a-long-name-8')
        state.press('o')
        self.assertEqual(state.order(), 'packets')
        state.press('s')
        self.assertEqual(state.order(), 'bytes')

    def test_filter(self):
        """Rows that have the text, in any column; keys are text meanwhile."""
        state = layout.State()
        state.press('f')
        for key in '/q P1':
            self.assertTrue(state.press(key))
        self.assertEqual(state.filter, 'q P1')
        for _ in range(4):
            state.press('backspace')
        for key in '10.0.0.7':
            state.press(key)
        state.press('enter')
        text = '\n'.join(screen(sample(), state))
        self.assertIn('/10.0.0.7 ', text)
        self.assertIn('10.0.0.7)', text)
        self.assertNotIn('10.0.0.8)', text)
        state.press('escape')
        self.assertIn('10.0.0.8)', '\n'.join(screen(sample(), state)))
        self.assertFalse(state.press('q'))

    def test_scroll(self):
        """To the last row, and not beyond."""
        state = layout.State()
        state.press('f')
        self.assertNotIn('10.0.0.29)', '\n'.join(screen(sample(), state,
                                                        100, 24)))
        for _ in range(20):
            state.press('page-down')
        lines = screen(sample(), state, 100, 24)
        self.assertIn('10.0.0.29)', lines[-1])
        self.assertTrue(any('WHERE' in line for line in lines))
        state.press('up')
        self.assertIn('10.0.0.28)', screen(sample(), state, 100, 24)[-1])

    def test_keys(self):
        """Pause, interval, views."""
        state = layout.State()
        state.press(' ')
        self.assertIn('PAUSED', screen(sample(), state)[0])
        for _ in range(9):
            state.press('-')
        self.assertEqual(state.interval, 0.5)
        for _ in range(9):
            state.press('+')
        self.assertEqual(state.interval, 64)
        for key, word in (('t', 'QUEUES'), ('n', 'Because'), ('d', 'meter'),
                          ('c', 'ZONE'), ('h', 'WHERE they run')):
            state.press(key)
            self.assertIn(word, '\n'.join(screen(sample(), state)))

    def test_unknown(self):
        """What is not known is "-", never 0; and an empty switch is shown."""
        state = layout.State()
        text = screen({'pid': 1, 'threads': [{'core': 1}]}, state)[1]
        self.assertEqual(text, 'Packets   -/s  - cycles each  upcalls -/s  '
                               'drops -/s')
        state.problem = 'No daemon answers: x'
        self.assertEqual(screen({}, state)[1], 'No daemon answers: x')
        self.assertEqual(layout.si(0), '0')
        self.assertEqual(layout.si(999.6), '1.00k')
        self.assertEqual(layout.si(12345678), '12.3M')
        self.assertEqual(layout.percent(None), '-')

    def test_ascii(self):
        """Names may be anything; a terminal may know only ASCII."""
        state = layout.State()
        state.view = 'ports'
        text = '\n'.join(screen({'pid': 1, 'ports': [
            {'name': 'n\u00e4me\x1b[2J'}]}, state))
        self.assertIn('n?me?[2J', text)
        self.assertTrue(text.isascii() and '\x1b' not in text)


if __name__ == '__main__':
    unittest.main()
