"""An entry of the corpus: a directory with a Dockerfile and the files of its context.

Three names at the top of it are not part of the context:
  args      one build a line, as flags; without it one build without flags.
            What follows " // " is for our binary alone; {site} is an HTTP server of all contexts
  prepare   a script that makes in the context what git cannot keep
  expected  what our image holds, for an entry that the other builder cannot build
"""
import os
import shlex
import shutil
import subprocess

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEFAULT_BUILDS = [""]
OURS_ALONE = ["args", "prepare", "expected"]
FIXED_TIME = 1600000000
SITE = ""  # set when there is a server


class Entry:
    def __init__(self, name):
        self.name, self.path = name, os.path.join(HERE, name)
        self.expected = os.path.join(self.path, "expected")
        self.ours_only = os.path.exists(self.expected)

    def builds(self):
        """The flags of each build of this entry, a line each."""
        try:
            with open(os.path.join(self.path, "args")) as f:
                return [line.strip() for line in f if not line.startswith("#")]
        except FileNotFoundError:
            return DEFAULT_BUILDS

    def lay_out(self, directory):
        """Copies the context so that it is the same whatever the checkout's modes and times."""
        shutil.copytree(self.path, directory, symlinks=True,
                        ignore=lambda at, names: OURS_ALONE if at == self.path else [])
        for path, is_dir in walk(directory):
            if not os.path.islink(path):
                os.chmod(path, 0o755 if is_dir or os.access(path, os.X_OK) and os.stat(path).st_mode & 0o100 else 0o644)
        prepare = os.path.join(self.path, "prepare")
        if os.path.exists(prepare):
            subprocess.run(["bash", "-euo", "pipefail", prepare], cwd=directory, check=True, umask=0o022)
        for path, _ in walk(directory):
            os.utime(path, (FIXED_TIME, FIXED_TIME), follow_symlinks=False)


def walk(directory):
    """All paths below and with the directory, children first."""
    for at, dirs, files in os.walk(directory, topdown=False):
        for name in files:
            yield os.path.join(at, name), False
        for name in dirs:
            if os.path.islink(os.path.join(at, name)):
                yield os.path.join(at, name), False
        yield at, True


def all_entries():
    names = (n for n in os.listdir(HERE) if os.path.isdir(os.path.join(HERE, n)))
    return [Entry(n) for n in sorted(names) if {"Dockerfile", "Containerfile"} & set(os.listdir(os.path.join(HERE, n)))]


def words(flags, builder):
    common, _, ours = flags.partition(" // ") if not flags.startswith("// ") else ("", "", flags[3:])
    return shlex.split((common + " " + ours if builder == "ours" else common).replace("{site}", SITE))
