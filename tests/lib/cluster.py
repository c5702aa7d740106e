"""A Varve cluster of real processes on this machine: started, killed, frozen, started again, asked, and cleaned up.

Ports are loopback ones below the ephemeral range, so that no outgoing connection takes a dead node's port meanwhile.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from nbd import NbdClient, NbdError
from network import Network

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAUNCHER = ROOT / "varve"
START_SECONDS = 60
OPEN_SECONDS = 90
OWN_PORTS = (7400, 7410, 7420, 7430, 7440, 7450)  # of a node with an address of its own; peer and NBD take some more, one for each event loop
PEER_PORTS, RAFT_PORTS, MANAGEMENT_PORTS = (7410, 7419), (7420, 7420), (7400, 7400)


_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, each the first of four that are free (one for each event loop); none is given twice, as nobody listens on
    those given before a moment either."""
    found: list[int] = []
    while len(found) < count:
        first = random.randrange(12000, 30000, 4)
        if first not in _given and all(_is_free(first + i) for i in range(4)):
            _given.add(first)
            found.append(first)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


class CommandError(Exception):
    """A command of the CLI failed; holds its exit code and what it said."""

    def __init__(self, command: list[str], code: int, said: str):
        super().__init__(f"varve {' '.join(command)}: exit code {code}: {said.strip()}")
        self.code = code


class NotServing(AssertionError):
    """A node or an export did not come back in its time, though nothing stood in its way but its own state."""


CANNOT_LISTEN = 8  # exit code of a node whose port another process has


