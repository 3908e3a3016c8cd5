"""URLs of senders and their domains."""

from django.urls import path

from senders import address_views, allow_views, domain_views, key_views, return_views, server_views, views

urlpatterns = [
    path("senders/", views.sender_index, name="sender_index"),
    path("senders/new/", views.create, name="sender_create"),
    path("senders/<int:pk>/edit/", views.edit, name="sender_edit"),
    path("senders/<int:pk>/restore/", views.restore, name="sender_restore"),
    path("senders/<int:pk>/prove/", address_views.sender_prove, name="sender_prove"),
    path("senders/verified/", domain_views.verified, name="verified_domains"),
    path("senders/domains/new/", domain_views.domain_create, name="domain_create"),
    path("senders/domains/<int:pk>/panel/", domain_views.choose_panel, name="domain_panel"),
    path("senders/domains/<int:pk>/remove/", domain_views.remove, name="domain_remove"),
    path("senders/domains/<int:pk>/", domain_views.domain_detail, name="domain_detail"),
    path("senders/domains/<int:pk>/history/", domain_views.domain_history, name="domain_history"),
    path("senders/domains/<int:pk>/check/", domain_views.check_domain, name="domain_check"),
    path("senders/domains/<int:pk>/return/", return_views.domain_return, name="domain_return"),
    path("senders/domains/<int:pk>/keys/", key_views.key_index, name="key_index"),
    path("senders/domains/<int:pk>/keys/begin/", key_views.key_begin, name="key_begin"),
    path("senders/domains/<int:pk>/keys/import/", key_views.key_import, name="key_import"),
    path("senders/domains/<int:pk>/keys/records.txt", key_views.key_export, name="key_export"),
    path("senders/domains/<int:pk>/keys/style/", key_views.key_style, name="key_style"),
    path("senders/domains/<int:pk>/keys/<int:key_id>/switch/", key_views.key_switch, name="key_switch"),
    path("senders/domains/<int:pk>/keys/<int:key_id>/abandon/", key_views.key_abandon, name="key_abandon"),
    path("senders/domains/<int:pk>/ed25519/", views.add_ed25519, name="domain_add_ed25519"),
    path("operator/servers/", server_views.server_checks, name="server_checks"),
    path("operator/servers/check/", server_views.server_check_now, name="server_check_now"),
    path("prove/<str:token>/", address_views.address_proof, name="address_proof"),
    path("allow/<str:token>/", allow_views.allow_page, name="allow_page"),
]
