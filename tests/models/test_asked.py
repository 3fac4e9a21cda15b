"""What people put into a search box: a link, a command or a model as Ollama names it leads to the model it means."""

from __future__ import annotations

import pytest

from compat.models.asked import Asked, read_search, says, spellings_of

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
        (f"https://huggingface.co/{QWEN}/resolve/main/model-00001-of-00016.safetensors?download=true", QWEN),
        (f"https://huggingface.co/{GEMMA}/blob/main/gemma-3-27b-it-Q4_K_M.gguf", GEMMA),
        (f"https://hf-mirror.com/{QWEN}", QWEN),
        (f"[{QWEN}](https://huggingface.co/{QWEN}).", QWEN),
        (f"{QWEN} model-00001-of-00016.safetensors", QWEN),
        (f"~/.cache/huggingface/hub/models--{QWEN.replace('/', '--')}/snapshots/0ab/config.json", QWEN),
        (f'from_pretrained("{QWEN}")', QWEN),
        (f"AutoModelForCausalLM.from_pretrained('{QWEN}', device_map=\"auto\")", QWEN),
        (f'model_id = "{QWEN}"', QWEN),
        (f"model = AutoModel.from_pretrained(\u201c{QWEN}\u201d)", QWEN),
        (f'curl localhost/v1/chat/completions -d \'{{"model": "{QWEN}", "messages": []}}\'', QWEN),
        (f"huggingface-cli download {GEMMA} gemma-3-27b-it-Q4_K_M.gguf --local-dir .", GEMMA),
        (f"python -m sglang.launch_server --model-path {QWEN}", QWEN),
        (f"python3 -m vllm.entrypoints.openai.api_server --model={QWEN}", QWEN),
        (f"vllm serve --max-model-len 8192 {QWEN}", QWEN),
        (f"vllm serve --enforce-eager {QWEN} --tokenizer x/y", QWEN),
        (f'vllm serve {QWEN} --speculative-config \'{{"model": "x/eagle"}}\'', QWEN),
        (f"python -m server --speculative-draft-model-path x/y --model-path {QWEN}", QWEN),
        (
            f"docker run -v ~/.cache/huggingface:/cache {'-e A=b ' * 20} vllm/vllm-openai:latest --model {QWEN}",
            QWEN,
        ),
        (f"lm_eval --model vllm --model_args pretrained={QWEN},dtype=float16", QWEN),
        (f"docker model run hf.co/{GEMMA}", GEMMA),
        (f"FROM hf.co/{GEMMA}:Q4_K_M", GEMMA),
    ],
)
def test_a_pasted_address_or_command_names_one_repository(question, repo_id):
    assert read_search(question) == Asked((repo_id.lower(),), repo_id, pasted=True)


