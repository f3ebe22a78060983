"""Reads images out of a store's files, without asking either of the builders."""
import base64
import contextlib
import ctypes
import json
import os
import tempfile

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_RDONLY, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 1, 0x4000, 1 << 18, 2


def leave_mounts_behind():
    """Gives this process a mount namespace that ends with it, and all mounts in it."""
    if LIBC.unshare(CLONE_NEWNS) or LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "a mount namespace of our own: the corpus needs root")


def unmount_below(directory):
    with open("/proc/self/mountinfo") as f:
        targets = [line.split()[4] for line in f]
    for target in sorted((t for t in targets if t.startswith(directory + "/")), reverse=True):
        LIBC.umount2(target.encode(), MNT_DETACH)


class Image:
    """An image of a store: its manifest, its configuration, and its layers, the lowest first."""

    def __init__(self, store, record):
        self.store, self.record = store, record
        self.directory = os.path.join(store, "overlay-images", record["id"])
        self.manifest = json.loads(self.data("manifest"))
        self.config = json.loads(self.data(self.manifest["config"]["digest"]))
        self.layers = self.chain(record.get("layer"))

    def data(self, key):
        name = key if ":" not in key else "=" + base64.b64encode(key.encode()).decode()
        with open(os.path.join(self.directory, name), "rb") as f:
            return f.read()

    def chain(self, layer):
        parents = {record["id"]: record.get("parent") for record in read(self.store, "layers")}
        found = []
        while layer:
            found.insert(0, layer)
            layer = parents[layer]
        return found

    @contextlib.contextmanager
    def mounted(self):
        """The root file system, as the kernel puts it together."""
        with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as target:
            os.mkdir(os.path.join(empty, "1"))
            os.mkdir(os.path.join(empty, "2"))
            lowers = [os.path.join(self.store, "overlay", layer) for layer in reversed(self.layers)]
            links = [os.path.join(self.store, "overlay", "l", open(os.path.join(lower, "link")).read()) for lower in lowers]
            options = "lowerdir=" + ":".join(links + [os.path.join(empty, n) for n in ("1", "2")])
            if LIBC.mount(b"overlay", target.encode(), b"overlay", MS_RDONLY, options.encode()):
                raise OSError(ctypes.get_errno(), f"mounting {options}")
            try:
                yield target
            finally:
                LIBC.umount2(target.encode(), MNT_DETACH)


def read(store, what):
    with open(os.path.join(store, f"overlay-{what}", f"{what}.json")) as f:
        return json.load(f)


def find(store, name):
    for record in read(store, "images"):
        if name in (record.get("names") or []):
            return Image(store, record)
    raise KeyError(f"no image {name} in {store}")
