"""URLs of バックナンバー: the pages of the workspace, and those that everybody may open."""

from django.urls import URLPattern, path

from archive import public_views, views

urlpatterns: list[URLPattern] = [
    path("lists/<int:pk>/archive/", views.detail, name="archive_detail"),
    path("lists/<int:pk>/archive/edit/", views.edit, name="archive_edit"),
    path("lists/<int:pk>/archive/switch/", views.switch, name="archive_switch"),
    path("lists/<int:pk>/archive/choose/", views.choose, name="archive_choose"),
    path("lists/<int:pk>/archive/<int:number>/", views.preview, name="archive_preview"),
    path("b/<slug:token>/", public_views.index, name="archive_index"),
    path("b/<slug:token>/rss.xml", public_views.feed, name="archive_feed"),
    path("b/<slug:token>/links/", public_views.links, name="archive_links"),
    path("b/<slug:token>/<int:number>/", public_views.mailing, name="archive_mailing"),
]
