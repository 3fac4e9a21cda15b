"""The same answers in a few sentences. Made of the structured answer alone, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Iterable

from compat.extraction.facts import Provenance
from compat.timestamps import Json
from marketplace.api.serialise import LEVELS
from marketplace.show import day, gib, margin_share, margin_words, pace_words, rate_words, size

from . import arguments as a
from .plain import MOST_QUOTED, line, quoted

_NOT_TOLD = "not in our record"
_ACCESS = {
    None: _NOT_TOLD,
    False: "open",
    "auto": "terms to accept on the Hub before a download",
    "manual": "an approval to ask for on the Hub before a download",
}
_ORIGINS = {"hub": "fetched from the Hub", "snapshot": "from the bundled snapshot", "file": "from an imported file"}


def _verdict(told: Json) -> str:
    word = "Unknown" if told["cause"] == "unknown" else LEVELS[told["confidence"]].badge
    return f"{word} (confidence {told['confidence']}" + (f"; {told['brief']})" if told["brief"] else ")")


def _on(worker: Json) -> str:
    """The worker in words; the context matters only where there is a machine to hold it."""
    machine = worker["machine"]
    if not machine:
        return str(worker["label"])
    remarks = " ".join(filter(None, (machine["assumed"], *machine["said"])))
    assumed = f" ({remarks.rstrip('.')})" if remarks else ""
    return f"{worker['label']} at {worker['context']:,} tokens{assumed}"


def _causes(hidden: dict[str, int]) -> str:
    return ", ".join(f"{cause} {count:,}" for cause, count in hidden.items())


def _model(number: int, one: Json) -> str:
    facts, variant, guessed = one["metadata"], one["variant"] or {}, one["guessed"]
    parameters, context = facts["parameters"], f"made for {facts['maxContextLength']:,} tokens"
    sure = "" if "parameters" not in guessed else " by its name"
    parts = [
        f"{parameters} parameters{sure}" if parameters != "unknown" else f"parameters {_NOT_TOLD}",
        variant.get("label") or "",
        size(variant.get("sizeBytes")),
        context if "maxContextLength" not in guessed else f"context {_NOT_TOLD}",
        f"licence {one['license']}" if one["license"] else f"licence {_NOT_TOLD}",
        f"access: {_ACCESS[one['gated']]}",
    ]
    fit = f" Memory: {one['fit']['sentence']}" if one["fit"] else ""
    speed = one["speed"] or {}
    fit += f" Speed: {_rate(speed)}." if speed.get("backend") else ""
    return f"{number}. {one['id']}: {_verdict(one['compatibility'])}. " + ", ".join(filter(None, parts)) + f".{fit}"


def _models(items: Iterable[Json]) -> list[str]:
    return [_model(number, one) for number, one in enumerate(items, 1)]


def find_models(told: Json, given: a.Find) -> str:
    """How many match, and the first of them."""
    number, where = told["total"], _on(told["worker"])
    which = {"false": f", run on {where} or not", "only-incompatible": f" that do not run on {where}"}
    shown = which.get(given.asked("compatible") or "", f" that run on {where}")
    lines = [f"Matching models of this catalogue{shown}: {number:,}."]
    if told["meant"]:
        lines.append(
            f"No model is called {quoted(given.asked('q'))}. Did you mean {quoted(told['meant'])}? Ask for that."
        )
    lines += told["read"]
    if told["hidden"]:
        lines.append(f"Left out, since they match but do not run, by cause: {_causes(told['hidden'])}.")
    lines += _models(told["items"])
    if told["nextCursor"]:
        lines.append(f"There are more: ask the same with cursor {told['nextCursor']}")
    return "\n".join(lines)


def _judged(told: Json) -> list[str]:
    """The original's answer, line by line."""
    titles = (("Why", "reasons"), ("Mind", "warnings"), ("Advice", "recommendations"))
    return [f"{title}: {text}" for title, name in titles for text in told[name]]


def does_it_run(told: Json, _given: a.OneModel) -> str:
    """The verdict, why, what to take, memory, facts, and how old they are."""
    lines = [f"{told['id']} on {_on(told['worker'])}: {_verdict(told)}.", *_judged(told)]
    if take := told["take"]:
        lines.append(f"Take: {', '.join(filter(None, (take['label'], size(take['sizeBytes']))))}; {_files(take)}.")
    if told["surerBuild"]:
        lines.append(_surer(told["surerBuild"], told["compatible"]))
    if told["perhapsBuild"]:
        lines.append(_perhaps(told["perhapsBuild"]))
    if told["otherEngines"]:
        lines.append(f"Another engine takes it: {'; '.join(map(_engine, told['otherEngines']))}.")
    if not told["compatible"]:
        lines.append("What runs instead: ask alternatives.")
    lines.append(f"Access: {_ACCESS[told['gated']]}.")
    if told["fit"] is not None or told["memory"] is None:
        lines.append(_memory(told["memory"]))
    lines += [_measured(one) for one in told["measured"]]
    read = (f"{name} {fact['value']} ({_read(fact)})" for name, fact in told["facts"].items() if fact["value"])
    lines.append(f"Facts: {'; '.join(read) or 'none known'}.")
    dated = f"until {line(day(told['asOf']))}" if told["asOf"] else f"on a date {_NOT_TOLD}"
    lines.append(f"Record: facts recorded {dated}, {_ORIGINS[told['origin']]}.")
    return "\n".join(lines)


