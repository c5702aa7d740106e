"""Kinds of claims, and where their copies lie; short, as a part of the claim's life."""

from cluster import Kube

CLASS = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "csi.varve.io", "allowVolumeExpansion": True}


def template(size: str, storage_class: str, mode: str = "ReadWriteOnce", **further: str) -> dict:
    return {"storageClassName": storage_class, "accessModes": [mode], "resources": {"requests": {"storage": size}}, **further}


def claim(kube: Kube, name: str, spec: dict) -> None:
    kube.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec})


def start_pod(kube: Kube, name: str, node: str, volume: dict) -> None:
    """With the volume at /data; does not wait for it."""
    kube.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {"terminationGracePeriodSeconds": 1, "nodeSelector": {"kubernetes.io/hostname": node},
                         "containers": [{"name": "main", "image": "varve.test/busybox:1", "args": ["-c", "exec sleep 1000000"],
                                         "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
                         "volumes": [{"name": "data", **volume}]}})


def of_claim(name: str) -> dict:
    return {"persistentVolumeClaim": {"claimName": name}}


def volume_of(kube: Kube, name: str) -> dict:
    """By what `varve volume list` tells of it."""
    labels = [{"key": "kubernetes.claim", "value": name}, {"key": "kubernetes.namespace", "value": "default"}]
    return next(each for each in kube.varve("volume", "list")["volumes"] if all(label in each.get("labels", []) for label in labels))


def events(kube: Kube, name: str, reason: str) -> str:
    return " ".join(each["message"] for each in kube.get("events")["items"] if each["involvedObject"]["name"] == name and each["reason"] == reason)


def varve(kube: Kube, *words: str) -> str:
    """As a person sees it."""
    return kube.kubectl("-n", kube.namespace, "exec", "varve-metadata-0", "-c", "varve", "--", "/opt/varve/bin/varve", *words)


def is_beside(kube: Kube, volume: dict, node: str) -> None:
    """One copy of everything and the access point are on the pod's node, the other copies in other zones."""
    status = kube.varve("status")
    node_of = {group["uuid"]: group["node"] for group in status["groups"]}
    zone_of = {each["id"]: each["zone"] for each in status["nodes"] if "zone" in each}
    for slab in volume["slabs"]:
        nodes = [node_of[replica["group"]] for replica in slab["replicas"]]
        assert node in nodes and len({zone_of[each] for each in nodes}) == len(nodes), (volume["name"], nodes, zone_of)
    assert volume["attachment"]["node"] == node, volume["attachment"]


def told_to_the_scheduler(kube: Kube, storage_class: str, nodes: int = 3) -> None:
    for number in range(1, nodes + 1):
        driver = next(each for each in kube.get("csinode", f"node{number}")["spec"]["drivers"] if each["name"] == "csi.varve.io")
        assert driver["allocatable"] == {"count": 64}, driver
        assert sorted(driver["topologyKeys"]) == ["topology.csi.varve.io/node", "topology.csi.varve.io/zone"], driver
        labels = kube.get("node", f"node{number}")["metadata"]["labels"]
        assert labels["topology.csi.varve.io/zone"] == labels["topology.kubernetes.io/zone"] == f"zone-{number}", labels

    def told() -> bool:
        capacities = [each for each in kube.items("csistoragecapacities") if each["storageClassName"] == storage_class]
        places = {each["nodeTopology"]["matchLabels"]["topology.csi.varve.io/node"] for each in capacities}
        return len(places) == nodes and all(not each["capacity"].startswith("0") and "maximumVolumeSize" in each for each in capacities)

    took = kube.until("capacity is told for each node", told, 60)
    print(f"64 volumes a node, capacity of class {storage_class} told for {nodes} nodes in {took:.1f} s", flush=True)


def refusals(kube: Kube, storage_class: str) -> None:
    """Claims that get no volume, and who is told why."""
    kube.apply({**CLASS, "metadata": {"name": "at-once"}, "volumeBindingMode": "Immediate"})
    claim(kube, "shared", template("1Gi", "at-once", "ReadWriteMany", volumeMode="Block"))
    claim(kube, "huge", template("100Gi", storage_class))
    start_pod(kube, "huge", "node1", of_claim("huge"))
    kube.until("a raw block claim of several nodes is refused", lambda: "used on one node at a time" in events(kube, "shared", "ProvisioningFailed"), 60)
    kube.until("a claim without room is not scheduled", lambda: "not have enough free storage" in events(kube, "huge", "FailedScheduling"), 60)
    for each in (("pod", "huge"), ("pvc", "huge", "shared"), ("storageclass", "at-once")):
        kube.gone(*each)


def kinds(kube: Kube, storage_class: str) -> None:
    """One pod only, the pod's own, and one that was made by hand; all at once."""
    claim(kube, "alone", template("1Gi", storage_class, "ReadWriteOncePod"))
    start_pod(kube, "alone", "node2", of_claim("alone"))
    start_pod(kube, "scratch", "node3", {"ephemeral": {"volumeClaimTemplate": {"spec": template("1Gi", storage_class)}}})
    kube.varve("volume", "create", "by-hand", "--size", "1GiB", "--near", "node3")
    kube.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "by-hand"},
                "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
                         "csi": {"driver": "csi.varve.io", "volumeHandle": "by-hand", "fsType": "xfs"}}})
    claim(kube, "by-hand", template("1Gi", "", volumeName="by-hand"))
    start_pod(kube, "by-hand", "node3", of_claim("by-hand"))
    took = max(kube.until(f"pod {each} is ready", lambda each=each: kube.is_ready(each), 180) for each in ("alone", "scratch", "by-hand"))
    is_beside(kube, volume_of(kube, "alone"), "node2")
    is_beside(kube, volume_of(kube, "scratch-data"), "node3")
    is_beside(kube, kube.varve("volume", "show", "by-hand"), "node3")
    listed = varve(kube, "volume", "list")
    assert "default/alone" in listed and "default/scratch-data" in listed, listed

    start_pod(kube, "second", "node2", of_claim("alone"))
    kube.until("a second pod is kept away", lambda: "ReadWriteOncePod" in events(kube, "second", "FailedScheduling"), 60)
    kube.gone("pod", "second", "alone", "scratch", "by-hand")
    kube.gone("pvc", "alone", "by-hand")
    kube.gone("pv", "by-hand")
    varve(kube, "volume", "delete", "by-hand", "--yes")
    kube.until("the pod's own volume went with it", lambda: [each["name"] for each in kube.varve("volume", "list").get("volumes", [])
                                                             if {"key": "kubernetes.claim", "value": "scratch-data"} in each.get("labels", [])] == [], 60)
    print(f"one pod only, a pod's own, made by hand: ready in {took:.1f} s, each with a copy beside it", flush=True)
