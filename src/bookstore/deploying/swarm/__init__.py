"""Deployments on a Docker Swarm: what `docker stack deploy` leaves to whoever types it."""
