#!/usr/bin/env python3
"""The chart's manifests without a cluster: what must be true of each of them, and what the schema of the values refuses."""

import json
import pathlib
import subprocess
import sys

import yaml

BINARIES, CHART, VALUES, SCHEMAS, MANIFEST = sys.argv[1:6]
PRIVILEGED = {"varve-attach", "varve-csi-node"}  # with disks also varve-data
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CSIDriver", "StorageClass", "VolumeAttributesClass", "Namespace"}
PROMETHEUS = ("--api-versions", "monitoring.coreos.com/v1/ServiceMonitor")
conforming: set[str] = set()  # what was checked against the schemas, so that nothing is twice


def conform(text: str) -> None:
    """Every object, strictly by the schema of its kind: a key that Kubernetes does not know is refused."""
    if text in conforming:
        return
    done = subprocess.run([f"{BINARIES}/kubeconform", "-strict", "-schema-location", SCHEMAS + "/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json", "-"], input=text,
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    conforming.add(text)


def rendered(*further: str) -> list[dict]:
    done = subprocess.run([f"{BINARIES}/helm", "template", "varve", CHART, "--namespace", "varve-system", *further], capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise ValueError(done.stderr)
    conform(done.stdout)
    manifests = [each for each in yaml.safe_load_all(done.stdout) if each]
    for each in manifests:  # an object without one would go where kubectl happens to be
        assert (each["kind"] in CLUSTER_WIDE) == ("namespace" not in each["metadata"]), (each["kind"], each["metadata"]["name"])
    return manifests


def named(manifests: list[dict], kind: str, name: str) -> dict:
    return next(each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name)


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


def watches(manifests: list[dict]) -> None:
    """Prometheus' operator is told where there is one, and finds ports that are there."""
    assert not [each for each in manifests if each["kind"] == "ServiceMonitor"], "its API is not there"
    assert not [each for each in rendered(*PROMETHEUS, "--set", "monitoring.serviceMonitor=false") if each["kind"] == "ServiceMonitor"]
    monitor = named(rendered(*PROMETHEUS, "--set", "monitoring.labels.release=main,monitoring.interval=15s"), "ServiceMonitor", "varve")
    assert monitor["metadata"]["labels"]["release"] == "main" and monitor["spec"]["endpoints"] == [{"port": "metrics", "interval": "15s"}], monitor
    for name in ("varve-metadata", "varve-data"):
        service = named(manifests, "Service", name)
        assert service["metadata"]["labels"]["app.kubernetes.io/component"] in monitor["spec"]["selector"]["matchExpressions"][0]["values"]
        assert "metrics" in {each["name"] for each in service["spec"]["ports"]}, name


def finds_disks() -> None:
    """What is asked of `varve disk discover`, and who may open devices then."""
    found = rendered("--set-json", 'data.discover={"byId":["nvme-*","ata-?"],"minimumSize":"100GiB","maximumSize":"8TiB","rotational":false,"include":["wwn-0x1"],"exclude":["*-bad"],"dryRun":true}',
                     "--set", "data.journal=1GiB")
    pod = pods(found)["varve-data"]
    discover = next(each for each in pod["initContainers"] if each["name"] == "discover")
    assert discover["args"] == ["disk", "discover", "--record=/var/lib/varve/disks.yaml", "--by-id=nvme-*,ata-?", "--min-size=100GiB", "--max-size=8TiB", "--rotational=no",
                                "--include=wwn-0x1", "--exclude=*-bad", "--dry-run", "--journal=1GiB"], discover["args"]
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert environment["VARVE_DISKS"] == "/var/lib/varve/disks.yaml" and "disks:" not in environment["VARVE_CONFIG"]
    assert is_privileged(pod) and {"name": "dev", "hostPath": {"path": "/dev"}} in pod["volumes"]
    assert "--rotational=yes" in next(each for each in pods(rendered("--set-json", 'data.discover={"include":["wwn-0x1"],"rotational":true}'))["varve-data"]["initContainers"]
                                      if each["name"] == "discover")["args"]
    assert not any(each["name"] == "discover" for each in pods(rendered())["varve-data"]["initContainers"])
    refused("both set", 'data.devices=[{"path":"/dev/sda","class":"ssd"}]', 'data.discover.byId=["*"]')


def lets_in(manifests: list[dict], source: str, target: str, port: int) -> bool:
    """By the NetworkPolicies, as Kubernetes reads them; only what they use of its rules."""

    def selects(selector: dict, component: str) -> bool:
        labels = {"app.kubernetes.io/name": "varve", "app.kubernetes.io/component": component} if component else {"app": "another"}
        return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
            labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))

    policies = [each["spec"] for each in manifests if each["kind"] == "NetworkPolicy" and selects(each["spec"]["podSelector"], target)]
    return not policies or any(
        any(each["port"] <= port <= each.get("endPort", each["port"]) for each in rule["ports"])
        and ("from" not in rule or any(selects(each["podSelector"], source) for each in rule["from"]))
        for policy in policies for rule in policy["ingress"])


