"""What tests ask of the cluster that tests/kube brought up: kubectl, the nodes' own view, Varve's."""

import json
import pathlib
import subprocess
import time


class Refused(Exception):
    """A command ended with another status than 0."""


class Kube:
    """One cluster of the kit with the chart in it."""

    def __init__(self, config: str, binaries: str, kit: str, namespace: str):
        self.config, self.binaries, self.kit, self.namespace = config, pathlib.Path(binaries), pathlib.Path(kit), namespace

    def kubectl(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        done = subprocess.run([self.binaries / "kubectl", "--kubeconfig", self.config, *words], input=stdin, capture_output=True, text=True, timeout=seconds,
                              check=False)
        if done.returncode != 0:
            raise Refused(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, manifest: dict) -> None:
        self.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))

    def get(self, *words: str) -> dict:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def items(self, kind: str) -> list[dict]:
        return self.get(kind, "-A")["items"]

    def until(self, what: str, condition, seconds: float = 180) -> float:
        """Waits for it to be true, and answers how long that took."""
        began = time.monotonic()
        while True:
            try:
                if condition():
                    return time.monotonic() - began
            except (Refused, subprocess.TimeoutExpired, subprocess.CalledProcessError) as failure:
                problem = str(failure)
            else:
                problem = "not yet"
            assert time.monotonic() - began < seconds, f"{what} did not happen within {seconds:.0f} s: {problem}"
            time.sleep(0.5)

    def inside(self, pod: str, *command: str, namespace: str = "default", seconds: float = 120) -> str:
        return self.kubectl("-n", namespace, "exec", pod, "--", *command, seconds=seconds)

    def on_node(self, number: int, *command: str) -> str:
        return subprocess.run([self.kit / "node", str(number), *command], capture_output=True, text=True, timeout=60, check=True).stdout

    def varve(self, *words: str) -> dict:
        """As the administrator of a member, the first one that can be asked: the machine of another may be lost."""
        problem = Refused("no member")
        for number in range(3):
            try:
                return json.loads(self.kubectl("-n", self.namespace, "exec", f"varve-metadata-{number}", "-c", "varve", "--", "/opt/varve/bin/varve", *words,
                                               "-o", "json", seconds=40))
            except (Refused, subprocess.TimeoutExpired) as failure:
                problem = failure
        raise problem

    def pod_on(self, component: str, node: str) -> str:
        pods = self.get("pods", "-n", self.namespace, "-l", f"app.kubernetes.io/component={component}")["items"]
        for each in pods:
            if each["spec"].get("nodeName") == node and "deletionTimestamp" not in each["metadata"]:
                return each["metadata"]["name"]
        raise Refused(f"there is no {component} pod on {node}")

    def claim(self, name: str, size: str, storage_class: str = "varve") -> None:
        self.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
                    "spec": {"storageClassName": storage_class, "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}})

    def pod(self, name: str, claim: str, node: str, command: str = "exec sleep 1000000") -> float:
        """A pod with the claim at /data, on that node; answers the seconds until it was ready."""
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                    "spec": {"terminationGracePeriodSeconds": 1, "nodeSelector": {"kubernetes.io/hostname": node},
                             "containers": [{"name": "main", "image": "varve.test/busybox:1", "args": ["-c", command],
                                             "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                             "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]}})
        return self.until(f"pod {name} is ready", lambda: self.is_ready(name), 300)

    def is_ready(self, pod: str, namespace: str = "default") -> bool:
        conditions = self.get("pod", pod, "-n", namespace)["status"].get("conditions", [])
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def gone(self, *words: str) -> None:
        self.kubectl("delete", *words, "--ignore-not-found", "--timeout=120s", seconds=150)

    def leftovers(self, nodes: int = 3) -> list[str]:
        """What should not be there when no claim is."""
        left = [f"{kind} {each['metadata']['name']}" for kind in ("volumeattachments",) for each in self.items(kind)]
        left += [f"persistentvolume {each['metadata']['name']}" for each in self.items("persistentvolumes")
                 if each["spec"].get("csi", {}).get("driver") == "csi.varve.io"]
        left += [f"Varve's volume {each['name']}" for each in self.varve("volume", "list").get("volumes", [])]
        for number in range(1, nodes + 1):
            for line in self.on_node(number, "cat", "/proc/mounts").splitlines():
                source, point, kind = line.split()[:3]
                if "/csi.varve.io/" in point or (kind.startswith("fuse") and "varve-csi" in point):
                    left.append(f"node{number}: mount of {source} at {point}")
            for pid in self.on_node(number, "sh", "-c", "grep -la varve-csi/[p]vc /proc/[0-9]*/cmdline || true").split():
                left.append(f"node{number}: process {pid.split('/')[2]}")
        for backing in pathlib.Path("/sys/class/block").glob("loop*/loop/backing_file"):
            if "varve-csi/" in backing.read_text():
                left.append(f"device {backing.parts[4]}")
        return left
