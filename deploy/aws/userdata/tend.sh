#!/bin/bash
# Each 20 seconds on every manager; the leader of the moment does it.
set -euo pipefail
# shellcheck source=common.sh
. /opt/bookstore/common.sh
# shellcheck source=nodes.sh
. /opt/bookstore/nodes.sh
[ "$(docker node inspect self --format '{{.ManagerStatus.Leader}}')" = true ] || exit 0
forget_the_dead
label_nodes
