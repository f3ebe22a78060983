"""Takes the shell parts out of the snippets of examples/ci, and refuses what the platforms would refuse.

Usage: ci-snippets.py FILE JOB [NAME=VALUE...] writes the script of a job, with its variables; the
values are those of the contexts of GitHub (vars.X, secrets.X, matrix.X).
"""
import re
import shlex
import sys

import yaml

GITHUB = set("name run-name on permissions env defaults concurrency jobs".split())
GITHUB_JOB = set(
    "name permissions needs if runs-on environment concurrency outputs env defaults steps timeout-minutes strategy "
    "continue-on-error container services uses with secrets".split())
GITHUB_STEP = set("id if name uses run working-directory shell with env continue-on-error timeout-minutes".split())
GITLAB = set("default include stages variables workflow".split())
GITLAB_JOB = set(
    "after_script allow_failure artifacts before_script cache coverage dependencies environment extends hooks identity "
    "id_tokens image inherit interruptible needs pages parallel release resource_group retry rules script secrets "
    "services stage start_in tags timeout trigger variables when".split())
JENKINS = set(
    "pipeline agent environment stages stage matrix axes axis name values label steps sh when beforeAgent branch "
    "archiveArtifacts post always echo options parameters".split())


class Strict(yaml.SafeLoader):
    """Refuses a key that is there twice, and leaves `on` a word."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise SystemExit(f"{node.start_mark}: {key!r} is there twice")
        return super().construct_mapping(node, deep)


Strict.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def known(words, allowed, where):
    strange = set(words) - allowed
    if strange:
        raise SystemExit(f"{where}: {', '.join(sorted(strange))}: no such key")


def github(text, job, contexts):
    flow = yaml.load(text, Strict)
    known(flow, GITHUB, "workflow")
    for name, each in flow["jobs"].items():
        known(each, GITHUB_JOB, name)
        for step in each["steps"]:
            known(step, GITHUB_STEP, name)
            if ("run" in step) == ("uses" in step):
                raise SystemExit(f"{name}: a step either runs or uses")
            if "${{" in step.get("run", ""):
                raise SystemExit(f"{name}: an expression in a script lets its value be carried out")
            if "checkout" in step.get("uses", "") and step.get("with", {}).get("persist-credentials") != "false":
                raise SystemExit(f"{name}: the token of a checkout may get into the image")
        if each.get("needs", name) not in flow["jobs"]:
            raise SystemExit(f"{name} needs {each['needs']}, which is not there")
    chosen = flow["jobs"][job]
    for name, value in {**flow.get("env", {}), **chosen.get("env", {})}.items():
        value = re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda m: contexts[m[1]], value)
        print(f"export {name}={shlex.quote(value)}")
    for step in chosen["steps"]:
        if "run" in step:
            print(f"bash -e -c {shlex.quote(step['run'])} || exit")


def gitlab(text, job, _):
    flow = yaml.load(text, Strict)
    jobs = {name: each for name, each in flow.items() if name not in GITLAB}
    known(flow["default"], GITLAB_JOB, "default")
    for name, each in jobs.items():
        known(each, GITLAB_JOB, name)
        if each["stage"] not in flow["stages"]:
            raise SystemExit(f"{name}: stage {each['stage']} is not there")
    for name, value in flow.get("variables", {}).items():
        print(f'export {name}="{value}"')
    lines = jobs[job].get("before_script", flow["default"].get("before_script", [])) + jobs[job]["script"]
    print("set -e", *lines, sep="\n")


def jenkins(text, stage, _):
    text = re.sub(r"^//.*\n", "", text, flags=re.M)
    shells = re.compile(r"\bsh '''(.*?)'''", re.S)
    frame = re.sub(r"'[^'\n]*'|\"[^\"\n]*\"", "''", shells.sub("sh ''", text))
    if frame.count("{") != frame.count("}"):
        raise SystemExit("brackets do not match")
    known(re.findall(r"^\s*([a-z]\w*)\b(?! *=)", frame, re.M), JENKINS, "Jenkinsfile")
    body = text.split(f"stage('{stage}')", 1)[1].split("\n        stage(", 1)[0]
    for script in shells.findall(body):
        # Groovy's own escapes in '''...''': a backslash at the end of a line joins lines.
        script = script.replace("\\\n", "").replace("\\\\", "\\")
        print(f"sh -xe -c {shlex.quote(script)} || exit")


def main():
    path, job, *values = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    read = jenkins if path.endswith("Jenkinsfile") else gitlab if "gitlab" in path else github
    read(text, job, dict(value.split("=", 1) for value in values))


main()
