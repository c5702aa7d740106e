#!/usr/bin/env python3
"""How the pods of the chart become a cluster, without a Kubernetes: its API is a stand-in of four kinds of objects, everything else is real.

`varve kubernetes-init` makes authority, volumes, cluster and credentials; three members start by the authority's Secret, a data node joins by the token
of its pod's account, with a disk that `varve disk discover` has found among four. Run a second time it changes nothing. Runs in a mount namespace of its own, where it has a
service account's directory and /dev/disk.
"""

import base64
import hashlib
import http.server
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LAUNCHER = ROOT / "varve"
ACCOUNT = pathlib.Path("/run/secrets/kubernetes.io/serviceaccount")
NAMESPACE = "varve-system"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
VOLUMES = "/api/v1/persistentvolumes"
BY_ID = pathlib.Path("/dev/disk/by-id")


class Api(http.server.BaseHTTPRequestHandler):
    """What Kubernetes keeps, and whose tokens it knows."""

    protocol_version = "HTTP/1.1"  # keeps connections, as Kubernetes does
    objects: dict[str, dict] = {}
    tokens: dict[str, tuple[str, str]] = {}  # token: account, machine
    writes: list[str] = []

    def log_message(self, *_: object) -> None:
        pass

    def respond(self, code: int, answer: dict) -> None:
        body = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:  # noqa: N802
        if self.headers["Authorization"] != "Bearer own.account.token":
            self.respond(401, {"message": "who are you?"})
        elif self.path == "/api/v1/nodes":
            self.respond(200, {"items": [{"metadata": {"name": f"worker-{i}", "labels": {"kubernetes.io/hostname": f"worker-{i}"}}, "spec": {},
                                          "status": {"conditions": [{"type": "Ready", "status": "True"}]}} for i in range(4)]})
        elif self.path in self.objects:
            self.respond(200, self.objects[self.path])
        else:
            self.respond(404, {"message": "there is none"})

    def do_POST(self) -> None:  # noqa: N802
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/tokenreviews"):
            self.respond(201, {"status": self.review(asked["spec"])})
            return
        path = f"{self.path}/{asked['metadata']['name']}"
        if path in self.objects:
            self.respond(409, {"message": "there is one"})
            return
        self.objects[path] = asked
        self.writes.append(path)
        self.respond(201, asked)

    def review(self, spec: dict) -> dict:
        if spec["token"] not in self.tokens:
            return {"authenticated": False}
        account, machine = self.tokens[spec["token"]]
        return {"authenticated": True, "audiences": spec["audiences"],
                "user": {"username": f"system:serviceaccount:{NAMESPACE}:{account}", "extra": {"authentication.kubernetes.io/node-name": [machine]}}}


