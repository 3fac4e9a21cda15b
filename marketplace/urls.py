"""Every address of the site."""

from django.contrib import admin
from django.urls import path

from .pages import accuracy, browse, detail, health, home, lists, report, workers

handler400 = "marketplace.pages.errors.bad_request"

urlpatterns = [
    path("", home.home, name="home"),
    path("models/", browse.browse, name="browse"),
    path("models/<path:repo_id>/", detail.detail, name="detail"),
    path("fetch/", detail.fetch, name="fetch"),
    path("workers/", workers.workers, name="workers"),
    path("workers/<slug:slug>/", workers.worker, name="worker"),
    path("lists/", lists.lists, name="lists"),
    path("lists/<slug:slug>/", lists.curated, name="list"),
    path("report/", report.report, name="report"),
    path("accuracy/", accuracy.accuracy, name="accuracy"),
    path("healthz", health.healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
