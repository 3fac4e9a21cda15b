"""The long lists of names in the engine profiles, read from the packages that the engines' authors publish."""
