"""What a model is for: the Hub's task name, from the task field, tags, the class name, or the name's words."""

from __future__ import annotations

import re

from compat.architectures import name_words, published_task
from compat.extraction.facts import Fact, Provenance
from compat.hub.payloads import HubModel

DRAFT = "speculative-draft"
"""What is no task of the Hub's: a part that only speeds up another model."""

TASKS = {
    "text-generation": "Text generation",
    "conversational": "Conversation",
    "text2text-generation": "Text to text",
    "image-text-to-text": "Image and text to text",
    "any-to-any": "Any to any",
    "feature-extraction": "Embeddings",
    "sentence-similarity": "Sentence similarity",
    "text-ranking": "Ranking",
    "text-classification": "Text classification",
    "token-classification": "Token classification",
    "zero-shot-classification": "Zero-shot classification",
    "question-answering": "Question answering",
    "table-question-answering": "Table questions",
    "summarization": "Summarization",
    "translation": "Translation",
    "fill-mask": "Fill in the blank",
    "text-to-image": "Text to image",
    "image-to-image": "Image to image",
    "image-to-text": "Image to text",
    "image-to-video": "Image to video",
    "image-to-3d": "Image to 3D",
    "text-to-video": "Text to video",
    "text-to-3d": "Text to 3D",
    "text-to-speech": "Text to speech",
    "text-to-audio": "Text to audio",
    "automatic-speech-recognition": "Speech recognition",
    "audio-text-to-text": "Audio and text to text",
    "audio-classification": "Audio classification",
    "audio-to-audio": "Audio to audio",
    "voice-activity-detection": "Voice detection",
    "image-classification": "Image classification",
    "zero-shot-image-classification": "Zero-shot image classification",
    "image-segmentation": "Image segmentation",
    "mask-generation": "Mask generation",
    "image-feature-extraction": "Image features",
    "object-detection": "Object detection",
    "zero-shot-object-detection": "Zero-shot object detection",
    "depth-estimation": "Depth estimation",
    "keypoint-detection": "Keypoint detection",
    "video-classification": "Video classification",
    "video-text-to-text": "Video and text to text",
    "visual-question-answering": "Visual questions",
    "document-question-answering": "Document questions",
    "visual-document-retrieval": "Document retrieval",
    "unconditional-image-generation": "Image generation",
    "tabular-classification": "Table classification",
    "tabular-regression": "Table regression",
    "time-series-forecasting": "Time series",
    "graph-ml": "Graphs",
    "reinforcement-learning": "Reinforcement learning",
    "robotics": "Robotics",
    DRAFT: "Speculative decoding draft",
    "other": "Other",
}
"""The Hub's tasks, with their names for people."""

_CAUSAL_CLASSES = ("ForCausalLM", "LMHeadModel")
"""Of models that write text, and of embedding, ranking and speech models made of them: a class that only suggests."""
_CLASS_TASKS = (
    ("ForSequenceClassification", "text-classification"),
    ("ForTokenClassification", "token-classification"),
    ("ForQuestionAnswering", "question-answering"),
    ("ForRewardModel", "text-classification"),
    ("ForMaskedLM", "fill-mask"),
    ("ForImageClassification", "image-classification"),
    ("ForSemanticSegmentation", "image-segmentation"),
    ("ForInstanceSegmentation", "image-segmentation"),
    ("ForUniversalSegmentation", "image-segmentation"),
    ("ForDepthEstimation", "depth-estimation"),
    ("ForVideoClassification", "video-classification"),
    ("Bidirectional", "feature-extraction"),
)
_NAME_TASKS = {
    "feature-extraction": "embedding embeddings embed embedder embeddinggemma retriever retrieval bge gte e5 "
    "colbert splade simcse sts",
    "text-ranking": "reranker rerank ranker",
    "text-classification": "reward rm prm orm classifier classification sentiment",
    "text-to-speech": "tts neutts outetts orpheus llasa kokoro cosyvoice chatterbox",
    "automatic-speech-recognition": "asr",
}
_CAMEL_ENDINGS = (("TTS", "text-to-speech"), ("Reranker", "text-ranking"))
_DRAFT_WORDS = frozenset({"eagle3", "speculator", "speculators", "medusa", "dspark"})
_DRAFT_CLASSES = ("Eagle", "Draft", "MTP", "NextN", "Medusa", "Speculator", "AssistantFor")
_DRAFT_TYPE = "_assistant"
"""How Transformers ends the type of a model that only drafts for the one it is named after."""
_WORD_TASKS = {word: task for task, words in _NAME_TASKS.items() for word in words.split()}


def task_label(task: str) -> str:
    """A task's name for people; one not listed is shown as written, without dashes."""
    return TASKS.get(task) or task.replace("-", " ").capitalize()