def _engine(one: Json) -> str:
    return f"{one['name']} (worker {one['slug']}): {_verdict(one['compatibility'])}"


def _perhaps(one: Json) -> str:
    words = "The same model might run here in another build, whose need is not known"
    return f"{words}: {one['id']}. {one['fit']['sentence']}"


def _surer(one: Json, runs: bool) -> str:
    verb = "might run" if one["compatibility"]["confidence"] == "low" else "runs"
    words = "Surer here is another build of the same model" if runs else f"The same model {verb} here in another build"
    build = ", ".join(filter(None, (one["id"], (one["variant"] or {}).get("label"))))
    fit = f" {one['fit']['sentence']}" if one["fit"] else ""
    typed = f" Start it with: {' ; then: '.join(one['lines'])}" if one["lines"] else ""
    return f"{words}: {build}: {_verdict(one['compatibility'])}.{fit}{typed}"


def _files(take: Json) -> str:
    if not take["files"]:
        return f"its files are {_NOT_TOLD}"
    more = take["fileCount"] - min(3, len(take["files"]))
    missing = f"; {take['missingShards']} parts are missing" if take["missingShards"] else ""
    return ", ".join(take["files"][:3]) + (f" and {more} more" if more else "") + missing


def _margin(margin: float | None) -> str:
    if margin is None:
        return ""
    return f"; four in five measurements {margin_share(margin)}" if margin <= 1 else f"; {margin_words(margin)}"


def _memory(memory: Json | None) -> str:
    if memory is None:
        return "Memory: not judged, since the worker's memory is not told. Give memory in GB."
    places = [_place(place, memory["parts"]) for place in memory["places"]]
    longest = memory["longestContext"]
    room = f" The longest context that fits: {longest:,} tokens." if longest else ""
    assumed = f" Assumed: {'; '.join(memory['assumptions'])}." if memory["assumptions"] else ""
    need = f"Memory need {'; '.join(places)}.{room}{assumed}"
    return f"{need}{_speed(memory['speed'])}{_start(memory)}"


def _place(place: Json, parts: list[Json]) -> str:
    """One kind of memory: the parts in it, and what they take together."""
    within = "inSystemBytes" if place["name"] == "in system memory" else "onCardsBytes"
    told = (
        f"{one['name']} {'unknown' if one[within] is None else gib(one[within])} "
        f"({one['basis']}: {one['detail']}{_margin(one['margin'])})"
        for one in parts
        if one[within] != 0
    )
    whole = f", {gib(place['needBytes'])} in all" if place["needBytes"] is not None else ""
    room = f", of {gib(place['roomBytes'])}" if place["roomBytes"] else ""
    return f"{place['name']}{room}: {', '.join(told)}{whole}"


def _measured(one: Json) -> str:
    """One load that was measured, beside what was estimated for it then."""
    about = [one["variant"] or one["format"], one["version"], one["machine"]]
    if context := one["options"].get("pool") or one["options"].get("context"):
        about.append(f"{context:,} tokens")
    numbers = []
    if one["measuredBytes"]:
        numbers.append(f"memory {gib(one['measuredBytes'])}, estimated {gib(one['estimatedBytes']) or _NOT_TOLD}")
    if speed := one["decode"]:
        estimated = _NOT_TOLD if speed["estimated"] is None else f"{speed['estimated']:.1f}"
        numbers.append(f"{speed['measured']:.1f} tokens a second, estimated {estimated}")
    return f"Measured here on {day(one['made'][:10])} ({line(', '.join(filter(None, about)))}): {'; '.join(numbers)}."


def _start(memory: Json) -> str:
    """The best way to start it: what to type, or what is lacking."""
    if not memory["plans"]:
        return f" {memory['lacks']}" if memory["lacks"] else ""
    best = memory["plans"][0]
    costs = f" It gives up: {' '.join(best['givesUp'])}" if best["givesUp"] else ""
    typed = f" Start it with: {' ; then: '.join(best['lines'])}" if best["lines"] else ""
    return f"{typed}{costs}"


def _speed(speed: Json | None) -> str:
    if speed is None:
        return ""
    if speed["tokensPerSecond"] is None:
        return f" Speed: no number. {speed['reason']}"
    return f" Speed: {_rate(speed)}, {pace_words(speed['low'], speed['high'])} (by {speed['basis']})."


def _rate(speed: Json) -> str:
    return rate_words(speed["tokensPerSecond"], speed["backend"])


def _read(fact: Json) -> str:
    label = Provenance(fact["provenance"]).label
    return f"{label}: {fact['evidence']}" if fact["evidence"] else label


