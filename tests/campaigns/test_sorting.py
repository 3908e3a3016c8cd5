"""Folders and labels that somebody deletes while mailings come into them."""

import pytest
from django.urls import reverse

from accounts.models import Role
from campaigns.models import Campaign, Folder, Label
from tests.campaigns.meanwhile import meanwhile
from tests.factories import make_campaign, make_list, make_user

pytestmark = pytest.mark.django_db(transaction=True)
# Behind what the form asks, before anything is stored.
AT_LAST = ("BEGIN", "FOR NO KEY UPDATE", 'UPDATE "campaigns_campaign"', 'INTO "campaigns_label_campaigns"')


@pytest.fixture
def editor(workspace, client_for):
    return client_for(make_user(workspace, Role.EDITOR))


@pytest.fixture
def campaign(workspace):
    return make_campaign(make_list(workspace))


@pytest.fixture
def folder(workspace):
    return Folder.objects.create(workspace=workspace, name="2026年度")


@pytest.fixture
def label(workspace):
    return Label.objects.create(workspace=workspace, name="定期便")


def lies_in(campaign):
    return Campaign.objects.values_list("folder", flat=True).get(pk=campaign.pk)


def gone(found):
    return lambda: type(found).objects.filter(pk=found.pk).delete()


def test_nothing_is_moved_into_a_folder_that_is_deleted_at_that_moment(editor, campaign, folder):
    with meanwhile(gone(folder), *AT_LAST) as done:
        page = editor.post(reverse("campaign_move"), {"campaigns": [campaign.pk], "to": folder.pk}, follow=True)
    assert done[0].result()
    assert "選べないフォルダです。選び直してください。" in page.content.decode()
    assert lies_in(campaign) is None


def test_neither_folder_nor_labels_are_set_where_one_is_deleted_at_that_moment(editor, campaign, folder, label):
    url, kept = (
        reverse("campaign_labels", args=[campaign.pk]),
        Label.objects.create(workspace=campaign.workspace, name="お知らせ"),
    )
    data = {"labels": [label.pk, kept.pk], "folder": folder.pk}
    with meanwhile(gone(label), *AT_LAST):
        page = editor.post(url, data, follow=True).content.decode()
    assert "選べないラベルが含まれています。" in page
    assert (lies_in(campaign), campaign.labels.count()) == (None, 0)
    with meanwhile(gone(folder), *AT_LAST):
        page = editor.post(url, data | {"labels": [kept.pk]}, follow=True).content.decode()
    assert "選べないフォルダです。" in page
    assert (lies_in(campaign), campaign.labels.count()) == (None, 0)


@pytest.mark.parametrize("words", ['UPDATE "campaigns_campaign"', 'DELETE FROM "campaigns_folder"'])
def test_a_folder_is_deleted_though_a_mailing_comes_into_it_at_that_moment(editor, campaign, folder, words, client_for):
    other = client_for(make_user(campaign.workspace, Role.EDITOR))

    def move():
        return other.post(reverse("campaign_move"), {"campaigns": [campaign.pk], "to": folder.pk}).status_code

    with meanwhile(move, words) as done:
        assert editor.post(reverse("folder_delete", args=[folder.pk])).status_code == 302
    assert done[0].result() == 302
    assert lies_in(campaign) is None
    assert not Folder.objects.exists()


def test_a_label_is_deleted_though_a_mailing_gets_it_at_that_moment(editor, campaign, label, client_for):
    other = client_for(make_user(campaign.workspace, Role.EDITOR))

    def put():
        return other.post(reverse("campaign_labels", args=[campaign.pk]), {"labels": [label.pk]}).status_code

    with meanwhile(put, 'DELETE FROM "campaigns_label"') as done:
        assert editor.post(reverse("label_delete", args=[label.pk])).status_code == 302
    assert done[0].result() == 302
    assert not Label.objects.exists()
