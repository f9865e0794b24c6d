"""Every pool that the paper prints, by three estimators."""
