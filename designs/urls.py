"""URLs of templates, pictures and the brand; those that know mailings are in campaigns/design_urls.py."""

from django.urls import path

from designs import brand_views, gallery_views, picture_views, snippet_views

urlpatterns = [
    path("designs/", gallery_views.design_index, name="design_index"),
    path("designs/starters/<str:starter>/", gallery_views.starter_detail, name="starter_detail"),
    path("designs/starters/<str:starter>/frame/", gallery_views.starter_frame, name="starter_frame"),
    path("designs/templates/<int:pk>/", gallery_views.template_detail, name="template_detail"),
    path("designs/templates/<int:pk>/frame/", gallery_views.template_frame, name="template_frame"),
    path("designs/templates/<int:pk>/rename/", gallery_views.template_rename, name="template_rename"),
    path("designs/templates/<int:pk>/delete/", gallery_views.template_delete, name="template_delete"),
    path("designs/import/", gallery_views.design_import, name="design_import"),
    path("designs/snippets/", snippet_views.snippet_index, name="snippet_index"),
    path("designs/snippets/<int:pk>/", snippet_views.snippet_detail, name="snippet_detail"),
    path("designs/snippets/<int:pk>/frame/", snippet_views.snippet_frame, name="snippet_frame"),
    path("designs/snippets/<int:pk>/text/", snippet_views.snippet_text, name="snippet_text"),
    path("designs/snippets/<int:pk>/delete/", snippet_views.snippet_delete, name="snippet_delete"),
    path("designs/brand/", brand_views.brand, name="brand"),
    path("designs/brand/sample/", brand_views.brand_sample, name="brand_sample"),
    path("designs/brand/notes/", brand_views.brand_notes, name="brand_notes"),
    path("pictures/", picture_views.picture_index, name="picture_index"),
    path("pictures/choices/", picture_views.picture_choices, name="picture_choices"),
    path("pictures/new/", picture_views.picture_describe, name="picture_describe"),
    path("p/<str:name>", picture_views.picture_file, name="picture_file"),
]
