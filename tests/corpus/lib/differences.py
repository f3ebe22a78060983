"""The known differences, each with its reason, and what of them was seen."""
import fnmatch
import os
import re
import tomllib

from . import describe, entry


class Rule:
    """One table of differences.toml. Patterns are whole regular expressions, those of entries globs."""

    def __init__(self, table):
        self.entries, self.reason = table["entries"], table["reason"]
        self.builds = table.get("builds", "*")
        self.field = re.compile(table["field"])
        self.sides = {side: re.compile(table.get(side, ".*"), re.DOTALL) for side in ("stock", "ours")}
        self.seen = set()  # the patterns of entries that it was needed for

    def explains(self, name, flags, field, values):
        if not fnmatch.fnmatchcase(flags, self.builds) or not self.field.fullmatch(field):
            return False
        if not all(pattern.fullmatch(values[side]) for side, pattern in self.sides.items()):
            return False
        patterns = [p for p in self.entries if fnmatch.fnmatchcase(name, p)]
        self.seen.update(patterns)
        return bool(patterns)


class Differences:
    def __init__(self):
        with open(os.path.join(entry.HERE, "differences.toml"), "rb") as f:
            tables = tomllib.load(f)
        self.rules = [Rule(table) for table in tables.get("difference", [])]
        self.rewrites = [(re.compile(t["field"]), re.compile(t["text"]), t["by"]) for t in tables.get("rewrite", [])]
        self.rewritten = set()

    def between(self, name, flags, stock, ours):
        """The differences that no rule explains, as lines."""
        lines = []
        for field in sorted(stock.keys() | ours.keys()):
            values = {"stock": self.text(field, stock), "ours": self.text(field, ours)}
            if values["stock"] == values["ours"]:
                continue
            if not any([rule.explains(name, flags, field, values) for rule in self.rules]):
                lines.append(f"{field}\n      stock: {values['stock']}\n      ours:  {values['ours']}")
        return lines

    def text(self, field, fields):
        text = describe.show(fields[field]) if field in fields else "(none)"
        for n, (name, pattern, by) in enumerate(self.rewrites):
            if name.fullmatch(field):
                text, count = pattern.subn(by, text)
                if count:
                    self.rewritten.add(n)
        return text

    def stale(self, names):
        """Rules that nothing needed, among those whose entries were all built."""
        lines = []
        for rule in self.rules:
            for pattern in rule.entries:
                every = {e.name for e in entry.all_entries() if not e.ours_only and fnmatch.fnmatchcase(e.name, pattern)}
                if every <= set(names) and pattern not in rule.seen:
                    lines.append(f"{pattern}: {rule.field.pattern}: {rule.reason}")
        if len(names) == len(entry.all_entries()):
            lines += [f"rewriting {field.pattern}" for n, (field, _, _) in enumerate(self.rewrites) if n not in self.rewritten]
        return lines
