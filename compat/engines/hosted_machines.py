"""What is in machines that have a name of their own: to be offered where one is read, and never taken.

Cards and their number as Amazon (accelerated computing instances) and Google (accelerator-optimised machine types,
Colab) document them, Kaggle's notebooks, and the Framework Desktop's processors as Framework does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_AMAZON: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "g4dn": ("T4", {"12xlarge": 4, "metal": 8}),
    "g5": ("A10G", {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}),
    "g6": ("L4", {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}),
    "g6e": ("L40S", {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}),
    "p3": ("V100 16 GB", {"8xlarge": 4, "16xlarge": 8}),
    "p3dn": ("V100 32 GB", {"24xlarge": 8}),
    "p4d": ("A100 40 GB", {"24xlarge": 8}),
    "p4de": ("A100 80 GB", {"24xlarge": 8}),
    "p5": ("H100 SXM", {"48xlarge": 8}),
    "p5e": ("H200", {"48xlarge": 8}),
    "p5en": ("H200", {"48xlarge": 8}),
    "p6-b200": ("B200", {"48xlarge": 8}),
}
"""By family: the card, and how many where it is not one."""
_GOOGLE: Mapping[str, str] = {
    "a2-highgpu": "A100 40 GB",
    "a2-ultragpu": "A100 80 GB",
    "a3-highgpu": "H100 SXM",
    "a3-megagpu": "H100 SXM",
    "a3-ultragpu": "H200",
}
"""By family, whose sizes tell how many."""
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "colab": ("T4", "L4", "A100 40 GB"),
    "kaggle": ("2x T4", "P100"),
    "framework desktop": ("Ryzen AI Max+ 395 64 GB", "Ryzen AI Max+ 395 128 GB"),
}
_AMAZON_NAME = re.compile(r"\b([gp]\d[a-z]{0,2}(?:-b200)?)\.((?:\d{1,2})?xlarge|metal)\b", re.IGNORECASE)
_GOOGLE_NAME = re.compile(r"\b(a[23]-[a-z]{4,8}gpu)-(\d{1,2})g\b", re.IGNORECASE)


def hosted_machines(text: str) -> list[str]:
    """What a text may mean by a machine's own name, as people type machines; nothing where none is named."""
    plain = text.lower()
    amazon, google = _AMAZON_NAME.search(plain), _GOOGLE_NAME.search(plain)
    if amazon and amazon[1] in _AMAZON:
        card, sizes = _AMAZON[amazon[1]]
        return [_several(sizes.get(amazon[2], 1), card)]
    if google and google[1] in _GOOGLE:
        return [_several(int(google[2]), _GOOGLE[google[1]])]
    return [one for name, ones in _OTHERS.items() if name in plain for one in ones]


def _several(count: int, card: str) -> str:
    return f"{count}x {card}" if count > 1 else card