@pytest.mark.parametrize(
    "question",
    [
        QWEN,
        f"  {QWEN}  ",
        f"{QWEN}:Q8_0",
        f"`{QWEN}`",
        f"\u201c{QWEN}\u201d,",
        f"{QWEN}/model-00001-of-00016.safetensors",
        QWEN.replace("-", "\u2011") + "\u200b",
    ],
)
def test_an_id_is_asked_for_and_more_may_be_meant(question):
    assert read_search(question) == Asked((QWEN.lower(),), QWEN)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("qwen3:8b", ("qwen3:", "8b")),
        ("qwen3:latest", ("qwen3:",)),
        ("gemma3:27b-it-q4_K_M", ("gemma3:", "27b", "it")),
        ("qwen2.5-coder:7b-instruct-q4_K_M", ("qwen2.5-coder", "7b", "instruct")),
        ("ollama run somebody/qwen3:8b", ("qwen3:", "8b")),
        ("docker model run ai/qwen3:8B-Q4_K_M", ("qwen3:", "8b")),
        ("ai/qwen3:8B-Q4_K_M", ("qwen3:", "8b")),
        ("aider --model ollama_chat/qwen3:8b", ("qwen3:", "8b")),
        ("Qwen3-8B-Q4_K_M.gguf", ("qwen3-8b",)),
        ("Qwen3-8B-Q4_K_M", ("qwen3-8b",)),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", ("qwen3-8b",)),
        ("mistral-7b-instruct-v0.2.Q4_K_M.gguf", ("mistral-7b-instruct-v0.2",)),
        ("DeepSeek-R1-Distill-Qwen-7B-Q4_K_M-00001-of-00002.gguf", ("deepseek-r1-distill-qwen-7b",)),
        ("gemma-3-4b-it-qat-q4_0.gguf", ("gemma-3-4b-it-qat",)),
        ("mmproj-gemma-3-4b-it-f16.gguf", ("gemma-3-4b-it",)),
        ("llama-cli -m ~/models/Qwen3-8B-Q4_K_M.gguf --mmproj mmproj.gguf -ngl 99", ("qwen3-8b",)),
        ("C:\\Users\\me\\models\\Qwen3-8B-Q4_K_M.gguf", ("qwen3-8b",)),
        ("docker run --model /models/Qwen3-8B vllm", ("qwen3-8b",)),
        ("model-00001-of-00004.safetensors", ("model-00001-of-00004.safetensors",)),
        ("bartowski Q4_K_M", ("bartowski",)),
        ("qwen 3 8b", ("qwen3:+", "8b")),
        ("llama 3.1 70b", ("llama3.1:+", "70b")),
        ("stable diffusion 3.5", ("stable", "diffusion3.5:+")),
        ("llama 70 chat", ("llama", "70", "chat")),
        ("3 qwen", ("3", "qwen")),
        ("https://huggingface.co/models?library=gguf&search=qwen+coder", ("qwen", "coder")),
        ("https://huggingface.co/datasets/rajpurkar/squad", ("datasets/rajpurkar",)),
        ("\uff31wen3\u00a08B", ("qwen3", "8b")),
        ("llama3.1", ("llama3.1",)),
        ("ollama run qwen3:8b", ("qwen3:", "8b")),
        ("FROM llama3", ("llama3:",)),
        ("FROM qwen3:8b PARAMETER temperature 0.7", ("qwen3:", "8b")),
        ("FROM ./Qwen3-8B-Q4_K_M.gguf", ("qwen3-8b",)),
        ("https://ollama.com/library/qwen3", ("qwen3:",)),
        ("https://ollama.com/library/qwen3:8b-q8_0", ("qwen3:", "8b")),
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
    assert not asked.pasted


@pytest.mark.parametrize(
    ("question", "repo_id"),
    [
        ("https://www.modelscope.cn/models/Qwen/Qwen3-8B/summary", "Qwen/Qwen3-8B"),
        ("modelscope.cn/models/Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("https://lmstudio.ai/models/qwen/qwen3-8b", "qwen/qwen3-8b"),
        ("https://openrouter.ai/qwen/qwen3-8b:free", "qwen/qwen3-8b"),
        ("lms get qwen/qwen3-8b@q4_k_m", "qwen/qwen3-8b"),
        ("~/.lmstudio/models/qwen/qwen3-8b/qwen3-8b-Q4_K_M.gguf", "qwen/qwen3-8b"),
    ],
)
def test_a_name_of_another_place_is_looked_for_by_what_the_model_is_called(question, repo_id):
    assert read_search(question) == Asked(("qwen3-8b",), repo_id)


@pytest.mark.parametrize(
    ("question", "words", "widths"),
    [
        ("qwen3 8b q4_k_m", ("qwen3", "8b"), ("q4_k_m",)),
        ("gemma3 27b q4", ("gemma3", "27b"), ("q4",)),
        ("qwen2.5 72b 4 bit", ("qwen2.5", "72b"), ("4bit",)),
        ("llama3.3 70b 4-bit gguf", ("llama3.3", "70b"), ("4-bit", "gguf")),
        ("Mixtral 8x7B GPTQ", ("mixtral", "8x7b"), ("gptq",)),
        ("llama 70b fp8", ("llama", "70b"), ("fp8",)),
        ("q4 gguf", (), ("q4", "gguf")),
        ("awq 4bit", (), ("awq", "4bit")),
        ("Q4_K_M", (), ("q4_k_m",)),
        ("q4", (), ("q4",)),
        ("8b q4", ("8b",), ("q4",)),
        ("qwen3-8b-awq", ("qwen3-8b-awq",), ()),
    ],
)
def test_words_of_how_weights_are_packed_are_no_part_of_a_name(question, words, widths):
    asked = read_search(question)
    assert (asked.words, asked.widths) == (words, widths)


def test_a_number_typed_apart_is_that_of_the_name_before_it():
    asked = read_search("llama 3 8b")
    assert asked.apart == ("llama", ":3:", "8b")
    for name in ("llama-3-8b", "meta-llama-3.1-8b", "llama3-8b", "llama_3_8b"):
        assert says(name, (asked.words[0],)), name
    for name in ("llama-2-13b", "llama-30b", "qwen3-8b"):
        assert not says(name, (asked.words[0],)), name
    assert says("whisper-large-v3", (":3:",))
    assert not says("whisper-large-v3.5", (":3:",))
    assert not says("whisper-1.3", (":3:",))


@pytest.mark.parametrize(
    ("question", "apart"),
    [
        ("mistral-small3.2", ("mistral", "small3.2:")),
        ("mistral-small3.1:24b-instruct-2503-q4_K_M", ("mistral", "small3.1:", "24b", "instruct", "2503")),
        ("ollama run llama3.2-vision:11b", ("llama3.2:", "vision", "11b")),
        ("llama-guard3:8b", ("llama", "guard3:", "8b")),
        ("deepseek-r1:8b", ()),
        ("qwen3:8b", ()),
        ("mistral-small", ()),
        ("Qwen2.5-Coder-7B-Instruct", ()),
    ],
)
def test_a_name_of_ollamas_library_is_also_looked_for_part_by_part(question, apart):
    assert read_search(question).apart == apart


@pytest.mark.parametrize(
    ("question", "wider"),
    [
        ("phi4:70b", ("phi4",)),
        ("mistral:7b-instruct", ("mistral",)),
        ("https://github.com/QwenLM/Qwen3/issues", ("qwen3",)),
        ("qwen3 8b", ()),
        ("mistral", ()),
    ],
)
def test_fewer_words_are_kept_for_where_not_all_are_found(question, wider):
    assert read_search(question).wider == wider


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('AutoModel.from_pretrained("bert-base-uncased")', ("bert-base-uncased",)),
        ("SentenceTransformer('all-MiniLM-L6-v2')", ("all-minilm-l6-v2",)),
        ('pipeline("fill-mask", model="bert-base-uncased")', ("bert-base-uncased",)),
        ('llm = LLM("gpt2")', ("gpt2",)),
        ("from transformers import AutoModel", ("from", "transformers", "import", "automodel")),
    ],
)
def test_a_name_without_an_owner_is_read_out_of_a_line_of_a_program(line, words):
    asked = read_search(line)
    assert (asked.words, asked.repo_id) == (words, "")


