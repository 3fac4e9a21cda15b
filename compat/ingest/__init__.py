"""The only writers of the catalogue: what a Hub or a file said becomes records, facts, variants and verdicts."""
