# SPDX-License-Identifier: Apache-2.0
"""How "markpath top" looks: from figures to lines of at most so many columns.

Pure: no terminal.  A line is a list of pairs of text and style; styles are
'title', 'head', 'label', 'good', 'bad' or ''.  Without colors, they may all
look alike: nothing is told by a style alone.  Only ASCII is used.
"""

import re

MINIMUM = 20                    # Columns below which nothing is readable.


class State:
    """What the user has chosen."""

    def __init__(self):
        self.view = 'overview'
        self.filter = ''
        self.typing = False         # The filter.
        self.paused = False
        self.interval = 2.0
        self.sort = {name: 0 for name in VIEWS}     # Index of SORTS.
        self.reverse = False
        self.scroll = 0
        self.problem = ''           # Nobody answers, and why.

    def order(self):
        """What dpif/top-flows is to be asked for."""
        return 'bytes' if self.sort_name('flows') == 'bytes' else 'packets'

    def table(self):
        """The view whose table keys sort."""
        return 'flows' if self.view == 'overview' else self.view

    def sort_name(self, view):
        """By what a table is sorted."""
        return SORTS[view][self.sort[view]] if SORTS.get(view) else ''

    def press(self, key):
        """Takes a key, a character or a name.  Returns false to quit."""
        # pylint: disable=too-many-branches
        if self.typing:
            self.type(key)
        elif key == 'q':
            return False
        elif key == ' ':
            self.paused = not self.paused
        elif key in KEYS:
            self.view, self.scroll = KEYS[key], 0
        elif key == 's' and SORTS.get(self.table()):
            table = self.table()
            self.sort[table] = (self.sort[table] + 1) % len(SORTS[table])
        elif key == 'r':
            self.reverse = not self.reverse
        elif key == '/':
            self.typing = True
        elif key == 'escape':
            self.filter = ''
        elif key in ('+', '-'):
            change = 2 if key == '+' else 0.5
            self.interval = min(max(self.interval * change, 0.5), 64)
        else:
            step = {'down': 1, 'up': -1, 'j': 1, 'k': -1, 'page-down': 10,
                    'page-up': -10}.get(key, 0)
            self.scroll = max(self.scroll + step, 0)
        return True

    def type(self, key):
        """Takes a key of the filter's text."""
        if key in ('enter', 'escape'):
            self.typing = False
            if key == 'escape':
                self.filter = ''
        elif key == 'backspace':
            self.filter = self.filter[:-1]
        elif len(key) == 1 and key.isprintable():
            self.filter += key
        self.scroll = 0


VIEWS = ('overview', 'threads', 'ports', 'nic', 'conntrack', 'flows', 'drops',
         'help')
KEYS = {'o': 'overview', 't': 'threads', 'p': 'ports', 'n': 'nic',
        'c': 'conntrack', 'f': 'flows', 'd': 'drops', 'h': 'help',
        '?': 'help'}
SORTS = {'threads': ('core', 'packets', 'cycles', 'busy'),
         'ports': ('name', 'rx', 'tx', 'drops'),
         'nic': ('rules', 'why'),
         'conntrack': ('connections', 'zone'),
         'flows': ('packets', 'bytes', 'port', 'where', 'why'),
         'drops': ('rate', 'packets', 'port', 'reason')}

HELP = '''\
o t p n c f d  overview, threads, ports, NIC, conntrack, flows, drops
s r            sort by the next column; the other way round
/ TEXT Enter   only rows with TEXT; Escape: all rows again
space          pause: the daemon is not asked
+ -            half as often, twice as often
arrows j k     scroll; Page Up, Page Down
h ?  q         this help; quit

Flows: the 50 fastest of the datapath.  WHERE they run:
  nic       the NIC forwards them
  xdp       the XDP program forwards them
  merged    software, by merged flows
  marked    software, found by the mark that the NIC has put on packets
  software  software, found by caches and classifier
  WHY: the reason why no NIC forwards; "ovs-appctl offload/why UFID" has more
"-" is what is not known: after a start, or when counters were cleared.'''


# Numbers.

def si(value, digits=3):
    """A number with so many digits, and a prefix for thousands."""
    if value is None:
        return '-'
    for prefix in ('', 'k', 'M', 'G', 'T'):
        if abs(value) < 999.5 or prefix == 'T':
            break
        value /= 1000.0
    if isinstance(value, int) or value == int(value) and not prefix:
        return '%d%s' % (value, prefix)
    whole = len('%d' % abs(value))
    return '%.*f%s' % (max(digits - whole, 0), value, prefix)


