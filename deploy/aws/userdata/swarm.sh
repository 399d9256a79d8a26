#!/bin/bash
# A node of the Swarm. The first manager forms it, the others and the workers join; a node that takes the place of
# one that is gone joins anew, and the entry of the old one goes.
set -euo pipefail
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/nodes.sh"
JOIN_SECONDS=600
# All nodes start at about the same time; replicas are spread better over those that are there.
NODES_SECONDS=240
# Who began to form the Swarm and has not done it within this time is dead.
FORM_SECONDS=120
BACKUPS=/mnt/bookstore/backups

is_member() { [ "$(docker info --format '{{.Swarm.LocalNodeState}}')" = active ]; }

publish_manager() { put_parameter "swarm/managers/$INSTANCE" "$ADDRESS"; }

join_swarm() {
    local token name address
    token=$(parameter "swarm/token-$NODE_KIND") || return 1
    while read -r name address; do
        say "joining ${name##*/} as a $NODE_KIND"
        docker swarm join --advertise-addr "$ADDRESS" --token "$token" "$address:2377" && return 0
        # It goes on in the background for a while. What does not come about is begun anew, at another manager.
        if retry 10 3 is_member; then return 0; fi
        docker swarm leave --force >/dev/null 2>&1 || true
    done < <(list_managers)
    return 1
}

# A manager that runs but does not answer may have the Swarm: nobody forms a second one then. Those that are gone
# are forgotten.
no_manager_lives() {
    local name address
    while read -r name address; do
        ! lives "${name##*/}" || return 1
        remove_parameter "swarm/managers/${name##*/}"
    done < <(list_managers)
}

form_swarm() {
    say "forming the Swarm"
    docker swarm init --advertise-addr "$ADDRESS" >/dev/null
    put_parameter swarm/token-worker "$(docker swarm join-token -q worker)" SecureString
    put_parameter swarm/token-manager "$(docker swarm join-token -q manager)" SecureString
    # Nothing runs on a new Swarm, whatever was said of the one before.
    remove_parameter "deployed/$TAG"
    publish_manager
    remove_parameter swarm/forming
}

form_or_join() {
    local ends_at=$(($(date +%s) + JOIN_SECONDS))
    until is_member; do
        [ "$(date +%s)" -lt "$ends_at" ] || return 1
        if join_swarm; then continue; fi
        if [ "$NODE_KIND" = manager ] && no_manager_lives && claim swarm/forming "$FORM_SECONDS"; then
            # Another one may have formed it, and gone on, between the two questions.
            if no_manager_lives; then form_swarm; else remove_parameter swarm/forming; fi
        else
            sleep 5
        fi
    done
}

# Its own entry now, the others' by the leader of the moment, every 20 seconds.
tend_nodes() {
    install -m 755 "$(dirname "$0")/tend.sh" /usr/local/sbin/bookstore-tend
    printf '[Unit]\nDescription=Labels new nodes of the Swarm and forgets those that are gone\n[Service]\nType=oneshot\n%s\n' \
        'ExecStart=/usr/local/sbin/bookstore-tend' >/etc/systemd/system/bookstore-tend.service
    printf '[Timer]\nOnBootSec=20\nOnUnitInactiveSec=20\nAccuracySec=1\n[Install]\nWantedBy=timers.target\n' \
        >/etc/systemd/system/bookstore-tend.timer
    systemctl daemon-reload
    systemctl enable --now bookstore-tend.timer
}

all_nodes_are_there() { [ "$(docker node ls --format '{{.Status}}' | grep -c Ready)" -ge "$NODES" ]; }

digest() { sha256sum "$1" | cut -c 1-12; }

# The stack of deploy/swarm; what differs on AWS stands in a file beside it.
deploy_stack() {
    local name file folder
    folder=$(dirname "$0")
    export SHOP_DOMAIN SECRETS MEDIA BACKUPS BALANCERS STACK=bookstore BOOKSTORE_IMAGE=$IMAGE BOOKSTORE_TAG=$TAG
    export EDGE_IMAGE=$IMAGE-edge EDGE_TAG=$TAG LOG_REGION=$REGION LOG_GROUP
    BALANCERS=$(believed_balancers)
    for name in secret_key service_token backup_key database_url accounts_database_url catalog_database_url \
        orders_database_url; do
        [ ! -e "$SECRETS/$name" ] || export "${name^^}_DIGEST=$(digest "$SECRETS/$name")"
    done
    # A Swarm takes nothing that is empty: for what this shop has not, the file with an empty line stands in.
    for name in smtp_password database_ca; do
        file=$SECRETS/$name
        [ -e "$file" ] || file=$folder/swarm/nothing
        export "${name^^}_FILE=$file" "${name^^}_DIGEST=$(digest "$file")"
    done
    [ ! -e "$SECRETS/database_ca" ] || export BOOKSTORE_DATABASE_TLS_CA=/etc/bookstore/database_ca.pem
    BALANCER_DIGEST=$(digest "$folder/nginx/templates/balancer.conf")
    export BALANCER_DIGEST
    local files=(-c "$folder/swarm/$TOPOLOGY.yaml")
    [ -z "${LOG_GROUP:-}" ] || files+=(-c "$folder/swarm/logs-$TOPOLOGY.yaml")
    docker stack deploy --with-registry-auth "${files[@]}" "$STACK"
}

# Once for each version and Swarm, whichever manager comes first.
deploy_once() {
    until [ "$(parameter "deployed/$TAG")" = deployed ]; do
        if claim "deployed/$TAG"; then
            retry $((NODES_SECONDS / 3)) 3 all_nodes_are_there || say "not all $NODES nodes have come; going on"
            migrate_once || return 1
            say "deploying $TAG"
            if ! deploy_stack; then
                remove_parameter "deployed/$TAG"
                return 1
            fi
            put_parameter "deployed/$TAG" deployed
        else
            sleep 5
        fi
    done
}

# A node that pulls later needs no registry for them: what one hands to a Swarm to log in with ends after hours.
pull_images() {
    local part
    for part in $IMAGE_PARTS; do
        [ "$part" != shop ] || part=
        retry 5 5 docker pull --quiet "$IMAGE${part:+-$part}:$TAG" >/dev/null
    done
}

edge_is_healthy() {
    [ -n "$(docker ps --quiet --filter label=com.docker.swarm.service.name=bookstore_edge --filter health=healthy)" ]
}

begin
# The Swarm names its nodes by it.
hostnamectl set-hostname "$INSTANCE"
start_docker
log_in_to_registry
pull_images
mount_media
install -d -m 700 -o 10001 -g 10001 "$BACKUPS"
if [ "$NODE_KIND" = manager ]; then
    keep_secrets
    write_database_urls
    get_authority
    write_settings
fi
form_or_join
if [ "$NODE_KIND" = manager ]; then
    publish_manager
    # Before the group goes on and replaces the next one: a dead manager in the books counts against the quorum.
    retry 20 3 forget_the_dead
    label_nodes
    tend_nodes
    deploy_once
fi
retry 150 3 edge_is_healthy
