"""URLs of templates and pictures that know mailings."""

from django.urls import path

from campaigns import picture_views, template_views

urlpatterns = [
    path("designs/starters/<str:starter>/use/", template_views.starter_use, name="starter_use"),
    path("designs/templates/<int:pk>/use/", template_views.template_use, name="template_use"),
    path("campaigns/<int:pk>/save-template/", template_views.save_template, name="campaign_save_template"),
    path("pictures/<int:pk>/", picture_views.picture_detail, name="picture_detail"),
    path("pictures/<int:pk>/delete/", picture_views.picture_delete, name="picture_delete"),
]
