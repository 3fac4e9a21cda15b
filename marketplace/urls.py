"""Every address of the site."""

from django.contrib import admin
from django.contrib.sitemaps.views import index, sitemap
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from .api import docs, hub
from .api.v1 import api
from .feeds import ListModels, NewModels
from .pages import (
    accuracy,
    browse,
    compare,
    detail,
    health,
    home,
    lists,
    log,
    machine,
    report,
    suggest,
    what_runs,
    workers,
)
from .sitemaps import SITEMAPS, robots

handler400 = "marketplace.pages.errors.bad_request"
handler500 = "marketplace.pages.errors.server_error"

for_readers = cache_control(public=True, max_age=600)
"""Feeds and sitemaps are the same for everybody, and asked for again and again."""

urlpatterns = [
    path("", home.home, name="home"),
    path("models/", browse.browse, name="browse"),
    path("models/<path:repo_id>/", detail.detail, name="detail"),
    path("compare/", compare.compared, name="compare"),
    path("saved/", compare.saved, name="saved"),
    path("suggest/", suggest.suggested, name="suggest"),
    path("fetch/", detail.fetch, name="fetch"),
    path("log/", log.log, name="log"),
    path("machine/", what_runs.what_runs, name="machine"),
    path("machine/for/", what_runs.what_it_needs, name="machine-for"),
    path("machine/read/", machine.machine_field, name="machine-field"),
    path("workers/", workers.workers, name="workers"),
    path("workers/<slug:slug>/", workers.worker, name="worker"),
    path("lists/", lists.lists, name="lists"),
    path("lists/<slug:slug>/", lists.curated, name="list"),
    path("language/", csrf_exempt(require_POST(set_language)), name="language"),
    path("report/", report.report, name="report"),
    path("accuracy/", accuracy.accuracy, name="accuracy"),
    path("api/v1/", api.urls),
    path("api/openapi.json", docs.openapi, name="openapi"),
    path("api/docs", docs.docs, name="api-docs"),
    path("api/models", hub.models, name="hub-models"),
    path("api/models/<path:repo_id>/revision/<path:revision>", hub.model, name="hub-revision"),
    path("api/models/<path:repo_id>/tree/<path:place>", hub.tree, name="hub-tree"),
    path("api/models/<path:repo_id>", hub.model, name="hub-model"),
    path("feed.xml", for_readers(NewModels()), name="feed"),
    path("lists/<slug:slug>/feed.xml", for_readers(ListModels()), name="list-feed"),
    path("sitemap.xml", for_readers(index), {"sitemaps": SITEMAPS, "sitemap_url_name": "sitemap"}, name="sitemaps"),
    path("sitemap-<section>.xml", for_readers(sitemap), {"sitemaps": SITEMAPS}, name="sitemap"),
    path("robots.txt", for_readers(robots), name="robots"),
    path("healthz", health.healthz, name="healthz"),
    path("admin/", admin.site.urls),
]
