"""Words with which people describe a model instead of naming it: ``best``, ``for coding``, ``small``, ``auf Deutsch``.

They are no part of a name, so that looking for them among names finds what nobody meant. What a word tells that the
catalogue knows becomes a filter; what tells nothing is left out. Nothing here looks anything up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_MOST_IN_A_PHRASE = 4


@dataclass(frozen=True, slots=True)
class Meaning:
    """What words of a search mean that are no name: a value of a parameter, and the words as they were typed."""

    parameter: str
    value: str
    typed: str


@dataclass(frozen=True, slots=True)
class Described:
    """The words of a search by what they are: names, meanings, and what says nothing that a catalogue could know.

    ``soft`` are the words among the ``named`` that may also be one of the others: names hold ``small`` and ``chat``.
    """

    named: tuple[str, ...]
    means: tuple[Meaning, ...]
    left: tuple[str, ...]
    soft: Described | None = None


_MEANINGS: dict[tuple[str, str], str] = {
    ("use", "code"): "coding|code|coder|programming|programmer|developer|software development|code generation"
    "|code completion|autocomplete|programmieren|programmierung|coden|代码|编程|编码|写代码|程序",
    ("use", "chat"): "chat|chatting|chatbot|assistant|conversation|chatten|聊天|对话",
    ("use", "reasoning"): "reasoning|thinking|reason|logik|denken|推理|思考",
    ("use", "vision"): "vision|multimodal|image understanding|image input|vlm|vlms|vision language|bilder"
    "|bilderkennung|bild erkennen|bilder erkennen|bildverstehen"
    "|视觉|多模态|图像|看图|识图",
    ("use", "embedding"): "embedding|embeddings|embedder|text embedding|text embeddings|sentence embeddings"
    "|semantic search|嵌入|向量",
    ("use", "speech"): "speech|audio|voice|语音|音频",
    ("task", "automatic-speech-recognition"): "speech to text|speech recognition|stt|asr|transcription|transcribe"
    "|transcribing|spracherkennung|transkription|transkribieren|语音识别|语音转文字",
    ("task", "text-to-speech"): "text to speech|tts|speech synthesis|sprachausgabe|sprachsynthese|语音合成|文字转语音",
    ("task", "translation"): "translation|translate|translating|translator|übersetzung|übersetzen|翻译",
    ("task", "summarization"): "summarization|summarizing|summarize|summary|zusammenfassung|zusammenfassen|摘要|总结",
    ("task", "text-to-image"): "text to image|image generation|bilderzeugung|文生图|图像生成",
    ("license", "mit"): "mit license|mit licence|mit lizenz|mit许可",
    ("license", "apache-2.0"): "apache 2.0|apache 2|apache license|apache lizenz|apache许可",
    ("language", "de"): "german|deutsch|deutsche|deutsches|deutscher|deutschen|德语",
    ("language", "zh"): "chinese|chinesisch|mandarin|中文|汉语",
    ("language", "en"): "english|englisch|英文|英语",
    ("language", "fr"): "french|français|francais|französisch|法语",
    ("language", "es"): "spanish|español|espanol|spanisch|西班牙语",
    ("language", "it"): "italian|italiano|italienisch|意大利语",
    ("language", "pt"): "portuguese|português|portugues|portugiesisch|葡萄牙语",
    ("language", "ja"): "japanese|japanisch|日本語|日语",
    ("language", "ko"): "korean|koreanisch|한국어|韩语",
    ("language", "ru"): "russian|russisch|русский|俄语",
    ("language", "ar"): "arabic|arabisch|阿拉伯语",
    ("language", "hi"): "hindi|印地语",
    ("language", "pl"): "polish|polnisch|polski|波兰语",
    ("language", "tr"): "turkish|türkisch|türkçe|土耳其语",
    ("language", "nl"): "dutch|niederländisch|nederlands|荷兰语",
}  # fmt: skip
"""What people call the values of parameters."""
_NOTHING = (
    "can i run|can i use|do i need|i have|i want|i need|something|anything|some|any|fit|fits|works|please|"
    "best|better|good|great|top|the|for|with|to|of|on|and|or|in|that|which|what|is|are|can|my|me|run|runs|running|use|"
    "using|recommended|recommendation|recommend|ai|model|models|llm|llms|slm|slms|language model|language models|lm|"
    "large language model|large language models|small language model|small language models|local|locally|offline|"
    "free|open source|opensource|open weight|open weights|cheap|under|about|use case|"
    "ich brauche|ich habe|etwas|irgendein|passt|läuft|"
    "bestes|beste|bester|besten|gutes|gute|guter|modell|modelle|sprachmodell|sprachmodelle|ki|für|fuer|zum|zur|mit|"
    "texte|texten|auf|das|die|der|ein|eine|welches|lokal|kostenlos|und|von|im|"
    "最好的|最好|最佳|好的|推荐|模型|大模型|大语言模型|语言模型|本地|开源|免费|什么|哪个|的|用于|适合|用|和|量化版|量化"
)
"""What says nothing of a model that a catalogue could know."""
_OF_MACHINES = "laptop|notebook|pc|computer|mac|macbook|imac|gpu|cpu|vram|ram|memory|grafikkarte|显卡|显存|内存"
"""What is said of a machine, beside its card's name and sizes."""
_SMALL = (
    "small|smaller|smallest|tiny|mini|little|lightweight|light|compact|klein|kleines|kleine|kleiner|kleinstes|小|小型"
)
_SORTS = {
    "params": "large|larger|largest|big|bigger|biggest|huge|groß|großes|große|grosses|größtes|大|大型",
    "speed": "fast|faster|fastest|quick|speed|schnell|schnelles|schnelle|schnellstes|快|快速",
    "created": "new|newest|latest|neu|neues|neueste|neuestes|最新|最新的|2023|2024|2025|2026|2027",
    "popular": "popular|beliebt|beliebteste|beliebtestes|热门|流行",
    "trending": "trending",
    "": "smart|smartest|powerful|strong|strongest",
}
"""What says how a model is beside others, with the order that shows it; names hold some of it."""
_NAMES = {
    "通义千问": "qwen",
    "通义": "qwen",
    "千问": "qwen",
    "深度求索": "deepseek",
    "智谱清言": "glm",
    "智谱": "glm",
    "百川": "baichuan",
    "书生浦语": "internlm",
    "书生": "internlm",
    "混元": "hunyuan",
    "文心": "ernie",
    "零一万物": "yi",
    "羊驼": "llama",
    "嵌入模型": "embedding",
}
"""What Chinese people call lines of models, and how ids spell them."""
_MEANS = {phrase: means for means, phrases in _MEANINGS.items() for phrase in phrases.split("|")}
_MACHINE_WORDS = frozenset(_OF_MACHINES.split("|"))
_LEFT = frozenset(_NOTHING.split("|")) | _MACHINE_WORDS
_SORT_OF = {word: sort for sort, words in _SORTS.items() for word in words.split("|")}
_SMALL_WORDS = frozenset(_SMALL.split("|"))
_BESIDE = frozenset(_SORT_OF) | _SMALL_WORDS
_FOR = frozenset({"for", "für", "fuer", "zum", "zur", "auf", "用于", "适合"})
"""After these words stands no name but what something is for."""
_SCRIPTS = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_HAN_TERMS = sorted((term for term in (*_MEANS, *_LEFT, *_BESIDE, *_NAMES) if _HAN.match(term)), key=len, reverse=True)
_MEMORY = re.compile(r"\d{1,4}(?:gb|gib|g)")
"""A size of memory, which is of a machine and no part of a name."""


