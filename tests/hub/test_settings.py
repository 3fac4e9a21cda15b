"""What the environment asks for, and what it cannot mean."""

from __future__ import annotations

import pytest

from compat.hub.settings import DEFAULT_ENDPOINT, HubSettings


def test_an_empty_environment_means_the_public_hub():
    for environ in ({}, {"HF_ENDPOINT": "", "HF_TOKEN": " \n", "HF_HUB_OFFLINE": ""}):
        found = HubSettings.from_environ(environ)
        assert (found.endpoint, found.token, found.offline) == (DEFAULT_ENDPOINT, None, False)


def test_it_reads_what_every_client_reads():
    found = HubSettings.from_environ(
        {"HF_ENDPOINT": "http://mirror.example:8080/hf/", "HF_TOKEN": "hf_abc\n", "HF_HUB_OFFLINE": "yes"}
    )
    assert (found.endpoint, found.token, found.offline) == ("http://mirror.example:8080/hf", "hf_abc", True)
    assert found.host == "mirror.example:8080"
    assert HubSettings.from_environ({"HUGGING_FACE_HUB_TOKEN": "hf_old"}).token == "hf_old"
    assert HubSettings.from_environ({"HF_TOKEN": "hf_new", "HUGGING_FACE_HUB_TOKEN": "hf_old"}).token == "hf_new"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", True),
        ("ON", True),
        ("True", True),
        ("yes", True),
        ("0", False),
        ("off", False),
        ("2", False),
        ("maybe", False),
    ],
)
def test_offline_is_true_as_the_official_client_has_it(text, expected):
    assert HubSettings.from_environ({"HF_HUB_OFFLINE": text}).offline is expected
    assert HubSettings.from_environ({"TRANSFORMERS_OFFLINE": text}).offline is expected


@pytest.mark.parametrize(
    "text",
    [
        "huggingface.co", "ftp://huggingface.co", "https://", "https://:80", "https://h:port", "https://h:0",
        "https://h:99999", "https://user:pw@h", "https://h/?q=1", "https://h/#x", "https://h h", "https://h\x00",
        "https://[::1", "javascript:alert(1)",
    ],
)  # fmt: skip
def test_an_endpoint_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="HF_ENDPOINT") as raised:
        HubSettings.from_environ({"HF_ENDPOINT": text})
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize("text", ["hf a", "hf\nX-Evil: 1", "hf_ä", "hf\0"])
def test_a_token_that_is_none_is_refused_and_not_shown(text):
    with pytest.raises(ValueError, match="HF_TOKEN") as raised:
        HubSettings(token=text)
    assert text not in str(raised.value)


def test_the_token_is_not_shown():
    assert "hf_abc" not in repr(HubSettings(token="hf_abc"))


@pytest.mark.parametrize("name", ["max_attempts", "total_timeout", "max_response_bytes"])
def test_a_bound_is_above_zero(name):
    with pytest.raises(ValueError, match=name):
        HubSettings(**{name: 0})
