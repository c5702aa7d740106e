#!/usr/bin/env python3
"""What a real API server says to the manifests before anything of them runs: csi/install.yaml by a server-side dry run, the Pod Security levels, ServiceMonitor."""

import json
import pathlib
import subprocess
import sys

from cluster import Kube

# What each pod needs at least; whoever wants less than the namespace allows is named here, so that nobody gets more by mistake.
PRIVILEGED = {"varve-attach", "varve-csi-node", "varve-data"}  # the machine's directories, its processes
BASELINE = {"varve-metadata"}  # an init container of root, which gives the member its directory
RESTRICTED = {"varve-csi-controller", "varve-setup-1"}
LEVEL = "pod-security.kubernetes.io/"


def dry_run(kube: Kube, text: str) -> tuple[int, str]:
    done = subprocess.run([kube.binaries / "kubectl", "--kubeconfig", kube.config, "apply", "--dry-run=server", "-f", "-"], input=text, capture_output=True,
                          text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


def namespace(kube: Kube, name: str, **levels: str) -> None:
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {LEVEL + mode: level for mode, level in levels.items()}}})


def main() -> None:
    kube = Kube(*sys.argv[1:5])
    manifest = pathlib.Path(sys.argv[5]).read_text()
    namespace(kube, "try-privileged", enforce="privileged")
    code, said = dry_run(kube, manifest.replace("namespace: varve-system", "namespace: try-privileged").replace("name: varve-system", "name: try-privileged"))
    assert code == 0 and "Warning" not in said, said
    count = len(said.splitlines())

    pods = {}
    for each in kube.get("daemonset,statefulset,deployment,job", "-n", kube.namespace)["items"]:
        template = each["spec"]["template"]
        template["spec"].pop("nodeName", None)
        pods[each["metadata"]["name"]] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": each["metadata"]["name"]},
                                          "spec": template["spec"] | {"serviceAccountName": "default"}}
    assert set(pods) == PRIVILEGED | BASELINE | RESTRICTED, set(pods)
    for level, refused in (("baseline", PRIVILEGED), ("restricted", PRIVILEGED | BASELINE)):
        namespace(kube, f"try-{level}", enforce=level)
        kube.until("the default account", lambda level=level: kube.get("serviceaccount", "default", "-n", f"try-{level}"), 30)
        seen = set()
        for name, pod in pods.items():
            pod["metadata"]["namespace"] = f"try-{level}"
            code, said = dry_run(kube, json.dumps(pod))
            if code != 0:
                assert f'violates PodSecurity "{level}' in said, said
                seen.add(name)
        assert seen == refused, f"{level} refuses {sorted(seen)}"
    kube.gone("namespace", "try-privileged", "try-baseline", "try-restricted")

    monitor = kube.get("servicemonitor", "varve", "-n", kube.namespace)["spec"]
    port = monitor["endpoints"][0]["port"]
    targets = []
    for service in kube.get("services", "-n", kube.namespace, "-l", "app.kubernetes.io/name=varve,app.kubernetes.io/component in (metadata,data)")["items"]:
        for part in kube.get("endpointslices", "-n", kube.namespace, "-l", f"kubernetes.io/service-name={service['metadata']['name']}")["items"]:
            number = next(each["port"] for each in part["ports"] if each["name"] == port)
            targets += [f"http://{address}:{number}/metrics" for end in part["endpoints"] for address in end["addresses"]]
    assert len(targets) == 6, targets
    for target in targets:
        text = kube.on_node(1, "python3", "-c", f"import urllib.request; print(urllib.request.urlopen({target!r}, timeout=10).read().decode())")
        assert "varve_" in text, (target, text[:200])
    print(f"{count} objects of install.yaml taken by a dry run; Pod Security: {len(PRIVILEGED)} kinds of pods privileged, {len(BASELINE)} baseline, {len(RESTRICTED)} restricted; "
          f"{len(targets)} pods are found by the ServiceMonitor", flush=True)


main()
