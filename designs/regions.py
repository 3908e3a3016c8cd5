"""Regions: the parts of a mail that only some recipients get, marked so that they can be cut out of the finished parts.

In HTML `<!--?3-->…<!--/3-->`, in text `{{?3}}` and `{{/3}}` on lines of their own. The number is that of the condition,
from 1 on; blocks with the same condition have the same number. Regions do not stand in one another.
"""

from __future__ import annotations

import json
from typing import Any, Final

from designs.blocks import Block, Design

OPENING: Final = "<!--?%d-->"
CLOSING: Final = "<!--/%d-->"
TEXT_OPENING: Final = "{{?%d}}"
TEXT_CLOSING: Final = "{{/%d}}"


def conditions_of(design: Design) -> tuple[dict[str, Any], ...]:
    """Return the conditions of a design, each once, in the order of their numbers."""
    shown = (dict(block.show) for block in design.blocks if block.show is not None)
    return tuple({_key(show): show for show in shown}.values())


def number_of(block: Block, conditions: tuple[dict[str, Any], ...]) -> int:
    """Return the number of the region that a block is, 0 for a block that everybody gets."""
    if block.show is None:
        return 0
    return [_key(condition) for condition in conditions].index(_key(dict(block.show))) + 1


def _key(show: dict[str, Any]) -> str:
    return json.dumps(show, sort_keys=True)
