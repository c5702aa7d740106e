"""PostgreSQL's own benchmark on a candidate: nbdfuse, loop device, ext4, pgbench with eight clients."""

import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))

from attach import Attachment, unavailable  # noqa: E402
from postgres import Postgres  # noqa: E402

PACKAGES = ["libnbd-bin", "fuse3", "e2fsprogs", "postgresql", "qemu-utils", "qemu-block-extra", "util-linux"]
SCALE = 20  # 300 MB of rows: more than shared_buffers, less than the volume


def export(candidate, directory: pathlib.Path) -> tuple[str, list[subprocess.Popen]]:
    """The candidate as an NBD URI, and what had to be started for that: peers that do not speak NBD get qemu-nbd."""
    engine = dict(a.removeprefix("--").split("=", 1) for a in candidate.engine())
    if "uri" in engine:
        return engine["uri"], []
    socket = directory / f"{candidate.name}.sock"
    if engine["ioengine"] == "rbd":
        image = f"rbd:rbd/bench:conf={candidate.environment()['CEPH_CONF']}"
    else:
        image = engine["filename"]
    process = subprocess.Popen(["qemu-nbd", "-k", str(socket), "-f", "raw", "-t", "-e", "8", "--cache=none", "--aio=native", image]
                               if engine["ioengine"] != "rbd" else
                               ["qemu-nbd", "-k", str(socket), "-f", "raw", "-t", "-e", "8", "--cache=none", image])
    for _ in range(200):
        if socket.exists():
            break
        try:
            process.wait(0.1)
            raise RuntimeError(f"qemu-nbd ended with {process.returncode}")
        except subprocess.TimeoutExpired:
            continue
    return f"nbd+unix:///?socket={socket}", [process]


def run(candidate, directory: pathlib.Path, seconds: int) -> dict:
    """Transactions per second and mean latency of the standard script, on a new file system."""
    problem = unavailable()
    if problem:
        raise RuntimeError(f"pgbench {problem}")
    uri, started = export(candidate, directory)
    attachment = None
    database = None
    try:
        attachment = Attachment(uri)
        attachment.format("ext4")
        mount = attachment.mount()
        database = Postgres(mount / "data", directory / f"{candidate.name}-postgres")
        database.create()
        database.start()
        tool = f"{database.bin}/pgbench"
        subprocess.run([tool, "-i", "-q", "-s", str(SCALE)], env=database.environment(), check=True, capture_output=True, timeout=600)
        done = subprocess.run([tool, "-c", "8", "-j", "2", "-T", str(seconds)], env=database.environment(), check=True,
                              capture_output=True, text=True, timeout=seconds + 300)
        return {
            "tps": float(re.search(r"tps = ([\d.]+)", done.stdout).group(1)),
            "latency_ms": float(re.search(r"latency average = ([\d.]+)", done.stdout).group(1)),
        }
    finally:
        if database:
            database.stop()
        if attachment:
            attachment.close()
        for process in started:
            process.terminate()
            process.wait()