def keeps_others_out(manifests: list[dict]) -> None:
    nodes = ("metadata", "data")
    needed = [(source, target, port) for target in nodes for source, port in (
        ("data", 7400), ("metadata", 7400), ("csi-controller", 7400), ("csi-node", 7400), ("attach", 7400), ("setup", 7400), ("data", 7500), ("metadata", 7563), ("", 9400))]
    needed += [("metadata", "metadata", 7600), ("data", "metadata", 7600), ("attach", "data", 10809), ("attach", "data", 10872)]
    for way in needed:
        assert lets_in(manifests, *way), way
    for way in [("", target, port) for target in nodes for port in (7400, 7500, 7600, 10809)] + [("csi-node", "data", 10809), ("csi-controller", "data", 7500), ("data", "data", 10809)]:
        assert not lets_in(manifests, *way), way
    assert not [each for each in rendered("--set", "networkPolicies=false") if each["kind"] == "NetworkPolicy"]


def waits_before_it_stops(manifests: list[dict]) -> None:
    for name, further in (("varve-data", 100), ("varve-metadata", 40)):
        pod = pods(manifests)[name]
        container = pod["containers"][0]
        wait = int(next(each["value"] for each in container["env"] if each["name"] == "VARVE_STOP_WAIT"))
        assert container["lifecycle"]["preStop"]["exec"]["command"] == ["/opt/varve/bin/varve-pod", "stop"]
        assert wait > 0 and pod["terminationGracePeriodSeconds"] == wait + further, name
        assert container["livenessProbe"]["terminationGracePeriodSeconds"] == container["startupProbe"]["terminationGracePeriodSeconds"] == 40, "what hangs is waited for"
    alone = pods(rendered("--set", "metadata.members=1"))["varve-metadata"]["containers"][0]
    assert {"name": "VARVE_STOP_WAIT", "value": "0"} in alone["env"], "one member would be waited for at each stop"


def main() -> None:
    manifests = rendered()
    conform(pathlib.Path(MANIFEST).read_text())
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
                  ['data.updateStrategy={"type":"Sometimes"}'], ['data.discover.byId=["/dev/sda"]'], ['data.discover.rotational="yes"'], ['data.discover.minimumSize="1TB"'],
                  ['monitoring.interval="often"'], ['data.stopWaitSeconds=-1'], ['volumeAttributesClasses=[{"name":"gold","parameters":{"fsType":"xfs"}}]'])
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
    watches(manifests)
    finds_disks()
    keeps_others_out(manifests)
    waits_before_it_stops(manifests)
    rendered("--values", VALUES, *PROMETHEUS)
    rendered("--set-json", 'imagePullSecrets=[{"name":"mine"}]', "--set-json", 'data.tolerations=[{"operator":"Exists"}]', "--set-json", 'data.nodeSelector={"storage":"yes"}',
             "--set-json", 'storageClasses=[{"name":"fast","default":true,"reclaimPolicy":"Retain","parameters":{"replicas":"3"},"mountOptions":["noatime"]}]', "--set", "registry=registry.example")
    print(f"{len(manifests)} manifests, {len(pods(manifests))} kinds of pods, {len(off_schema) + len(nested) + 1} refusals; {len(conforming)} variations are strictly Kubernetes 1.36's")


main()