def sort_meant(word: str) -> str:
    """The order that shows first what a word asks for; empty where none does."""
    return _SORT_OF.get(word, "")


def says_small(word: str) -> bool:
    """Whether a word asks for a small model."""
    return word in _SMALL_WORDS


def is_of_machine(part: str) -> bool:
    """Whether a part of a search is of a machine, or may be its name: it says nothing else."""
    known = part in _LEFT or part in _BESIDE or part in _MEANS
    return part in _MACHINE_WORDS or not known


def parts_of(words: Sequence[str]) -> list[str]:
    """The words of a search, in lower case, with those of a known phrase as one part."""
    return list(_together(_in_terms(words)))


def describe(words: Sequence[str]) -> Described:
    """The words of a search, in lower case, by what they are."""
    plain = parts_of(words)
    named: list[str] = []
    soft: list[str | Meaning] = []
    means: list[Meaning] = []
    left: list[str] = []
    before = ""
    for phrase in plain:
        meaning = _MEANS.get(phrase.replace("-", " ") if " " in phrase or "-" in phrase else phrase)
        if phrase in _LEFT or _MEMORY.fullmatch(phrase):
            left.append(phrase)
        elif meaning and before in _FOR:
            means.append(Meaning(*meaning, phrase))
        elif meaning:
            soft.append(Meaning(*meaning, phrase))
            named += phrase.split()
        else:
            soft += [phrase] if phrase in _BESIDE else []
            named.append(phrase)
        before = phrase
    spared = {word for one in soft for word in (one.typed if isinstance(one, Meaning) else one).split()}
    other = Described(
        tuple(word for word in named if word not in spared),
        (*means, *(one for one in soft if isinstance(one, Meaning))),
        (*left, *(one for one in soft if isinstance(one, str))),
    )
    if not other.named:
        return other
    return Described(tuple(named), tuple(means), tuple(left), other if soft else None)


def _in_terms(words: Iterable[str]) -> Iterator[str]:
    """The words, with Chinese text, which has no spaces, in the terms that are known of it."""
    for word in words:
        if not _HAN.search(word):
            yield word
            continue
        for part in _SCRIPTS.findall(word):
            yield from _terms_of(part) if _HAN.match(part) else (part,)


def _terms_of(text: str) -> Iterator[str]:
    unknown = ""
    while text:
        term = next((one for one in _HAN_TERMS if text.startswith(one)), "")
        if term:
            if unknown:
                yield unknown
            yield _NAMES.get(term, term)
            unknown = ""
        else:
            unknown += text[0]
        text = text[len(term) or 1 :]
    if unknown:
        yield unknown


def _together(words: Iterable[str]) -> Iterator[str]:
    """The words, those of a known phrase as one: ``speech to text``, ``12 gb``."""
    rest = list(words)
    while rest:
        for length in range(min(_MOST_IN_A_PHRASE, len(rest)), 1, -1):
            phrase = " ".join(rest[:length])
            if phrase in _MEANS or phrase in _LEFT:
                break
            if length == 2 and _MEMORY.fullmatch("".join(rest[:2])) and not rest[0].endswith("b"):
                phrase = "".join(rest[:2])
                break
        else:
            length, phrase = 1, rest[0]
        yield phrase
        del rest[:length]
