#!/usr/bin/env python3
"""PostgreSQL on a claim, and a live view of its transactions while Varve's pods are deleted below it. Ends with the count of what was committed."""

import argparse
import subprocess
import sys
import threading
import time

from cluster import Kube, Refused

LOADS = 4


def database(user: int) -> list[dict]:
    labels = {"app": "db"}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db"}, "spec": {"clusterIP": "None", "selector": labels, "ports": [{"port": 5432}]}},
        {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
         "spec": {"serviceName": "db", "replicas": 1, "selector": {"matchLabels": labels},
                  "template": {"metadata": {"labels": labels},
                               "spec": {"securityContext": {"runAsUser": user, "runAsGroup": user, "fsGroup": user},
                                        "containers": [{"name": "postgres", "image": "varve.test/postgres:1",
                                                        "readinessProbe": {"exec": {"command": ["psql", "-h", "/tmp", "-c", "select 1", "postgres"]}, "periodSeconds": 1, "timeoutSeconds": 5},
                                                        "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}},
                  "volumeClaimTemplates": [{"metadata": {"name": "data"},
                                            "spec": {"storageClassName": "varve", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}}]}},
    ]


def disturb(kube: Kube, ended: threading.Event) -> None:
    """A node of Varve goes, the one that serves the volume first; then the driver on the database's machine; and so on."""
    turn = 0
    while not ended.wait(20):
        try:
            if turn % 2 == 0:
                volume = kube.varve("volume", "list")["volumes"][0]
                victim = kube.pod_on("data", volume["attachment"]["node"])
            else:
                victim = kube.pod_on("csi-node", kube.get("pod", "db-0")["spec"]["nodeName"])
            print(f"---- deleting pod {victim}", flush=True)
            kube.kubectl("-n", kube.namespace, "delete", "pod", victim, "--wait=false")
        except (Refused, StopIteration, KeyError, subprocess.TimeoutExpired) as problem:
            print(f"---- nobody to delete: {problem!r}", flush=True)
        turn += 1


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests/kube demo")
    parser.add_argument("--for", dest="duration", default="", help="for example 120s; without it until Ctrl-C")
    parser.add_argument("place", nargs=5, help=argparse.SUPPRESS)
    told = parser.parse_args()
    seconds = int(told.duration.rstrip("s")) if told.duration else 10**6
    kube = Kube(*told.place[:4])
    began = time.monotonic()
    for manifest in database(int(told.place[4])):
        kube.apply(manifest)
    kube.until("the database is ready", lambda: kube.is_ready("db-0"), 300)
    print(f"PostgreSQL is ready on a claim after {time.monotonic() - began:.0f} s", flush=True)
    kube.inside("db-0", "pgbench", "-h", "/tmp", "-i", "-q", "-s", "5", "postgres", seconds=300)
    ended = threading.Event()
    disturbing = threading.Thread(target=disturb, args=(kube, ended))
    disturbing.start()
    load = subprocess.Popen([kube.binaries / "kubectl", "--kubeconfig", kube.config, "exec", "db-0", "--", "pgbench", "-h", "/tmp", "-n", "-c", str(LOADS), "-P", "2",
                             "-T", str(seconds), "postgres"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    committed = None
    try:
        for line in load.stdout:
            print(line.rstrip(), flush=True)
            if line.startswith("number of transactions actually processed"):
                committed = int(line.split(":")[1].split("/")[0])
    except KeyboardInterrupt:
        load.terminate()
    finally:
        ended.set()
        disturbing.join()
    if committed is not None:
        found = int(kube.inside("db-0", "psql", "-h", "/tmp", "-Atc", "select count(*) from pgbench_history", "postgres"))
        print(f"{committed} transactions committed, {found} found")
        if found < committed or load.wait() != 0:
            sys.exit(1)


main()
