"""URLs of the editor: blocks, autosave, versions, preview, merge tags."""

from django.urls import path

from campaigns import autosave_views, block_condition_views, block_views, preview_views, tag_views, version_views

urlpatterns = [
    path("campaigns/blocks/", block_views.blocks, name="campaign_blocks"),
    path("campaigns/blocks/count/", block_condition_views.block_count, name="campaign_block_count"),
    path("campaigns/tags/", tag_views.tags, name="campaign_tags"),
    path("campaigns/lacking/", tag_views.lacking, name="campaign_lacking"),
    path("campaigns/new/autosave/", autosave_views.autosave, name="campaign_autosave_new"),
    path("campaigns/<int:pk>/autosave/", autosave_views.autosave, name="campaign_autosave"),
    path("campaigns/<int:pk>/inbox/", preview_views.preview_inbox, name="campaign_inbox"),
    path("campaigns/<int:pk>/versions/", version_views.versions, name="campaign_versions"),
    path(
        "campaigns/<int:pk>/versions/<int:version>/restore/",
        version_views.restore_version,
        name="campaign_version_restore",
    ),
]
