#!/usr/bin/env python3
"""A StatefulSet's database on a machine that is cut off, and then on one that loses its power: the taint out-of-service brings it up elsewhere with every
commit that was answered, and the machine that comes back cleans up by itself. As a stage of tests/run only the second of them."""

import os
import subprocess
import sys
import threading
import time

from cluster import Kube, Refused

TAINT = "node.kubernetes.io/out-of-service"


def database(user: int, avoided: str) -> list[dict]:
    """PostgreSQL on a claim; not on the machine of the CSI controller, whose own recovery is no part of what is measured."""
    labels = {"app": "db"}
    elsewhere = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": [avoided]}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"clusterIP": "None", "selector": labels, "ports": [{"port": 5432}]}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
         "spec": {"serviceName": "db", "replicas": 1, "selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels},
                               "spec": {"securityContext": {"runAsUser": user, "runAsGroup": user, "fsGroup": user, "fsGroupChangePolicy": "OnRootMismatch"}, "terminationGracePeriodSeconds": 10,
                                        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                                            "nodeSelectorTerms": [{"matchExpressions": [elsewhere]}]}}},
                                        "containers": [{"name": "postgres", "image": "varve.test/postgres:1",
                                                        "readinessProbe": {"exec": {"command": ["psql", "-h", "/tmp", "-c", "select 1", "postgres"]}, "periodSeconds": 1, "timeoutSeconds": 5},
                                                        "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
                  "volumeClaimTemplates": [{"metadata": {"name": "data"},
                                            "spec": {"storageClassName": "varve", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}},
    ]


class Commits(threading.Thread):
    """Commits one row after the other; a number is heard of only when its commit was answered."""

    def __init__(self, kube: Kube, first: int):
        super().__init__(daemon=True)
        self.answered = first - 1
        script = f"i={first}; while :; do echo \"insert into entry values ($i);\"; echo \"\\\\! echo $i\"; i=$((i+1)); done | psql -h /tmp -q -v ON_ERROR_STOP=1 postgres"
        self.process = subprocess.Popen([kube.binaries / "kubectl", "--kubeconfig", kube.config, "exec", "db-0", "--", "sh", "-c", script],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def run(self) -> None:
        for line in self.process.stdout:
            self.answered = int(line)

    def end(self) -> int:
        self.process.kill()
        self.process.wait()
        self.join(20)
        return self.answered


def number(node: str) -> str:
    return node.removeprefix("node")


def is_notready(kube: Kube, node: str) -> bool:
    return any(each["type"] == "Ready" and each["status"] != "True" for each in kube.get("node", node)["status"]["conditions"])


def is_elsewhere(kube: Kube, former: str) -> bool:
    return kube.get("pod", "db-0")["spec"].get("nodeName", former) != former and kube.is_ready("db-0")


def stale(kube: Kube, node: str) -> list[str]:
    """What is left on a machine of the volumes that were taken from it."""
    at = int(number(node))
    left = [line.split()[1] for line in kube.on_node(at, "cat", "/proc/mounts").splitlines() if "/csi.varve.io/" in line or ("varve-csi" in line and "fuse" in line.split()[2])]
    left += kube.on_node(at, "sh", "-c", "ls /var/lib/kubelet/varve-csi | grep pvc || true").split()
    left += kube.on_node(at, "sh", "-c", "grep -la varve-csi/[p]vc /proc/[0-9]*/cmdline || true").split()
    return left


def loses(kube: Kube, how: tuple[str, str], first: int) -> int:
    """The database's machine is lost and comes back; answers the number of the next row."""
    lost, back = how
    node = kube.get("pod", "db-0")["spec"]["nodeName"]
    commits = Commits(kube, first)
    commits.start()
    kube.until("rows are committed", lambda: commits.answered >= first + 50, 60)
    subprocess.run([kube.kit / "power", lost, number(node)], check=True)
    kube.until(f"{node} is not ready", lambda: is_notready(kube, node), 120)
    answered = commits.end()
    volume = kube.get("pvc", "data-db-0")["spec"]["volumeName"]
    said = next(each for each in kube.varve("volume", "list")["volumes"] if each["name"] == volume)
    assert said["publication"]["node"] == node and said["publication"]["staged"], said
    began = time.monotonic()
    kube.kubectl("taint", "nodes", node, f"{TAINT}=nodeshutdown:NoExecute")
    kube.until("the database is ready elsewhere", lambda: is_elsewhere(kube, node), 300)
    took = time.monotonic() - began
    now = kube.get("pod", "db-0")["spec"]["nodeName"]
    rows = [int(each) for each in kube.inside("db-0", "psql", "-h", "/tmp", "-Atc", "select n from entry order by n", "postgres").split()]
    # What was committed last may not have been heard of here any more.
    assert len(rows) >= answered and rows == list(range(1, len(rows) + 1)), f"{answered} commits were answered, {len(rows)} rows are there"
    print(f"{node} {lost}: {answered} commits answered, all found; from the taint to the database ready on {now} {took:.1f} s", flush=True)
    kube.inside("db-0", "psql", "-h", "/tmp", "-qc", f"insert into entry select generate_series({len(rows) + 1}, {len(rows) + 100})", "postgres")
    subprocess.run([kube.kit / "power", back, number(node)], check=True)
    kube.until(f"{node} is ready", lambda: not is_notready(kube, node), 180)
    kube.kubectl("taint", "nodes", node, f"{TAINT}-")
    took = kube.until("nothing stale is left", lambda: stale(kube, node) == [], 240)
    kube.until("the node's pods are ready", lambda: all(kube.is_ready(kube.pod_on(each, node), kube.namespace) for each in ("data", "attach", "csi-node")), 240)
    found = int(kube.inside("db-0", "psql", "-h", "/tmp", "-Atc", "select count(*) from entry", "postgres"))
    assert found == len(rows) + 100 and kube.get("pod", "db-0")["spec"]["nodeName"] == now, found
    kube.until("two copies of everything", lambda: all(each["sync"]["state"] == "SYNC_HEALTHY" for each in kube.varve("volume", "list")["volumes"]), 240)
    print(f"{node} is back: cleaned up {took:.1f} s after the taint was taken away", flush=True)
    return found + 1


def main() -> None:
    kube = Kube(*sys.argv[1:5])
    pods = kube.get("pods", "-n", kube.namespace, "-l", "app.kubernetes.io/component=csi-controller")["items"]
    for manifest in database(int(sys.argv[5]), pods[0]["spec"]["nodeName"]):
        kube.apply(manifest)
    kube.until("the database is ready", lambda: kube.is_ready("db-0"), 300)
    kube.inside("db-0", "psql", "-h", "/tmp", "-qc", "create table entry (n int primary key)", "postgres")
    losses = [("off", "on")] if os.environ.get("VARVE_TEST_MODE") == "normal" else [("cut", "join"), ("off", "on")]
    following = 1
    for how in losses:
        following = loses(kube, how, following)
    kube.gone("statefulset", "db")
    kube.gone("pvc", "data-db-0")
    kube.until("nothing is left", lambda: kube.leftovers() == [], 120)
    print(f"{following - 1} rows through {' and '.join({'cut': 'a machine that was cut off', 'off': 'one that lost its power'}[how] for how, _ in losses)}; nothing left")


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(str(refused))
