"""The report of one run: a page with tables and goals, all figures as JSON, and a chart."""

import dataclasses
import json
import os
import pathlib

import chart


@dataclasses.dataclass
class Outcome:
    """Medians by workload and candidate, and the rounds that they came from."""

    date: str
    name: str
    seconds: int
    rounds: int
    size: int
    candidates: dict[str, str]
    versions: dict[str, str]
    workloads: dict[str, str]
    medians: dict[str, dict[str, dict]]
    rounds_raw: dict[str, dict[str, list[dict]]]
    transactions: dict[str, dict]
    warm: int = 0

    def figure(self, workload: str, candidate: str, key: str) -> float | None:
        return self.medians.get(workload, {}).get(candidate, {}).get(key)

    def ratio(self, workload: str, peer: str) -> float | None:
        ours, theirs = self.figure(workload, "varve", "iops"), self.figure(workload, peer, "iops")
        return ours / theirs if ours and theirs else None


@dataclasses.dataclass
class Goal:
    """A figure that has to be at least, or at most, a limit."""

    text: str
    value: float | None
    limit: float
    at_least: bool
    unit: str = ""

    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        return "reached" if (self.value >= self.limit if self.at_least else self.value <= self.limit) else "**not reached**"


def goals(o: Outcome) -> list[Goal]:
    def tail(workload: str) -> float | None:
        p50, p99 = o.figure(workload, "varve", "p50_us"), o.figure(workload, "varve", "p99_us")
        return p99 / p50 if p50 and p99 else None

    return [
        Goal("random write, depth 1, against Ceph", o.ratio("randwrite-4k-1", "ceph"), 8, True, "×"),
        Goal("random write, depth 1, p50", o.figure("randwrite-4k-1", "varve", "p50_us"), 350, False, " µs"),
        Goal("random write, depth 32, against Ceph", o.ratio("randwrite-4k-32", "ceph"), 12, True, "×"),
        Goal("random write, depth 32, CPU of all nodes", o.figure("randwrite-4k-32", "varve", "cpu_us_per_io"), 100, False, " µs"),
        Goal("random read, depth 1, against Ceph", o.ratio("randread-4k-1", "ceph"), 4, True, "×"),
        Goal("random read, depth 32, against Ceph", o.ratio("randread-4k-32", "ceph"), 5, True, "×"),
        Goal("random read, depth 32, CPU of all nodes", o.figure("randread-4k-32", "varve", "cpu_us_per_io"), 60, False, " µs"),
        Goal("8 KiB mix, depth 32, against Ceph", o.ratio("mix-8k-32", "ceph"), 5, True, "×"),
        Goal("1 MiB write, against Ceph", o.ratio("write-1m-8", "ceph"), 1.5, True, "×"),
        Goal("1 MiB read, against the raw disk", o.ratio("read-1m-8", "raw"), 0.95, True, "×"),
        Goal("random write, depth 32, p99/p50", tail("randwrite-4k-32"), 3, False),
        Goal("random read, depth 32, p99/p50", tail("randread-4k-32"), 3, False),
    ]


def number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}".replace(",", " ")


def workload_table(o: Outcome, workload: str) -> list[str]:
    lines = [
        f"### {o.workloads[workload]}", "",
        "| candidate | IOPS | MB/s | p50 µs | p99 µs | p99.9 µs | CPU µs per I/O | fio's CPU µs per I/O | waits for a core, µs per I/O | heap bytes per I/O | disk bytes per client byte | Varve is |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for candidate in o.candidates:
        f = o.medians[workload][candidate]
        ratio = o.ratio(workload, candidate) if candidate != "varve" else None
        lines.append(
            f"| {candidate} | {number(f['iops'])} | {number(f['mb_per_second'])} | {number(f['p50_us'])} | {number(f['p99_us'])} "
            f"| {number(f['p999_us'])} | {number(f['cpu_us_per_io'])} | {number(f.get('client_cpu_us_per_io'))} | {number(f['cpu_wait_us_per_io'])} | {number(f['allocated_bytes_per_io'])} "
            f"| {number(f['disk_bytes_per_client_byte'], 2)} | {number(ratio, 2) + '×' if ratio else ''} |")
    return [*lines, ""]


def page(o: Outcome, chart_name: str) -> str:
    others = [f["other_cpu_cores"] for by in o.rounds_raw.values() for rounds in by.values() for f in rounds]
    lines = [
        f"# Benchmark of {o.date}, {o.name}", "",
        f"`tests/bench/run`, {o.rounds} rounds of {o.seconds} s for each workload and candidate, interleaved; medians. "
        f"A volume of {o.size >> 20} MiB, written once before anything was measured{f'; then {o.warm} s of small reads and writes that do not count' if o.warm else ''}. {os.cpu_count()} cores; all files on one disk. "
        f"Other processes took {sum(others) / max(1, len(others)):.2f} cores on average ({max(others, default=0):.2f} at worst).", "",
        *(f"- **{name}**: {title} ({o.versions.get(name, '')})" for name, title in o.candidates.items()), "",
        "CPU, heap and disk bytes are those of the storage processes alone, over all nodes, including what a write leaves to "
        "be done afterwards; the raw file has no storage process. In Ceph the client library's share of the work runs inside "
        "fio, whose time is told beside.", "",
        f"![Operations per second of each candidate]({chart_name})", "",
    ]
    if "varve" in o.candidates:
        lines += ["## Goals", "", "| goal | limit | measured | |", "|---|---:|---:|---|"]
        for g in goals(o):
            digits = 2 if g.unit in ("×", "") else 0
            lines.append(f"| {g.text} | {'≥' if g.at_least else '≤'} {g.limit:g}{g.unit} "
                         f"| {number(g.value, digits)}{g.unit if g.value is not None else ''} | {g.verdict()} |")
        lines.append("")
    lines += ["## Figures", ""]
    for workload in o.workloads:
        lines += workload_table(o, workload)
    if o.transactions:
        lines += ["### pgbench, 8 clients, through nbdfuse, loop and ext4", "", "| candidate | transactions/s | mean latency ms |", "|---|---:|---:|"]
        lines += [f"| {c} | {number(f['tps'])} | {number(f['latency_ms'], 2)} |" for c, f in o.transactions.items()]
        lines.append("")
    return "\n".join(lines)


def write(o: Outcome, directory: pathlib.Path) -> pathlib.Path:
    directory.mkdir(parents=True, exist_ok=True)
    base = f"{o.date}-{o.name}"
    (directory / f"{base}.json").write_text(json.dumps(dataclasses.asdict(o), indent=1) + "\n")
    (directory / f"{base}.svg").write_text(chart.bars(
        {title: {c: o.figure(w, c, "iops") for c in o.candidates} for w, title in o.workloads.items()}, list(o.candidates)))
    written = directory / f"{base}.md"
    written.write_text(page(o, f"{base}.svg"))
    return written
