#!/usr/bin/env python3
"""Our binary beside Debian's buildah: the same work, in turn, in one run.

Prints a row a workload: median seconds of each, the ratio, and the peak memory of
our largest process. What counts is the ratio: seconds differ from machine to machine.

Usage: bench.py [--runs N] [--only a,b] [--work DIR] [--ours BINARY]
"""
import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, "..", "..", "bin", "buildah")
BASE = "localhost/base:latest"


class Tool:
    """One builder with a store of its own."""

    def __init__(self, name, binary, work):
        self.name, self.binary, self.root = name, binary, os.path.join(work, "store-" + name)
        self.peak = 0

    def run(self, *words):
        """Runs a command; gives its last line of output."""
        argv = [self.binary, "--root", self.root, "--runroot", self.root + "-run", "--storage-driver", "overlay", *words]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.peak = max(self.peak, usage.ru_maxrss / 1024)
        if process.returncode:
            raise RuntimeError(f"{self.name} {words}: {out[-800:]}")
        lines = out.strip().splitlines()
        return lines[-1] if lines else ""

    def build(self, context):
        self.run("bud", "--layers", "--no-cache", "--network", "host", "-q", "-t", "localhost/out", context)


def context(work, name, body, files=None):
    path = os.path.join(work, "context-" + name)
    os.makedirs(path, exist_ok=True)
    with open(os.path.join(path, "Dockerfile"), "w") as f:
        f.write(f"FROM {BASE}\n" + body)
    data = os.path.join(path, "data")
    if files and not os.path.exists(data):
        os.makedirs(data)
        files(data)
    return path


def many_files(data):
    for i in range(30000):
        directory = os.path.join(data, str(i % 97), str(i % 13))
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, f"f{i}.txt"), "wb") as f:
            f.write(os.urandom(1500))


def big_file(data):
    with open(os.path.join(data, "big.bin"), "wb") as f:
        for _ in range(1024):
            f.write(os.urandom(1 << 20))


def script_verbs(tool, _):
    container = tool.run("from", "-q", BASE)
    for i in range(10):
        tool.run("config", "--env", f"A{i}=b", container)
    for i in range(3):
        tool.run("copy", "-q", container, "/etc/hostname", f"/h{i}")
    tool.run("commit", "-q", container, "localhost/s")
    tool.run("rm", container)


def run_verb(tool, _, isolation="oci"):
    container = tool.run("from", "-q", BASE)
    start = time.monotonic()
    for _ in range(5):
        tool.run("run", "--isolation", isolation, "--network", "host", container, "true")
    seconds = (time.monotonic() - start) / 5
    tool.run("rm", container)
    return seconds


WORKLOADS = {
    "version": lambda t, w: t.run("version"),
    "script_verbs": script_verbs,
    "run_verb": run_verb,
    "run_verb_chroot": lambda t, w: run_verb(t, w, "chroot"),
    "run10": lambda t, w: t.build(context(w, "run10", "".join(f"RUN echo {i} > /r{i}\n" for i in range(10)))),
    "config20": lambda t, w: t.build(context(w, "config20", "".join(f"ENV V{i}={i}\n" for i in range(20)))),
    "copy_30k": lambda t, w: t.build(context(w, "copy30k", "COPY data /app\n", many_files)),
    "copy_1g": lambda t, w: t.build(context(w, "copy1g", "COPY data /app\n", big_file)),
    "run_1g": lambda t, w: t.build(context(w, "run1g", "RUN dd if=/dev/zero of=/z bs=1M count=1024 2>/dev/null\n")),
}


def base_image(tool, work):
    """Busybox, made by the tool itself."""
    root = os.path.join(work, "busybox")
    if not os.path.exists(root):
        for d in ("bin", "etc", "tmp", "proc", "sys", "dev", "run"):
            os.makedirs(os.path.join(root, d))
        shutil.copy("/bin/busybox", os.path.join(root, "bin", "busybox"))
        for applet in ("sh", "true", "dd", "echo", "cat"):
            os.symlink("busybox", os.path.join(root, "bin", applet))
    container = tool.run("from", "scratch")
    tool.run("copy", "-q", container, root, "/")
    tool.run("commit", "-q", container, BASE)
    tool.run("rm", container)


def measure(tools, work, names, runs):
    print(f"{'workload':16} {'ours':>9} {'stock':>9} {'ratio':>6} {'memory':>8}", flush=True)
    for name in names:
        seconds = {tool.name: [] for tool in tools}
        for tool in tools:
            tool.peak = 0
        for _ in range(runs):
            for tool in tools:
                start = time.monotonic()
                own = WORKLOADS[name](tool, work)
                seconds[tool.name].append(own if isinstance(own, float) else time.monotonic() - start)
        median = [statistics.median(seconds[tool.name]) for tool in tools]
        ratio = f"{median[0] / median[1]:6.2f}" if len(median) > 1 else "     -"
        other = f"{median[1]:8.3f}s" if len(median) > 1 else "        -"
        print(f"{name:16} {median[0]:8.3f}s {other} {ratio} {tools[0].peak:5.0f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--work", default="")
    parser.add_argument("--ours", default=OURS, metavar="BINARY")
    options = parser.parse_args()
    os.environ["BUILDAH_RUNTIME"] = os.environ.get("BUILDAH_RUNTIME", "runc")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    work = options.work or tempfile.mkdtemp(prefix="buildah-bench.", dir="/var/tmp")
    tools = [Tool("ours", options.ours, work)]
    if os.path.exists("/usr/bin/buildah"):
        tools.append(Tool("stock", "/usr/bin/buildah", work))
    try:
        for tool in tools:
            base_image(tool, work)
        measure(tools, work, [n for n in options.only.split(",") if n] or list(WORKLOADS), options.runs)
    finally:
        if not options.work:
            with open("/proc/self/mountinfo") as f:
                mounts = [line.split()[4] for line in f if line.split()[4].startswith(work)]
            for mount in sorted(mounts, reverse=True):
                subprocess.run(["umount", "-l", mount], check=False)
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
