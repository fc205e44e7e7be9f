"""One configuration in every form that holds Avi's objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import icapdiag
from icapdiag.api.linting import objects_in
from tests.lint.right import Export, Object, all_objects, export

KINDS = ("VirtualService", "HTTPPolicySet", "IcapProfile", "PoolGroup", "Pool", "HealthMonitor", "AnalyticsProfile",
         "ServiceEngineGroup")  # fmt: skip
UUIDS = {kind: f"{kind.lower()}-1" for kind in KINDS}
REFERENCES = {
    ("VirtualService", "icap_request_profile_refs"): "IcapProfile",
    ("VirtualService", "analytics_profile_ref"): "AnalyticsProfile",
    ("VirtualService", "se_group_ref"): "ServiceEngineGroup",
    ("IcapProfile", "pool_group_ref"): "PoolGroup",
    ("Pool", "health_monitor_refs"): "HealthMonitor",
}


def refer(found: Export, reference: Callable[[str, str], Any]) -> Export:
    """All references written anew, by kind and name."""
    for kind, each in all_objects(found):
        for (owner, key), target in REFERENCES.items():
            if owner == kind and key in each:
                made = reference(target, found[target][0]["name"])
                each[key] = [made] if key.endswith("refs") else made
    for policy in found["VirtualService"][0]["http_policies"]:
        policy["http_policy_set_ref"] = reference("HTTPPolicySet", "app-policies")
    for member in found["PoolGroup"][0]["members"]:
        member["pool_ref"] = reference("Pool", "icap-pool")
    return found


def with_uuids(found: Export) -> Export:
    for kind, each in all_objects(found):
        each["uuid"] = UUIDS[kind]
        each["url"] = f"https://10.0.0.1/api/{kind.lower()}/{UUIDS[kind]}#{each['name']}"
    return found


SPELLINGS: dict[str, Callable[[str, str], str]] = {
    "name": lambda kind, name: name,
    "query": lambda kind, name: f"/api/{kind.lower()}/?tenant=admin&name={name}",
    "short query": lambda kind, name: f"/api/{kind.lower()}?name={name}",
    "uuid": lambda kind, name: UUIDS[kind],
    "path": lambda kind, name: f"/api/{kind.lower()}/{UUIDS[kind]}",
    "url": lambda kind, name: f"https://10.0.0.1:9443/api/{kind.lower()}/{UUIDS[kind]}",
    "url and name": lambda kind, name: f"https://10.0.0.1/api/{kind.lower()}/{UUIDS[kind]}#{name}",
}


def blocks(value: Any) -> Any:
    """As Terraform writes it: a mapping is a list of one block."""
    if isinstance(value, dict):
        return {key: [blocks(each)] if isinstance(each, dict) else blocks(each) for key, each in value.items()}
    return [blocks(each) for each in value] if isinstance(value, list) else value


def strings(value: Any) -> Any:
    """Numbers and booleans as texts."""
    if isinstance(value, dict):
        return {key: strings(each) for key, each in value.items()}
    if isinstance(value, list):
        return [strings(each) for each in value]
    return str(value).lower() if isinstance(value, bool | int) else value


def resources(found: Export) -> list[Object]:
    return [
        {"address": f"avi_{kind.lower()}.it", "mode": "managed", "type": f"avi_{kind.lower()}", "name": "it",
         "values": blocks(strings(each))}
        for kind, each in all_objects(found)
    ]  # fmt: skip


def interpolated(found: Export) -> Export:
    return refer(found, lambda kind, name: f"${{avi_{kind.lower()}.it.id}}")


def unknown(value: Any) -> Any:
    """What a first plan knows of an object: no id of another one."""
    if isinstance(value, dict):
        return {key: unknown(each) for key, each in value.items() if "${" not in str(each) or isinstance(each, dict)
                or (isinstance(each, list) and isinstance(each[0], dict))}  # fmt: skip
    return [unknown(each) for each in value] if isinstance(value, list) else value


def expressed(value: Any) -> Any:
    """The expressions of an object in the configuration of a plan, of references only."""
    if isinstance(value, dict):
        made = {key: expressed(each) for key, each in value.items() if "${" in str(each)}
        return {key: each for key, each in made.items() if each}
    if isinstance(value, list) and isinstance(value[0], dict):
        return [expressed(each) for each in value]
    texts = [text.strip("${}") for text in (value if isinstance(value, list) else [value])]
    return {"references": [name for text in texts for name in (text, text.removesuffix(".id"))]}


def first_plan(found: Export) -> Any:
    """A plan of a module, whose objects do not exist yet."""
    planned, configured = [], []
    for kind, each in all_objects(interpolated(found)):
        name = f"avi_{kind.lower()}"
        at = {"type": name, "name": "it"}
        planned.append({**at, "address": f"module.icap.{name}.it", "values": unknown(blocks(each))})
        configured.append({**at, "address": f"{name}.it", "expressions": expressed(blocks(each))})
    return {
        "planned_values": {"root_module": {"child_modules": [{"resources": planned}]}},
        "configuration": {"root_module": {"module_calls": {"icap": {"module": {"resources": configured}}}}},
    }


FORMS: dict[str, Callable[[Export], Any]] = {
    "avi_config": lambda found: found,
    "lower case": lambda found: {kind.lower(): listed for kind, listed in found.items()},
    "strings": strings,
    "list": lambda found: [each for _, each in all_objects(with_uuids(found))],
    "answer": lambda found: {"count": 9, "results": [each for _, each in all_objects(with_uuids(found))]},
    "inlined": lambda found: {"VirtualService": refer(found, lambda kind, name: found[kind][0])["VirtualService"]},
    "ansible tasks": lambda found: [
        {"hosts": "localhost", "tasks": [
            {"name": "make it", f"avi_{kind.lower()}": {"controller": "c", "state": "present", **each}}
            for kind, each in all_objects(found)
        ]}
    ],
    "ansible collection": lambda found: [
        {"name": "x", "block": [{f"vmware.alb.avi_{kind.lower()}": each} for kind, each in all_objects(found)]}
    ],
    "ansible role": lambda found: {"avi_config": {kind.lower(): listed for kind, listed in found.items()}},
    "terraform show": lambda found: {
        "format_version": "1.0", "values": {"root_module": {"child_modules": [{"resources": resources(found)}]}}
    },
    "terraform plan": lambda found: {"planned_values": {"root_module": {"resources": resources(found)}}},
    "terraform first plan": first_plan,
    "terraform configuration": lambda found: {
        "resource": {f"avi_{kind.lower()}": {"it": blocks(each)} for kind, each in all_objects(interpolated(found))}
    },
    "terraform state": lambda found: {
        "version": 4,
        "resources": [
            {"type": f"avi_{kind.lower()}", "name": "it", "instances": [{"attributes": blocks(each)}]}
            for kind, each in all_objects(found)
        ],
    },
}  # fmt: skip


def is_right(*files: Path) -> None:
    report = icapdiag.lint(files)
    assert [] == [(each.id, each.places) for each in report.findings]
    (service,) = report.subject.services  # type: ignore[attr-defined]  # of lint
    assert ("app-vs", "yes", "icap-prof", 2) == (service.name, service.scanned, service.profile, service.members)
    assert report.not_tested is None


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_references_in_every_spelling(spelling: Callable[[str, str], str], tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    file.write_text(json.dumps(with_uuids(refer(export(), spelling))))
    is_right(file)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_every_form(form: Callable[[Export], Any], suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"objects.{suffix}"
    made = json.loads(json.dumps(form(export())))  # no aliases in YAML
    file.write_text(json.dumps(made, indent=2) if suffix == "json" else yaml.safe_dump(made, sort_keys=False))
    is_right(file)


def test_several_files_and_a_folder_are_one_configuration(tmp_path: Path) -> None:
    for kind, each in all_objects(with_uuids(export())):
        (tmp_path / f"{kind}.json").write_text(json.dumps(each))
    is_right(*sorted(tmp_path.iterdir()))
    is_right(tmp_path)


def test_several_documents_of_yaml(tmp_path: Path) -> None:
    file = tmp_path / "objects.yaml"
    file.write_text("---\n" + yaml.safe_dump_all([each for _, each in all_objects(with_uuids(export()))]) + "---\n")
    is_right(file)


TERRAFORM = json.dumps(
    {
        "configuration": {"provider_config": {"avi": {"expressions": {"avi_version": {"constant_value": "21.1.1"}}}}},
        "values": {"root_module": {"resources": [{"type": "avi_pool", "name": "p", "values": {"name": "p"}}]}},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"META": {"version": {"Version": "22.1.3"}}, "Pool": [{"name": "p"}]}', ["22.1.3"]),
        ('{"META": {"version": {"Version": "30.2.1-2p1"}}, "Pool": [{"name": "p"}]}', ["30.2.1"]),
        ('{"META": {"version": {"Version": "current"}}, "Pool": [{"name": "p"}]}', [""]),
        ('{"Pool": [{"name": "p"}]}', [""]),
        ("- tasks:\n  - avi_pool: {name: p, api_version: 20.1.1}\n  - avi_pool: {name: q}\n", ["20.1.1", ""]),
        ('- avi_pool: {name: p, avi_credentials: {api_version: "21.1.4"}}\n', ["21.1.4"]),
        ('- avi_pool: {name: p, api_version: "{{ api_version }}"}\n', [""]),
        (
            '{"provider": {"avi": [{"avi_version": "22.1.2"}]}, "resource": {"avi_pool": {"p": {"name": "p"}}}}',
            ["22.1.2"],
        ),
        (TERRAFORM, ["21.1.1"]),
    ],
)
def test_the_version_that_a_file_is_of(text: str, expected: list[str]) -> None:
    found = objects_in(text.encode(), "file.json" if text[0] == "{" else "file.yaml")
    assert expected == [each.version for each in found]