def serve(directory: pathlib.Path) -> int:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key", "-out", "crt", "-days", "2",
                    "-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"], cwd=directory, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "crt", directory / "key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ACCOUNT.mkdir(parents=True)
    (ACCOUNT / "ca.crt").write_bytes((directory / "crt").read_bytes())
    (ACCOUNT / "token").write_text("own.account.token")
    (ACCOUNT / "namespace").write_text(NAMESPACE)
    return server.server_address[1]


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Pods:
    """The processes of the chart's pods, their directories and ports."""

    def __init__(self, directory: pathlib.Path, port: int):
        self.directory = directory
        self.running: list[subprocess.Popen] = []
        self.environment = dict(os.environ, KUBERNETES_SERVICE_HOST="127.0.0.1", KUBERNETES_SERVICE_PORT=str(port), VARVE_PROGRAM=str(LAUNCHER))
        ports = iter(free_ports(24))
        self.ports = {name: [next(ports) for _ in range(5)] for name in ("m-0", "m-1", "m-2", "worker-1")}
        self.servers = ",".join(f"127.0.0.1:{self.ports[f'm-{i}'][0]}" for i in range(3))

    def configuration(self, name: str, further: str) -> str:
        management, peer, _, nbd, metrics = self.ports[name]
        members = "".join(f'\n    - {{node: m-{i}, raft: "127.0.0.1:{self.ports[f"m-{i}"][2]}", management: "127.0.0.1:{self.ports[f"m-{i}"][0]}"}}' for i in range(3))
        return (f"cluster: lab\nnode: {name}\ndataDir: {self.directory / name}\n{further}\nlisten:\n  management: 127.0.0.1:{management}\n"
                f"  peer: 127.0.0.1:{peer}\n  nbd: 127.0.0.1:{nbd}\n  metrics: 127.0.0.1:{metrics}\nmetadata:\n  members:{members}\n")

    def start(self, name: str, further: str, **environment: str) -> subprocess.Popen:
        run = self.directory / f"{name}.run"
        run.mkdir(exist_ok=True)
        with open(self.directory / f"{name}.log", "ab") as log:
            process = subprocess.Popen([ROOT / "csi/image/varve-pod"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       env={**self.environment, "VARVE_CONFIG": self.configuration(name, further), "VARVE_RUN": str(run), "VARVE_NODE": name,
                                            "VARVE_ZONE": f"zone-of-{name}", **environment})
        self.running.append(process)
        return process

    def said(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def init(self) -> subprocess.Popen:
        return subprocess.Popen([LAUNCHER, "kubernetes-init", "--cluster", "lab", "--server", self.servers, "--metadata-directory", "/var/lib/varve"],
                                env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def varve(self, *words: str, credentials: pathlib.Path) -> dict:
        done = subprocess.run([LAUNCHER, *words, "-o", "json", "--server", self.servers, "--credentials", credentials], capture_output=True, text=True, check=False,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def close(self) -> None:
        for each in self.running:
            each.terminate()
        for each in self.running:
            try:
                each.wait(30)
            except subprocess.TimeoutExpired:
                each.kill()
                each.wait()


def until(what: str, condition, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in time"
        time.sleep(0.2)


def secret(name: str, key: str) -> str:
    return base64.b64decode(Api.objects[f"{SECRETS}/{name}"]["data"][key]).decode()


class Disks:
    """Loop devices with names as udev would give them."""

    def __init__(self, directory: pathlib.Path):
        self.directory, self.devices = directory, {}
        BY_ID.parent.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/disk"], check=True)
        BY_ID.mkdir()

    def add(self, name: str, mebibytes: int, *make: str) -> None:
        file = self.directory / name
        with open(file, "wb") as new:
            new.truncate(mebibytes << 20)
        if make:
            subprocess.run([*make, file], check=True, capture_output=True)
        device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", file], check=True, capture_output=True, text=True).stdout.strip()
        self.devices[name] = device
        (BY_ID / name).symlink_to(f"../../{pathlib.Path(device).name}")

    def close(self) -> None:
        for device in self.devices.values():
            subprocess.run(["losetup", "--detach", device], check=False)


def discover(pods: Pods, file: pathlib.Path, *further: str) -> dict[str, str]:
    """What `varve disk discover` says of each disk by its name, as the data pod's init container runs it."""
    said = subprocess.run([LAUNCHER, "disk", "discover", "--by-id=try-*", "--exclude=try-unwanted", "--journal=256MiB", f"--record={file}", *further], env=pods.environment,
                          check=True, capture_output=True, text=True, timeout=60).stdout
    return {line.split(", ")[1]: line.split(": ", 1)[1] for line in said.splitlines() if ", try-" in line}


def check(directory: pathlib.Path) -> str:
    pods = Pods(directory, serve(directory))
    disks = Disks(directory)
    try:
        disks.add("try-blank", 1024)
        disks.add("try-precious", 1024, "mkfs.ext4", "-q", "-F", "-L", "precious")
        disks.add("try-unwanted", 1024)
        disks.add("try-little", 64)
        precious = hashlib.sha256((directory / "try-precious").read_bytes()).hexdigest()
        found = directory / "disks.yaml"
        told = {"try-blank": "new: becomes disk group try-blank", "try-precious": 'left alone: it holds an ext4 file system named "precious"',
                "try-unwanted": "left alone: it is excluded by try-unwanted"}
        dry = discover(pods, found, "--dry-run")
        assert dry.pop("try-little").startswith("left alone: it is too small") and dry == told and not found.exists(), dry
        discover(pods, found)
        init = pods.init()
        until("the authority is made", lambda: f"{SECRETS}/varve-authority" in Api.objects or init.poll() is not None)
        until("volumes are made", lambda: f"{VOLUMES}/varve-metadata-0" in Api.objects or init.poll() is not None)
        assert init.poll() is None, init.stdout.read()
        machines = [Api.objects[f"{VOLUMES}/varve-metadata-{i}"]["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] for i in range(3)]
        assert len({each[0] for each in machines}) == 3, machines
        for i in range(3):
            tls = directory / f"m-{i}" / "tls"
            tls.mkdir(parents=True, mode=0o700)
            (directory / f"m-{i}").chmod(0o700)
            for key in ("ca.pem", "ca.key"):
                (tls / key).write_text(secret("varve-authority", key))
                (tls / key).chmod(0o600)
            pods.start(f"m-{i}", f"tls: {{kubernetesAccount: {NAMESPACE}/varve-data}}")
        said, _ = init.communicate(timeout=300)
        assert init.returncode == 0, said
        credentials = directory / "credentials"
        credentials.write_text(secret("varve-csi", "credentials"))
        credentials.chmod(0o600)

        authority = directory / "authority"
        authority.mkdir()
        (authority / "ca.pem").write_text(secret("varve-authority", "ca.pem"))
        token = directory / "token"
        join = f"join: {{token: {directory / 'worker-1.run' / 'join-token'}}}"
        member = f"127.0.0.1:{pods.ports['m-0'][0]}"

        def joining(text: str) -> subprocess.Popen:
            token.write_text(text)
            return pods.start("worker-1", join, VARVE_DISKS=str(found), VARVE_ACCOUNT_TOKEN=str(token), VARVE_AUTHORITY=str(authority), VARVE_JOIN_ADDRESS=member)

        Api.tokens = {"pod.of.worker-1": ("varve-data", "worker-1"), "pod.of.worker-2": ("varve-data", "worker-2"), "pod.of.others": ("default", "worker-1")}
        for text, reason in (("a.forged.one", "does not know the token"), ("pod.of.worker-2", "runs on worker-2"), ("pod.of.others", "is not the account")):
            refused = joining(text)
            assert refused.wait(120) == 1 and reason in pods.said("worker-1"), pods.said("worker-1")[-2000:]
        joining("pod.of.worker-1")

        def nodes() -> dict[str, dict]:
            return {each["id"]: each for each in pods.varve("node", "list", credentials=credentials)["nodes"]}

        until("worker-1 is a node of the cluster", lambda: "worker-1" in nodes(), 180)
        assert nodes()["worker-1"]["zone"] == "zone-of-worker-1", nodes()
        until("the disk that was found serves", lambda: [(each["name"], [device["path"] for device in each["devices"]]) for each in
                                                         pods.varve("disk", "list", credentials=credentials).get("groups", []) if each["node"] == "worker-1"]
              == [("try-blank", ["/dev/disk/by-id/try-blank"])])
        assert discover(pods, found)["try-blank"] == "is disk group try-blank"
        assert hashlib.sha256((directory / "try-precious").read_bytes()).hexdigest() == precious, "a disk that holds a file system was touched"
        assert not (directory / "worker-1" / "tls" / "ca.key").exists(), "a data node was given the authority's key"

        before = list(Api.writes)
        again = pods.init()
        said, _ = again.communicate(timeout=300)
        assert again.returncode == 0 and Api.writes == before, (said, Api.writes)
        assert pods.varve("node", "list", credentials=credentials), "the driver's credentials are good no longer"
        secrets = secret("varve-authority", "ca.key").splitlines()[1], "pod.of.worker-1"
        for each in directory.glob("*.log"):
            assert not any(part in each.read_text() for part in secrets), f"a secret is in {each.name}"
        return f"3 members, {len(before)} objects made once, 3 tokens refused, one node joined with the one disk of 4 that it was to take"
    except BaseException:
        for name in pods.ports:
            if (directory / f"{name}.log").exists():
                print(f"---- {name}", pods.said(name)[-3000:], sep="\n", flush=True)
        raise
    finally:
        pods.close()
        disks.close()


def main() -> None:
    if os.geteuid() != 0:
        print("skipped: needs root for a mount namespace")
        sys.exit(77)
    if "--inside" not in sys.argv:
        subprocess.run([LAUNCHER, "version"], check=True, stdout=subprocess.DEVNULL)
        made = not BY_ID.parent.exists()
        status = subprocess.run(["unshare", "--mount", "--propagation", "private", sys.executable, __file__, "--inside"], check=False).returncode
        if made and BY_ID.parent.exists():
            BY_ID.parent.rmdir()
        sys.exit(status)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    with tempfile.TemporaryDirectory(prefix="varve-setup-", dir="/var/tmp") as name:
        print(check(pathlib.Path(name)))


main()
