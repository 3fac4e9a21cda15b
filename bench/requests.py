"""The kinds of requests that are measured: each a few addresses of real questions."""

from __future__ import annotations

REQUESTS: dict[str, list[str]] = {
    "home": ["/"],
    "browse": [
        "/models/",
        "/models/?page=2",
        "/models/?architecture=llama",
        "/models/?format=gguf&sort=likes",
        "/models/?task=text-generation&license=mit&sort=recent",
        "/models/?compatible=false",
        "/models/?compatible=only-incompatible&cause=context",
        "/models/?worker=vllm&gated=false",
    ],
    "browse, narrowed": [
        "/models/?license=apache-2.0&max_params=8",
        "/models/?min_params=30&compatible=false&sort=params",
        "/models/?quantization=Q4_K_M&compatible=false",
        "/models/?language=de",
        "/models/?min_context=131072",
        "/models/?author=microsoft&compatible=false",
        "/models/?format=onnx&architecture=bert&compatible=false&sort=created",
    ],
    "browse, machine": [
        "/models/?worker=vllm&memory=24",
        "/models/?worker=vllm&memory=24&page=5",
        "/models/?worker=vllm&memory=24&sort=likes",
        "/models/?worker=vllm&memory=24&q=llama",
        "/models/?worker=vllm&memory=24&compatible=only-incompatible&cause=memory",
    ],
    "browse, deep page": ["/models/?compatible=false&page=400", "/models/?page=150", "/models/?page=80&sort=name"],
    "search": [f"/models/?q={word}" for word in ("lla", "llam", "llama", "qwen", "qwen+7b", "phi-2", "gguf", "zzz")],
    "search, 1-2 letters": [f"/models/?q={word}" for word in ("l", "q", "ll", "7b")],
    "detail": [
        f"/models/{name}/"
        for name in (
            "microsoft/phi-2",
            "meta-llama/Llama-3.2-1B",
            "unsloth/Qwen3.6-35B-A3B-GGUF",
            "mistralai/Mistral-7B-Instruct-v0.2",
            "t5-small",
        )
    ],
    "report": ["/report/"],
    "api list": ["/api/v1/models?limit=50", "/api/v1/models?limit=50&sort=likes", "/api/v1/models?limit=50&sort=name"],
    "api list, verdict": [
        "/api/v1/models?limit=50&compatible=false",
        "/api/v1/models?limit=50&compatible=only-incompatible",
        "/api/v1/models?limit=50&compatible=only-incompatible&cause=context",
        "/api/v1/models?limit=50&worker=llama-cpp",
        "/api/v1/models?limit=50&worker=vllm&confidence=high",
    ],
    "api list, filters": [
        "/api/v1/models?limit=50&task=fill-mask&compatible=false",
        "/api/v1/models?limit=50&architecture=qwen&sort=recent",
        "/api/v1/models?limit=50&format=gguf&sort=trending",
        "/api/v1/models?limit=50&license=mit&sort=created",
        "/api/v1/models?limit=50&author=Qwen&compatible=false",
        "/api/v1/models?limit=50&task=text-classification&license=llama3&compatible=false",
    ],
    "api list, q": ["/api/v1/models?limit=50&q=llama", "/api/v1/models?limit=50&q=qwen+7b&sort=likes"],
    "api list, machine": [
        "/api/v1/models?limit=50&worker=vllm&memory=24",
        "/api/v1/models?limit=50&worker=vllm&memory=24&sort=likes",
        "/api/v1/models?limit=50&worker=vllm&memory=24&compatible=only-incompatible&cause=memory",
    ],
    "api model": [
        "/api/v1/models/microsoft/phi-2",
        "/api/v1/models/microsoft/phi-2/compatibility?worker=vllm&memory=24",
    ],
    "hub list": [
        "/api/models?limit=50",
        "/api/models?limit=50&sort=downloads&filter=text-generation",
        "/api/models?limit=50&sort=likes&filter=gguf",
        "/api/models?limit=50&search=llama&sort=downloads",
        "/api/models?limit=50&author=microsoft&sort=lastModified",
        "/api/models?limit=50&runs_on=vllm&sort=downloads",
    ],
}
"""Addresses by kind. Each is one a visitor or a program would ask."""

DEEP: dict[str, str] = {
    "api list, cursors": "/api/v1/models?limit=100&compatible=false&sort=likes",
    "hub list, cursors": "/api/models?limit=100&sort=lastModified",
}
"""Lists whose cursors are followed, by kind."""

NEVER_SEEN = [
    f"/models/?worker={engine}&{machine}"
    for engine in ("vllm", "llama-cpp", "transformers", "mlx-lm", "sglang", "ollama")
    for machine in (
        "memory=23.7",
        "memory=7.3&ram=31",
        "memory=11&count=3&context=30000",
        "accelerator=RTX 4090&ram=64",
    )
]
"""Lists on machines, each asked for once; the first of each engine also reads what that engine would load."""