def percent(part, digits=0):
    """A part of 1 as per cent."""
    return '-' if part is None else '%.*f%%' % (digits, 100.0 * part)


def core_name(core):
    """The name of a thread."""
    return 'main' if core is None else str(core)


def known(value, text):
    """'text' % value, or nothing."""
    return text % value if value is not None else None


# Text.

def clip(text, width):
    """'text' in 'width' columns."""
    text = ''.join(c if ' ' <= c <= '~' else '?' for c in str(text))
    return text if len(text) <= width else text[:max(width - 1, 0)] + '~'


def wrap(label, chunks, width):
    """Lines of a label and chunks, which are texts or pairs of text and style,
    or None."""
    lines, line, column = [], [('%-10s' % label, 'label')], 10
    for chunk in chunks:
        if chunk is None:
            continue
        text, style = (chunk, '') if isinstance(chunk, str) else chunk
        if column > 10 and column + len(text) > width:
            lines.append(line)
            line, column = [(' ' * 10, '')], 10
        text = clip(text, max(width - column, 1))
        line.append((text + '  ', style))
        column += len(text) + 2
    lines.append(line)
    return lines


class Column:
    """Of a table: heading, whether numbers, and how soon it may be left out:
    the highest first, 0 never."""

    def __init__(self, name, numeric=True, leave=0):
        self.name, self.numeric, self.leave = name, numeric, leave


def choose_columns(columns, widths, width):
    """The indexes of columns that fit; the last of a table takes what is
    left, and needs 24 columns."""
    chosen = list(range(len(columns)))

    def need():
        return sum(widths[i] + 2 for i in chosen[:-1]) \
            + min(widths[chosen[-1]], 24)

    while need() > width:
        spare = [i for i in chosen if columns[i].leave]
        if not spare:
            break
        chosen.remove(max(spare, key=lambda i: columns[i].leave))
    return chosen


def table(columns, rows, width):
    """Lines of a table.  A row is a list of texts, and may have a style as
    one more member."""
    texts = [[str(cell) for cell in row[:len(columns)]] for row in rows]
    widths = [max([len(column.name)] + [len(row[i]) for row in texts])
              for i, column in enumerate(columns)]
    chosen = choose_columns(columns, widths, width)

    def line(cells):
        parts = ['%*s' % (widths[i], cells[i]) if columns[i].numeric
                 else '%-*s' % (widths[i], cells[i]) for i in chosen]
        return clip('  '.join(parts).rstrip(), width)

    lines = [[(line([column.name for column in columns]), 'head')]]
    for row, cells in zip(rows, texts):
        style = row[len(columns)] if len(row) > len(columns) else ''
        lines.append([(line(cells), style)])
    return lines


def select(items, state, view, keys):
    """Those of 'items' that pass the filter, sorted.  'keys' maps a name of
    SORTS to a function; numbers are sorted downwards, texts upwards."""
    needle = state.filter.lower()
    chosen = [item for item in items
              if needle in ' '.join(words(item)).lower()]
    key = keys.get(state.sort_name(view))
    if key:
        descending = bool(chosen) and not isinstance(key(chosen[0]), str)
        chosen.sort(key=key, reverse=descending)
    if state.reverse and view == state.table():
        chosen.reverse()
    return chosen


def words(item):
    """What a filter looks at."""
    if isinstance(item, dict):
        for name, value in item.items():
            if name == 'core':
                yield 'core ' + core_name(value)
            elif name not in ('cause', 'cure'):
                yield from words(value)
    elif isinstance(item, list):
        for value in item:
            yield from words(value)
    elif item is not None:
        yield str(item)


def number(item, *names):
    """A number to sort by: the sum of members, unknown below all."""
    values = [item[name] for name in names if item.get(name) is not None]
    return sum(values) if values else -1


# The parts of the screen.

FOUND_TEXTS = (('mark', 'mark'), ('merged', 'merged'),
               ('simple_match', 'simple'), ('emc', 'EMC'), ('smc', 'SMC'),
               ('classifier', 'classifier'), ('upcall', 'upcall'),
               ('lost', 'lost'))


