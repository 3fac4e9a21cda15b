"""From the answers of queries to plain values for JSON. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.urls import reverse
from pydantic.alias_generators import to_camel

from compat.catalogue.detail import DetailPage, RelatedRow
from compat.catalogue.elsewhere import Elsewhere
from compat.catalogue.ladder import Ladder, MachinePage, Rung
from compat.catalogue.listing import Item, Listing, item_of
from compat.catalogue.measured import ComparedPart, ComparedSpeed, Comparison
from compat.catalogue.membership import ModelOf
from compat.catalogue.overview import ListPage, WorkerCard
from compat.catalogue.rows import Row
from compat.catalogue.suggesting import Standing
from compat.catalogue.surer import Surer
from compat.catalogue.widths import VariantRow
from compat.catalogue.workers import Worker
from compat.estimate import DeviceNeed, FitResult, Plan, Plans, ReadingEstimate, SpeedEstimate
from compat.extraction.facts import Fact
from compat.models import CuratedList, Measurement, ModelRecord, RecordVariant
from compat.rules import CompatibilityResult, Confidence
from compat.timestamps import Json
from marketplace.addresses import with_query

LEVELS = {level.word: level for level in reversed(Confidence)}


def worker(one: Worker) -> Json:
    """A worker in short."""
    machine = one.machine
    return {
        "slug": one.slug,
        "name": one.name,
        "label": one.label,
        "engine": one.profile.slug,
        "machine": {
            "accelerator": machine.accelerator,
            "count": machine.count,
            "memoryGb": machine.memory,
            "beside": [
                {"accelerator": one.accelerator, "count": one.count, "memoryGb": one.memory} for one in machine.beside
            ],
            "ramGb": machine.ram,
            "ramBandwidthGbS": machine.ram_bandwidth,
            "assumed": machine.assumed,
            "said": list(one.said),
        }
        if machine.told
        else None,
        "context": one.context,
        "kvType": one.kv,
        "kvValueType": one.kv_values or one.kv,
        "slots": one.launch.slots,
        "ubatch": one.launch.ubatch if one.has_ubatch and not one.launch.batch_by_room else None,
    }


def fit(found: FitResult | None) -> Json | None:
    """Whether it fits."""
    if found is None:
        return None
    return {
        "fit": str(found.fit),
        "sentence": found.sentence,
        "needBytes": found.need,
        "roomBytes": found.room,
        "cardBytes": [sum(parts.values()) for parts in found.devices],
        "inSystemBytes": found.in_system,
    }


def _variant_ref(variant: RecordVariant | None) -> Json | None:
    if variant is None:
        return None
    return {
        "position": variant.position,
        "label": variant.label,
        "format": variant.format or None,
        "quantization": variant.quantization or None,
        "sizeBytes": variant.size_bytes,
    }


def verdict(result: CompatibilityResult) -> Json:
    """A verdict in short."""
    return {
        "compatible": result.compatible,
        "confidence": result.confidence,
        "cause": result.cause or None,
        "brief": result.brief or None,
    }


def metadata(item: Item) -> Json:
    """The six facts, what else the rules look at, and in what the repository's variants differ from that."""
    one = item.metadata
    facts = one.variant_facts
    return {
        **one.as_json(),
        "facts": _camel(facts.as_json()),
        "variants": [{**_camel(other.facts.beside(facts)), "sizeBytes": other.size_bytes} for other in one.variants],
    }


def _camel(facts: Json) -> Json:
    return {_name(name): value for name, value in facts.items()}


@cache
def _name(name: str) -> str:
    """The API's name of a fact, of which there are a few dozen."""
    return to_camel(name)


def compatibility(item: Item, on: Worker, model_id: str | None) -> Json:
    """The original's answer with what it is about."""
    result = item.row.result
    return {
        **result.as_json(),
        "id": model_id,
        "cause": result.cause or None,
        "brief": result.brief or None,
        "codes": list(result.codes),
        "fit": fit(item.row.fit),
        "metadata": metadata(item),
        "guessed": item.guessed,
        "variant": _variant_ref(item.row.best),
        "worker": worker(on),
    }


def model(item: Item, address: Callable[[ModelRecord], str] = ModelRecord.get_absolute_url) -> Json:
    """A model in a list. ``address`` says where its page is."""
    row, record = item.row, item.row.record
    return {
        "id": record.repo_id,
        "author": record.owner or None,
        "name": record.name,
        "url": address(record),
        "task": record.task or None,
        "library": record.library or None,
        "license": record.license or None,
        "gated": False if record.gated == ModelRecord.OPEN else record.gated or None,
        "gone": record.gone or None,
        "goneSince": record.gone_since,
        "family": record.family or None,
        "downloads": record.downloads,
        "likes": record.likes,
        "createdAt": record.created,
        "lastModified": record.modified,
        "metadata": metadata(item),
        "guessed": item.guessed,
        "quantizations": list(row.quantizations),
        "compatibility": verdict(row.result),
        "variant": _variant_ref(row.best),
        "fit": fit(row.fit),
        "speed": _speed(row.speed) if row.speed else None,
        "model": _model_of(item.model) if item.model else None,
        "standing": _standing(item.standing) if item.standing else None,
    }


