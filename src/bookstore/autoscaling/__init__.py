"""A small autoscaler for Docker Swarm, which has none: the shop's own metrics decide how many replicas run."""
