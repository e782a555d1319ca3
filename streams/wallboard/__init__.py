"""The terminal wallboard: what the workers export, as a supervisor reads it. Of ours it knows the metric names only."""
