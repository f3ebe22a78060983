#!/usr/bin/env python3
"""Builds an image from Python, with nothing but the standard library.

Usage: build.py DIRECTORY [IMAGE]
  DIRECTORY  pages of a site; those that end in .in have @VERSION@ filled in
  IMAGE      name in the local store (default localhost/python-site)
Environment: BASE image (docker.io/library/busybox), VERSION of the site (dev).
Needs root, or `buildah unshare` in front, as every script that mounts.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys


class BuildahError(Exception):
    """A command ended with another status than 0; `status` and what it said are kept."""

    def __init__(self, argv, status, stderr):
        super().__init__(f"{' '.join(argv[:2])}: {stderr.strip() or f'status {status}'}")
        self.argv, self.status, self.stderr = argv, status, stderr


class Buildah:
    """The verbs, with words as they are: no shell reads them, so none needs quoting."""

    def __init__(self, *options, program="buildah"):
        self.command = [program, *options]

    def __call__(self, verb, *words, stdin=None):
        """Runs one command and returns what it wrote, without the last line end."""
        argv = [*self.command, verb, *map(str, words)]
        done = subprocess.run(argv, input=stdin, stdin=None if stdin else subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildahError(argv, done.returncode, done.stderr)
        return done.stdout.rstrip("\n")

    def inspect(self, name, kind="image"):
        return json.loads(self("inspect", "--type", kind, name))

    @contextlib.contextmanager
    def container(self, image, *options):
        """A working container that is gone after the block, however the block ends."""
        container = Container(self, self("from", *options, image))
        try:
            yield container
        finally:
            self("rm", container.name)


class Container:
    def __init__(self, buildah, name):
        self.buildah, self.name = buildah, name

    def run(self, *argv, options=(), stdin=None):
        return self.buildah("run", *options, self.name, "--", *argv, stdin=stdin)

    def copy(self, *sources, to, options=()):
        return self.buildah("copy", *options, self.name, *sources, to)

    def config(self, **settings):
        """config(env=["A=1", "B=2"], cmd=["httpd", "-f"]): lists of words are JSON."""
        words = []
        for flag, value in settings.items():
            if flag in ("cmd", "entrypoint", "shell") and not isinstance(value, str):
                value = json.dumps(value)
            for item in [value] if isinstance(value, str) else value:
                words.append(f"--{flag.replace('_', '-')}={item}")
        self.buildah("config", *words, self.name)

    @contextlib.contextmanager
    def mounted(self):
        """The root directory of the container, as a path."""
        path = self.buildah("mount", self.name)
        try:
            yield pathlib.Path(path)
        finally:
            self.buildah("umount", self.name)

    def commit(self, image, *options):
        return self.buildah("commit", "--quiet", *options, self.name, image)


def build(buildah, directory, image):
    version = os.environ.get("VERSION", "dev")
    with buildah.container(os.environ.get("BASE", "docker.io/library/busybox")) as web:
        # Files are worked on with Python's own means, where they lie in the image.
        with web.mounted() as root:
            site = root / "www"
            shutil.copytree(directory, site)
            for template in site.rglob("*.in"):
                template.with_suffix("").write_text(template.read_text().replace("@VERSION@", version))
                template.unlink()
        web.run("sh", "-c", 'find "$1" -type f | sort >/www.list', "sh", "/www")
        web.config(env=[f"VERSION={version}"], port="8080", workingdir="/www", user="nobody",
                   cmd=["httpd", "-f", "-p", "8080", "-h", "/www"],
                   label=["org.opencontainers.image.title=a site built by Python"])
        return web.commit(image)


def main(argv):
    if not 2 <= len(argv) <= 3 or argv[1].startswith("-"):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    image = argv[2] if len(argv) == 3 else "localhost/python-site"
    buildah = Buildah()
    try:
        print(build(buildah, argv[1], image))
    except BuildahError as err:
        print(f"{argv[0]}: {err}", file=sys.stderr)
        return err.status
    except OSError as err:
        print(f"{argv[0]}: {err}", file=sys.stderr)
        return 1
    config = buildah.inspect(image)["OCIv1"]["config"]
    print(f"{image}: {' '.join(config['Cmd'])}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
