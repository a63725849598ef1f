"""The models of a definition, by subject; `trial.Trial` is the whole of it."""