def _standing(standing: Standing) -> Json:
    parts = [{"name": one.name, "label": one.label, "points": one.points, "why": one.why} for one in standing.parts]
    return {"points": standing.points, "parts": parts}


def _model_of(model: ModelOf) -> Json:
    return {"id": model.name, "known": model.known, "repositories": model.repositories, "by": model.by.name.lower()}


def listing(found: Listing) -> Json:
    """A part of a list."""
    return {
        "items": [model(item) for item in found.items],
        "total": found.total,
        "nextCursor": found.next or None,
        "hidden": dict(found.hidden),
        "meant": found.meant or None,
        "read": list(found.read),
        "worker": worker(found.worker),
    }


def _variant(row: VariantRow) -> Json:
    variant = row.variant
    return {
        **(_variant_ref(variant) or {}),
        "files": list(variant.files),
        "missingShards": variant.missing_shards,
        "best": row.best,
        "compatibility": row.result.as_json(),
        "fit": fit(row.fit),
    }


def _fact(fact: Fact[Any]) -> Json:
    return {"value": fact.value, "provenance": str(fact.provenance), "evidence": fact.evidence}


def _related(row: RelatedRow) -> Json:
    return {
        "id": row.relation.repo_id,
        "kind": row.relation.kind,
        "known": row.row is not None,
        "compatible": row.row.result.compatible if row.row else None,
    }


def _speed(speed: SpeedEstimate) -> Json:
    return {
        "tokensPerSecond": speed.tokens_per_second,
        "low": speed.low,
        "high": speed.high,
        "basis": speed.basis,
        "reason": speed.reason,
        "backend": speed.backend,
    }


def _first_word(reading: ReadingEstimate) -> Json:
    return {
        "promptTokens": reading.prompt,
        "seconds": reading.seconds,
        "low": reading.low,
        "high": reading.high,
        "basis": reading.basis,
        "reason": reading.reason,
        "backend": reading.backend,
    }


def _card(card: DeviceNeed) -> Json:
    parts = {name: size for name, size in card.parts.items() if size}
    return {"name": card.name, "needBytes": card.need, "roomBytes": card.room, "parts": parts}


def _plan(plan: Plan) -> Json:
    options, line = plan.options, plan.line
    return {
        "engine": plan.engine,
        "fit": str(plan.fit.fit),
        "sentence": plan.fit.sentence,
        "changes": [str(change) for change in plan.changes],
        "givesUp": list(plan.gives_up),
        "options": {
            "context": options.context,
            "kvType": options.kv_type,
            "kvValueType": options.v_type or options.kv_type,
            "slots": plan.slots,
            "ubatch": options.ubatch,
        },
        "tensorParallel": plan.tensor_parallel,
        "pipelineParallel": plan.pipeline_parallel,
        "cards": [_card(card) for card in plan.needs],
        "spilledBytes": dict(plan.spilled),
        "speed": _speed(plan.speed),
        "lines": [] if isinstance(line, str) else list(line.lines),
        "flags": list(plan.flags),
        "note": (line if isinstance(line, str) else line.note) or None,
    }


def plans(found: Plans) -> Json:
    """The ways to run a model, or what is lacking for any."""
    return {"plans": [_plan(plan) for plan in found.plans], "lacks": found.lacks or None}


def _rung(rung: Rung) -> Json:
    return {
        "why": dict(rung.why),
        "id": rung.record.repo_id,
        "url": with_query(rung.record.get_absolute_url(), rung.query),
        "use": {"provenance": str(rung.use.provenance), "evidence": rung.use.evidence},
        "parameters": rung.record.parameters_text,
        "bitsPerWeight": round(rung.bits, 2),
        "variant": _variant_ref(rung.variant),
        "compatibility": verdict(rung.result),
        "context": rung.worker.context,
        "fit": fit(rung.fit),
        "speed": _speed(rung.speed) if rung.speed else None,
        "longestContext": rung.longest,
        "plan": _plan(rung.plan) if rung.plan else None,
    }