class Node:
    """One `varve server`. Its directory holds its data directory, its disk file, its configuration and its log."""

    def __init__(self, name: str, directory: pathlib.Path, network: Network | None = None):
        self.name, self.directory = name, directory
        self.host, self.enter = "127.0.0.1", []
        if network is None:
            self.management, self.peer, self.raft, self.nbd, self.metrics, self.membership = free_ports(6)
        else:
            self.host, self.enter = network.address(name), network.enter(name)
            self.management, self.peer, self.raft, self.nbd, self.metrics, self.membership = OWN_PORTS
        self.process: subprocess.Popen | None = None
        self.frozen = False
        self.log = directory.parent / f"{name}.log"
        self.config = directory.parent / f"{name}.yaml"

    @property
    def disk(self) -> pathlib.Path:
        return self.directory / "disk.img"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        assert not self.running, f"{self.name} runs already"
        self.frozen = False
        with open(self.log, "ab") as log:
            log.write(f"---- started by the rig at {time.time():.3f}\n".encode())
            self.process = subprocess.Popen([*self.enter, LAUNCHER, "server", "--config", self.config], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)

    def signal(self, number: int) -> None:
        if self.running:
            self.process.send_signal(number)
            self.frozen = number == signal.SIGSTOP or (self.frozen and number != signal.SIGCONT)

    def kill(self) -> None:
        """As if its power went, except that the operating system keeps what it was given."""
        if self.process is not None:
            if self.running:
                self.process.kill()
            self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """Gracefully; returns the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {seconds} s; see {self.log}") from None

    def http(self, path: str, timeout: float = 5) -> tuple[int, str]:
        """Status and body of a GET on the metrics port; status 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.metrics}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """The sum over all label sets of one Prometheus metric; 0 when there is none."""
        total = 0.0
        for line in self.http("/metrics")[1].splitlines():
            if line.startswith((name + " ", name + "{")):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def wait_live(self, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while self.http("/health/live", 2)[0] != 200 or not self.answers():
            if not self.running:
                code = self.process.returncode
                raise (AssertionError if code == CANNOT_LISTEN else NotServing)(f"{self.name} ended with {code}:\n{self.log_end()}")
            if time.monotonic() > deadline:
                raise NotServing(f"{self.name} is not live after {seconds} s:\n{self.log_end()}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether the management API listens; the process is alive some time earlier."""
        try:
            socket.create_connection((self.host, self.management), 1).close()
            return True
        except OSError:
            return False

    def log_end(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Cluster:
    """Use as a context manager, or call `close`."""

    def __init__(self, directory: pathlib.Path, nodes: int = 3, disk_bytes: int = 2 << 30, journal_bytes: int = 256 << 20,
                 node_directories: dict[str, pathlib.Path] | None = None, disk_io: dict[str, str] | None = None,
                 network: Network | None = None, disks: dict[str, str] | None = None, membership: bool = False, tls: bool = True, lifetime: str = "30d",
                 members: int | None = None):
        """`disk_io`: by node how it drives its disks, io_uring or threads; others choose for themselves. `network`: its hosts are the nodes, each with
        an address of its own; else all are on loopback. `disks`: by node a block device; others have a file. `tls`: between nodes and to the command
        line, with certificates of that lifetime; else plaintext. `members`: so many of the first nodes keep the metadata, else all."""
        self.directory, self.tls, self.lifetime = directory, tls, lifetime
        self.membership = membership
        self.disk_io = disk_io or {}
        self.disks = disks or {}
        directory.mkdir(parents=True, exist_ok=True)
        self.disk_bytes, self.journal_bytes = disk_bytes, journal_bytes
        self.nodes = [Node(f"n{i + 1}", (node_directories or {}).get(f"n{i + 1}", directory / f"n{i + 1}"), network)
                      for i in range(nodes)]
        self.members = self.nodes[:members]
        self.closed = False
        for node in self.nodes:
            node.directory.mkdir(parents=True, exist_ok=True)
            node.config.write_text(self._yaml(node))

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_node(self, name: str) -> Node:
        """One more, with a disk of its own and no part in the metadata; not started."""
        node = Node(name, self.directory / name)
        node.directory.mkdir(parents=True)
        self.nodes.append(node)
        node.config.write_text(self._yaml(node))
        return node

    def _yaml(self, node: Node) -> str:
        members = "\n".join(
            f'    - {{node: {n.name}, raft: "{n.host}:{n.raft}", management: "{n.host}:{n.management}"'
            + (f', membership: "{n.host}:{n.membership}"}}' if self.membership else "}") for n in self.members)
        device = self.disks.get(node.name)
        return f"""cluster: rig
node: {node.name}
dataDir: {node.directory}/data
network: {"tls" if self.tls else "plaintext"}
{f"tls: {{lifetime: {self.lifetime}}}" if self.tls else ""}
diskIo: {self.disk_io.get(node.name, "auto")}
listen:
  management: {node.host}:{node.management}
  peer: {node.host}:{node.peer}
  raft: {node.host}:{node.raft}
  nbd: {node.host}:{node.nbd}
  metrics: {node.host}:{node.metrics}
{f"  membership: {node.host}:{node.membership}" if self.membership else ""}
metadata:
  members:
{members}
disks:
  - group: main
    journal: {self.journal_bytes >> 20}MiB
    devices:
      - {{path: {device or node.disk}, class: nvme{'' if device else f', size: {self.disk_bytes >> 20}MiB'}}}
"""

    def pids(self) -> list[int]:
        return [n.process.pid for n in self.nodes if n.running]

    def servers(self) -> str:
        """All nodes, as --server takes them."""
        return ",".join(f"{n.host}:{n.management}" for n in self.nodes)

    def node(self, name: str) -> Node:
        return next(n for n in self.nodes if n.name == name)

    def start(self, nodes: list[Node] | None = None) -> None:
        """Starts those that do not run, side by side, and waits until all are live."""
        chosen = [n for n in (nodes or self.nodes) if not n.running]
        self._certify()
        for node in chosen:
            node.start()
        for node in chosen:
            node.wait_live()

    def _certify(self) -> None:
        """Before the first start: certificates for all nodes, and for whoever calls the command line from now on (the credentials of n1's root, beside
        the nodes, so that they can be read whatever happens to n1's disk)."""
        credentials = self.directory / "admin.pem"
        os.environ["VARVE_CREDENTIALS"] = str(credentials) if self.tls else "none"
        if self.tls and not credentials.exists():
            configs = [a for n in self.nodes for a in ("--config", str(n.config))]
            done = subprocess.run([LAUNCHER, "cluster", "create-ca", *configs], capture_output=True, text=True, timeout=60, check=False)
            if done.returncode != 0:
                raise CommandError(["cluster", "create-ca"], done.returncode, done.stderr)
            shutil.copy2(self.nodes[0].directory / "data" / "tls" / "admin.pem", credentials)

    def kill(self, nodes: list[Node] | None = None) -> None:
        """All at once: first the signals, then the waiting."""
        chosen = nodes if nodes is not None else self.nodes
        for node in chosen:
            node.signal(signal.SIGKILL)
        for node in chosen:
            node.kill()

    def cli(self, *command: str, timeout: float = 120) -> str:
        # One that is frozen costs a second, so it comes last.
        asked = sorted((n for n in self.nodes if n.running), key=lambda n: n.frozen)
        return self.cli_at([a for n in asked for a in ("--server", f"{n.host}:{n.management}")], *command, timeout=timeout)

    @staticmethod
    def cli_at(servers: list[str], *command: str, timeout: float = 120) -> str:
        done = subprocess.run([LAUNCHER, *command, *servers], capture_output=True, text=True, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise CommandError(list(command), done.returncode, done.stderr or done.stdout)
        return done.stdout

    def json(self, *command: str, timeout: float = 120) -> dict:
        return json.loads(self.cli(*command, "-o", "json", timeout=timeout))

    def initialise(self) -> None:
        self.cli("cluster", "init", "rig")
        self.wait_registered()

    def wait_registered(self, seconds: float = 60) -> None:
        """Until every node has told the metadata group of itself and of its disk group."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.json("cluster", "status")
            if len(status["nodes"]) == len(self.nodes) == len(status["groups"]):
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"nodes or groups missing after {seconds} s: {status}")
            time.sleep(0.2)

    def create_volume(self, name: str, size: int, replicas: int = 2) -> None:
        self.cli("volume", "create", name, "--size", f"{size >> 20}MiB", "--replicas", str(replicas))

    def attach(self, name: str, node: str | None = None, seconds: float = OPEN_SECONDS) -> str:
        """Returns the NBD URI once the volume is open."""
        where = ["--node", node] if node else []
        volume = self.json("volume", "attach", name, *where, timeout=seconds + 30)
        return volume["attachment"]["nbdUri"]

    def volume(self, name: str) -> dict:
        return self.json("volume", "show", name)

    def holders(self, name: str) -> list[Node]:
        """The nodes that keep a copy of the volume's first slab."""
        groups = {g["uuid"]: g["node"] for g in self.json("cluster", "status")["groups"]}
        return [self.node(groups[r["group"]]) for r in self.volume(name)["slabs"][0]["replicas"]]

    def wait_export(self, uri: str, seconds: float = OPEN_SECONDS) -> None:
        """Until the export is served again after a restart: asked over NBD itself, as a client would."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                NbdClient(uri, timeout=10).close()
                return
            except (NbdError, OSError) as problem:
                if time.monotonic() > deadline:
                    raise NotServing(f"{uri} is not served after {seconds} s: {problem}\n{self.logs()}") from None
            time.sleep(0.1)

    def stat(self, node: Node, field: str) -> int:
        """The sum of one field over everything that `varve node show` tells about a node, for instance checksumErrors."""
        return _sum_of(self.json("node", "show", node.name), field)

    def verify(self, name: str, timeout: float = 600) -> dict:
        """Compares all replicas block by block, repairing what is damaged on some; raises CommandError when they differ, else
        tells what it found, for instance damagedBlocks."""
        return self.json("volume", "verify", name, timeout=timeout)

    def logs(self, lines: int = 15) -> str:
        return "\n".join(f"==== {n.name}\n{n.log_end(lines)}" for n in self.nodes if n.log.exists())

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for node in self.nodes:
            node.signal(signal.SIGCONT)
        self.kill()


def _sum_of(tree: object, field: str) -> int:
    if isinstance(tree, dict):
        return sum(int(v) if k == field and not isinstance(v, (dict, list)) else _sum_of(v, field) for k, v in tree.items())
    if isinstance(tree, list):
        return sum(_sum_of(item, field) for item in tree)
    return 0


def own_build() -> None:
    """Builds once before many nodes start side by side."""
    subprocess.run([LAUNCHER, "version"], check=True, capture_output=True, timeout=900)


def rounds(quick: int, normal: int, long: int) -> int:
    """How often a rig repeats: VARVE_ROUNDS, else by the mode of tests/run."""
    if "VARVE_ROUNDS" in os.environ:
        return int(os.environ["VARVE_ROUNDS"])
    return {"quick": quick, "normal": normal, "long": long}[os.environ.get("VARVE_TEST_MODE", "normal")]


def seed() -> int:
    """VARVE_SEED, else a new one; the rig prints it."""
    return int(os.environ.get("VARVE_SEED", random.SystemRandom().randrange(1 << 32)))
