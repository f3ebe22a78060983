"""Rows on the terminal, and docs/benchmarks.md."""
import dataclasses
import os
import platform
import subprocess

HEADER = f"{'workload':16} {'ours':>9} {'stock':>9} {'ratio':>6} {'memory':>8} {'extra disk':>11}"


@dataclasses.dataclass
class Result:
    seconds: float  # median
    memory: float   # MiB, peak
    extra: float    # MiB of disk, median


@dataclasses.dataclass
class Row:
    name: str
    what: str
    results: dict  # by name of the tool

    @property
    def ours(self):
        return self.results["ours"]

    @property
    def stock(self):
        return self.results.get("stock")

    def ratio(self):
        return f"{self.ours.seconds / self.stock.seconds:.2f}" if self.stock else "-"

    def line(self):
        stock = f"{self.stock.seconds:8.3f}s" if self.stock else "        -"
        return (f"{self.name:16} {self.ours.seconds:8.3f}s {stock} {self.ratio():>6} "
                f"{self.ours.memory:4.0f} MiB {self.ours.extra:7.0f} MiB")


def machine():
    with open("/proc/meminfo") as f:
        total = int(f.readline().split()[1]) / (1 << 20)
    return f"{os.cpu_count()} cores, {total:.0f} GiB of memory, Linux {platform.release().split('-')[0]}"


def stock_version():
    out = subprocess.run(["/usr/bin/buildah", "--version"], capture_output=True, text=True, check=False).stdout
    return out.split("(")[0].strip() or "nothing beside it"


def number(result, form):
    return form(result) if result else "–"


def write(file, rows, syncs, runs):
    lines = [
        "# Benchmarks", "",
        "Written by `make bench`: the same work by our binary and by Debian's buildah, in turn, in one run, each with a store",
        "of its own on a new ext4 in a file. What counts is the ratio; the seconds are this machine's.", "",
        f"Machine: {machine()}. Beside: {stock_version()}. Median of {runs} runs; memory is the peak of the largest process; extra",
        "disk is what was used on the way beyond what stayed.", "",
        "| workload | ours, s | stock, s | ratio | memory, MiB | stock's | extra disk, MiB | stock's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        lines.append(
            f"| {r.what} (`{r.name}`) | {r.ours.seconds:.3f} | {number(r.stock, lambda s: f'{s.seconds:.3f}')} | {r.ratio()} | "
            f"{r.ours.memory:.0f} | {number(r.stock, lambda s: f'{s.memory:.0f}')} | {r.ours.extra:.0f} | {number(r.stock, lambda s: f'{s.extra:.0f}')} |")
    if syncs:
        lines += ["", "How often a command waits for the disk (fsync, fdatasync):", "", "| command | ours | stock |", "|---|---|---|"]
        for name, count in syncs["ours"].items():
            lines.append(f"| {name} | {count} | {syncs.get('stock', {}).get(name, '–')} |")
    temporary = file + ".new"
    with open(temporary, "w") as f:
        f.write("\n".join(lines) + "\n")
    os.replace(temporary, file)
