"""The pages, one module each: parse the request, ask one query, render."""
