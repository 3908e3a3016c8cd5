"""What a run prints is what is read back."""

from dataclasses import replace

from tests.faults.judge import Verdict
from tests.faults.table import BAD, GOOD, HEAD, Line, add_up, read_line, read_table

VERDICT = Verdict(recipients=600, accepted=598, doubled=1, lost=2, failed=3, doubts=4, resent=5)
LINE = Line("storm", "sqlite", 600, 598, 1, 2, 3, 4, 5, 12.5, BAD)


def test_reads_what_was_printed():
    longer = replace(LINE, scenario="accepted_then_dropped_and_resent", database="postgresql", recipients=1_000_000)
    for line in (LINE, longer, replace(LINE, verdict=GOOD)):
        assert read_line(str(line)) == line


def test_passes_over_all_that_is_no_line():
    said = "    lost: 2 (7 sent)\nTraceback (most recent call last):\n    seed 7; Faults in all phases.\n"
    good = replace(LINE, scenario="undisturbed", verdict=GOOD)
    assert read_table(f"{HEAD}\n{LINE}\n{said}{good}\n") == {"storm": LINE, "undisturbed": good}
    assert read_table("Killed\n") == {}


def test_columns_stand_below_their_names():
    assert HEAD.split() == [*Line.__dataclass_fields__]
    assert HEAD.index("verdict") == str(LINE).index(BAD)


def test_adds_up_the_mailings_of_a_scenario():
    line = add_up("storm", "sqlite", [VERDICT, VERDICT], seconds=1, is_good=False)
    assert line == Line("storm", "sqlite", 1200, 1196, 2, 4, 6, 8, 10, 1, BAD)
    assert add_up("storm", "sqlite", [], seconds=1, is_good=True).verdict == GOOD
