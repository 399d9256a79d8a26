"""A small autoscaler for Docker Swarm, which has none: the shop's own metrics set numbers of replicas."""
