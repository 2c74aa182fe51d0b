# SPDX-License-Identifier: Apache-2.0
"""Draws what markpath-bench has measured, as an SVG."""

BARS = (("limit", "#b0b0b0", "testpmd"), ("ours", "#2b6cb0", "Markpath"),
        ("theirs", "#dd8452", "Open vSwitch"))
LEFT, WIDTH, HEIGHT, GAP, TOP = 190, 560, 9, 9, 44


def draw(lines):
    """Returns the text of a picture.  Bars longer than the longest but one
    tenth of all are cut, and say so."""
    lines = [line for line in lines if "ours" in line]
    values = sorted(line[name] for line in lines for name, _, _ in BARS
                    if name in line)
    scale = WIDTH / values[int((len(values) - 1) * .9)]
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
