#!/bin/bash
# An instance of the fleet: nginx, the shop (in one piece or as three services) and its workers, in containers.
set -euo pipefail
. "$(dirname "$0")/common.sh"
DATABASE_OPTIONS=(--network shop)
if [ "$TOPOLOGY" = monolith ]; then SERVICES=app; else SERVICES="accounts catalog orders"; fi

# Run a container of this version that comes back by itself, in the place of one of the same name.
run_container() {
    local name=$1 image=$2
    shift 2
    docker rm --force "$name" >/dev/null 2>&1 || true
    local logs=(--log-opt max-size=10m --log-opt max-file=5)
    if [ -n "${LOG_GROUP:-}" ]; then
        logs=(--log-driver awslogs --log-opt "awslogs-region=$REGION" --log-opt "awslogs-group=$LOG_GROUP"
            --log-opt "awslogs-stream=$INSTANCE/$name")
    fi
    docker run --detach --name "$name" --restart unless-stopped --network shop --read-only --tmpfs /tmp \
        --cap-drop ALL --security-opt no-new-privileges --pids-limit 200 --stop-timeout 45 \
        "${logs[@]}" "${options[@]}" "$image:$TAG" "$@" >/dev/null
}

# What a service is told, and what it may read: nothing of the databases of its neighbors.
own_options() {
    local own=${1:+${1}_}database_url settings=/etc/bookstore/${1:-app}.env urls name
    urls='^BOOKSTORE_.*DATABASE_URL_FILE=/run/secrets/'
    { grep -v "$urls" /etc/bookstore/shop.env; grep "$urls$own\$" /etc/bookstore/shop.env; } >"$settings"
    options=(--env-file "$settings" --volume "$MEDIA:/media/bookstore"
        --env "BOOKSTORE_SERVICES=${1:-accounts,catalog,orders}")
    for name in secret_key service_token database_ca "$own"; do
        [ ! -e "$SECRETS/$name" ] || options+=(--volume "$SECRETS/$name:/run/secrets/$name:ro")
    done
}

start_shop() {
    local service suffix
    for service in $SERVICES; do
        suffix=${service/#app/}
        local options
        own_options "$suffix"
        run_container "$service" "$IMAGE${suffix:+-$suffix}"
        # It answers nobody; the status page tells when it was seen last.
        options+=(--no-healthcheck)
        run_container "$service-worker" "$IMAGE${suffix:+-$suffix}" worker
    done
}

start_edge() {
    local balancers
    balancers=$(believed_balancers)
    local options=(--publish 80:8080 --volume "$MEDIA:/media/bookstore:ro" --env "BALANCERS=$balancers"
        --env "ACCOUNTS=$1:8000" --env "CATALOG=$2:8000" --env "ORDERS=$3:8000" --env DRAIN_SECONDS=5)
    run_container edge "$IMAGE-edge"
}

is_ready() {
    local address
    address=$(docker inspect --format '{{.NetworkSettings.Networks.shop.IPAddress}}' "$1")
    curl -sf -m 5 -o /dev/null "http://$address:8000/readyz"
}

begin
start_docker
log_in_to_registry
keep_secrets
write_database_urls
get_authority
mount_media
write_settings
docker network inspect shop >/dev/null 2>&1 || docker network create shop >/dev/null
migrate_once
start_shop
if [ "$TOPOLOGY" = monolith ]; then start_edge app app app; else start_edge accounts catalog orders; fi
for service in $SERVICES; do retry 90 2 is_ready "$service"; done
