"""Pages as a browser's parser sees them: links, forms, text, and whatever a strict content policy forbids."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass
class Form:
    """A form with its fields."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A parsed page; ``forbidden`` names inline scripts, styles and handlers."""

    def __init__(self, response) -> None:
        super().__init__(convert_charrefs=True)
        self.address = response.request["PATH_INFO"]
        query = response.request.get("QUERY_STRING", "")
        self.address += f"?{query}" if query else ""
        self.links: list[str] = []
        self.assets: list[str] = []
        self.forms: list[Form] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.forbidden: list[str] = []
        self.title = ""
        self.pieces: list[str] = []
        self._open: list[str] = []
        self._textarea = ""
        self._select = ""
        self.feed(response.content.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        told = {name: value or "" for name, value in attrs}
        self.tags.append((tag, told))
        if tag not in VOID:
            self._open.append(tag)
        self.forbidden += [f"<{tag} {name}>" for name in told if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and "src" not in told):
            self.forbidden.append(f"<{tag}>")
        for name in ("href", "src", "action"):
            if urlsplit(told.get(name, "")).scheme not in ("", "http", "https"):
                self.forbidden.append(f"<{tag} {name}={told[name]}>")
        if tag == "a" and "href" in told:
            self.links.append(told["href"])
        if tag in ("script", "img") and "src" in told:
            self.assets.append(told["src"])
        if tag in ("link", "use") and "href" in told and told.get("rel") != "alternate":
            self.assets.append(told["href"])
        if tag == "form":
            self.forms.append(
                Form(urljoin(self.address, told.get("action") or self.address), told.get("method", "get"))
            )
        if tag in ("input", "select", "textarea") and "name" in told and self.forms and "form" in self._open:
            self.forms[-1].fields[told["name"]] = told.get("value", "")
            self._textarea = told["name"] if tag == "textarea" else self._textarea
            self._select = told["name"] if tag == "select" else self._select
        if tag == "option" and "selected" in told and self.forms and "form" in self._open:
            self.forms[-1].fields[self._select] = told["value"]

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            continue

    def handle_data(self, data):
        if self._open and self._open[-1] == "title":
            self.title += data
        if self._open and self._open[-1] == "textarea" and self.forms:
            self.forms[-1].fields[self._textarea] += data
        self.pieces.append(data)

    @property
    def text(self) -> str:
        """All text, with single blanks."""
        return " ".join(" ".join(self.pieces).split())

    def classed(self, name: str) -> list[tuple[str, dict[str, str]]]:
        """The elements of one class."""
        return [(tag, told) for tag, told in self.tags if name in told.get("class", "").split()]

    def internal(self) -> list[str]:
        """The addresses on this site that the page links to, without fragments."""
        found = (urljoin(self.address, link) for link in self.links if not link.startswith("#"))
        return [link.split("#")[0] for link in found if not urlsplit(link).netloc]

    def form_to(self, action: str) -> Form:
        """The first form that goes there."""
        return next(form for form in self.forms if urlsplit(form.action).path == action)
