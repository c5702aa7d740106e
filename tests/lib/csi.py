"""The CSI driver as a process beside a cluster of the rig, called by the tools of tests/csi/tools."""

import json
import os
import pathlib
import signal
import subprocess
import time

from cluster import LAUNCHER, ROOT, Cluster


class Refused(Exception):
    """The driver answered with another status than OK."""

    def __init__(self, method: str, said: str):
        super().__init__(f"{method}: {said}")
        self.code = said.split(":", 1)[0]


def tools() -> pathlib.Path | str:
    """Where the tools are; or why they are not."""
    done = subprocess.run([ROOT / "tests/csi/tools/build"], capture_output=True, text=True, timeout=1200, check=False)
    if done.returncode == 77:
        return done.stderr.strip().splitlines()[-1]
    assert done.returncode == 0, f"csi-sanity was not built:\n{done.stderr[-2000:]}"
    return pathlib.Path(done.stdout.strip())


class Driver:
    """`varve csi --mode all` for one node of the cluster. Started and killed at will; what it attached stays.

    With `host` a process of its own starts attaches for it, as in a pod.
    """

    def __init__(self, cluster: Cluster, node: str, directory: pathlib.Path, bin_directory: pathlib.Path, host: bool = False):
        self.cluster, self.node, self.directory, self.bin = cluster, node, directory, bin_directory
        self.socket, self.state, self.log = directory / "csi.sock", directory / "state", directory / "csi.log"
        self.endpoint = f"unix://{self.socket}"
        self.process: subprocess.Popen | None = None
        self.host_socket = directory / "attach.sock" if host else None
        self.host: subprocess.Popen | None = None

    def start_host(self, seconds: float = 60) -> None:
        with open(self.log, "ab") as log:
            self.host = subprocess.Popen([LAUNCHER, "attach-host", "--socket", str(self.host_socket), "--server", self.cluster.servers()],
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + seconds
        while not self.host_socket.exists():
            assert self.host.poll() is None and time.monotonic() < deadline, f"varve attach-host does not serve:\n{self.log.read_text()[-2000:]}"
            time.sleep(0.1)

    def start(self, seconds: float = 60) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [LAUNCHER, "csi", "--mode", "all", "--endpoint", self.endpoint, "--node-id", self.node, "--state-dir", str(self.state),
                 "--server", self.cluster.servers(), *(["--attach-host", str(self.host_socket)] if self.host_socket else [])], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if self.host_socket and self.host is None:
            self.start_host()
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.call("Identity/GetPluginInfo")
                return
            except (Refused, subprocess.TimeoutExpired):
                pass
            assert self.process.poll() is None and time.monotonic() < deadline, f"varve csi does not serve:\n{self.log.read_text()[-2000:]}"
            time.sleep(0.1)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def call(self, method: str, **request: object) -> dict:
        done = subprocess.run([self.bin / "call", self.endpoint, method], input=json.dumps(request), capture_output=True, text=True, timeout=150,
                              check=False)
        if done.returncode != 0:
            raise Refused(method, done.stderr.strip())
        return json.loads(done.stdout)

    def attaches(self) -> list[int]:
        """Processes of attaches, whoever started them."""
        found = []
        for each in pathlib.Path("/proc").iterdir():
            try:
                if each.name.isdigit() and f"{self.state}/".encode() in (each / "cmdline").read_bytes():
                    found.append(int(each.name))
            except OSError:
                continue
        return [pid for pid in found if self.process is None or pid != self.process.pid]

    def leftovers(self) -> list[str]:
        """What should be gone when no volume is staged."""
        left = [f"process {pid}" for pid in self.attaches()]
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            left += [f"mount {line.split()[1]}" for line in mounts if str(self.directory) in line]
        for loop in pathlib.Path("/sys/class/block").glob("loop*/loop/backing_file"):
            try:
                if str(self.directory) in loop.read_text():
                    left.append(f"device {loop.parts[4]}")
            except OSError:
                continue
        if self.state.exists():
            left += [f"file {each}" for each in self.state.iterdir()]
        return left

    def close(self) -> None:
        """Also after a failure: everything that was attached or mounted goes."""
        self.kill()
        with open("/proc/self/mounts", encoding="utf-8") as table:
            points = [line.split()[1] for line in table if str(self.directory) in line]
        for point in reversed([each for each in points if not each.endswith(".device")]):
            subprocess.run(["umount", "-l", point], check=False, capture_output=True, timeout=60)
        for pid in self.attaches():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 30
        while self.attaches() and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in self.attaches():
            os.kill(pid, signal.SIGKILL)
        for loop in pathlib.Path("/sys/class/block").glob("loop*/loop/backing_file"):
            if str(self.directory) in loop.read_text():
                subprocess.run(["losetup", "-d", f"/dev/{loop.parts[4]}"], check=False, capture_output=True, timeout=60)
        for point in points:
            if point.endswith(".device"):
                subprocess.run(["fusermount3", "-u", "-z", point], check=False, capture_output=True, timeout=60)
        if self.host is not None:
            self.host.terminate()
            self.host.wait(30)
