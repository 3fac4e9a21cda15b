"""What an architecture is: families, kinds, names in every engine, layers. One table, and its readers."""
