"""The builders that are compared, and the ground they stand on."""
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request

BASE = "localhost/base:latest"


class Tool:
    """One builder with a store of its own."""

    def __init__(self, name, binary, disk):
        self.name, self.binary, self.root = name, binary, os.path.join(disk, "store-" + name)
        self.peak = 0.0  # MiB, of the largest process since it was last set
        self.done = set()

    def argv(self, *words):
        return [self.binary, "--root", self.root, "--runroot", self.root + "-run", "--storage-driver", "overlay", *words]

    def run(self, *words):
        """Runs a command; gives its last line of output."""
        process = subprocess.Popen(self.argv(*words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   stdin=subprocess.DEVNULL, text=True)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.peak = max(self.peak, usage.ru_maxrss / 1024)
        if process.returncode:
            raise RuntimeError(f"{self.name} {words}: {out[-800:]}")
        lines = out.strip().splitlines()
        return lines[-1] if lines else ""

    def build(self, context, name="localhost/out", cached=False):
        self.run("bud", "--layers", *([] if cached else ["--no-cache"]), "--network", "host", "-q", "-t", name, context)

    def once(self, what):
        """Tells whether something is asked for the first time."""
        first = what not in self.done
        self.done.add(what)
        return first

    def syncs(self, *words):
        """How often a command waits for the disk, by strace."""
        trace = self.root + ".strace"
        subprocess.run(["strace", "-f", "-qq", "-o", trace, "-e", "trace=fsync,fdatasync,sync,syncfs", *self.argv(*words)],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(trace) as f:
            return sum(1 for line in f if "sync" in line and "resumed" not in line)


def base_image(tool, disk):
    """Busybox, made by the tool itself."""
    root = os.path.join(disk, "busybox")
    if not os.path.exists(root):
        for d in ("bin", "etc", "tmp", "proc", "sys", "dev", "run"):
            os.makedirs(os.path.join(root, d))
        shutil.copy("/bin/busybox", os.path.join(root, "bin", "busybox"))
        for applet in ("sh", "true", "dd", "echo", "cat", "sleep"):
            os.symlink("busybox", os.path.join(root, "bin", applet))
    container = tool.run("from", "scratch")
    tool.run("copy", "-q", container, root, "/")
    tool.run("commit", "-q", container, BASE)
    tool.run("rm", container)


@contextlib.contextmanager
def fresh_disk(work):
    """A new file system in a file. What was deleted before slows down some file
    systems for minutes, ext4 without a journal tenfold."""
    image, disk = os.path.join(work, "disk.img"), os.path.join(work, "disk")
    os.makedirs(disk)
    with open(image, "wb") as f:
        f.truncate(64 << 30)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, disk], check=True)
    try:
        yield disk
    finally:
        unmount(disk)


def unmount(top):
    with open("/proc/self/mountinfo") as f:
        mounts = [line.split()[4] for line in f if line.split()[4].startswith(top)]
    for mount in sorted(mounts, reverse=True):
        subprocess.run(["umount", "-l", mount], check=False)


@contextlib.contextmanager
def registry(work):
    """A registry on a free port of the loopback; gives its host."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        host = "127.0.0.1:%d" % s.getsockname()[1]
    config = os.path.join(work, "registry.yml")
    with open(config, "w") as f:
        f.write(f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {work}/registry}}}}\nhttp: {{addr: '{host}'}}\n"
                "log: {level: error, accesslog: {disabled: true}}\n")
    server = subprocess.Popen(["docker-registry", "serve", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{host}/v2/").close()
                break
            time.sleep(0.1)
        yield host
    finally:
        server.kill()
        server.wait()


class DiskWatch:
    """The most that was used of a disk while it watched, in MiB above what is used after."""

    def __init__(self, disk):
        self.disk, self.most, self.extra, self.done = disk, 0, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def used(self):
        s = os.statvfs(self.disk)
        return (s.f_blocks - s.f_bfree) * s.f_frsize

    def watch(self):
        while not self.done.wait(0.02):
            self.most = max(self.most, self.used())

    def __enter__(self):
        os.sync()  # what is written late does not belong to this run
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        os.sync()
        self.extra = max(0.0, (self.most - self.used()) / (1 << 20))
