"""Pages of the sandbox, and of 配信経路 for the operator."""

from django.urls import path

from mta import route_views, views

urlpatterns = [
    path("sandbox/", views.sandbox_index, name="sandbox_index"),
    path("sandbox/<int:number>/", views.sandbox_message, name="sandbox_message"),
    path("sandbox/<int:number>/html/", views.sandbox_html, name="sandbox_html"),
    path("operator/routes/", route_views.route_index, name="route_index"),
    path("operator/routes/new/", route_views.route_create, name="route_create"),
    path("operator/routes/<str:route_key>/", route_views.route_detail, name="route_detail"),
    path("operator/routes/<str:route_key>/edit/", route_views.route_edit, name="route_edit"),
    path("operator/routes/<str:route_key>/check/", route_views.route_check, name="route_check"),
    path("operator/routes/<str:route_key>/report/", route_views.route_report, name="route_report"),
    path("operator/routes/<str:route_key>/default/", route_views.route_default, name="route_default"),
]
