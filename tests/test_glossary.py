"""docs/glossary.md names every state and label of the models and of pages, in their words."""

import re
from pathlib import Path

import pytest
from django.db.models import TextChoices

import accounts.models
import bounces.models
import campaigns.lane_overview
import campaigns.models
import designs.blocks
import designs.models
import lists.models
import mta.models
import mta.verdicts
import senders.dkim_keys
import senders.models
import signup.models
import tracking.models

GLOSSARY = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")
MODELS = (
    accounts.models,
    lists.models,
    mta.models,
    mta.verdicts,
    senders.models,
    senders.dkim_keys,
    designs.models,
    designs.blocks,
    tracking.models,
    campaigns.models,
    campaigns.lane_overview,
    bounces.models,
    signup.models,
)
# What the models define themselves and what they take from other modules for their fields.
STATES = {
    thing.__name__: thing
    for module in MODELS
    for thing in vars(module).values()
    if isinstance(thing, type) and issubclass(thing, TextChoices)
}
SECTION = re.compile(r"^### .*`(\w+)`\n\n((?:\|.*\n)+)", re.MULTILINE)
ROW = re.compile(r"^\| (.+?) \| `([A-Z0-9_]+)` \| .+ \|$", re.MULTILINE)


@pytest.mark.parametrize("choices", STATES.values(), ids=STATES.keys())
def test_states_and_labels(choices: type[TextChoices]) -> None:
    tables = dict(SECTION.findall(GLOSSARY))
    rows = [(name, label) for label, name in ROW.findall(tables.get(choices.__name__, ""))]
    assert rows == [(member.name, str(member.label)) for member in choices]


def test_names_no_state_that_is_gone() -> None:
    assert {name for name, _table in SECTION.findall(GLOSSARY)} <= set(STATES)
