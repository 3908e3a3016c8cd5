"""Fills the last column of docs/behaviours.md with the tests that carry each id; `--check` only compares.

A test carries an id in its name or docstring (`A7`). Ids without a test say so: they are still to be built.
"""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "behaviours.md"
ROW = re.compile(r"^\| ([A-F]\d+) \| ([^|]*) \|[^|]*\|$")
ID = re.compile(r"(?<![A-Za-z0-9])([A-F]\d{1,2})(?![A-Za-z0-9])")
OPEN = "–"


def find_tests() -> dict[str, list[str]]:
    """Return the tests that carry each id, as `path::name`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test_"):
                continue
            carried = ID.findall(ast.get_docstring(node) or "") + ID.findall(node.name.replace("_", " "))
            for behaviour in dict.fromkeys(carried):
                found[behaviour].append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def fill(text: str, tests: dict[str, list[str]]) -> str:
    """Return the table with its last column made anew."""

    def row(line: str) -> str:
        match = ROW.match(line)
        if match is None:
            return line
        named = "<br>".join(f"`{name}`" for name in tests.get(match[1], [])) or OPEN
        return f"| {match[1]} | {match[2].strip()} | {named} |"

    return "\n".join(row(line) for line in text.split("\n"))


def main() -> int:
    """Write or compare; 1 where the table is not up to date or a test carries an id that the table lacks."""
    text = TABLE.read_text(encoding="utf-8")
    tests = find_tests()
    known = {match[1] for line in text.split("\n") if (match := ROW.match(line))}
    if unknown := sorted(set(tests) - known):
        sys.stderr.write(f"docs/behaviours.md lacks {', '.join(unknown)}\n")
        return 1
    filled = fill(text, tests)
    if "--check" in sys.argv:
        if filled != text:
            sys.stderr.write("docs/behaviours.md is not up to date: python tools/behaviours.py\n")
        return int(filled != text)
    TABLE.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
