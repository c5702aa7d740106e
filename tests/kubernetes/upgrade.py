#!/usr/bin/env python3
"""The chart upgraded under PostgreSQL's commits, to another image and other values: the data pods go one after the other, each when the cluster can spare it. Then a
node that cannot be spared: its pod waits, and serves on, until somebody says that it is not to wait."""

import json
import subprocess
import sys
import threading
import time

from cluster import Kube, Refused
from node_death import Commits, database

IMAGE = "varve.test/varve"


class Watched(threading.Thread):
    """The data pods, all the time: which of them are not ready."""

    def __init__(self, kube: Kube):
        super().__init__(daemon=True)
        self.kube, self.end, self.away, self.together = kube, threading.Event(), {}, set()

    def run(self) -> None:
        while not self.end.wait(0.5):
            try:
                pods = self.kube.get("pods", "-n", self.kube.namespace, "-l", "app.kubernetes.io/component=data")["items"]
            except (Refused, subprocess.TimeoutExpired):
                continue
            ready = {each["spec"].get("nodeName") for each in pods if any(one["type"] == "Ready" and one["status"] == "True" for one in each["status"].get("conditions", []))}
            away = {f"node{number}" for number in (1, 2, 3)} - ready
            for node in away:
                self.away[node] = self.away.get(node, 0) + 1
            if len(away) > 1:
                self.together.add(tuple(sorted(away)))


class Log:
    """What a pod says until its end."""

    def __init__(self, kube: Kube, pod: str):
        self.process = subprocess.Popen([kube.binaries / "kubectl", "--kubeconfig", kube.config, "-n", kube.namespace, "logs", "-f", pod, "-c", "varve", "--since=1s"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.lines: list[str] = []
        threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True).start()

    def has(self, text: str) -> bool:
        return any(text in line for line in self.lines)


def data_pods(kube: Kube) -> dict[str, str]:
    return {node: kube.pod_on("data", node) for node in ("node1", "node2", "node3")}


def upgrade(kube: Kube, chart: str, values: str) -> None:
    tag = json.loads(kube.kubectl("get", "daemonset", "varve-data", "-n", kube.namespace, "-o", "json"))["spec"]["template"]["spec"]["containers"][0]["image"].partition(":")[2]
    for number in (1, 2, 3):
        kube.on_node(number, kube.binaries / "ctr", "-n", "k8s.io", "images", "tag", f"{IMAGE}:{tag}", f"{IMAGE}:next")
    commits = Commits(kube, 1)
    commits.start()
    kube.until("commits are answered", lambda: commits.answered > 20, 60)
    before, watched = data_pods(kube), Watched(kube)
    logs = {node: Log(kube, pod) for node, pod in before.items()}
    watched.start()
    began = time.monotonic()
    subprocess.run([kube.binaries / "helm", "upgrade", "varve", chart, "--namespace", kube.namespace, "--kubeconfig", kube.config, "--values", values, "--set", "image.tag=next",
                    "--set", "data.resources.requests.cpu=150m"], check=True, capture_output=True, timeout=120)
    for each in ("statefulset/varve-metadata", "daemonset/varve-data", "daemonset/varve-csi-node", "deployment/varve-csi-controller"):
        kube.kubectl("-n", kube.namespace, "rollout", "status", each, "--timeout=900s", seconds=920)
    took = time.monotonic() - began
    watched.end.set()
    answered = commits.end()
    kept = int(kube.inside("db-0", "psql", "-h", "/tmp", "-tAc", f"select count(*) from entry where n <= {answered}", "postgres"))
    assert kept == answered, f"{answered} commits were answered, {kept} are there"
    assert commits.process.returncode == -9, "a commit failed"
    assert not watched.together and set(watched.away) == set(before), (watched.together, watched.away)
    for node, log in logs.items():
        kube.until(f"{node} has said that it may stop", lambda log=log, node=node: log.has(f"Yes: node {node} may be stopped") and log.has("serves no volume"), 10)
    assert not set(data_pods(kube).values()) & set(before.values())
    print(f"helm upgrade to another image under PostgreSQL: {took:.0f} s, one node after the other, {answered} commits answered and found, none failed", flush=True)


def cannot_be_spared(kube: Kube) -> None:
    """One copy, on node3: its pod waits, and goes when it is told to."""
    kube.varve("volume", "create", "single", "--size", "1GiB", "--replicas", "1", "--near", "node3")
    kube.varve("volume", "attach", "single", "--node", "node3")
    kube.until("its only copy is needed", lambda: not spared(kube, "node3"), 60)
    pod = kube.pod_on("data", "node3")
    log = Log(kube, pod)
    kube.kubectl("-n", kube.namespace, "delete", "pod", pod, "--wait=false")
    kube.until("the pod waits", lambda: log.has("volume single: its only copy is here"), 60)
    began = time.monotonic()
    while time.monotonic() - began < 15:
        assert kube.is_ready(pod, kube.namespace), "it serves no more"
        time.sleep(1)
    began = time.monotonic()
    kube.kubectl("-n", kube.namespace, "delete", "pod", pod, "--grace-period=45", "--wait=false")
    kube.until("another pod is there", lambda: kube.pod_on("data", "node3") != pod and kube.is_ready(kube.pod_on("data", "node3"), kube.namespace), 180)
    print(f"a pod that cannot be spared waits and serves; told not to wait, it is replaced in {time.monotonic() - began:.0f} s", flush=True)


def spared(kube: Kube, node: str) -> bool:
    try:
        kube.kubectl("-n", kube.namespace, "exec", "varve-metadata-0", "-c", "varve", "--", "/opt/varve/bin/varve", "node", "restart-check", node)
    except Refused:
        return False
    return True


def main() -> None:
    kube = Kube(*sys.argv[1:5])
    user, chart, values = int(sys.argv[5]), sys.argv[6], sys.argv[7]
    for each in database(user, "none"):
        kube.apply(each)
    kube.until("PostgreSQL is ready", lambda: kube.is_ready("db-0"), 300)
    kube.inside("db-0", "psql", "-h", "/tmp", "-c", "create table entry (n int primary key)", "postgres")
    upgrade(kube, chart, values)
    cannot_be_spared(kube)


main()
