"""What a release says of itself: one version, one place for addresses, files that readers look for."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import yaml

import tnemu

ROOT = Path(__file__).parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def test_a_citation_names_this_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["version"] == tnemu.__version__
    assert citation["license"] == SETUP["metadata"]["license"]
    papers = {paper["doi"] for paper in citation["references"]}
    sources = (ROOT / "docs" / "semantics.md").read_text()
    assert {"10.1109/IJCNN.2013.6707077", "10.1126/science.1254642"} <= papers
    assert "10.1126/science.1254642" in sources


def test_the_changelog_ends_with_this_version_and_tells_of_no_state_before_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (\S+)", text, flags=re.M)
    assert versions[0] == tnemu.__version__ == versions[-1]
    assert not re.search(r"unreleased|development state|\bbefore\b.*\bnow\b", text)


def test_the_hosted_check_is_the_one_that_runs_anywhere() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "check.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert [step["run"] for step in steps if "run" in step] == ["bash .ci/run"]
    assert workflow["permissions"] == {"contents": "read"}


def test_forms_for_issues_are_read_and_ask_for_what_helps() -> None:
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    read = {form.stem: yaml.safe_load(form.read_text()) for form in forms}
    assert {"bug", "idea", "config"} == read.keys()
    for name in ("bug", "idea"):
        labels = [part["attributes"]["label"] for part in read[name]["body"]]
        assert len(set(labels)) == len(labels) >= 2
    assert "bash .ci/run" in (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text()


def test_addresses_of_this_project_stand_in_setup_cfg_alone() -> None:
    """Until the owner fills them in, they stand nowhere."""
    urls = SETUP["metadata"].get("project_urls", "")
    ours = re.findall(r"https://\S+", urls)
    texts = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        ROOT / "CITATION.cff",
        ROOT / "Dockerfile",
    ]
    for text in texts:
        assert not any(url in text.read_text() for url in ours), text
        assert not re.search(r"https?://[\w.]+/[\w-]*/?tnemu\b", text.read_text()), text


def test_every_need_has_a_lowest_version() -> None:
    extras = SETUP["options.extras_require"]
    needs = [SETUP["options"]["install_requires"], *(extras[name] for name in extras)]
    lines = [line for text in needs for line in text.split("\n") if line]
    assert [line for line in lines if ">=" not in line] == ["types-PyYAML"]


def test_a_container_is_built_from_the_repository_and_shows_a_run() -> None:
    words = dict(
        line.split(" ", 1)
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if re.match(r"[A-Z]+ ", line)
    )
    assert words["FROM"].startswith("python:3.")
    assert words["USER"] == "tnemu"
    assert words["ENTRYPOINT"] == '["tnemu"]'
    command = json.loads(words["CMD"])
    assert command[:2] == ["play", "--web"]
    assert command[command.index("--port") + 1] == words["EXPOSE"]
