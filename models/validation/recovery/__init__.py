"""What the pooled model returns when the truth is known, over designs."""
