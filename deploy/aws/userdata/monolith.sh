#!/bin/bash
# The shop on one machine, by the compose file: nginx with TLS, the app, its worker, its backups and MySQL.
# Everything that stays is on a disk of its own, which the next machine gets when this one goes.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$(dirname "$0")/compose"
SECRETS=$PWD/secrets

take_address() {
    call_aws ec2 associate-address --allow-reassociation --instance-id "$INSTANCE" --allocation-id "$ADDRESS_ID" >/dev/null
}

# The machine before may hold it for a moment still.
take_disk() {
    local holder
    holder=$(call_aws ec2 describe-volumes --volume-ids "$VOLUME" --query 'Volumes[0].Attachments[0].InstanceId')
    [ "$holder" = "$INSTANCE" ] ||
        call_aws ec2 attach-volume --volume-id "$VOLUME" --instance-id "$INSTANCE" --device /dev/sdf >/dev/null
}

# Docker keeps what it has on it: images, and the volumes of database, photos, certificates and backups.
mount_disk() {
    local device=${VOLUME_DEVICE:-/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${VOLUME/-/}}
    retry 60 2 test -e "$device"
    systemctl stop docker.socket docker || true
    # Only one without a file system is new.
    blkid "$device" >/dev/null || mkfs.ext4 -q "$device"
    grep -q ' /var/lib/docker ' /etc/fstab || echo "$device /var/lib/docker ext4 nofail 0 2" >>/etc/fstab
    install -d -m 710 /var/lib/docker /etc/systemd/system/docker.service.d
    printf '[Unit]\nRequiresMountsFor=/var/lib/docker\n' >/etc/systemd/system/docker.service.d/bookstore.conf
    systemctl daemon-reload
    mountpoint -q /var/lib/docker || mount /var/lib/docker
}

configure() {
    cat >.env <<SETTINGS
SHOP_DOMAIN=$SHOP_DOMAIN
BOOKSTORE_IMAGE=$IMAGE
BOOKSTORE_TAG=$TAG
EDGE_IMAGE=$IMAGE-edge
EDGE_TAG=$TAG
ACME_IMAGE=$IMAGE-acme
ACME_EMAIL=$ACME_EMAIL
COMPOSE_PROFILES=${ACME_EMAIL:+acme}
LOG_REGION=$REGION
LOG_GROUP=$LOG_GROUP
LOG_INSTANCE=$INSTANCE
SETTINGS
}

begin
install_packages docker-compose:docker-compose mkfs.ext4:e2fsprogs
retry 60 5 take_disk
mount_disk
start_docker
log_in_to_registry
keep_secrets
bash make-secrets "$SECRETS"
configure
files=(-f monolith.yaml)
[ -z "$LOG_GROUP" ] || files+=(-f logs.yaml)
retry 3 10 docker-compose -p bookstore "${files[@]}" up -d --quiet-pull
# The name leads here only from now on.
retry 90 2 curl -skf -m 5 -o /dev/null "https://127.0.0.1/readyz"
retry 10 3 take_address
