"""The bundled catalogue, made of record files."""
