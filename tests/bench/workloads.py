"""The work that is measured. A workload gives its own seconds, or None for all of its time."""
import os
import random
import time

from builders import BASE


class Ground:
    """Where workloads find their inputs."""

    def __init__(self, disk, registry):
        self.disk, self.registry = disk, registry

    def context(self, name, body, files=None):
        path = os.path.join(self.disk, "context-" + name)
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "Dockerfile"), "w") as f:
            f.write(f"FROM {BASE}\n" + body)
        data = os.path.join(path, "data")
        if files and not os.path.exists(data):
            os.makedirs(data)
            files(data)
        return path


def many_files(count):
    def make(data):
        for i in range(count):
            directory = os.path.join(data, str(i % 97), str(i % 13))
            os.makedirs(directory, exist_ok=True)
            with open(os.path.join(directory, f"f{i}.txt"), "wb") as f:
                f.write(os.urandom(1500))
    return make


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


def script_again(tool, _):
    """The seconds of a script of 12 steps that was run before; only ours knows its steps."""
    def script():
        container = tool.run("from", "-q", BASE)
        for i in range(4):
            tool.run("run", "--network", "host", container, "sh", "-c", f"echo {i} > /r{i}")
            tool.run("config", "--env", f"A{i}=b", container)
        tool.run("copy", "-q", container, "/etc/hostname", "/h")
        tool.run("commit", "-q", container, "localhost/s12")
        tool.run("rm", container)

    os.environ["BUILDAH_LAYERS"] = "true"
    try:
        if tool.once("script_again"):
            script()
        start = time.monotonic()
        script()
        return time.monotonic() - start
    finally:
        del os.environ["BUILDAH_LAYERS"]


def run_verb(isolation):
    def work(tool, _):
        container = tool.run("from", "-q", BASE)
        start = time.monotonic()
        for _ in range(5):
            tool.run("run", "--isolation", isolation, "--network", "host", container, "true")
        seconds = (time.monotonic() - start) / 5
        tool.run("rm", container)
        return seconds
    return work


def built(name, body, files=None):
    return lambda tool, ground: tool.build(ground.context(name, body, files))


def push(tool, name, ground):
    target = f"docker://{ground.registry}/{tool.name}-{random.randrange(10**9)}:x"
    start = time.monotonic()
    tool.run("push", "-q", "--tls-verify=false", name, target)
    return time.monotonic() - start


def push_1g(tool, ground):
    """An image that nothing is known of."""
    context = ground.context("push1g", "COPY data /app\n", big_file)
    with open(os.path.join(context, "data", "big.bin"), "r+b") as f:
        f.write(os.urandom(64))
    tool.build(context, "localhost/push")
    return push(tool, "localhost/push", ground)


def push_again(tool, ground):
    """What push_1g has pushed, to another repository."""
    return push(tool, "localhost/push", ground)


# Four stages that need nothing of each other, and one that needs them all.
STAGES4 = "".join(f"{f'FROM {BASE}' if i else ''}\nRUN sleep 2; echo {i} > /s\n" for i in range(4)) + \
    f"FROM {BASE}\n" + "".join(f"COPY --from={i} /s /s{i}\n" for i in range(4))

# name: (what it is, the work)
WORKLOADS = {
    "version": ("`version`: what every command costs", lambda t, g: t.run("version")),
    "script_verbs": ("a script of 16 verbs: from, 10 config, 3 copy, commit, rm", script_verbs),
    "script_again": ("a script of 12 steps again: from, 4 run, 4 config, copy, commit, rm", script_again),
    "run_verb": ("`run` of `true` with an OCI runtime", run_verb("oci")),
    "run_verb_chroot": ("the same with chroot isolation", run_verb("chroot")),
    "run10": ("10 small RUN steps", built("run10", "".join(f"RUN echo {i} > /r{i}\n" for i in range(10)))),
    "stages4": ("4 independent stages of 2 s each", built("stages4", STAGES4)),
    "config20": ("20 steps that only configure", built("config20", "".join(f"ENV V{i}={i}\n" for i in range(20)))),
    "copy_30k": ("COPY of 30,000 small files", built("copy30k", "COPY data /app\n", many_files(30000))),
    "copy_1g": ("COPY of a file of 1 GiB", built("copy1g", "COPY data /app\n", big_file)),
    "run_1g": ("RUN that writes 1 GiB", built("run1g", "RUN dd if=/dev/zero of=/z bs=1M count=1024 2>/dev/null\n")),
    "push_1g": ("push of 1 GiB of random data", push_1g),
    "push_again": ("the same image to another repository", push_again),
}

# Too long for Debian's buildah to be run beside; ours alone, once, for its memory.
LARGE = {
    "copy_100k": ("COPY of 100,000 small files", built("copy100k", "COPY data /app\n", many_files(100000))),
    "run_10g": ("RUN that writes 10 GiB", built("run10g", "RUN dd if=/dev/zero of=/z bs=1M count=10240 2>/dev/null\n")),
}


def sync_counts(tool, ground):
    """How often each verb waits for the disk; None without strace."""
    counts = {}

    def count(name, *words):
        counts[name] = tool.syncs(*words)

    count("from", "from", "-q", "--name", "counted", BASE)
    count("config", "config", "--env", "A=b", "counted")
    count("copy", "copy", "-q", "counted", "/etc/hostname", "/h")
    count("run", "run", "--network", "host", "counted", "true")
    count("commit", "commit", "-q", "counted", "localhost/counted")
    count("push", "push", "-q", "--tls-verify=false", "localhost/counted", f"docker://{ground.registry}/counted-{tool.name}:x")
    count("rm", "rm", "counted")
    flags = ["bud", "--layers", "--no-cache", "--network", "host", "-q", "-t", "localhost/counted"]
    count("10 RUN steps", *flags, ground.context("run10", "".join(f"RUN echo {i} > /r{i}\n" for i in range(10))))
    count("20 ENV steps", *flags, ground.context("config20", "".join(f"ENV V{i}={i}\n" for i in range(20))))
    return counts
