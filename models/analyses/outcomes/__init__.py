"""Response, disease control and toxicity together."""
