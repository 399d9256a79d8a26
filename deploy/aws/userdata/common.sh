# shellcheck shell=bash
# What every kind of instance needs. It is read by the script of its kind; every step may be repeated.
# instance.env says who this is; a prepared image may add to it in /etc/bookstore/local.env.
set -a
# shellcheck source=/dev/null
. /etc/bookstore/instance.env
# shellcheck source=/dev/null
[ ! -e /etc/bookstore/local.env ] || . /etc/bookstore/local.env
set +a
export AWS_DEFAULT_REGION=$REGION DEBIAN_FRONTEND=noninteractive HOME=/root
PARAMETERS=/bookstore/$DEPLOYMENT
SECRETS=/etc/bookstore/secrets
MEDIA=/mnt/bookstore/media
METADATA=http://169.254.169.254/latest
HOOK=ready
# What `docker run` is told beside the rest for a container that reaches the database.
DATABASE_OPTIONS=()
# A migration that was begun so long ago has died with its instance.
STALE_SECONDS=900

say() { echo "bookstore: $*"; }

# retry TIMES SECONDS COMMAND...: until it succeeds.
retry() {
    local times=$1 seconds=$2
    shift 2
    until "$@"; do
        times=$((times - 1))
        [ "$times" -gt 0 ] || return 1
        sleep "$seconds"
    done
}

ask_metadata() {
    local token
    token=$(curl -sf -m 5 -X PUT "$METADATA/api/token" -H 'X-aws-ec2-metadata-token-ttl-seconds: 300') || return 1
    curl -sf -m 5 -H "X-aws-ec2-metadata-token: $token" "$METADATA/meta-data/$1"
}

# The tools of AWS that Debian has look at no variable for another endpoint; tests need one.
call_aws() { aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} --output text "$@"; }

