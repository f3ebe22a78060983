"""Remembers what the other builder made, which only changes with what it was given."""
import hashlib
import json
import os

from . import entry, store


class Memory:
    """Descriptions of images by all that they come from: the context, the flags, the base images, the binary."""

    def __init__(self, directory, builder):
        self.directory, self.used = directory, set()
        status = os.stat(builder.binary)
        bases = sorted((record["names"], record["id"]) for record in store.read(builder.root, "images") if record.get("names"))
        self.given = json.dumps([status.st_size, int(status.st_mtime), builder.extra, bases, sources()])

    def recall(self, context, flags, make):
        """The description of a build, which is only made when it is not known."""
        name = fingerprint(context, self.given + flags)
        self.used.add(name)
        path = os.path.join(self.directory, name)
        try:
            with open(path) as f:
                return json.load(f)
        except FileNotFoundError:
            fields = make()
        os.makedirs(self.directory, exist_ok=True)
        part = f"{path}.{os.getpid()}"
        with open(part, "w") as f:
            json.dump(fields, f)
        os.rename(part, path)
        return fields

    def forget(self):
        """Removes what nothing asked for in a run of all entries."""
        for name in set(os.listdir(self.directory)) - self.used:
            os.remove(os.path.join(self.directory, name))


def sources():
    """The digest of the code that describes images."""
    text = b""
    for name in ("describe.py", "store.py"):
        with open(os.path.join(entry.HERE, "lib", name), "rb") as f:
            text += f.read()
    return hashlib.sha256(text).hexdigest()


def fingerprint(directory, text):
    total = hashlib.sha256(text.encode())
    for path, _ in sorted(entry.walk(directory)):
        status = os.lstat(path)
        total.update(f"\0{path[len(directory):]} {status.st_mode:o} {status.st_uid}:{status.st_gid} {status.st_nlink} {status.st_size}\0".encode())
        if os.path.islink(path):
            total.update(os.readlink(path).encode())
        elif os.path.isfile(path):
            with open(path, "rb") as f:
                total.update(f.read())
    return total.hexdigest()