def task_of(model: HubModel, hf_class: str | None) -> Fact[str]:
    """The model's task: the Hub's field before a tag, a tag before the class, and the class before the name.

    The class of a language model alone comes last: embedding and ranking models made of one keep it.
    """
    words = name_words(model.name.replace(".", "-"))
    if drafting := _drafting(model, hf_class, words):
        return drafting
    head = next((task for ending, task in _CLASS_TASKS if hf_class and hf_class.endswith(ending)), None)
    if head and model.pipeline_tag == "text-generation":
        return Fact(head, Provenance.CONFIG, f"its class is “{hf_class}”, which writes no text")
    if model.pipeline_tag:
        return Fact(model.pipeline_tag[:60], Provenance.HUB, f"the Hub lists it under “{model.pipeline_tag[:60]}”")
    tagged = dict.fromkeys(tag for tag in model.tags or () if tag in TASKS and tag != "other")
    if len(tagged) == 1:
        tag = next(iter(tagged))
        return Fact(tag, Provenance.TAG, f"tagged “{tag}”")
    if hf_class:
        for ending, task in _CLASS_TASKS:
            if ending in hf_class:
                return Fact(task, Provenance.CONFIG, f"its class is “{hf_class}”")
    named = _named(model.name, words)
    if named.value != "text-ranking" and (
        model.library_name == "sentence-transformers" or "sentence-transformers" in (model.tags or ())
    ):
        return Fact("sentence-similarity", Provenance.TAG, "made for the sentence-transformers library")
    published = published_task(model.id)
    if published:
        return Fact(published, Provenance.KNOWN, f"{model.id} is well known to be for that")
    causal = hf_class is not None and any(part in hf_class for part in _CAUSAL_CLASSES)
    # A classifier has a head of its own, and so a class of its own.
    if causal and named.value in (None, "text-classification"):
        return Fact("text-generation", Provenance.CONFIG, f"its class is “{hf_class}”")
    return named


def _drafting(model: HubModel, hf_class: str | None, words: tuple[str, ...]) -> Fact[str] | None:
    """Whether it only drafts for another model, and what says so."""
    if hf_class and any(part in hf_class for part in _DRAFT_CLASSES):
        return Fact(DRAFT, Provenance.CONFIG, f"its class is “{hf_class}”")
    model_type = (model.config or {}).get("model_type")
    if isinstance(model_type, str) and model_type.endswith(_DRAFT_TYPE):
        return Fact(DRAFT, Provenance.CONFIG, f"its type is “{model_type[:60]}”")
    draft = None if _is_whole_model(model) else _draft_word(words)
    states_otherwise = draft == "draft" and model.pipeline_tag is not None
    if draft and not states_otherwise and model.pipeline_tag in (None, "text-generation"):
        return Fact(DRAFT, Provenance.NAME, f"its name says “{draft}”")
    return None


_WIDTH = re.compile(r"(?:int|fp|bf|q)\d+|\d+-?bit")
_LARGEST_DRAFT = 10_000_000_000


def _is_whole_model(model: HubModel) -> bool:
    """Whether there are more weights than a draft has: models that bring a draft with them are named after it too."""
    counted = model.safetensors.count if model.safetensors else None
    read = model.gguf.total if model.gguf else None
    return max(counted or 0, read or 0) > _LARGEST_DRAFT


def _draft_word(words: tuple[str, ...]) -> str | None:
    """The word of a name that tells of a draft head: a part that only speeds up another model."""
    for word in words:
        if word in _DRAFT_WORDS or word.startswith("dflash"):
            return word
    if words and words[0] == "eagle":
        return words[0]
    return words[-1] if words and words[-1] in ("draft", "eagle") else None


def _named(name: str, words: tuple[str, ...]) -> Fact[str]:
    """What whole words of the name tell of the task, the weakest evidence."""
    for second, made_for in (("VL", "image-text-to-text"), ("Audio", "audio-text-to-text")):
        if words[:2] == ("qwen", second.lower()):
            return Fact(made_for, Provenance.NAME, f"its name says “Qwen-{second}”")
    for word, after in zip(words, (*words[1:], ""), strict=True):
        task = _WORD_TASKS.get(word)
        if word == "embed" and _WIDTH.fullmatch(after):
            continue  # the table of words alone, which is packed so
        if (word, after) == ("text", "encoder"):
            task = "feature-extraction"
        if task:
            return Fact(task, Provenance.NAME, f"its name says “{word}”")
    if any(ending in name for ending, _ in _CAMEL_ENDINGS):
        for part in re.split(r"[-_.]", name):
            for ending, task in _CAMEL_ENDINGS:
                if part.endswith(ending):
                    return Fact(task, Provenance.NAME, f"its name says “{part}”")
    return Fact.unknown()
