#!/usr/bin/env python3
"""The rights of the chart's accounts beside what they did: by the API server's audit log of a claim's life. What was refused fails; what is granted and was not
used fails, too, unless it is explained here."""

import json
import re
import sys

from cluster import Kube

# Account, ClusterRole or Role, API group, resource, verb: what it is for. Not used in this run, or not in every run.
CONTROLLER = "varve-csi-controller"
EXPLAINED = {
    (CONTROLLER, "ClusterRole", "", "persistentvolumes", "get"): "the provisioner, when a claim names another one as its source",
    (CONTROLLER, "ClusterRole", "", "persistentvolumeclaims", "update"): "the provisioner, when a pod has to be scheduled anew because its node has no room",
    (CONTROLLER, "ClusterRole", "", "events", "patch"): "an event that happens again is counted",
    (CONTROLLER, "ClusterRole", "", "nodes", "get"): "the driver, when a volume is asked back from a node that has not let go of it",
    (CONTROLLER, "ClusterRole", "storage.k8s.io", "volumeattributesclasses", "get"): "the provisioner, when a claim is made with such a class",
    (CONTROLLER, "Role", "storage.k8s.io", "csistoragecapacities", "update"): "when there is more or less room than before",
    (CONTROLLER, "Role", "storage.k8s.io", "csistoragecapacities", "delete"): "when a node or a class has gone",
}

BINDING = re.compile(r'allowed by (ClusterRole|Role)Binding "([^"/]+)(?:/[^"]+)?" of')


def granted(kube: Kube) -> dict[tuple, str]:
    """Each right, and the role that gives it."""
    label, rights = ("-l", "app.kubernetes.io/name=varve"), {}
    for kind, scope in (("ClusterRole", ()), ("Role", ("-n", kube.namespace))):
        roles = {each["metadata"]["name"]: each.get("rules", []) for each in kube.get(f"{kind.lower()}s", *scope, *label)["items"]}
        for binding in kube.get(f"{kind.lower()}bindings", *scope, *label)["items"]:
            for subject in binding["subjects"]:
                for rule in roles[binding["roleRef"]["name"]]:
                    for group in rule["apiGroups"]:
                        for resource in rule["resources"]:
                            for verb in rule["verbs"]:
                                rights[subject["name"], kind, group, resource, verb] = binding["roleRef"]["name"]
    return rights


def used(log: str, namespace: str) -> tuple[dict[tuple, int], list[str]]:
    """How often each right was, and what was refused."""
    rights, refused = {}, []
    prefix = f"system:serviceaccount:{namespace}:"
    with open(log, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            about, account = event.get("objectRef"), event["user"]["username"].removeprefix(prefix)
            if not about or "resource" not in about or event["stage"] == "ResponseStarted":
                continue
            resource = about["resource"] + ("/" + about["subresource"] if "subresource" in about else "")
            notes = event.get("annotations", {})
            if notes.get("authorization.k8s.io/decision") != "allow":
                refused.append(f"{account}: {event['verb']} {resource} {about.get('name', '')}: {event.get('responseStatus', {}).get('message', '')}")
                continue
            by = BINDING.search(notes.get("authorization.k8s.io/reason", ""))
            if by and by.group(2).startswith("varve-"):
                right = account, by.group(1), about.get("apiGroup", ""), resource, event["verb"]
                rights[right] = rights.get(right, 0) + 1
    return rights, refused


def words(right: tuple) -> str:
    account, kind, group, resource, verb = right
    return f"{account} ({kind}): {verb} {resource}{'.' + group if group else ''}"


def main() -> None:
    kube = Kube(*sys.argv[1:5])
    rights = granted(kube)
    uses, refused = used(sys.argv[5], kube.namespace)
    assert uses, "the audit log tells of nothing"
    assert not refused, "\n".join(["refused:", *sorted(set(refused))])
    beside = set(uses) - set(rights)
    assert not beside, beside
    idle = set(rights) - set(uses)
    unexplained = idle - set(EXPLAINED)
    assert not unexplained, "\n".join(["granted and never used:", *sorted(map(words, unexplained))])
    stale = set(EXPLAINED) - set(rights)
    assert not stale, "\n".join(["explained, and not granted:", *sorted(map(words, stale))])
    print(f"{len(rights)} rights of {len({right[0] for right in rights})} accounts: {len(rights) - len(idle)} used in {sum(uses.values())} calls, {len(idle)} explained, none refused",
          flush=True)


main()
