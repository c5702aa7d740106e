#!/usr/bin/env python3
"""A claim's life on three real nodes: bound, written to, grown, the driver replaced below it, moved to another node, deleted without a trace."""

import sys
import time

import claims
from cluster import Kube

GIB = 1 << 30


def written(kube: Kube, pod: str, name: str) -> str:
    """A file of random bytes on the claim, synced; its checksum."""
    kube.inside(pod, "sh", "-c", f"dd if=/dev/urandom of=/data/{name} bs=1048576 count=16 2>/dev/null && sync")
    return checksum(kube, pod, name)


def checksum(kube: Kube, pod: str, name: str) -> str:
    return kube.inside(pod, "md5sum", f"/data/{name}").split()[0]


def size_mebibytes(kube: Kube, pod: str) -> int:
    return int(kube.inside(pod, "df", "-m", "/data").splitlines()[-1].split()[1])


def volume_of(kube: Kube, claim: str) -> dict:
    """The claim's volume, as Varve has it."""
    name = kube.get("pvc", claim)["spec"]["volumeName"]
    return next(each for each in kube.varve("volume", "list")["volumes"] if each["name"] == name)


def is_safe(volume: dict) -> bool:
    """Two copies of everything, in sync."""
    return volume["sync"]["state"] == "SYNC_HEALTHY" and volume["sync"]["fewestCopies"] == 2 and all(len(slab["isr"]) == 2 for slab in volume["slabs"])


def main() -> None:
    kube = Kube(*sys.argv[1:5])
    # ext4 grows while it is mounted only where root has CAP_SYS_RESOURCE, which a machine for tests may lack.
    kube.apply({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "life"}, "provisioner": "csi.varve.io",
                "allowVolumeExpansion": True, "volumeBindingMode": "WaitForFirstConsumer", "parameters": {"replicas": "2", "fsType": "xfs"}})
    claims.told_to_the_scheduler(kube, "life")
    kube.claim("first", "1Gi", "life")
    took = kube.pod("writer", "first", "node1")
    print(f"claim made to pod ready on node1: {took:.1f} s", flush=True)
    volume = volume_of(kube, "first")
    assert {"key": "kubernetes.claim", "value": "first"} in volume["labels"], volume
    mounts = [line for line in kube.inside("writer", "cat", "/proc/mounts").splitlines() if " /data " in line]
    assert mounts and mounts[0].split()[0].startswith("/dev/loop") and mounts[0].split()[2] == "xfs", mounts
    claims.is_beside(kube, volume, "node1")
    before = written(kube, "writer", "before")
    kube.until("two copies of everything", lambda: is_safe(volume_of(kube, "first")), 60)

    grown = size_mebibytes(kube, "writer")
    kube.kubectl("patch", "pvc", "first", "--type", "merge", "-p", '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}')
    took = kube.until("the claim has grown", lambda: kube.get("pvc", "first")["status"]["capacity"]["storage"] == "2Gi", 180)
    assert size_mebibytes(kube, "writer") > grown * 1.8, (grown, size_mebibytes(kube, "writer"))
    print(f"grown from {grown} to {size_mebibytes(kube, 'writer')} MiB while mounted: {took:.1f} s", flush=True)

    kube.inside("writer", "sh", "-c", "(i=0; while :; do i=$((i+1)); echo $i >>/data/count && sync || echo $i >>/tmp/failed; done) >/dev/null 2>&1 &")
    driver = kube.pod_on("csi-node", "node1")
    attaches = kube.on_node(1, "sh", "-c", "grep -la varve-csi/[p]vc /proc/[0-9]*/cmdline | sort")
    assert attaches, "nothing is attached on node1"
    kube.kubectl("-n", kube.namespace, "delete", "pod", driver, "--grace-period=0", "--force")
    took = kube.until("another driver is ready", lambda: kube.pod_on("csi-node", "node1") != driver and kube.is_ready(kube.pod_on("csi-node", "node1"), kube.namespace))
    counted = int(kube.inside("writer", "tail", "-n", "1", "/data/count"))
    kube.until("writes go on", lambda: int(kube.inside("writer", "tail", "-n", "1", "/data/count")) > counted, 60)
    assert kube.inside("writer", "sh", "-c", "cat /tmp/failed 2>/dev/null || true") == ""
    assert kube.on_node(1, "sh", "-c", "grep -la varve-csi/[p]vc /proc/[0-9]*/cmdline | sort") == attaches
    print(f"driver's pod killed and replaced in {took:.1f} s, {counted} writes and no failure", flush=True)

    claims.refusals(kube, "life")
    claims.kinds(kube, "life")

    began = time.monotonic()
    kube.gone("pod", "writer")
    kube.pod("reader", "first", "node2")
    assert checksum(kube, "reader", "before") == before
    assert int(kube.inside("reader", "tail", "-n", "1", "/data/count")) >= counted
    after = written(kube, "reader", "after")
    assert checksum(kube, "reader", "after") == after
    print(f"moved from node1 to node2 with its data: {time.monotonic() - began:.1f} s", flush=True)

    began = time.monotonic()
    kube.gone("pod", "reader")
    kube.gone("pvc", "first")
    kube.gone("storageclass", "life")
    kube.until("nothing is left", lambda: kube.leftovers() == [], 120)
    print(f"claim, {before[:8]}, {after[:8]}: written, grown, driver replaced, moved, deleted in {time.monotonic() - began:.1f} s; nothing left")


main()
