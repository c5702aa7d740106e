#!/usr/bin/env python3
"""The chart's manifests without a cluster: what must be true of each of them, and what the schema of the values refuses."""

import json
import pathlib
import subprocess
import sys

import yaml

HELM, CHART, VALUES = sys.argv[1:4]
PRIVILEGED = {"varve-attach", "varve-csi-node"}  # with disks also varve-data


def rendered(*further: str) -> list[dict]:
    done = subprocess.run([HELM, "template", "varve", CHART, "--namespace", "varve-system", *further], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise ValueError(done.stderr)
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def pods(manifests: list[dict]) -> dict[str, dict]:
    return {each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in manifests if "template" in each.get("spec", {})}


def containers(pod: dict) -> list[dict]:
    return pod["containers"] + pod.get("initContainers", [])


def is_privileged(pod: dict) -> bool:
    return any(each.get("securityContext", {}).get("privileged") for each in containers(pod))


def refused(why: str, *settings: str) -> None:
    try:
        rendered(*[word for setting in settings for word in ("--set-json", setting)])
    except ValueError as said:
        assert why in str(said), said
        return
    raise AssertionError(f"{settings} was not refused")


def tells_the_scheduler() -> None:
    """How much room there is: the driver's object and the provisioner say the same, and it has the right to."""
    for told in (True, False):
        manifests = rendered("--set", f"csi.storageCapacity={str(told).lower()}")
        driver = next(each for each in manifests if each["kind"] == "CSIDriver")
        provisioner = next(each for each in pods(manifests)["varve-csi-controller"]["containers"] if each["name"] == "provisioner")
        assert driver["spec"]["storageCapacity"] is told and ("--enable-capacity" in provisioner["args"]) is told, (driver["spec"], provisioner["args"])
        assert {"--strict-topology", "--immediate-topology=false"} <= set(provisioner["args"])
        assert {each["name"] for each in provisioner["env"]} == {"NAMESPACE", "POD_NAME"}
    role = next(each for each in manifests if each["kind"] == "Role" and each["metadata"]["name"] == "varve-csi-controller")
    rights = {resource: rule["verbs"] for rule in role["rules"] for resource in rule["resources"]}
    assert "create" in rights["csistoragecapacities"] and rights["pods"] == rights["replicasets"] == ["get"], rights
    zones = {name: env["valueFrom"] for name, pod in pods(manifests).items() for each in pod["containers"] for env in each.get("env", []) if env["name"] == "VARVE_ZONE"}
    assert zones["varve-csi-node"] == zones["varve-data"], "a node and its driver say different zones"


def main() -> None:
    manifests = rendered()
    assert {name for name, pod in pods(manifests).items() if is_privileged(pod)} == PRIVILEGED
    with_disks = rendered("--set-json", 'data.devices=[{"path":"/dev/disk/by-id/nvme-1","class":"nvme"}]')
    assert {name for name, pod in pods(with_disks).items() if is_privileged(pod)} == PRIVILEGED | {"varve-data"}
    for name, pod in pods(manifests).items():
        assert not pod.get("hostNetwork"), name
        for each in containers(pod):
            assert each["resources"]["requests"], (name, each["name"])
            context = each.get("securityContext", {})
            assert context.get("privileged") or context.get("allowPrivilegeEscalation") is False or name == "varve-data", (name, each["name"])
    accounts = {each["metadata"]["name"] for each in manifests if each["kind"] == "ServiceAccount"}
    assert {pod["serviceAccountName"] for pod in pods(manifests).values()} == accounts
    for each in manifests:
        for rule in each.get("rules", []) if each["kind"].endswith("Role") else []:
            assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], each["metadata"]["name"]
    node_ends = [volume for volume in pods(manifests)["varve-data"]["volumes"] if volume.get("secret")]
    assert [item["key"] for volume in node_ends for item in volume["secret"]["items"]] == ["ca.pem"], "a data pod sees the authority's key"
    job = next(each for each in manifests if each["kind"] == "Job")["spec"]["template"]["spec"]["containers"][0]["args"]
    metadata = pathlib.PurePath(next(word for word in job if word.startswith("--metadata-directory=")).partition("=")[2])
    for volume in pods(manifests)["varve-data"]["volumes"]:
        data = pathlib.PurePath(volume.get("hostPath", {}).get("path", "/dev"))
        assert not metadata.is_relative_to(data) and not data.is_relative_to(metadata), f"a data pod sees {metadata}, where the authority's key is"
    one = rendered("--set", "metadata.members=1")
    assert sum(json.dumps(each).count("varve-metadata-1.") for each in one) == 0
    off_schema = (['metadata.members=2'], ['data.fileDisks.size="8GB"'], ['data.devices=[{"path":"sda","class":"ssd"}]'], ['unknown=1'],
                  ['data.updateStrategy={"type":"Sometimes"}'], ['volumeAttributesClasses=[{"name":"gold","parameters":{"fsType":"xfs"}}]'])
    nested = (['data.directory="/srv/varve/"', 'metadata.directory="/srv/./varve"'], ['data.directory="/var/lib/varve"'], ['data.directory="/var/lib/varve/metadata/varve-metadata-0"'])
    for settings in off_schema:
        refused("schema", *settings)
    for settings in nested:
        refused("authority's key", *settings)
    rendered("--set", "data.directory=/var/lib/varve/metadata2")
    rendered("--set", "data.directory=/var/lib/varve,metadata.storageClassName=fast")
    limited = rendered("--set-json", 'volumeAttributesClasses=[{"name":"gold","parameters":{"iops":"5000","bandwidth":"100MiB/s","replicas":"3"}}]')
    assert [(each["driverName"], each["parameters"]["iops"]) for each in limited if each["kind"] == "VolumeAttributesClass"] == [("csi.varve.io", "5000")]
    by_hand = rendered("--set-json", 'data.updateStrategy={"type":"OnDelete","rollingUpdate":null}')
    assert [each["spec"]["updateStrategy"] for each in by_hand if each["metadata"]["name"] == "varve-data" and each["kind"] == "DaemonSet"] == [{"type": "OnDelete"}]
    tells_the_scheduler()
    rendered("--values", VALUES)
    print(f"{len(manifests)} manifests, {len(pods(manifests))} kinds of pods, {len(off_schema) + len(nested)} refusals")


main()
