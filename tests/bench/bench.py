#!/usr/bin/env python3
"""Our binary beside Debian's buildah: the same work, in turn, in one run.

Prints a row a workload: median seconds of each, the ratio, the peak memory of our
largest process, and the disk space that we needed beyond what stayed. What counts
is the ratio: seconds differ from machine to machine. A whole run writes
docs/benchmarks.md.

Usage: bench.py [--runs N] [--only a,b] [--work DIR] [--ours BINARY]
"""
import argparse
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time

import report
from builders import DiskWatch, Tool, base_image, fresh_disk, registry
from cached import CACHED, CACHED_LARGE
from workloads import LARGE, WORKLOADS, Ground, sync_counts

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
STOCK = "/usr/bin/buildah"


def once(tool, work, ground):
    """Seconds, and MiB of extra disk."""
    with DiskWatch(ground.disk) as watch:
        start = time.monotonic()
        own = work(tool, ground)
        seconds = time.monotonic() - start if own is None or isinstance(own, str) else own
    return seconds, watch.extra


def measure(tools, name, what, work, ground, runs):
    """One row."""
    seconds, extra = {t.name: [] for t in tools}, {t.name: [] for t in tools}
    for tool in tools:
        tool.peak = 0.0
    for _ in range(runs):
        for tool in tools:
            s, e = once(tool, work, ground)
            seconds[tool.name].append(s)
            extra[tool.name].append(e)
    return report.Row(name, what, {t.name: report.Result(statistics.median(seconds[t.name]), t.peak, statistics.median(extra[t.name])) for t in tools})


def benchmark(options, work):
    with fresh_disk(work) as disk, registry(work) as host:
        ground = Ground(disk, host)
        tools = [Tool("ours", options.ours, disk)]
        if os.path.exists(STOCK):
            tools.append(Tool("stock", STOCK, disk))
        for tool in tools:
            base_image(tool, disk)
        names = [n for n in options.only.split(",") if n]
        rows = []
        print(report.HEADER, flush=True)
        for name, (what, job) in {**WORKLOADS, **CACHED, **LARGE, **CACHED_LARGE}.items():
            if names and name not in names:
                continue
            large = name in LARGE or name in CACHED_LARGE
            row = measure(tools[:1] if large else tools, name, what, job, ground, 1 if large else options.runs)
            print(row.line(), flush=True)
            rows.append(row)
        if names:
            return
        syncs = {}
        if shutil.which("strace"):
            syncs = {t.name: sync_counts(t, ground) for t in tools}
        file = os.path.join(TOP, "docs", "benchmarks.md")
        report.write(file, rows, syncs, options.runs)
        print(f"written to {os.path.relpath(file)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--work", default="/var/tmp")
    parser.add_argument("--ours", default=os.path.join(TOP, "bin", "buildah"), metavar="BINARY")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench.py: it makes a file system for itself, which needs root")
    os.environ["BUILDAH_RUNTIME"] = os.environ.get("BUILDAH_RUNTIME", "runc")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    work = tempfile.mkdtemp(prefix="buildah-bench.", dir=options.work)
    try:
        benchmark(options, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
