"""What is said of a host of links, whatever it is called."""

import pytest

from campaigns.link_hosts import explain
from campaigns.web_asking import Verdict
from tracking.models import LinkHost


@pytest.mark.parametrize("verdict", Verdict)
def test_what_is_wrong_fits_into_its_column_with_the_longest_names(settings, verdict):
    longest = ".".join(["a" * 63] * 3 + ["b" * 57, "jp"])
    settings.BASE_URL = f"https://{longest}"
    problem = explain(LinkHost(name=longest), verdict)
    assert len(problem) <= (LinkHost._meta.get_field("problem").max_length or 0)
    assert problem.endswith("ください。")


def test_a_name_of_usual_length_stands_there_as_it_is(settings):
    settings.BASE_URL = "https://mail.example.jp"
    problem = explain(LinkHost(name="link.shop.example"), Verdict.NO_HOST)
    assert problem.startswith("link.shop.example が")
    assert "mail.example.jp へのCNAME" in problem
