"""What authors write on a model's card: one text or a list of them, in any place where one is expected."""

from __future__ import annotations

from compat.hub.payloads import HubModel


def card_texts(model: HubModel, key: str) -> tuple[str, ...]:
    """The texts under a key of the card's metadata, without blanks around them; empty where there are none."""
    value = (model.card_data or {}).get(key)
    items = value if isinstance(value, list) else [value]
    return tuple(item.strip() for item in items if isinstance(item, str) and item.strip())
