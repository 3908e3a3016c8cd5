"""Checks every template: it compiles, keeps to the content security policy, and its Japanese can be translated."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import django
from django.template import TemplateSyntaxError
from django.template.loader import get_template

ROOT = Path(__file__).parent.parent / "templates"

# What the policy forbids would fail silently in the browser.
FORBIDDEN = (
    (re.compile(r"<[a-z][^>]*\sstyle\s*=", re.IGNORECASE), "style= (use a class)"),
    (re.compile(r"<style\b", re.IGNORECASE), "<style> (use the stylesheet)"),
    (re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.IGNORECASE), "on…= (use hypermail.js)"),
    (re.compile(r"""=\s*["']?javascript:""", re.IGNORECASE), "javascript: link"),
    (re.compile(r"<script(?![^>]*\b(src|nonce)=)[^>]*>", re.IGNORECASE), "inline <script> without a nonce"),
)
# Without the middle dot, which only separates.
JAPANESE = re.compile(r"[぀-ヺー-ヿ㐀-鿿＀-ﾟ]+")
# What may hold Japanese: comments, what gettext sees, and date formats. Line breaks stay, so that line numbers do.
HARMLESS = re.compile(
    r"{#.*?#}|{%\s*comment\b.*?%}.*?{%\s*endcomment\s*%}"
    r"|{%\s*blocktranslate\b.*?%}.*?{%\s*endblocktranslate\s*%}"
    r"|{%\s*translate\s+(?:\"[^\"]*\"|'[^']*')"
    r"|\|(?:date|time):(?:\"[^\"]*\"|'[^']*')"
    r"|_\((?:\"[^\"]*\"|'[^']*')\)",
    re.DOTALL,
)


def find_faults(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the description of each fault in a template's source."""
    bare = HARMLESS.sub(lambda match: "\n" * match.group().count("\n"), text)
    for pattern, description in FORBIDDEN:
        for match in pattern.finditer(bare):
            yield bare.count("\n", 0, match.start()) + 1, description
    for match in JAPANESE.finditer(bare):
        line = bare.count("\n", 0, match.start()) + 1
        yield line, f"Japanese outside {{% translate %}}: {match.group()}"


def main() -> int:
    """Print the faults of all templates; return 1 if there are any."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    faults = []
    paths = sorted(path for path in ROOT.rglob("*") if path.suffix in {".html", ".txt"})
    for path in paths:
        name = path.relative_to(ROOT)
        try:
            get_template(str(name))
        except TemplateSyntaxError as error:
            faults.append(f"{name}: does not compile: {error}")
        faults += [f"{name}:{line}: {description}" for line, description in find_faults(path.read_text())]
    sys.stdout.write("".join(f"templates/{fault}\n" for fault in faults))
    sys.stdout.write(f"{len(paths)} templates, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