def what_runs(told: Json, _given: a.OneMachine) -> str:
    """The rungs, one a line."""
    where = _on(told["worker"])
    if told["refused"]:
        return f"{told['worker']['label']}: the engine does not run on this machine. Take another one (list_workers)."
    lines = [f"What to look at first on {where}:"]
    for one in told["ladders"]:
        left = one["leftOut"]
        by = f" with {one['by']}" if one["by"] else ""
        lines.append(f"{one['label']}{by}: {left['running']:,} models run or should run, {left['unsure']:,} might.")
        lines += [f"- {' '.join(rung['why'].values())} {_rung(rung)}" for rung in one["rungs"]]
        if one["textOnly"]:
            instead = f" Ask for worker {one['instead']}, which reads more than text." if one["instead"] else ""
            lines.append(f"- The engine runs only the text part of such models.{instead}")
        if one["unlocked"]:
            lines.append(f"- With {one['unlocked']['words']} also: {_rung(one['unlocked']['rung'])}")
    return "\n".join(lines)


def _rung(rung: Json) -> str:
    build = f"{rung['id']}, {line(rung['variant']['label'])}, {rung['parameters']} parameters"
    plan = rung["plan"]
    typed = f" Start it with: {' ; then: '.join(plan['lines'])}" if plan and plan["lines"] else ""
    return f"{build}: {_verdict(rung['compatibility'])}. {rung['fit']['sentence']}{_speed(rung['speed'])}{typed}"


def alternatives(told: Json, _given: a.OneModel) -> str:
    """What to take instead, each with its reason."""
    where = _on(told["worker"])
    lines = [f"{told['id']} itself on {where}: {_verdict(told['compatibility'])}."]
    if not told["items"]:
        lines.append(
            "The catalogue has no other build of it, nothing of its family and nothing for the same use that runs on "
            f"{where}."
        )
    lines += [f"{_model(number, one)} Why this one: {one['reason']}." for number, one in enumerate(told["items"], 1)]
    return "\n".join(lines)


def list_workers(told: Json, _given: a.WorkersAsked) -> str:
    """The workers, one a line."""
    lines = []
    for one in told["items"]:
        limit = (
            f" Context limit {one['contextLimit']:,} tokens ({one['contextPolicy']})." if one["contextLimit"] else ""
        )
        first = " The default." if one["default"] else ""
        lines.append(
            f"{one['slug']} ({one['label']}, version {one['engineVersion']}): {one['running']:,} of {one['total']:,} "
            f"models run. {one['summary']}{limit}{first}"
        )
        if one.get("architectures"):
            lines.append(f"Architectures: {', '.join(one['architectures'])}.")
            lines.append(f"Formats: {', '.join(one['formats'])}. Tasks: {', '.join(one['tasks'])}.")
    return "\n".join(lines)


def curated_lists(told: Json, _given: a.Nothing) -> str:
    """The lists, one a line."""
    if not told["items"]:
        return "This site has no curated list yet."
    return "\n".join(
        f"{one['slug']}: “{line(one['title'], MOST_QUOTED)}”, {one['size']:,} models. "
        f"“{line(one['description'], MOST_QUOTED)}”"
        for one in told["items"]
    )


def curated_list(told: Json, _given: a.OneList) -> str:
    """The list's models with verdicts and the curator's notes."""
    counts = f"{told['running']:,} of {told['size']:,} models run on {_on(told['worker'])}."
    lines = [f"“{line(told['title'], MOST_QUOTED)}” ({told['slug']}): {counts}"]
    for number, one in enumerate(told["items"], 1):
        note = f" The curator's note: “{line(one['note'], MOST_QUOTED)}”" if one["note"] else ""
        lines.append(_model(number, one) + note)
    if len(told["items"]) < told["size"]:
        lines.append(f"These are the first {len(told['items'])}. For all: find_models with list {told['slug']}.")
    return "\n".join(lines)


_LINES = {
    "compatible": "run",
    "incompatibleArchitecture": "refused for their architecture or task",
    "incompatibleFormat": "refused for their format",
    "incompatibleContext": "refused for their context",
    "incompatibleQuantization": "refused for their quantization",
    "incompatiblePlatform": "refused for the platform",
    "incompatibleMemory": "too large for the memory",
    "unknown": "unknown: the record tells too little",
}


def compatibility_report(told: Json, _given: a.ReportAsked) -> str:
    """The report in one paragraph."""
    parts = (
        f"{told[key]['count']:,} {words} ({told[key]['percent']} %)" for key, words in _LINES.items() if key in told
    )
    return f"Of the {told['total']:,} best known models, on {told['worker']}: {'; '.join(parts)}."


def check_metadata(told: Json, _given: a.Facts) -> str:
    """The verdict on the facts given."""
    lines = [f"These facts on {_on(told['worker'])}: {_verdict(told)}.", *_judged(told)]
    lines.append("Judged from the facts as given; no record of the catalogue was looked at.")
    return "\n".join(lines)