def _ladder(one: Ladder, address: str) -> Json:
    left, more = one.left_out, one.unlocked
    return {
        "use": one.use,
        "label": one.label,
        "rungs": [_rung(rung) for rung in one.rungs],
        "leftOut": {
            "all": left.all,
            "running": left.running,
            "unsure": left.unsure,
            "littleKnown": left.little_known,
        },
        "unlocked": None
        if more is None
        else {
            "words": more.words,
            "machine": more.machine.words,
            "url": with_query(address, more.question.query()),
            "rung": _rung(more.rung),
        },
        "textOnly": one.text_only,
        "instead": one.instead.worker.slug if one.instead else None,
        "by": one.by.worker.slug if one.by else None,
    }


def ladders(page: MachinePage) -> Json:
    """What a machine can run."""
    address = reverse("machine")
    return {
        "worker": worker(page.worker),
        "refused": page.refused,
        "assumedRate": page.assumed_rate,
        "ladders": [_ladder(one, address) for one in page.ladders],
    }


def _memory(page: DetailPage) -> Json | None:
    memory = page.memory
    if memory is None:
        return None
    return {
        "parts": [
            {
                "name": part.name,
                "bytes": part.bytes,
                "onCardsBytes": part.on_cards if memory.on_accelerators else 0,
                "inSystemBytes": part.beside if memory.on_accelerators else part.bytes,
                "basis": part.basis,
                "detail": part.detail,
                "margin": part.margin,
            }
            for part in memory.every_part
        ],
        "places": [
            {"name": place.name, "needBytes": place.need, "roomBytes": place.room or None} for place in memory.places
        ],
        "cards": [_card(card) for card in memory.cards],
        "roomBytes": memory.room,
        "context": memory.context,
        "longestContext": memory.longest,
        "conversations": memory.conversations,
        "tokensPerSecond": memory.speed.tokens_per_second if memory.speed else None,
        "speed": _speed(memory.speed) if memory.speed else None,
        "speedFull": _speed(memory.speed_full) if memory.speed_full else None,
        "firstWord": _first_word(memory.reading) if memory.reading else None,
        "assumptions": list(memory.assumed),
        "margin": memory.margin,
        "speedMargin": memory.speed_margin,
        **plans(memory.plans),
    }


def other_engine(one: Elsewhere) -> Json:
    """Another engine that runs the model on the worker's machine."""
    return {"slug": one.worker.slug, "name": one.worker.name, "compatibility": verdict(one.result)}


def perhaps(row: Row | None, address: Callable[[ModelRecord], str] = ModelRecord.get_absolute_url) -> Json | None:
    """The build of the same model that might run, of which nothing tells whether it fits."""
    return surer(None if row is None else Surer(row, None), address)


def surer(found: Surer | None, address: Callable[[ModelRecord], str] = ModelRecord.get_absolute_url) -> Json | None:
    """The surer build of the same model, with what it needs there and what to type."""
    if found is None:
        return None
    row = found.row
    return {
        "id": row.record.repo_id,
        "url": address(row.record),
        "variant": _variant_ref(row.best),
        "compatibility": verdict(row.result),
        "fit": fit(row.fit),
        "speed": _speed(row.speed) if row.speed else None,
        "lines": list(found.lines),
    }


def _one_change(page: DetailPage) -> str | None:
    """What alone would make a refused model run: another build, another way to start it, or the next larger machine."""
    if page.result.compatible:
        return None
    if page.surer is not None and page.surer.result.compatible:
        return f"Take its build {page.surer.record.repo_id}"
    if page.one_plan is not None:
        return f"Start it with {page.one_plan.changes[0]}"
    if page.larger:
        return page.larger[:1].upper() + page.larger[1:]
    return f"Perhaps its build {page.perhaps.record.repo_id}: its need is not known" if page.perhaps else None


def offered(
    page: DetailPage, alternatives: list[Item], address: Callable[[ModelRecord], str] = ModelRecord.get_absolute_url
) -> list[Json]:
    """The alternatives to a model, each with why it is offered, and what changes with it."""
    found = []
    for one in alternatives:
        reason = page.reasons.get(one.row.record.pk)
        told: Json = {"kind": None, "why": "", "changes": []}
        if reason is not None:
            told = {"kind": reason.kind, "why": reason.why, "changes": list(reason.changes)}
        found.append({**model(one, address), **told})
    return found


