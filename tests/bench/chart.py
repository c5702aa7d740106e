"""Bar charts as hand-written SVG: one group of bars for each workload, operations per second on a logarithmic axis.

Colours are told apart by people who see fewer of them, and every bar carries its figure; text follows the page's colour.
"""

import html
import math

COLOURS = {"varve": "#0072b2", "varve-plaintext": "#56b4e9", "ceph": "#d55e00", "nbdkit": "#009e73", "raw": "#7f7f7f"}
WIDTH, LABEL, BAR, GAP, TOP = 900, 230, 16, 14, 40


def bars(groups: dict[str, dict[str, float | None]], candidates: list[str]) -> str:
    values = [v for group in groups.values() for v in group.values() if v]
    low = 10 ** math.floor(math.log10(min(values, default=1)))
    high = 10 ** math.ceil(math.log10(max(values, default=10) * 1.01))
    span = WIDTH - LABEL - 90

    def x(value: float) -> float:
        return LABEL + span * (math.log10(value) - math.log10(low)) / (math.log10(high) - math.log10(low))

    height = TOP + sum(BAR * len(candidates) + GAP for _ in groups) + 30
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" role="img">',
        "<title>Operations per second, logarithmic</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for i, candidate in enumerate(candidates):
        out.append(f'<rect x="{LABEL + i * 100}" y="10" width="12" height="12" fill="{COLOURS[candidate]}"/>'
                   f'<text x="{LABEL + i * 100 + 17}" y="20" fill="#222">{candidate}</text>')
    mark = low
    while mark <= high:
        out.append(f'<line x1="{x(mark):.1f}" y1="{TOP - 8}" x2="{x(mark):.1f}" y2="{height - 22}" stroke="#ddd"/>'
                   f'<text x="{x(mark):.1f}" y="{height - 8}" text-anchor="middle" fill="#555">{mark:,.0f}</text>')
        mark *= 10
    y = TOP
    for title, group in groups.items():
        middle = y + BAR * len(candidates) / 2 + 4
        out.append(f'<text x="{LABEL - 8}" y="{middle:.1f}" text-anchor="end" fill="#222">{html.escape(title)}</text>')
        for candidate in candidates:
            value = group.get(candidate)
            if value:
                out.append(f'<rect x="{LABEL}" y="{y + 1}" width="{max(1.0, x(value) - LABEL):.1f}" height="{BAR - 2}" fill="{COLOURS[candidate]}"/>'
                           f'<text x="{x(value) + 4:.1f}" y="{y + BAR - 4}" fill="#222">{value:,.0f}</text>')
            y += BAR
        y += GAP
    out.append("</svg>")
    return "\n".join(out) + "\n"
