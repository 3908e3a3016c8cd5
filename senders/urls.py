"""URLs of senders and their domains."""

from django.urls import path

from senders import views

urlpatterns = [
    path("senders/", views.sender_index, name="sender_index"),
    path("senders/new/", views.create, name="sender_create"),
    path("senders/<int:pk>/edit/", views.edit, name="sender_edit"),
    path("senders/<int:pk>/archive/", views.archive, name="sender_archive"),
    path("senders/<int:pk>/restore/", views.restore, name="sender_restore"),
    path("senders/domains/<int:pk>/", views.domain_detail, name="domain_detail"),
    path("senders/domains/<int:pk>/check/", views.check_domain, name="domain_check"),
    path("senders/domains/<int:pk>/ed25519/", views.add_ed25519, name="domain_add_ed25519"),
]
