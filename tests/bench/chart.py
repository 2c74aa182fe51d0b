# SPDX-License-Identifier: Apache-2.0
"""Shows what markpath-bench or growth has measured, as an SVG or a table in
RST.

usage: chart.py TABLE > SVG
       chart.py JSON... > SVG

draws a short picture of a table that "make bench" has printed, or curves that
"make bench-growth" has written, in runs of some curves each."""

import json
import math
import re
import sys

BARS = (("limit", "#b0b0b0", "testpmd"), ("ours", "#2b6cb0", "Markpath"),
        ("theirs", "#dd8452", "Open vSwitch"))
LEFT, WIDTH, HEIGHT, GAP, TOP = 190, 560, 9, 9, 44


# For the short picture: scenarios that say something to those who know none.
SHORT = (("software-1000-rr", "1,000 megaflows, in software"),
         ("offload-1000-rr", "1,000 megaflows, marked"),
         ("software-60000-zipf:1", "60,000 megaflows, in software"),
         ("offload-60000-zipf:1", "60,000 megaflows, marked"),
         ("thrash-1-rand", "a million connections"),
         ("set-fields", "addresses and TTL set"),
         ("vlan-push", "VLAN tag pushed"),
         ("vxlan-push", "into a VXLAN tunnel"))


def read_table(text):
    """What table() has printed, but for lines with a unit."""
    return [dict(zip(("limit", "ours", "theirs"), map(float, values)),
                 scenario=name)
            for name, *values in re.findall(
                r"^(\S+) +(\d+) +(\d+) +(\d+) +[\d.]+$", text, re.M)]


def draw_short(lines):
    """Returns the text of the short picture."""
    found = {line["scenario"]: line for line in lines}
    return draw([dict(found[name], scenario=title) for name, title in SHORT],
                1)


def draw(lines, part=.9):
    """Returns the text of a picture.  Bars longer than the longest of the
    shorter 'part' of all are cut, and say so."""
    lines = [line for line in lines if "ours" in line]
    values = sorted(line[name] for line in lines for name, _, _ in BARS
                    if name in line)
    scale = WIDTH / values[int((len(values) - 1) * part)]
    rows, y = [], TOP
    for line in lines:
        rows.append('<text x="%d" y="%d" text-anchor="end">%s</text>'
                    % (LEFT - 8, y + 2 * HEIGHT, line["scenario"]))
        for name, colour, _ in BARS:
            if name in line:
                width = min(line[name] * scale, WIDTH)
                rows.append('<rect x="%d" y="%d" width="%.1f" height="%d" '
                            'fill="%s"/>' % (LEFT, y, width, HEIGHT - 1,
                                             colour))
                rows.append('<text x="%.1f" y="%d" class="n">%.0f%s</text>'
                            % (LEFT + width + 4, y + HEIGHT - 1, line[name],
                               " (cut)" if line[name] * scale > WIDTH
                               else ""))
            y += HEIGHT
        y += GAP
    legend = "".join(
        '<rect x="%d" y="22" width="10" height="10" fill="%s"/>'
        '<text x="%d" y="31">%s</text>' % (LEFT + i * 130, colour,
                                           LEFT + i * 130 + 15, title)
        for i, (_, colour, title) in enumerate(BARS))
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="11">'
            '<style>.n { font-size: 8px; fill: #444 }</style>'
            '<text x="%d" y="14">TSC cycles of CPU time for each packet'
            '</text>%s%s</svg>\n'
            % (LEFT + WIDTH + 70, y, LEFT, legend, "\n".join(rows)))


# Of a panel of draw_curves(), with its margins, and of what is drawn in it.
PANEL, PANEL_LEFT, PANEL_TOP, PLOT = (330, 215), 56, 44, (250, 150)


def ticks(low, high):
    """Returns round numbers around 'low' and 'high', and between: at least
    two."""
    steps = [m * 10 ** e for e in range(-1, 10) for m in (1, 2, 5)]
    first = max(i for i, step in enumerate(steps) if step <= max(low, .1))
    last = min(i for i, step in enumerate(steps) if step > max(high, .1))
    return steps[first:last + 1]


