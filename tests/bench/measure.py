"""One measured fio run: the figures fio gives, and what the storage processes used for them.

All times are seconds unless a name says otherwise, all sizes bytes.
"""

import json
import os
import pathlib
import re
import resource
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Workload:
    """What fio is asked to do; the same for every candidate."""

    def __init__(self, name: str, title: str, pattern: str, block: int, depth: int, read_percent: int | None = None):
        self.name, self.title, self.pattern, self.block, self.depth = name, title, pattern, block, depth
        self.read_percent = read_percent

    @property
    def writes(self) -> bool:
        return "write" in self.pattern or self.pattern == "randrw"

    def arguments(self, size: int, seconds: int, seed: int) -> list[str]:
        given = [
            f"--name={self.name}", f"--rw={self.pattern}", f"--bs={self.block}", f"--iodepth={self.depth}",
            f"--size={size}", "--time_based=1", f"--runtime={seconds}", "--ramp_time=1", f"--randseed={seed}",
            "--randrepeat=0", "--norandommap=1", "--random_generator=tausworthe64", "--thread=1",
            "--percentile_list=50:99:99.9", "--refill_buffers=0", "--output-format=json", "--group_reporting=1",
        ]
        if self.read_percent is not None:
            given.append(f"--rwmixread={self.read_percent}")
        return given


WORKLOADS = [
    *(Workload(f"randwrite-4k-{d}", f"4 KiB random write, depth {d}", "randwrite", 4096, d) for d in (1, 8, 32)),
    *(Workload(f"randread-4k-{d}", f"4 KiB random read, depth {d}", "randread", 4096, d) for d in (1, 8, 32)),
    Workload("mix-8k-32", "8 KiB 70 % read, depth 32", "randrw", 8192, 32, 70),
    Workload("write-1m-8", "1 MiB sequential write, depth 8", "write", 1 << 20, 8),
    Workload("read-1m-8", "1 MiB sequential read, depth 8", "read", 1 << 20, 8),
]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of the processes so far; one that is gone counts nothing."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def waiting_seconds(pids: list[int]) -> float:
    """Time that the live threads of the processes were ready to run and had no core: what a machine with more of them would not cost."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total / 1e9


def written_bytes(pids: list[int]) -> int:
    """What the processes sent to their disks, direct or by way of the page cache."""
    total = 0
    for pid in pids:
        try:
            text = pathlib.Path(f"/proc/{pid}/io").read_text()
        except (FileNotFoundError, PermissionError):
            continue
        total += int(re.search(r"^write_bytes: (\d+)", text, re.M).group(1))
    return total


def allocated_bytes(pids: list[int]) -> int | None:
    """Heap bytes that the live threads of these JVMs have allocated so far; None for processes that are no JVM.

    The thread dump's own figures, not the collector's counter: that one moves at a collection only, of which a short run
    on a quiet heap may see none.
    """
    total = 0
    for pid in pids:
        if os.path.basename(os.path.realpath(f"/proc/{pid}/exe")) != "java":
            return None
        jcmd = os.path.join(os.path.dirname(os.path.realpath(f"/proc/{pid}/exe")), "jcmd")
        dump = subprocess.run([jcmd, str(pid), "Thread.print", "-e"], capture_output=True, text=True, check=False).stdout
        for amount, unit in re.findall(r"allocated=([\d.]+)([BKMGT])", dump):
            total += int(float(amount) * 1024 ** "BKMGT".index(unit))
    return total if pids else None


def busy_seconds() -> float:
    """CPU time that all processes of this machine have used since it started."""
    fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:7])) / TICKS


def run(engine: list[str], pids: list[int], workload: Workload, size: int, seconds: int, seed: int, settle: float,
        environment: dict[str, str]) -> dict:
    """Runs one workload against one candidate and returns its figures.

    What is put off during the run (destaging, compaction) belongs to it: the processes' use is read after `settle`
    seconds of quiet, for writing workloads.
    """
    allocated = allocated_bytes(pids)
    cpu, disk, busy = cpu_seconds(pids), written_bytes(pids), busy_seconds()
    waited = waiting_seconds(pids)
    own, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = ["fio", *workload.arguments(size, seconds, seed), *engine]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds * 3 + 120, check=False,
                          env=os.environ | environment)
    own_after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy, wall = busy_seconds() - busy, time.monotonic() - began
    cpu_during = cpu_seconds(pids) - cpu
    waited = max(0.0, waiting_seconds(pids) - waited)
    if done.returncode != 0:
        raise RuntimeError(f"fio failed: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if workload.writes:
        time.sleep(settle)
    cpu, disk = cpu_seconds(pids) - cpu, written_bytes(pids) - disk
    job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
    if job["error"]:
        raise RuntimeError(f"fio reported error {job['error']}: {' '.join(command)}")
    sides = [job[s] for s in ("read", "write") if job[s]["total_ios"]]
    # The side with the longer latency stands for a mix.
    side = max(sides, key=lambda s: s["clat_ns"]["percentile"]["50.000000"])
    percentile = side["clat_ns"]["percentile"]
    iops = sum(s["iops"] for s in sides)
    # fio leaves its second of ramp out of its counts; the processes' figures hold it.
    ios = iops * (seconds + 1)
    client = job["write"]["iops"] * workload.block * (seconds + 1)
    fio_cpu = own_after.ru_utime + own_after.ru_stime - own.ru_utime - own.ru_stime
    result = {
        "iops": iops,
        "mb_per_second": sum(s["bw_bytes"] for s in sides) / 1e6,
        "p50_us": percentile["50.000000"] / 1e3,
        "p99_us": percentile["99.000000"] / 1e3,
        "p999_us": percentile["99.900000"] / 1e3,
        "cpu_us_per_io": cpu / ios * 1e6 if pids else None,
        "client_cpu_us_per_io": fio_cpu / ios * 1e6,
        "cpu_wait_us_per_io": waited / ios * 1e6 if pids else None,
        "disk_bytes_per_client_byte": disk / client if pids and client else None,
        "allocated_bytes_per_io": None,
        "other_cpu_cores": max(0.0, busy - cpu_during - fio_cpu) / wall,
    }
    if allocated is not None:
        result["allocated_bytes_per_io"] = max(0, allocated_bytes(pids) - allocated) / ios
    return result


def prefill(engine: list[str], size: int, environment: dict[str, str]) -> None:
    """Writes the whole volume once with data that does not compress, so that every candidate reads real blocks."""
    command = ["fio", "--name=prefill", "--rw=write", "--bs=1M", "--iodepth=8", f"--size={size}", "--thread=1",
               "--refill_buffers=1", "--output-format=json", *engine]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    if done.returncode != 0:
        raise RuntimeError(f"prefill failed: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def warm(engine: list[str], size: int, seconds: int, environment: dict[str, str]) -> None:
    """Small reads and writes, half of the time one by one: what is measured afterwards has been running for a while, as storage does."""
    for depth in (16, 1):
        command = ["fio", "--name=warm", "--rw=randrw", "--bs=4k", f"--iodepth={depth}", f"--size={size}", "--thread=1", "--time_based=1",
                   f"--runtime={max(1, seconds // 2)}", "--norandommap=1", "--output-format=json", *engine]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
        if done.returncode != 0:
            raise RuntimeError(f"warming up failed: {' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
