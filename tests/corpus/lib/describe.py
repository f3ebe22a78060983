"""Says all that an image is as a flat map of fields, so that two images can be compared by key."""
import hashlib
import json
import os
import re
import stat
import time

START = time.time() - 2
DIGESTS = {}  # of file contents, by what changes with them
RANDOM = {
    r"(config|container_config)\.Hostname": (r"[0-9a-f]{12}", "(random)"),
    r"container": (r"[0-9a-f]{64}", "(random)"),
    r"(config|container_config)\.Labels\.io\.buildah\.version": (r"[0-9].*", "(version)"),
}


def describe(image):
    """The configuration, the manifest and every file.

    Digests of layers are not compared: 1.28 writes the file type into the mode of its tar headers, Go no longer does.
    """
    fields = {}
    flatten(fields, "", image.config)
    manifest = {k: v for k, v in image.manifest.items() if k not in ("config", "layers")}
    manifest["config"] = {"mediaType": image.manifest["config"]["mediaType"]}
    manifest["layers"] = sorted({layer["mediaType"] for layer in image.manifest["layers"]})
    flatten(fields, "manifest.", manifest)
    for name in [name for name in fields if name.endswith("onfig.Env")]:
        variables = [v.partition("=")[::2] for v in fields.pop(name)]
        fields[f"{name} order"] = [v[0] for v in variables]
        fields.update({f"{name} {key}": value for key, value in variables})
    fields.pop("rootfs.diff_ids", None)
    with image.mounted() as root:
        for path, entry in tree(root).items():
            for name, value in entry.items():
                fields[f"{path} {name}"] = value
    entries = [n for n, e in enumerate(image.config.get("history") or []) if not e.get("empty_layer")]
    for n, layer in enumerate(image.layers):
        place = f"history[{entries[n]}]" if n < len(entries) else f"layer {n} without history"
        fields[f"{place} layer"] = changed(os.path.join(image.store, "overlay", layer, "diff"))
    return fields


def flatten(fields, prefix, value):
    """Absent, null and empty are the same to whoever reads a configuration."""
    if value in (None, "", [], {}) and not isinstance(value, bool):
        # A key of a map says something without a value, too.
        if not re.match(r"(config|container_config)\.(Labels|Volumes|ExposedPorts)\..+|manifest\.annotations\..+", prefix):
            return
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            flatten(fields, f"{prefix}{key}.", inner)
    elif isinstance(value, list) and value and not isinstance(value[0], str):
        for n, inner in enumerate(value):
            flatten(fields, f"{prefix[:-1]}[{n}].", inner)
    else:
        fields[prefix[:-1]] = settle(prefix[:-1], value)


def settle(name, value):
    """Takes out what differs from one build to the next."""
    if re.search(r"(^|\.)created$", name):
        return when(value)
    for pattern, (random, shown) in RANDOM.items():
        if re.fullmatch(pattern, name) and re.fullmatch(random, str(value)):
            return shown
    return value


def when(text):
    """A time, or "now" for one of this run."""
    base = time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")
    return "now" if time.mktime(base) - time.timezone >= START else text


def tree(root):
    """Each entry by its path, with all there is to say about it."""
    entries, inodes = {}, {}
    pending = [""]
    while pending:
        at = pending.pop()
        path = root + at
        status = os.lstat(path)
        entries[at or "/"] = one(path, status)
        if stat.S_ISDIR(status.st_mode):
            pending += sorted((at + "/" + name for name in os.listdir(path)), reverse=True)
        elif status.st_nlink > 1:
            inodes.setdefault(status.st_ino, []).append(at)
    for paths in inodes.values():
        if len(paths) > 1:
            for path in paths:
                entries[path]["links"] = " ".join(sorted(paths))
    return entries


def one(path, status):
    kind = stat.S_IFMT(status.st_mode)
    entry = {"is": f"{stat.filemode(status.st_mode)[0]} {stat.S_IMODE(status.st_mode):04o} {status.st_uid}:{status.st_gid}",
             "time": "now" if status.st_mtime >= START else int(status.st_mtime)}
    if kind == stat.S_IFLNK:
        entry["target"] = os.readlink(path)
    elif kind == stat.S_IFREG:
        entry["content"] = short_text(path, status) or f"{status.st_size} bytes, sha256 {digest(path, status)}"
    elif kind in (stat.S_IFBLK, stat.S_IFCHR):
        entry["device"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        entry["xattr " + name] = os.getxattr(path, name, follow_symlinks=False).hex()
    return entry


def short_text(path, status):
    """What a reader sees more in than in its digest."""
    if 0 < status.st_size <= 160:
        with open(path, "rb") as f:
            content = f.read()
        if all(byte in b"\t\n" or 32 <= byte < 127 for byte in content):
            return json.dumps(content.decode())
    return None


def digest(path, status):
    key = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if key not in DIGESTS:
        with open(path, "rb") as f:
            DIGESTS[key] = hashlib.file_digest(f, "sha256").hexdigest()
    return DIGESTS[key]


def changed(diff):
    """What a layer holds and what it takes away, but for directories."""
    paths = []
    for at, dirs, files in os.walk(diff):
        for name in files + [d for d in dirs if os.path.islink(os.path.join(at, d))]:
            path = os.path.join(at, name)
            status = os.lstat(path)
            gone = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
            paths.append(path[len(diff):] + (" gone" if gone else ""))
    return sorted(paths)


def show(value):
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