def test_of_several_ids_none_is_opened():
    asked = read_search('PeftModel.from_pretrained(base("Qwen/Qwen3-8B"), "somebody/lora")')
    assert (asked.repo_id, asked.pasted) == ("Qwen/Qwen3-8B", False)


@pytest.mark.parametrize(
    "part",
    [
        ":",
        '"',
        "'",
        "`",
        "/",
        "a/b ",
        "a:",
        '"a/b" ',
        "--model ",
        "--model=",
        "vllm serve ",
        "https://",
        "models--",
        "x.gguf ",
        ".gguf",
        "-Q4_K_M",
        "-00001-of-00002",
        "huggingface.co/",
        "--draft='",
        "\u0301\u0323",
        "\ufdfa",
        "\u200b",
        "{",
        "qwen2",
    ],
    ids=ascii,
)
def test_endless_text_is_read_as_far_as_it_goes(part):
    text = part * (200_000 // len(part))
    read = read_search(text)
    assert read == read_search(text[:5_000])
    assert sum(map(len, read.words)) <= 5_000


def test_a_dash_before_the_number_is_no_matter():
    assert set(spellings_of("llama3.1")) == set(spellings_of("llama-3.1")) == {"llama3.1", "llama-3.1"}
    assert spellings_of("llama3.1")[0] == "llama3.1"
    assert spellings_of("7b") == ("7b",)
    assert spellings_of("coder") == ("coder",)
    assert "qwen-2.5-vl" in spellings_of("qwen2.5vl")
    assert "phi3mini" in spellings_of("phi-3-mini")
    assert spellings_of("mixtral-8x7b") == ("mixtral-8x7b", "mixtral8x7b")


@pytest.mark.parametrize(
    ("address", "other"),
    [
        ("https://huggingface.co/datasets/rajpurkar/squad", "datasets"),
        ("https://huggingface.co/spaces/stabilityai/stable-diffusion", "spaces"),
        ("hf.co/papers/2407.21783", "papers"),
        ("https://huggingface.co/collections/Qwen/qwen3-67dd247413f0e2e4f653967f", "collections"),
        ("https://huggingface.co/docs", ""),
        ("https://huggingface.co/microsoft/phi-2", ""),
        ("https://huggingface.co/", ""),
    ],
)
def test_an_address_of_the_hub_that_is_no_model_is_known_for_what_it_is(address, other):
    assert read_search(address).other == other
