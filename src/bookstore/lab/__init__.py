"""The lab: a Docker Swarm of five nodes on one machine, and beside it what a cluster needs around it.

Each node is a Docker engine of its own in a network namespace; to one another they are five machines on a
network. The load balancer, the registry and the database stand outside of the cluster, on the machine itself.
"""
