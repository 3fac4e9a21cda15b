"""What a model is: Hub payloads and file headers turned into variants and facts with evidence. Pure Python."""
