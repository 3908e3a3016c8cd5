"""A panic of a parser written in Rust is refused content; whatever else ends a worker does so still."""

import pytest
from mjml import mjml2html

from designs.exceptions import DesignRefused
from designs.panics import panics_refused
from designs.rendering import convert

pytestmark = pytest.mark.once
# mrml panics within the last character before the mark.
PANICS = "<mjml><mj-body><mj-section>おすすめ><mj-column></mj-column></mj-section></mj-body></mjml>"


def test_a_panic_is_refused_with_the_sentence():
    with pytest.raises(DesignRefused) as refused, panics_refused("直してください。"):
        mjml2html(PANICS)
    assert refused.value.sentence == "直してください。"
    assert not isinstance(refused.value.__cause__, Exception)
    with pytest.raises(DesignRefused):
        convert(PANICS)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, ValueError])
def test_whatever_else_is_raised_goes_through(kind):
    with pytest.raises(kind), panics_refused("直してください。"):
        raise kind
