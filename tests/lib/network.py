"""Hosts that are only a network: each is a namespace of the kernel with its own address on one bridge, and its links can be broken as real ones break.

This process stands on the same bridge with an address of its own, so that clients here reach every host. Everything made carries this process' id in
its name: what a process that was killed left behind is removed by the next one. Needs root, ip(8) and nft(8).
"""

import atexit
import dataclasses
import os
import random
import re
import shutil
import subprocess

_PREFIX = "vr"  # of namespaces and links; a link's name has at most 15 characters


def _run(*command: str, input: str | None = None) -> str:
    done = subprocess.run(command, input=input, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def unavailable() -> str | None:
    """Why this machine cannot have such hosts, or None."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    for program in ("ip", "nft", "tc", "nsenter"):
        if shutil.which(program) is None:
            return f"needs {program}"
    name = f"{_PREFIX}{os.getpid()}try"
    try:
        _run("ip", "netns", "add", name)
        try:
            _run("nsenter", f"--net=/run/netns/{name}", "nft", "add", "table", "inet", "try")
        finally:
            _run("ip", "netns", "del", name)
    except (RuntimeError, OSError) as problem:
        return f"cannot make network namespaces ({problem})"
    return None


def _remove_leftovers() -> None:
    for line in _run("ip", "netns", "list").splitlines():
        _remove_if_dead(line.split()[0], lambda name: _run("ip", "netns", "del", name))
    for link in re.findall(r"^\d+: ([^:@]+)", _run("ip", "-o", "link"), re.MULTILINE):
        _remove_if_dead(link, lambda name: _run("ip", "link", "del", name))


def _remove_if_dead(name: str, remove) -> None:
    owner = re.match(rf"{_PREFIX}(\d+)[a-z]", name)
    if owner and not os.path.exists(f"/proc/{owner[1]}"):
        try:
            remove(name)
        except RuntimeError:
            pass  # it went with its other end, or another rig was quicker


@dataclasses.dataclass
class _Host:
    address: str
    namespace: str
    link: str  # inside the namespace
    outer: str  # its other end, on the bridge
    incoming: list[str] = dataclasses.field(default_factory=list)  # nft statements


class Network:
    """Use as a context manager, or call `close`. Hosts are known by the names given."""

    def __init__(self, names: list[str]):
        _remove_leftovers()
        owner = f"{_PREFIX}{os.getpid()}"
        self.bridge = f"{owner}b"
        self.net = self._free_net()
        self.hosts: dict[str, _Host] = {}
        atexit.register(self.close)
        try:
            _run("ip", "link", "add", self.bridge, "type", "bridge")
            _run("ip", "address", "add", f"{self.net}.254/24", "dev", self.bridge)
            _run("ip", "link", "set", self.bridge, "up")
            for number, name in enumerate(names, 1):
                self.hosts[name] = self._make(owner, number)
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _free_net() -> str:
        routes = _run("ip", "-4", "route")
        free = [f"10.86.{third}" for third in range(1, 255) if f"10.86.{third}." not in routes]
        return random.choice(free)

    def _make(self, owner: str, number: int) -> _Host:
        host = _Host(f"{self.net}.{number}", f"{owner}n{number}", f"{owner}h{number}", f"{owner}o{number}")
        _run("ip", "netns", "add", host.namespace)
        _run("ip", "link", "add", host.outer, "type", "veth", "peer", "name", host.link, "netns", host.namespace)
        _run("ip", "link", "set", host.outer, "master", self.bridge, "up")
        self._inside(host, "ip", "address", "add", f"{host.address}/24", "dev", host.link)
        self._inside(host, "ip", "link", "set", host.link, "up")
        self._inside(host, "ip", "link", "set", "lo", "up")
        return host

    def __enter__(self) -> "Network":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def _inside(host: _Host, *command: str, input: str | None = None) -> str:
        return _run(*Network._enter(host), *command, input=input)

    @staticmethod
    def _enter(host: _Host) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{host.namespace}"]

    def address(self, name: str) -> str:
        return self.hosts[name].address

    def enter(self, name: str) -> list[str]:
        """What to put before a command, so that it runs on the host. It replaces itself by the command."""
        return self._enter(self.hosts[name])

    # ---- faults; each lasts until `heal`

    def cut(self, source: str, destination: str, ports: tuple[int, int] | None = None) -> None:
        """Nothing that `source` sends reaches `destination`; the other way stays open. `ports`: only what belongs to connections to those."""
        address = self.address(source)
        for what in self._matches(ports):
            self.hosts[destination].incoming.append(f"ip saddr {address} {what} drop")
        self._apply(self.hosts[destination])

    @staticmethod
    def _matches(ports: tuple[int, int] | None) -> list[str]:
        return [""] if ports is None else [f"tcp {end} {ports[0]}-{ports[1]}" for end in ("dport", "sport")]

    def isolate(self, name: str, ports: tuple[int, int] | None = None, incoming: bool = True, outgoing: bool = True) -> None:
        """Cuts a host off from all other hosts, one way or both; clients here still reach it."""
        for other in self.hosts:
            if other != name and incoming:
                self.cut(other, name, ports)
            if other != name and outgoing:
                self.cut(name, other, ports)

    def lose(self, name: str, percent: int) -> None:
        """So many of the packets that come to the host are lost, by chance."""
        host = self.hosts[name]
        host.incoming.append(f"iifname {host.link} numgen random mod 100 < {percent} drop")
        self._apply(host)

    def reset(self, name: str) -> None:
        """Every connection of the host that something comes in on is reset."""
        host = self.hosts[name]
        host.incoming.append(f"iifname {host.link} meta l4proto tcp reject with tcp reset")
        self._apply(host)

    def slow(self, name: str, megabits: int) -> None:
        """What the host sends leaves at that rate; up to 300 ms of it wait in line."""
        host = self.hosts[name]
        self._inside(host, "tc", "qdisc", "replace", "dev", host.link, "root", "tbf", "rate", f"{megabits}mbit", "burst", "64kb",
                     "latency", "300ms")

    def heal(self) -> None:
        """Every link is as new."""
        for host in self.hosts.values():
            host.incoming.clear()
            self._apply(host)
            subprocess.run([*self._enter(host), "tc", "qdisc", "del", "dev", host.link, "root"], capture_output=True, timeout=60,
                           check=False)  # mostly there is none

    def _apply(self, host: _Host) -> None:
        """All rules of the host in one transaction."""
        rules = "\n".join(f"add rule inet faults come {rule}" for rule in host.incoming)
        self._inside(host, "nft", "-f", "-", input=f"""
add table inet faults
delete table inet faults
add table inet faults
add chain inet faults come {{ type filter hook input priority 0; policy accept; }}
{rules}
""")

    def close(self) -> None:
        for host in self.hosts.values():
            subprocess.run(["ip", "netns", "del", host.namespace], capture_output=True, timeout=60, check=False)
            subprocess.run(["ip", "link", "del", host.outer], capture_output=True, timeout=60, check=False)
        self.hosts = {}
        subprocess.run(["ip", "link", "del", self.bridge], capture_output=True, timeout=60, check=False)
        atexit.unregister(self.close)