def draw_panel(panel):
    """Returns one panel: points at equal distances, logarithms upwards."""
    points = panel["points"]
    values = [point[name] for point in points for name, _, _ in BARS
              if name in point]
    scale = ticks(min(values, default=1), max(values, default=1))
    width, height = PLOT

    def at_x(i):
        return PANEL_LEFT + (i + .5) * width / len(points)

    def at_y(value):
        part = (math.log(max(value, scale[0]) / scale[0])
                / math.log(scale[-1] / scale[0]))
        return PANEL_TOP + height * (1 - part)

    rows = ['<text x="%d" y="%d">%s: %s</text>'
            % (PANEL_LEFT, PANEL_TOP - 8, panel["curve"], panel["unit"])]
    for tick in scale:
        rows.append('<path d="M%d %.1fh%d" stroke="#ddd"/>'
                    '<text x="%d" y="%.1f" text-anchor="end" class="n">%g'
                    '</text>' % (PANEL_LEFT, at_y(tick), width,
                                 PANEL_LEFT - 4, at_y(tick) + 3, tick))
    for i, point in enumerate(points):
        rows.append('<text x="%.1f" y="%d" text-anchor="middle" class="n">'
                    '%s</text>' % (at_x(i), PANEL_TOP + height + 14,
                                   "{:,}".format(point["n"])))
    for name, colour, _ in BARS:
        places = [(at_x(i), at_y(point[name]))
                  for i, point in enumerate(points) if name in point]
        rows.append('<polyline points="%s" fill="none" stroke="%s"/>' % (
            " ".join("%.1f,%.1f" % place for place in places), colour))
        rows += ['<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>'
                 % (*place, colour) for place in places]
    return "".join(rows)


def draw_curves(panels, columns=2):
    """Returns the text of a picture with a panel for each curve."""
    groups = ['<g transform="translate(%d %d)">%s</g>'
              % (i % columns * PANEL[0], i // columns * PANEL[1],
                 draw_panel(panel)) for i, panel in enumerate(panels)]
    legend = "".join(
        '<rect x="%d" y="6" width="10" height="10" fill="%s"/>'
        '<text x="%d" y="15">%s</text>' % (PANEL_LEFT + i * 130, colour,
                                           PANEL_LEFT + i * 130 + 15, title)
        for i, (_, colour, title) in enumerate(BARS[1:]))
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="sans-serif" font-size="11">'
            '<style>.n { font-size: 8px; fill: #444 }</style>%s%s</svg>\n'
            % (columns * PANEL[0], -(-len(panels) // columns) * PANEL[1],
               legend, "\n".join(groups)))


def cells(line):
    """Returns the texts of a row of the table."""
    def value(name, digits=0):
        return ("%.*f" % (digits, line[name]) if name in line else "")
    if "unit" in line:
        return ["%s (%s)" % (line["scenario"], line["unit"]), "",
                value("ours_number"), value("theirs_number"),
                value("number_ratio", 2)]
    return [line["scenario"], value("limit"), value("ours"), value("theirs"),
            value("ratio", 2)]


def table(lines):
    """Returns a simple table."""
    rows = [["Scenario", "Limit", "Markpath", "Open vSwitch", "Ratio"]]
    rows += [cells(line) for line in lines]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    rule = "  ".join("=" * width for width in widths)
    text = [rule]
    for i, row in enumerate(rows):
        # An empty first column would go on with the row before it.
        text.append("  ".join([row[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            ).rstrip())
        if not i:
            text.append(rule)
    return "\n".join(text + [rule]) + "\n"


def main():
    texts = []
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as stream:
            texts.append(stream.read())
    if texts[0].startswith("{"):
        sys.stdout.write(draw_curves(
            [panel for text in texts for panel in json.loads(text)["curves"]]))
    else:
        sys.stdout.write(draw_short(read_table(texts[0])))


if __name__ == "__main__":
    main()