def summary(figures, width):
    """The lines above all tables."""
    drops = figures.get('drops_per_second')
    lines = wrap('Packets', [
        '%s/s' % si(figures.get('packets_per_second')),
        '%s cycles each' % si(figures.get('busy_cycles_per_packet')),
        known(figures.get('busy_percent'), 'busy %.0f%%'),
        'upcalls %s/s' % si(figures.get('upcalls_per_second')),
        ('drops %s/s' % si(drops), 'bad' if drops else '')], width)
    found = figures.get('found_by')
    lines += wrap('Found by', ['%s %s' % (text, percent(found[name], 1))
                               for name, text in FOUND_TEXTS]
                  if found else ['-'], width)
    if 'offload' in figures:
        lines += wrap('NIC', nic_chunks(figures['offload']), width)
    if 'conntrack' in figures:
        lines += wrap('Conntrack', conntrack_chunks(figures), width)
    upcalls = figures.get('upcalls')
    if upcalls:
        lines += wrap('Flows', [
            '%s of at most %s' % (upcalls.get('flows', '-'),
                                  upcalls.get('flow_limit', '-')),
            known(upcalls.get('dump_duration_ms'), 'dump %d ms')], width)
    return lines


def nic_chunks(offload):
    """What is in NICs."""
    failed = offload.get('failed_per_second')
    chunks = [None if offload.get('enabled') else ('off', 'bad'),
              'rules %s: %s whole, %s marked' % (
                  offload.get('rules', '-'), offload.get('whole', '-'),
                  offload.get('marked', '-')),
              'put %s/s' % si(offload.get('puts_per_second')),
              'removed %s/s' % si(offload.get('dels_per_second')),
              ('failed %s/s' % si(failed), 'bad') if failed else None]
    for one in offload.get('tables', []):
        if one.get('full') or one.get('hit_share') is not None \
           or one.get('places'):
            used = str(one.get('used', '-'))
            chunks.append('%s: %s places' % (
                ','.join(one.get('ports', [])),
                '%s of %s' % (used, one['places']) if one.get('places')
                else used))
            chunks.append('hit share %s' % percent(one.get('hit_share'), 1))
            chunks.append(known(one.get('waiting') or None, '%d wait'))
    return chunks


def conntrack_chunks(figures):
    """Connections and merged flows."""
    tracker = figures['conntrack']
    refused = tracker.get('refused_per_second')
    merging = figures.get('merging', {})
    chunks = ['%s of %s' % (tracker.get('connections', '-'),
                            tracker.get('maximum', '-')),
              'set up %s/s' % si(tracker.get('setups_per_second')),
              'ended %s/s' % si(tracker.get('ended_per_second')),
              ('refused %s/s' % si(refused), 'bad') if refused else None]
    if merging.get('merging'):
        chunks += ['merged flows %s' % merging.get('rules', '-'),
                   'by them %s/s' % si(merging.get('packets_per_second'))]
    return chunks


def threads_table(figures, state, width):
    """PMD threads."""
    columns = [Column('CORE'), Column('PACKETS/S'), Column('CYCLES', leave=3),
               Column('BUSY'), Column('MARK', leave=2),
               Column('SIMPLE', leave=6), Column('EMC', leave=5),
               Column('SMC', leave=7), Column('CLASS', leave=4),
               Column('UPCALL', leave=4),
               Column('QUEUES', numeric=False, leave=8)]
    rows = []
    for thread in select(figures.get('threads', []), state, 'threads', {
            'packets': lambda t: number(t, 'packets_per_second'),
            'cycles': lambda t: number(t, 'busy_cycles_per_packet'),
            'busy': lambda t: number(t, 'busy_percent')}):
        found = thread.get('found_by', {})
        busy = thread.get('busy_percent')
        rows.append(
            [core_name(thread['core']), si(thread.get('packets_per_second')),
             si(thread.get('busy_cycles_per_packet')),
             percent(None if busy is None else busy / 100)]
            + [percent(found.get(name)) for name in (
                'mark', 'simple_match', 'emc', 'smc', 'classifier', 'upcall')]
            + [' '.join('%s:%d' % (queue['port'], queue['queue'])
                        + ('' if queue.get('usage_percent') is None
                           else '=%d%%' % queue['usage_percent'])
                        for queue in thread.get('queues', []))])
    return table(columns, rows, width)


