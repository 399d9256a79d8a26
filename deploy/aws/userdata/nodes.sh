# shellcheck shell=bash
# Which nodes the Swarm has, and which instances there are. Read after common.sh.

# Lines of a parameter's name and an address.
list_managers() {
    call_aws ssm get-parameters-by-path --path "$PARAMETERS/swarm/managers" --query 'Parameters[].[Name,Value]' |
        grep -v '^None$' || true
}

# Only what EC2 says is gone is gone. When it cannot be asked, everybody lives.
lives() {
    local said
    said=$(call_aws ec2 describe-instances --instance-ids "$1" \
        --query 'Reservations[0].Instances[0].State.Name' 2>&1) || {
        [[ $said != *InvalidInstanceID* ]]
        return
    }
    [[ $said == pending || $said == running ]]
}

zone_of() {
    call_aws ec2 describe-instances --instance-ids "$1" \
        --query 'Reservations[0].Instances[0].Placement.AvailabilityZone'
}

# The name of a node is the id of its instance.
forget_the_dead() {
    local id name kind
    while read -r id name kind; do
        ! lives "$name" || continue
        say "$name is gone; forgetting it"
        [ "$kind" = worker ] || docker node demote "$id" >/dev/null || true
        docker node rm --force "$id" >/dev/null || return 1
        remove_parameter "swarm/managers/$name"
    done < <(docker node ls --format '{{.ID}} {{.Hostname}} {{if .ManagerStatus}}manager{{else}}worker{{end}}')
}

label_nodes() {
    local id labels name
    for id in $(docker node ls --quiet); do
        read -r name labels < <(docker node inspect --format \
            '{{.Description.Hostname}} {{index .Spec.Labels "bookstore.app"}}' "$id")
        [ "$labels" != true ] || continue
        # Managers do it at one moment, and of two changes of one node the second is refused.
        retry 5 2 docker node update --label-add bookstore.app=true --label-add bookstore.edge=true \
            --label-add "bookstore.zone=$(zone_of "$name")" "$id" >/dev/null
    done
}
