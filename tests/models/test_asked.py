"""What people put into a search box: a link, a command or a model as Ollama names it leads to the model it means."""

from __future__ import annotations

import pytest

from compat.models.asked import Asked, read_search, spellings_of

QWEN = "Qwen/Qwen3-30B-A3B"
GEMMA = "unsloth/gemma-3-27b-it-GGUF"


@pytest.mark.parametrize(
    ("question", "repo_id"),
    [
        (f"https://huggingface.co/{QWEN}", QWEN),
        (f"huggingface.co/{QWEN}/tree/main?show_file_info=x#card", QWEN),
        (f"https://huggingface.co/api/models/{QWEN}", QWEN),
        (f"https://huggingface.co/models/{QWEN}", QWEN),
        (f"hf.co/{GEMMA}:Q4_K_M", GEMMA),
        (f"ollama run hf.co/{GEMMA}:Q4_K_M", GEMMA),
        (f"ollama run hf.co/{GEMMA}", GEMMA),
        (f"$ ollama pull huggingface.co/{GEMMA}", GEMMA),
        (f"git clone https://huggingface.co/{QWEN}", QWEN),
        (f"hf download {QWEN} --include x", QWEN),
        (f"vllm serve {QWEN} --max-model-len 8192", QWEN),
        (f"llama-server -hf {GEMMA}:Q4_K_M -c 8192", GEMMA),
        (f'mlx_lm.generate --model "{QWEN}" --prompt hi', QWEN),
        (f"hf://{QWEN}", QWEN),
    ],
)
def test_a_pasted_address_or_command_names_one_repository(question, repo_id):
    assert read_search(question) == Asked((repo_id.lower(),), repo_id, pasted=True)


@pytest.mark.parametrize("question", [QWEN, f"  {QWEN}  ", f"{QWEN}:Q8_0"])
def test_an_id_is_asked_for_and_more_may_be_meant(question):
    assert read_search(question) == Asked((QWEN.lower(),), QWEN)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("qwen3:8b", ("qwen3", "8b")),
        ("qwen3:latest", ("qwen3",)),
        ("gemma3:27b-it-q4_K_M", ("gemma3", "27b", "it")),
        ("llama3.1", ("llama3.1",)),
        ("ollama run qwen3:8b", ("qwen3", "8b")),
        ("https://ollama.com/library/qwen3", ("qwen3",)),
        ("https://ollama.com/library/qwen3:8b-q8_0", ("qwen3", "8b")),
        ("https://huggingface.co/Qwen", ("qwen",)),
        ("https://huggingface.co/", ()),
        ("Qwen 7B  qwen", ("qwen", "7b")),
        ("llama:", ("llama:",)),
        ("", ()),
        ("\0", ()),
    ],
)
def test_other_questions_are_words(question, words):
    asked = read_search(question)
    assert asked.words == words
    assert not asked.repo_id


def test_a_dash_before_the_number_is_no_matter():
    assert set(spellings_of("llama3.1")) == set(spellings_of("llama-3.1")) == {"llama3.1", "llama-3.1"}
    assert spellings_of("llama3.1")[0] == "llama3.1"
    assert spellings_of("7b") == ("7b",)
    assert spellings_of("coder") == ("coder",)
