"""What a person puts into a search box: words, or what they copied somewhere that names a model.

That is an address of the Hub or of another site, a command, a line of a program, a file, or a model as Ollama names it.
A pure function, the same for pages, API, commands and assistants. It looks for nothing: a name that no record has stays
what was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from urllib.parse import parse_qsl

from compat.models.described import Meaning, describe
from compat.wording import plain_characters

MOST_WORDS = 8
_MOST_SAID = 24
"""So many words are read of a description: most of a sentence say nothing."""
WHOLE_NUMBER = re.compile(r"([a-z][a-z\d.-]*\d):", re.ASCII)
"""A word whose number ends there."""
BARE_NUMBER = re.compile(r":(\d[\d.]*):", re.ASCII)
"""A number by itself, which is no part of another."""
OF_NUMBER = re.compile(r"([a-z](?:[a-z\d.-]*[a-z])?)(\d[\d.]*):\+", re.ASCII)
"""A name and its number, which may go on behind a point and not otherwise."""
_MOST_CHARACTERS = 4_000
"""So much of a text is read."""
_ID = re.compile(r"(?!\.)[\w.-]{1,96}/(?!\.)[\w.-]{1,96}", re.ASCII)
_TAGGED = re.compile(r"[\w.-]{2,60}(?:/[\w.-]{2,60})?:[\w.-]{1,40}")
_AROUND = " \t\"'`<>[](){}*,;"
"""Marks around what is copied out of a text or a program."""
_HUB = re.compile(
    r"(?:^|[\s\"'=@(<\[`])"
    r"(?:(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/|(?:hf|huggingface)://)(?:api/)?(?:models/)?"
    r"([^\s\"'`<>()\[\]]*)",
    re.IGNORECASE,
)
_NO_MODELS = frozenset({"blog", "collections", "datasets", "docs", "papers", "spaces"})
"""What else the Hub has, by the first part of its addresses."""
_LISTED = re.compile(r"models/?(?:\?([^#\s]{0,1000}))?$", re.IGNORECASE)
"""A list of the Hub, with what it is narrowed by."""
_MADE_FROM = re.compile(r"base_model:(?:\w+:)?(.+)", re.ASCII)
_CACHED = re.compile(r"\bmodels--([\w.-]{1,96}?)--([\w.-]{1,96})", re.ASCII)
"""The folder of a repository in the cache of the Hub's clients."""
_OLLAMA = re.compile(
    r"(?:https?://)?(?:www\.)?(?:ollama\.(?:com|ai)|registry\.ollama\.ai)/([^\s\"'`<>()\[\]]*)", re.IGNORECASE
)
_SHOPS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:modelscope\.(?:cn|ai)|lmstudio\.ai|openrouter\.ai)/(?:models?/)?([^\s\"'`<>()\[\]]*)",
    re.IGNORECASE,
)
_ANY_SITE = re.compile(r"https?://[^\s/]{3,100}/(\S+)", re.IGNORECASE)
_OPTION = re.compile(
    r"(?<![\w.-])-{0,2}[\"']?(?:hf|hfr|hf-repo|(?:base_)?model(?:[-_](?:path|id|name|name_or_path))?|repo[-_]id"
    r"|pretrained(?:_model_name_or_path)?)[\"']?(?: ?[=:](?!//) ?| )[\"']?([^\s\"'`,;()]+)",
    re.IGNORECASE,
)
"""What names a model in a command, in a call or in JSON."""
_VERB = re.compile(
    r"(?<![\w/.-])(?:(?:hf|huggingface-cli|modelscope|litgpt) download|(?:vllm|sglang|trtllm-serve) serve|trtllm-serve"
    r"|lmdeploy (?:chat|serve api_server)|aphrodite run|(ollama (?:run|pull|show|get)|lms (?:get|load)"
    r"|docker model (?:run|pull)|ramalama (?:run|pull|serve))) ",
    re.IGNORECASE,
)
"""Commands that name a model without an option; apart those of a place whose names are no ids of the Hub."""
_MODELFILE = re.compile(
    r"from (\S+)(?= (?:parameter|system|template|adapter|license|message|requires|#)|$)", re.IGNORECASE
)
"""The first line of an Ollama Modelfile, and no import of a program."""
_FILTERS = {
    **dict.fromkeys(("author", "owner", "org", "organization", "user", "by"), "author"),
    **dict.fromkeys(("task", "pipeline_tag"), "task"),
    **dict.fromkeys(("license", "licence"), "license"),
    **dict.fromkeys(("language", "lang"), "language"),
    **dict.fromkeys(("architecture", "arch"), "architecture"),
    "format": "format",
    "use": "use",
}
"""What people write before a value, as on the Hub, with the parameter that it is."""
_FILTER = re.compile(rf"(?<!\S)({'|'.join(_FILTERS)}):[ ]?([\w.-]+)(?!\S)", re.IGNORECASE | re.ASCII)
_QUOTED = re.compile(r"[\"'`](?!\.)([\w.-]{1,96}/(?!\.)[\w.-]{1,96})[\"'`]", re.ASCII)
_CALLED = re.compile(
    r"(?:from_pretrained|SentenceTransformer|CrossEncoder|\bLLM)\( ?[\"']([\w.-]{2,96})[\"']|"
    r"\bmodel(?:_name|_id)? ?= ?[\"']([\w.-]{2,96})[\"']",
    re.ASCII,
)
"""A name without an owner in a line of a program, as the oldest repositories have."""
_PREFIX = re.compile(r"(?:ollama(?:_chat)?|lm_studio|library|ai)/|(?:openrouter|huggingface)/(?=[^/]+/)")
"""What programs put before a name to say where it is from."""
_ASIDE = re.compile(r"--?(?:speculative|draft)[-\w]*[ =](?:'[^']*'|\S+)", re.IGNORECASE)
"""Options whose models are a help to the one that is meant."""
_FILE = re.compile(r"\.(?:gguf|safetensors|onnx|ckpt|pth|pt|bin)(?:\.index\.json)?$", re.IGNORECASE)
_PART = re.compile(r"[-.](?:\d{5}-of-\d{5}|part\d+of\d+)")
_WIDTH = r"(?:i1-|ud-)?(?:i?q\d[a-z\d_]*|tq\d_\d|mxfp4\w*|[bf]p?f?(?:8|16|32)(?:_e\dm\d(?:fn)?)?|int[48]|ggmlv\d)"
_LABEL = re.compile(rf"[-._]{_WIDTH}$")
_SURE_LABEL = re.compile(r"[-._](?:ud-)?i?q\d_(?:k(?:_(?:xs|xl|s|m|l))?|[01]|xxs|xs|s|m|nl)$")
"""A label that files have and models have not."""
_NAMES_NOTHING = re.compile(
    r"(?:(?:diffusion_)?(?:pytorch_|flax_|tf_|adapter_)?model|consolidated|ggml-model|mmproj|tokenizer|weights|params|checkpoint)?[-_.\d]*"
)
_FOLDERS = re.compile(r"[~.]|[a-z]:|models?|checkpoints?|weights", re.IGNORECASE)
_PACKED = re.compile(
    r"(?:ud-)?i?q[1-8](?:_[a-z\d_]+)?|tq[12]_0|[2-8]-?bits?|int[2-8]|w\d+a\d+|[bf]p?f?16|fp[48]|nvfp4|mxfp[48]"
    r"|awq|gptq|exl[23]|autoround|gguf|onnx|openvino"
)
"""A word that says how weights are packed, and nothing of the model."""
_BITS = re.compile(r"(?<=[2-8]) (?=bits?\b)")
_VERSION = re.compile(r"(?:\d|1\d)(?:\.\d{1,2})?")
"""A number that is no size and no year: which of its models a name means."""
_NAME = re.compile(r"[a-z][a-z\d.-]*[a-z]|[a-z]{2,}")
_NAME_NUMBER = re.compile(r"[a-z]{2,}\d[\d.]*")
_SAYING_NOTHING = re.compile(r"latest|library|i?q\d.*|[bf]p?f?16|k|[msl]|\d|mlx")


@dataclass(frozen=True, slots=True)
class Asked:
    """The words to look for, in lower case, and the repository that is asked for by its id, as it was typed.

    A word like ``qwen2:`` is a name whose number ends there: none of Qwen 2.5. ``llama3:+`` is one whose number was
    typed apart and may go on behind a point: Llama 3.1, and no ``llama-30b``.

    ``pasted`` says that an address or a command names it: nothing but this one is meant. ``wider`` are fewer words, to
    offer where no record has all. ``widths`` say how weights are packed (``q4``, ``awq``), and are no part of a name.
    ``apart`` are the words as they were typed where a number was taken together with the name before it (``qwen 3``),
    or those of a name of Ollama's library: to look for where the others find nothing, each number as a whole.
    ``means`` is what other words ask for, and ``left`` are those that say nothing a catalogue could know.
    ``other`` is what a pasted address of the Hub leads to where that is no model: ``datasets``.
    ``otherwise`` is what is asked for if words that may be part of a name are none: to ask where no name has them.
    """

    words: tuple[str, ...]
    repo_id: str = ""
    pasted: bool = False
    wider: tuple[str, ...] = ()
    widths: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    means: tuple[Meaning, ...] = ()
    left: tuple[str, ...] = ()
    other: str = ""
    otherwise: Asked | None = None

    @property
    def described(self) -> tuple[str, ...]:
        """The words that are no part of a name, but for how weights are packed."""
        return (*(one.typed for one in self.means), *self.left)


def without_signs(word: str) -> str:
    """A word without what is said of its number."""
    found = OF_NUMBER.fullmatch(word)
    return found[1] + found[2] if found else word.strip(":")


def read_search(question: str) -> Asked:
    """What is asked for: at most eight words, of which a pasted address or command counts as its repository's id."""
    plain = plain_characters(question[:_MOST_CHARACTERS].replace("\0", " "))[:_MOST_CHARACTERS]
    plain = " ".join(plain.split())
    command = _ASIDE.sub("", plain)
    return (
        _cached(plain)
        or _modelfile(plain)
        or _after_verb(command)
        or _after_option(command)
        or _quoted(command)
        or _called(command)
        or _address(plain)
        or _file_in(plain)
        or _one(plain)
    )


def spellings_of(word: str) -> tuple[str, ...]:
    """A word, and the same with or without a dash at its number: ``llama3.1`` and ``llama-3.1``, ``qwen2.5-vl``."""
    found = re.fullmatch(r"([a-z]{2,})-?(\d[\d.]*)(-?)(.*)", word, re.DOTALL)
    if not found:
        return (word,)
    name, number, dash, rest = found.groups()
    dashes = ("", "-") if re.match("[a-z]{2}", rest) else (dash,)
    ways = (f"{name}{before}{number}{after}{rest}" for after in dashes for before in ("", "-"))
    return tuple(dict.fromkeys((word, *ways)))


def says(name: str, spellings: Sequence[str]) -> bool:
    """Whether a name in lower case holds a word in one of its spellings."""
    return any(_says(name, one) for one in spellings)


def _says(name: str, word: str) -> bool:
    plain = re.escape(without_signs(word))
    if WHOLE_NUMBER.fullmatch(word):
        return re.search(rf"{plain}(?![\d.])", name) is not None
    if BARE_NUMBER.fullmatch(word):
        return re.search(rf"(?<![\d.]){plain}(?![\d.])", name) is not None
    numbered = OF_NUMBER.fullmatch(word)
    if numbered:
        return re.search(rf"{re.escape(numbered[1])}[-_.]?{re.escape(numbered[2])}(?!\d)", name) is not None
    return word in name


# --- what is copied ------------------------------------------------------------------------------------------------


def _cached(plain: str) -> Asked | None:
    found = _CACHED.search(plain)
    return _of_id(f"{found[1]}/{found[2]}") if found else None


def _after_option(plain: str) -> Asked | None:
    return next(filter(None, (_named(found[1]) for found in islice(_OPTION.finditer(plain), 20))), None)


def _after_verb(plain: str) -> Asked | None:
    found = _VERB.search(plain)
    values = [value.strip(_AROUND) for value in plain[found.end() :].split()[:40]] if found else []
    if not found or not values:
        return None
    if found[1]:
        name = values[0].rpartition("://")[2]
        return _address(values[0]) or (_of_shop(name) if found[1].lower().startswith("lms") else _of_ollama(name))
    if not values[0].startswith("-"):
        return _named(values[0]) or Asked(_words(values[0]))
    ids = [value for before, value in pairwise(values) if not before.startswith("-") and _ID.fullmatch(value)]
    return (
        next(map(_named, ids), None)
        or _after_option(plain[found.end() :])
        or next((_named(value) for value in values if _ID.fullmatch(value)), None)
    )


def _modelfile(plain: str) -> Asked | None:
    found = _MODELFILE.match(plain)
    return (_named_by_path(found[1]) or _address(found[1]) or _of_ollama(found[1])) if found else None


def _named_by_path(value: str) -> Asked | None:
    return _named(value) if _FILE.search(value) or (_FOLDERS.match(value.partition("/")[0]) and "/" in value) else None


def _named(value: str) -> Asked | None:
    """What a value names where a model is expected; None where that is no name of one repository, file or folder."""
    value = value.strip(_AROUND)
    if "://" in value:
        return None
    if _PREFIX.match(value):
        return _of_shop(value)
    if file := _file_in(value):
        return file
    first, _, rest = value.partition("/")
    if rest and (not first or _FOLDERS.fullmatch(first)):
        return Asked(_words(_base(value.rstrip("/"))))
    name = re.split("[:@]", value, maxsplit=1)[0]
    return _of_id(name) if _ID.fullmatch(name) else None


def _quoted(plain: str) -> Asked | None:
    found = list(dict.fromkeys(_QUOTED.findall(plain)[:20]))
    if not found:
        return None
    return Asked((found[0].lower(),), found[0], pasted=len(found) == 1 and plain.strip(_AROUND) != found[0])


def _called(plain: str) -> Asked | None:
    found = _CALLED.search(plain)
    return Asked(_words(found[1] or found[2])) if found else None


def _address(plain: str) -> Asked | None:
    hub = _HUB.search(plain)
    if hub:
        listed = _LISTED.match(hub[1])
        if listed:
            return _of_list(parse_qsl(listed[1] or ""))
        repo_id = _repository(hub[1])
        other = next((one for one in _NO_MODELS if repo_id.startswith(f"{one}/")), "")
        if other or "/" not in repo_id:
            return Asked((repo_id.lower(),) if repo_id else (), other=other)
        return _of_id(repo_id)
    ollama = _OLLAMA.search(plain)
    if ollama:
        return _of_ollama(_path(ollama[1]))
    shop = _SHOPS.search(plain)
    if shop:
        return _of_shop("/".join(_path(shop[1]).split("/")[:2]))
    site = _ANY_SITE.search(plain)
    return Asked(_words(plain), wider=_words(_path(site[1]).split("/")[:2][-1])) if site else None


def _of_list(pairs: Sequence[tuple[str, str]]) -> Asked:
    """A list of the Hub by the parameters of its address: what it is searched for, and its filters of this site."""
    words = " ".join(value for name, value in pairs if name == "search")
    bases = [found[1].lower() for name, value in pairs if name == "other" and (found := _MADE_FROM.fullmatch(value))]
    means = [Meaning(_FILTERS[name], value, f"{name}={value}") for name, value in pairs if name in _FILTERS]
    return Asked(tuple(dict.fromkeys((*_words(words), *bases)))[:MOST_WORDS], means=tuple(means))


def _file_in(plain: str) -> Asked | None:
    """The model whose file is named, with the repository before it if there is one."""
    words = [word.strip(_AROUND) for word in plain.split()]
    files = [word for word in words if _FILE.search(word)]
    found = next((one for one in files if not _base(one).lower().startswith("mmproj")), "".join(files[:1]))
    if not found:
        return None
    if len(words) == 2 and len(files) == 1 and _ID.fullmatch(words[0]):
        return _of_id(words[0])
    folders = [part for part in re.split(r"[/\\]", found)[:-1] if part]
    local = found[0] in "/\\" or (folders and _FOLDERS.fullmatch(folders[0]))
    told = folders[-2:] if local else folders[:2]
    repo_id = "/".join(told)
    repo_id = repo_id if _ID.fullmatch(repo_id) and not any(map(_FOLDERS.fullmatch, told)) else ""
    name = _model_of_file(_base(found))
    if name:
        # An id may end like a file.
        return Asked(_words(name), repo_id or (found if not local and _ID.fullmatch(found) else ""))
    return Asked((repo_id.lower(),), repo_id) if repo_id else Asked(_words(found))


def _one(plain: str) -> Asked:
    """A name by itself, or words. In quotation marks they are a name, whatever else they may mean."""
    name = plain.strip(_AROUND) or plain
    filters = tuple(Meaning(_FILTERS[kind.lower()], value, f"{kind}:{value}") for kind, value in _FILTER.findall(name))
    words = _words(_BITS.sub("", _FILTER.sub(" ", name).lower()), _MOST_SAID)
    if plain[:1] == plain[-1:] == '"':
        return _of_name(words)
    if len(words) != 1 or filters:
        return _of_words(words, filters)
    tagged, _, tag = name.partition(":")
    if tag and _PREFIX.match(name):
        return _of_shop(name)
    if _ID.fullmatch(name) or (tag and _ID.fullmatch(tagged)):
        return Asked((tagged.lower(),), tagged)
    if _TAGGED.fullmatch(name):
        return _of_ollama(name)
    plain = _SURE_LABEL.sub("", name.lower()) or name
    found = _of_words(_words(plain))
    return found if found.apart else replace(found, apart=_parts_of_ollama(plain))


def _of_words(words: tuple[str, ...], filters: tuple[Meaning, ...] = ()) -> Asked:
    """Words: a name, how its weights are packed, and what else describes a model."""
    widths = tuple(word for word in words if _PACKED.fullmatch(word))
    told = describe([word for word in words if word not in widths])
    ways = [
        replace(_of_name(one.named), widths=widths, means=(*filters, *one.means), left=one.left)
        for one in (told, told.soft)
        if one is not None
    ]
    return replace(ways[0], otherwise=next(iter(ways[1:]), None))


def _of_name(words: tuple[str, ...]) -> Asked:
    named = tuple(dict.fromkeys(words))[:MOST_WORDS]
    together = _with_versions(named)
    apart = tuple(f":{word}:" if _VERSION.fullmatch(word) else word for word in named)
    return Asked(together, apart=apart if named != together else ())


def _with_versions(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words, each number behind a name together with it: ``llama 3.1 8b`` asks for ``llama3.1``."""
    found: list[str] = []
    for word in words:
        if found and _VERSION.fullmatch(word) and _NAME.fullmatch(found[-1]):
            found[-1] += f"{word}:+"
        else:
            found.append(word)
    return tuple(dict.fromkeys(found))


# --- what it names -------------------------------------------------------------------------------------------------


def _of_id(repo_id: str) -> Asked:
    return Asked((repo_id.lower(),), repo_id, pasted=True)


def _of_shop(name: str) -> Asked:
    """A name of another place than the Hub, where owners are mostly called as here, and models often otherwise."""
    name = _PREFIX.sub("", name.strip("/"))
    plain = re.split("[:@]", name, maxsplit=1)[0]
    if "/" not in plain:
        return _of_ollama(name)
    return Asked(_words(plain.rpartition("/")[2]), plain if _ID.fullmatch(plain) else "")


def _of_ollama(name: str) -> Asked:
    """A model as Ollama names it: ``qwen3:8b-q4_K_M`` is a name and a tag that says size and packing."""
    model, _, tag = name.strip("/").lower().rpartition("/")[2].partition(":")
    told = [part for part in tag.split("-") if part and not _SAYING_NOTHING.fullmatch(part)]
    named = f"{model}:" if WHOLE_NUMBER.fullmatch(f"{model}:") else model
    parts = _parts_of_ollama(model)
    return Asked(
        _words(" ".join([named, *told])),
        wider=_words(model) if told or named != model else (),
        apart=_words(" ".join([*parts, *told])) if parts else (),
    )


def _parts_of_ollama(model: str) -> tuple[str, ...]:
    """The words of a name that has its number where Ollama's library has it and the Hub has a dash or another place.

    ``mistral-small3.2`` is called Mistral-Small-3.2-24B there, and ``llama3.2-vision`` Llama-3.2-11B-Vision.
    """
    parts = model.split("-")
    numbered = [f"{part}:" if _NAME_NUMBER.fullmatch(part) else part for part in parts]
    if len(parts) == 1 or numbered == parts or any(not part[:1].isalpha() for part in parts):
        return ()
    return _words(" ".join(numbered))


def _model_of_file(file: str) -> str:
    """What a file's name says of its model: the name without its ending, part, label and kind; empty for none."""
    name = _PART.sub("", re.sub(r"(?:\.index\.json)?$", "", file.lower()).rpartition(".")[0])
    name = re.sub(r"^(?:mmproj-|ggml-(?!model))", "", name)
    while _LABEL.search(name):
        name = _LABEL.sub("", name)
    return "" if _NAMES_NOTHING.fullmatch(name) or re.fullmatch(_WIDTH, name) else name


def _base(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]


def _path(address: str) -> str:
    return re.split("[?#]", address, maxsplit=1)[0].strip("/")


def _repository(path: str) -> str:
    """The repository's id of an address's path: ``org/name`` without a branch, file, tag or what follows."""
    parts = _path(path).split("@")[0].strip("/").split("/")[:2]
    return "/".join([*parts[:-1], parts[-1].split(":")[0]]).rstrip(".,;") if parts else ""


def _words(text: str, most: int = MOST_WORDS) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.lower().split()))[:most]
