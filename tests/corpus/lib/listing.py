"""What an image of ours holds beyond its base, as text: the files `expected`."""
import difflib

from . import describe

BASE_TIME, BASE_CREATED = 1700000000, "2023-11-14T22:13:20Z"  # of all that the base images bring
# What is the base's, the machine's, or there twice.
UNTOLD = ("architecture", "container_config.", "manifest.annotations.org.opencontainers.image.base.digest")


def section(flags, image):
    fields = describe.describe(image)
    lines = [f"== {flags}".rstrip()]
    files, base = {}, sum(1 for e in image.config.get("history") or [] if describe.when(e["created"]) == BASE_CREATED)
    for field, value in sorted(fields.items()):
        if field.startswith("/"):
            path, _, name = field.partition(" ")
            files.setdefault(path, {})[name] = describe.show(value)
        elif field.startswith("history["):
            number, _, name = field[len("history["):].partition("]")
            if int(number) >= base:
                lines.append(f"history[{int(number) - base}]{name} = {describe.show(value)}")
        elif not field.startswith(UNTOLD) and value is not False:
            lines.append(f"{field} = {describe.show(value)}".rstrip())
    for path, about in files.items():
        if about["time"] == str(BASE_TIME):
            continue
        lines.append(f"{path}: " + ", ".join(f"{k} {v}" for k, v in about.items() if v))
    return "\n".join(lines) + "\n"


def compare(path, text, update):
    """What differs from the file, which is written instead when it shall be."""
    if update:
        with open(path, "w") as f:
            f.write(text)
        return []
    with open(path) as f:
        wanted = f.read()
    return [line for line in difflib.unified_diff(wanted.splitlines(), text.splitlines(), "expected", "ours", lineterm="", n=0)]
