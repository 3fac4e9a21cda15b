"""What a model looks like: layers, widths, counts; read from a configuration, a GGUF header or a known name."""