def ports_table(figures, state, width):
    """Ports."""
    columns = [Column('PORT', numeric=False), Column('RX/S'), Column('TX/S'),
               Column('RX BIT/S', leave=5), Column('TX BIT/S', leave=4),
               Column('DROPS/S', leave=1), Column('WHOLE', leave=2),
               Column('MARKED', leave=2), Column('PLACES', leave=3),
               Column('BRIDGE', numeric=False, leave=7),
               Column('TYPE', numeric=False, leave=8),
               Column('PROVIDER', numeric=False, leave=6)]
    rows = []
    lost = ('rx_dropped_per_second', 'tx_dropped_per_second',
            'rx_errors_per_second', 'tx_errors_per_second')
    for port in select(figures.get('ports', []), state, 'ports', {
            'rx': lambda p: number(p, 'rx_packets_per_second'),
            'tx': lambda p: number(p, 'tx_packets_per_second'),
            'drops': lambda p: number(p, *lost)}):
        drops = number(port, *lost)
        bits = [si(None if port.get(name) is None else 8 * port[name])
                for name in ('rx_bytes_per_second', 'tx_bytes_per_second')]
        rows.append([port['name'], si(port.get('rx_packets_per_second')),
                     si(port.get('tx_packets_per_second')), *bits,
                     si(None if drops < 0 else drops),
                     port.get('whole', '-'), port.get('marked', '-'),
                     '%s/%s' % (port.get('places_used', '-'),
                                port.get('places', '-'))
                     if 'provider' in port else '-',
                     port.get('bridge', '-'), port.get('type', '-'),
                     port.get('provider', 'none'), 'bad' if drops > 0 else ''])
    return table(columns, rows, width)