def detail(
    page: DetailPage, alternatives: list[Item], address: Callable[[ModelRecord], str] = ModelRecord.get_absolute_url
) -> Json:
    """Everything about one model. ``address`` says where a model's page is."""
    record = page.record
    item = item_of(page.row, page.model)
    extraction = page.extraction
    return {
        **model(item, address),
        "result": compatibility(item, page.worker, record.repo_id),
        "variants": [_variant(row) for row in page.variants],
        "facts": {
            "architecture": _fact(extraction.architecture),
            "parameters": _fact(extraction.parameters),
            "context": _fact(extraction.context),
            "task": _fact(extraction.task),
        },
        "uses": [{"name": one.name, "provenance": str(one.provenance), "evidence": one.evidence} for one in page.uses],
        "languages": list(extraction.languages),
        "bases": [_related(row) for row in page.bases],
        "oneChange": _one_change(page),
        "surerBuild": surer(page.surer_started, address),
        "perhapsBuild": perhaps(page.perhaps, address),
        "otherEngines": [other_engine(one) for one in page.elsewhere],
        "builds": [model(item_of(row), address) for row in page.builds],
        "alternatives": offered(page, alternatives, address),
        "files": [{"path": file.path, "what": file.what, "sizeBytes": file.size} for file in page.files],
        "memory": _memory(page),
        "measured": [_measurement(one) for one in page.measured],
        "sha": record.sha or None,
        "origin": record.origin,
        "asOf": record.as_of or None,
        "updatedAt": record.updated,
        "rules": page.rules,
        "worker": worker(page.worker),
    }


def _measurement(one: Measurement) -> Json:
    return {
        "made": one.made,
        "engine": one.engine,
        "version": one.version or None,
        "machine": one.machine or None,
        "accelerator": one.accelerator or None,
        "count": one.count,
        "memoryGb": one.memory_gb,
        "beside": one.beside or None,
        "ramGb": one.ram_gb,
        "variant": one.variant or None,
        "format": one.format or None,
        "quantization": one.quantization or None,
        "options": one.options,
        "parts": [_kept_part(part) for part in one.parts],
        "measuredBytes": one.measured_bytes,
        "estimatedBytes": one.estimated_bytes,
        "decode": _kept_speed(one.decode, one.estimated_decode),
        "prompt": _kept_speed(one.prompt, one.estimated_prompt),
    }


def _kept_part(part: Json) -> Json:
    return {name: part.get(name) for name in ("name", "measured", "estimated")}


def _kept_speed(measured: float | None, estimated: float | None) -> Json | None:
    return None if measured is None else {"measured": measured, "estimated": estimated}


def log_comparison(repo_id: str, found: Comparison) -> Json:
    """A log beside the estimate."""
    load = found.load
    return {
        "id": repo_id,
        "sameModel": str(found.match.same),
        "sentence": found.match.sentence,
        "engine": found.worker.profile.slug,
        "version": load.version or None,
        "options": dict(found.options or {}),
        "loads": found.log.loads,
        "parts": [_compared_part(part) for part in found.parts],
        "total": _compared_part(found.total) if found.total else None,
        "decode": _compared_speed(found.decode),
        "prompt": _compared_speed(found.prompt),
        "stopped": found.sentence or None,
        "planned": load.planned,
        "missing": list(found.missing),
        "notes": list(found.notes),
        "variant": _log_variant(found.variant),
        "worker": worker(found.worker),
    }


def _log_variant(variant: RecordVariant | None) -> Json | None:
    if variant is None:
        return None
    return {
        "label": variant.label,
        "format": variant.format or None,
        "quantization": variant.quantization or None,
        "position": variant.position if variant.pk else None,
    }


def _compared_part(part: ComparedPart) -> Json:
    return {
        "name": part.name,
        "estimated": part.estimated,
        "measured": part.measured,
        "difference": part.difference,
        "devices": [{"device": device, "bytes": size} for device, size in part.devices.items()],
        "host": part.host,
    }


def _compared_speed(speed: ComparedSpeed | None) -> Json | None:
    if speed is None:
        return None
    return {
        "estimated": speed.estimated,
        "measured": speed.measured,
        "difference": speed.difference,
        "low": speed.low,
        "high": speed.high,
        "reason": speed.reason,
    }


def worker_card(card: WorkerCard, *, default: bool) -> Json:
    """A worker with what it accepts and its numbers."""
    profile = card.worker.profile
    return {
        **worker(card.worker),
        "engineVersion": profile.version,
        "source": profile.source,
        "summary": profile.summary,
        "default": default,
        "registered": card.worker.registered,
        "architectures": sorted({name for group in profile.groups for name in group.names}),
        "formats": [rule.name for rule in profile.formats],
        "tasks": list(profile.tasks),
        "contextLimit": profile.context_limit,
        "contextPolicy": profile.context_policy,
        "total": card.total,
        "running": card.running,
        "byConfidence": {word: card.by_confidence.get(level, 0) for word, level in LEVELS.items()},
        "unknown": card.unknown,
    }


def curated(one: CuratedList, size: int) -> Json:
    """A curated list in short."""
    return {
        "slug": one.slug,
        "title": one.title,
        "description": one.description,
        "size": size,
        "url": one.get_absolute_url(),
    }


def curated_models(page: ListPage, items: list[Item]) -> Json:
    """A curated list with its models."""
    return {
        **curated(page.curated, len(items)),
        "items": [{**model(item), "note": item.row.note} for item in items],
        "running": page.running,
        "worker": worker(page.worker),
    }
