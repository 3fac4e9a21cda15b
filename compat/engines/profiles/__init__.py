"""The engine profiles: ``<slug>.toml`` is written by people, ``<slug>.lists.toml`` by ``tools.profiles.regenerate``."""