def flows_table(figures, state, width):
    """The fastest flows."""
    flows = figures.get('flows')
    if flows is None:
        return [[('This daemon does not tell its fastest flows.', '')]]
    if not flows.get('settled'):
        return [[('The fastest flows: in a moment...', '')]]
    columns = [Column('PACKETS/S'), Column('BIT/S', leave=3),
               Column('CORE', leave=4), Column('PORT', numeric=False, leave=1),
               Column('WHERE', numeric=False),
               Column('WHY NOT IN A NIC', numeric=False, leave=2),
               Column('FLOW', numeric=False)]
    rows = []
    for flow in select(flows.get('top', []), state, 'flows', {
            'packets': lambda f: number(f, 'packets_per_second'),
            'bytes': lambda f: number(f, 'bytes_per_second'),
            'port': lambda f: f.get('port', ''),
            'where': lambda f: f['where'],
            'why': lambda f: f['why_text']}):
        whole = flow['where'] in ('nic', 'xdp')
        why = '' if whole else flow['why_text']
        if flow.get('merge_refused') and flow['where'] != 'merged':
            why += '; not merged: ' + flow['merge_refused']
        rows.append([si(flow['packets_per_second']),
                     si(8 * flow['bytes_per_second']),
                     core_name(flow['core']), flow.get('port', '-'),
                     flow['where'], clip(why, max(width // 3, 12)),
                     short_match(flow['match']) + ' -> ' + flow['actions'],
                     'good' if whole else ''])
    return table(columns, rows, width)


def short_match(match):
    """A match without what all have, or another column has."""
    return re.sub(r'\brecirc_id\(0\),|\bpacket_type\(ns=0,id=0\),|'
                  r'\bin_port\([^()]*\),?|,?frag=no\b|'
                  r'\beth_type\(0x0800\),(?=ipv4\()|'
                  r'\beth_type\(0x86dd\),(?=ipv6\()', '', match) or 'any'


def drops_table(figures, state, width):
    """Who has dropped."""
    columns = [Column('DROPS/S'), Column('PACKETS', leave=2),
               Column('PORT', numeric=False), Column('BY', numeric=False),
               Column('REASON', numeric=False),
               Column('TEXT', numeric=False, leave=3)]
    rows = []
    for drop in select(figures.get('drops', []), state, 'drops', {
            'rate': lambda d: (number(d, 'packets_per_second'), d['packets']),
            'packets': lambda d: number(d, 'packets'),
            'port': lambda d: d.get('port', ''),
            'reason': lambda d: d['reason']}):
        by = {'pmd': 'core %s' % drop.get('core'), 'main': 'main thread',
              'past': 'past threads'}
        rows.append([si(drop.get('packets_per_second')), si(drop['packets']),
                     drop.get('port', '(gone)'),
                     by.get(drop['by'], drop['by']), drop['reason'],
                     drop.get('text', ''),
                     'bad' if drop.get('packets_per_second') else ''])
    return table(columns, rows, width)


def nic_table(figures, state, width):
    """Why rules are not whole."""
    columns = [Column('RULES'), Column('WHOLE', leave=2),
               Column('MARKED', leave=1), Column('WHY', numeric=False)]
    whys = select(figures.get('offload', {}).get('whys', []), state, 'nic', {
        'rules': lambda w: number(w, 'rules'),
        'why': lambda w: w['why_text']})
    lines = table(columns, [[why['rules'], why['whole'], why['marked'],
                             why['why_text']] for why in whys], width)
    for why in whys:
        if why['why'] != 'NONE':
            lines.append([('', '')])
            lines += paragraph(why['why_text'] + '.  ' + why.get('cause', '')
                               + '  ' + why.get('cure', ''), width)
    return lines


def paragraph(text, width):
    """Lines of running text."""
    lines, line = [], ''
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = ''
        line += ' ' * bool(line) + word
    return [[(clip(one, width), '')] for one in lines + [line]]


def conntrack_table(figures, state, width):
    """Zones."""
    columns = [Column('ZONE'), Column('CONNECTIONS'), Column('LIMIT', leave=1),
               Column('MERGED', leave=2), Column('SET UP', leave=3)]
    zones = select(figures.get('conntrack', {}).get('zones', []), state,
                   'conntrack', {
        'connections': lambda z: number(z, 'connections'),
        'zone': lambda z: number(z, 'zone')})
    return table(columns, [[zone['zone'], zone.get('connections', '-'),
                            zone.get('limit', '-'),
                            zone.get('with_rules', '-'),
                            zone.get('set_up', '-')] for zone in zones],
                 width)


def help_lines(_figures, _state, width):
    """All keys."""
    return [[(clip(line, width), '')] for line in HELP.split('\n')]


TABLES = {'threads': threads_table, 'ports': ports_table, 'nic': nic_table,
          'conntrack': conntrack_table, 'flows': flows_table,
          'drops': drops_table, 'help': help_lines}


def title(figures, state, width, clock):
    """The first line."""
    text = 'markpath top  %s  %s  every %g s' % (clock, state.view,
                                                 state.interval)
    sort = state.sort_name(state.table())
    if sort:
        text += '  by %s%s' % (sort, ' upwards' if state.reverse else '')
    if state.paused:
        text = 'PAUSED  ' + text
    if state.filter or state.typing:
        text = '/%s%s  ' % (state.filter, '_' if state.typing else '') + text
    if figures.get('restarts'):
        text += '  restarted %d times' % figures['restarts'] \
            if figures['restarts'] > 1 else '  restarted once'
    return [(clip(text, width), 'title')]


def part(lines, limit):
    """At most 'limit' lines of a table, with a word about the rest."""
    if len(lines) <= limit:
        return lines
    rest = len(lines) - limit + 1
    return lines[:limit - 1] + [[('(%d more)' % rest, 'label')]]


def layout(figures, state, width, height, clock=''):
    """All lines: at most 'height' of them, if that is not 0, of at most 'width'
    columns."""
    width = max(width, MINIMUM)
    lines = [title(figures, state, width, clock)]
    if state.problem:
        lines.append([(clip(state.problem, width), 'bad')])
    if state.view != 'help' and len(figures) > 1:
        lines += summary(figures, width)
    body = []
    if state.view != 'overview':
        body = TABLES[state.view](figures, state, width)
    elif len(figures) > 1:
        few = max((height - len(lines)) // 4, 3) if height else 1 << 30
        for name in ('threads', 'ports'):
            lines.append([('', '')])
            lines += part(TABLES[name](figures, state, width), few)
        body = flows_table(figures, state, width)
    if body:
        lines.append([('', '')])
        top, rest = body[:1], body[1:]
        left = max(height - len(lines) - 1, 1) if height else len(rest)
        state.scroll = min(state.scroll, max(len(rest) - left, 0))
        lines += top + rest[state.scroll:]
    if height:
        lines = lines[:height]
    return [fit(line, width) for line in lines]


def fit(line, width):
    """A line without what is beyond 'width', nor spaces at its end."""
    fitted, column = [], 0
    for text, style in line:
        text = text[:width - column]
        if text:
            fitted.append((text, style))
        column += len(text)
    if fitted and not fitted[-1][0].strip():
        fitted.pop()
    elif fitted and fitted[-1][1] != 'title':
        fitted[-1] = (fitted[-1][0].rstrip(), fitted[-1][1])
    return fitted


def plain(lines):
    """Lines as text."""
    return '\n'.join(''.join(text for text, _ in line) for line in lines)
