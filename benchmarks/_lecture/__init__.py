"""The lecture's statements as experiments: one file a theme, one function a statement."""
