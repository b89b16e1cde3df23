"""What was measured, as tables in Markdown and as a picture in SVG. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

RAW = "raw SSE, httpx"


def tables(measured: Mapping[str, Any]) -> str:
    """All of them, under headings; each ratio is to raw SSE in the same column."""
    parts = {
        "One reply at a time": one(measured),
        "On Gradio 5.50, which g4f's provider still understands": older(measured),
        "200 replies at once": at_once(measured),
        "How cost grows": growth(measured),
        "Starting": starts(measured),
    }
    return "\n".join(f"### {heading}\n\n{table}" for heading, table in parts.items())


def summary(measured: Mapping[str, Any]) -> str:
    """What matters most, for the README."""
    real = measured["one"]["gradio 6"]
    at_once = measured["at once"]["gradio 6"]
    many = list(at_once[RAW])[-1]
    columns = {
        "first fragment, ms": {name: row["first"] for name, row in real.items()},
        "lag of the others, ms": {name: row["lag"]["p50"] for name, row in real.items()},
        "CPU an update, ms": measured["cpu"]["gradio 6"],
        f"{many} at once, s": {name: row[many]["seconds"] for name, row in at_once.items()},
    }
    return _table(columns, plain=())


def one(measured: Mapping[str, Any]) -> str:
    real, least = measured["one"]["gradio 6"], measured["one"]["minimal"]
    columns = {
        "first fragment": {name: row["first"] for name, row in real.items()},
        "over a far network": measured["far"],
        "lag": {name: row["lag"]["p50"] for name, row in real.items()},
        "its p99": {name: row["lag"]["p99"] for name, row in real.items()},
        "lag, minimal server": {name: row["lag"]["p50"] for name, row in least.items()},
        "CPU, ms an update": measured["cpu"]["gradio 6"],
        "CPU, minimal server": measured["cpu"]["minimal"],
        "fragments an update": {name: row["fragments"] for name, row in real.items()},
    }
    return _table(columns, plain=("fragments an update",))


def older(measured: Mapping[str, Any]) -> str:
    rows = measured["one"]["gradio 5.50"]
    columns = {
        "first fragment": {name: row["first"] for name, row in rows.items()},
        "lag": {name: row["lag"]["p50"] for name, row in rows.items()},
        "fragments an update": {name: row["fragments"] for name, row in rows.items()},
    }
    return _table(columns, plain=("fragments an update",))


def at_once(measured: Mapping[str, Any]) -> str:
    by_client = measured["at once"]["gradio 6"]
    most = list(by_client[RAW])[-1]

    def column(server: str, what: str) -> dict[str, float]:
        return {name: row[most][what] for name, row in measured["at once"][server].items()}

    columns = {
        "all done, s": column("gradio 6", "seconds"),
        "worst lag, ms": column("gradio 6", "worst lag"),
        "CPU, s": column("gradio 6", "cpu"),
        "CPU, minimal server": column("minimal", "cpu"),
        "memory, MB": column("gradio 6", "memory"),
        "threads": column("gradio 6", "threads"),
        "whole": column("gradio 6", "whole"),
    }
    return _table(columns, plain=("threads", "whole"))


def growth(measured: Mapping[str, Any]) -> str:
    """Without ratios: each row is compared with itself."""
    lengths, history = measured["lengths"], measured["history"]
    sizes = list(lengths[RAW])
    many = list(measured["at once"]["minimal"][RAW])
    heads = [
        *(f"memory, {size} updates" for size in sizes),
        *(f"CPU an update, {size} of them" for size in (sizes[0], sizes[-1])),
        *(f"CPU an update, {turns} turns before" for turns in list(history[RAW])[1:]),
        f"CPU a reply, {many[-1]} at once",
    ]
    rows = {}
    for name in lengths:
        cells = [f"{lengths[name][size]['memory']:.0f} MB" for size in sizes]
        cells += [f"{lengths[name][size]['cpu']:.2f} ms" for size in (sizes[0], sizes[-1])]
        cells += [f"{history[name][turns]:.2f} ms" if name in history else "" for turns in list(history[RAW])[1:]]
        cells.append(f"{measured['at once']['minimal'][name][many[-1]]['cpu'] / int(many[-1]) * 1000:.1f} ms")
        rows[name] = cells
    return _rows(["", *heads], rows)


def starts(measured: Mapping[str, Any]) -> str:
    cold = {f"{name}, to its first fragment": ms for name, ms in measured["cold"].items()}
    imports = {
        f"`import {name}`" if name.isidentifier() else f"`{name}`": ms for name, ms in measured["starts"].items()
    }
    return _rows(["", "ms"], {name: [f"{ms:.0f}"] for name, ms in (imports | cold).items()})


def _table(columns: Mapping[str, Mapping[str, float]], *, plain: Sequence[str]) -> str:
    """A row a client, and in each cell the number and its ratio to raw SSE's."""

    def cell(head: str, name: str) -> str:
        if name not in columns[head]:
            return ""
        number, base = columns[head][name], columns[head][RAW]
        return f"{number:.3g}" if head in plain else f"{_rounded(number)}, × {number / base:.2f}"

    first = next(iter(columns.values()))
    return _rows(["", *columns], {name: [cell(head, name) for head in columns] for name in first})


def _rounded(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:.0f}"


def _rows(heads: Sequence[str], rows: Mapping[str, Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([name, *cells] for name, cells in rows.items())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# --- the picture

ROW, LEFT, WIDTH, TOP = 34, 230, 900, 58


def picture(measured: Mapping[str, Any]) -> str:
    """When each client showed each token of a reply, under the moments at which the server said it."""
    newer, older = measured["picture"]["gradio 6"], measured["picture"]["gradio 5.50"]
    shown = {name: newer[name] for name in newer if name not in ("ours, trio", "ours, sync", "ours, without hooks")}
    shown |= {f"{name}, Gradio 5.50": older[name] for name in older if name.startswith("g4f")}
    said = newer[RAW]["said"]
    longest = max(reply["seen"][-1] for reply in shown.values())
    scale = (WIDTH - LEFT - 20) / longest
    rows = [("the server says it", said, "#888"), *((name, row["seen"], _colour(name)) for name, row in shown.items())]
    height = TOP + ROW * len(rows) + 30
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">\n',
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>\n',
            f'<text x="16" y="28" font-size="16">When each token of a reply of {len(said)} is seen</text>\n',
            *_axis(longest, scale, height),
            *(_row(number, *row, scale) for number, row in enumerate(rows)),
            "</svg>\n",
        ]
    )


def _colour(name: str) -> str:
    return "#0a7d33" if name.startswith("ours") else "#1f5fbf"


def _axis(longest: float, scale: float, height: float) -> Iterable[str]:
    for ms in range(0, int(longest) + 1, 250):
        x = LEFT + ms * scale
        yield f'<line x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{height - 26}" stroke="#eee"/>\n'
        yield f'<text x="{x:.1f}" y="{height - 10}" font-size="11" text-anchor="middle" fill="#666">{ms} ms</text>\n'


def _row(number: int, name: str, moments: Sequence[float], colour: str, scale: float) -> str:
    y = TOP + ROW * number
    ticks = "".join(f"M{LEFT + moment * scale:.1f} {y}v18" for moment in moments)
    label = f'<text x="16" y="{y + 14}" font-size="13">{html.escape(name)}</text>'
    return f'{label}<path d="{ticks}" stroke="{colour}" stroke-width="1.5"/>\n'
