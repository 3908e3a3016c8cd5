"""URLs of attributes."""

from django.urls import URLPattern, path

from lists import attribute_views

urlpatterns: list[URLPattern] = [
    path("attributes/", attribute_views.index, name="attribute_index"),
    path("attributes/new/", attribute_views.create, name="attribute_create"),
    path("attributes/<int:pk>/", attribute_views.edit, name="attribute_edit"),
    path("attributes/<int:pk>/archive/", attribute_views.archive, name="attribute_archive"),
    path("attributes/<int:pk>/delete/", attribute_views.delete, name="attribute_delete"),
    path("attributes/<int:pk>/move/", attribute_views.move, name="attribute_move"),
]