install_packages() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || [ -x "/sbin/${pair%%:*}" ] || missing+=("${pair#*:}")
    done
    # A prepared image has them all, and starts without asking anybody.
    [ ${#missing[@]} -gt 0 ] || return 0
    retry 10 6 apt-get -qq update
    retry 5 6 apt-get -qq --yes --no-install-recommends install "${missing[@]}" >/dev/null
}

start_docker() {
    systemctl enable --now docker
    retry 30 2 docker info >/dev/null
}

log_in_to_registry() {
    [ -n "${REGISTRY_ACCOUNT:-}" ] || return 0
    call_aws ecr get-login-password --region "$REGISTRY_REGION" | docker login --username AWS --password-stdin "${IMAGE%%/*}" >/dev/null
}

# In a folder that the user of the containers may look into, and nobody else.
keep_secret() {
    local name=$1 arn=$2
    install -d -m 700 -o 10001 -g 10001 "$SECRETS"
    call_aws secretsmanager get-secret-value --secret-id "$arn" --query SecretString >"$SECRETS/.next" || return 1
    # What the tool prints ends with a line feed, which is none of the secret.
    printf '%s' "$(cat "$SECRETS/.next")" >"$SECRETS/$name"
    rm "$SECRETS/.next"
    chmod 444 "$SECRETS/$name"
}

# SECRET_NAMES="secret_key ..." with the ARN of each in SECRET_<name>.
keep_secrets() {
    local name variable
    for name in $SECRET_NAMES; do
        variable=SECRET_$name
        retry 20 3 keep_secret "$name" "${!variable}"
    done
}

# The service that a database is of; nothing for that of the whole shop.
service_of() {
    local service=${1#bookstore}
    echo "${service#_}"
}

# Names of the databases, each with a user of the same name; the services have one each.
write_database_urls() {
    local database service
    for database in $DATABASES; do
        service=$(service_of "$database")
        printf 'mysql://%s:%s@%s/%s' "$database" "$(cat "$SECRETS/${database}_password")" "$DATABASE_HOST" \
            "$database" >"$SECRETS/${service:+${service}_}database_url"
        chmod 444 "$SECRETS/${service:+${service}_}database_url"
    done
}

# The authority of the database's certificate. Without an address of one, connections are not encrypted.
get_authority() {
    [ -n "${DATABASE_AUTHORITY:-}" ] || return 0
    retry 20 3 curl -sf -m 20 -o "$SECRETS/database_ca" "$DATABASE_AUTHORITY"
    chmod 444 "$SECRETS/database_ca"
}

# What AWS advises for EFS: large blocks, never a half-done write, and another port after a connection is lost, else
# the file system does not come back after a failure of the network.
mount_media() {
    local options=nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,_netdev
    install -d /mnt/bookstore
    grep -q ' /mnt/bookstore ' /etc/fstab || echo "$FILES_HOST:/ /mnt/bookstore nfs4 $options 0 0" >>/etc/fstab
    # After a restart of the machine too, no container may write into the folder under the mount.
    install -d /etc/systemd/system/docker.service.d
    printf '[Unit]\nRequiresMountsFor=/mnt/bookstore\n' >/etc/systemd/system/docker.service.d/bookstore.conf
    systemctl daemon-reload
    mountpoint -q /mnt/bookstore || retry 40 5 mount /mnt/bookstore
    install -d -o 10001 -g 10001 "$MEDIA"
}

parameter() { call_aws ssm get-parameter --with-decryption --name "$PARAMETERS/$1" --query Parameter.Value 2>/dev/null; }
put_parameter() {
    call_aws ssm put-parameter --type "${3:-String}" --overwrite --name "$PARAMETERS/$1" --value "$2" >/dev/null
}
remove_parameter() { call_aws ssm delete-parameter --name "$PARAMETERS/$1" >/dev/null 2>&1 || true; }

# claim NAME [SECONDS]: of all who claim a name at one moment, one gets it. One held longer than that is anybody's.
claim() {
    local held stale=${2:-$STALE_SECONDS}
    if call_aws ssm put-parameter --type String --name "$PARAMETERS/$1" \
        --value "$(date +%s) $INSTANCE" >/dev/null 2>&1; then
        sleep "${CLAIM_SECONDS:-2}"
        held=$(parameter "$1") && [ "${held#* }" = "$INSTANCE" ]
        return
    fi
    held=$(parameter "$1") || return 1
    if [[ ${held%% *} =~ ^[0-9]+$ ]] && [ "${held%% *}" -lt $(($(date +%s) - stale)) ]; then
        remove_parameter "$1"
    fi
    return 1
}

# Once for each version, whichever instance comes first; the others wait. Should two do it, the lock that `migrate`
# takes in the database lets one after the other.
migrate_once() {
    local name=migrated/$TAG
    until [ "$(parameter "$name")" = migrated ]; do
        if claim "$name"; then
            say "migrating to $TAG"
            if ! { prepare_databases && migrate; }; then
                remove_parameter "$name"
                return 1
            fi
            put_parameter "$name" migrated
        else
            sleep 5
        fi
    done
}

# Databases and users, by the master user, whose password is on this machine for that long.
prepare_databases() {
    retry 10 3 keep_secret database_operator "$DATABASE_OPERATOR" || return 1
    # shellcheck disable=SC2086  # names without spaces, one argument each
    docker run --rm --interactive --network host --volume "$SECRETS:/run/secrets:ro" --entrypoint python3 \
        "$IMAGE:$TAG" - $DATABASES <"$(dirname "${BASH_SOURCE[0]}")/databases.py"
    local code=$?
    rm -f "$SECRETS/database_operator"
    return $code
}

# Each service brings its own database up to date.
migrate() {
    local database service
    for database in $DATABASES; do
        service=$(service_of "$database")
        docker run --rm --env-file /etc/bookstore/shop.env --volume "$SECRETS:/run/secrets:ro" "${DATABASE_OPTIONS[@]}" \
            --env "BOOKSTORE_SERVICES=${service:-accounts,catalog,orders}" "$IMAGE${service:+-$service}:$TAG" migrate ||
            return 1
    done
}

# The settings that all containers of the shop have.
write_settings() {
    local database service authority=
    [ ! -e "$SECRETS/database_ca" ] || authority=/run/secrets/database_ca
    {
        for database in $DATABASES; do
            service=$(service_of "$database")
            echo "BOOKSTORE_${service:+${service^^}_}DATABASE_URL_FILE=/run/secrets/${service:+${service}_}database_url"
        done
        echo "BOOKSTORE_SANDBOX_DATABASE_URL_FILE=/run/secrets/$([ "$TOPOLOGY" = monolith ] || echo orders_)database_url"
        echo "BOOKSTORE_DATABASE_TLS_CA=$authority"
        echo BOOKSTORE_SECRET_KEY_FILE=/run/secrets/secret_key
        echo BOOKSTORE_SERVICE_TOKEN_FILE=/run/secrets/service_token
        echo "BOOKSTORE_PUBLIC_URL=https://$SHOP_DOMAIN"
        echo BOOKSTORE_HTTPS=true
        echo BOOKSTORE_TRUSTED_PROXIES=1
        echo BOOKSTORE_DRAIN_SECONDS=4
        echo "BOOKSTORE_REPLICA=$INSTANCE"
        [ "$TOPOLOGY" = monolith ] || for service in accounts catalog orders; do
            echo "BOOKSTORE_${service^^}_URL=http://$service:8000"
        done
    } >/etc/bookstore/shop.env
}

# Who may say where a client came from: the load balancer, and CloudFront where it stands in front of that.
believed_balancers() {
    printf '%s' "$BALANCERS"
    [ -n "${CDN_RANGES:-}" ] || return 0
    retry 10 3 curl -sf -m 20 -o /run/bookstore-ranges.json "$CDN_RANGES"
    jq -r '.prefixes[] | select(.service == "CLOUDFRONT_ORIGIN_FACING") | ",\(.ip_prefix)"' \
        /run/bookstore-ranges.json | tr -d '\n'
}

# The group waits with this instance until it is told. One that failed is replaced by another.
tell_group() {
    local result=$1 group
    group=$(call_aws autoscaling describe-auto-scaling-instances --instance-ids "$INSTANCE" \
        --query 'AutoScalingInstances[0].AutoScalingGroupName' 2>/dev/null) || return 0
    [ -n "$group" ] && [ "$group" != None ] || return 0
    call_aws autoscaling complete-lifecycle-action --auto-scaling-group-name "$group" --instance-id "$INSTANCE" \
        --lifecycle-hook-name "$HOOK" --lifecycle-action-result "$result" || say "the group waits for nothing"
}

tell_how_it_ended() {
    local code=$?
    if [ "$code" = 0 ]; then
        tell_group CONTINUE
        say "ready"
    else
        say "failed ($code)"
        tell_group ABANDON
    fi
}

# The agent of the Session Manager, by which operators come in; Debian's images are without it. No shop needs it.
install_session_agent() {
    [ -n "${SESSION_AGENT:-}" ] || return 0
    command -v amazon-ssm-agent >/dev/null && return 0
    retry 5 3 curl -sf -m 60 -o /root/session-agent.deb "$SESSION_AGENT" || return 1
    dpkg -i /root/session-agent.deb >/dev/null || return 1
    systemctl enable --now amazon-ssm-agent
}

begin() {
    trap tell_how_it_ended EXIT
    install_packages curl:curl jq:jq aws:awscli docker:docker.io mount.nfs4:nfs-common
    install_session_agent || say "there is no way in: the agent of the Session Manager did not start"
    INSTANCE=$(retry 30 2 ask_metadata instance-id)
    ADDRESS=$(retry 30 2 ask_metadata local-ipv4)
    ZONE=$(retry 30 2 ask_metadata placement/availability-zone)
    say "this is $INSTANCE, $ADDRESS in $ZONE"
}
