#!/bin/sh
# Lays out the folder config/ for compose.yaml, at each start: what Prometheus, Alertmanager and Grafana read, and a
# password for Grafana. What you changed there stays. Runs in the image of sysvitals.
#   setup.sh FOLDER                   all of it
#   setup.sh FOLDER PART [FLAG ...]   one part, by `sysvitals provision` with these flags
set -eu
folder=$1

# Begun as root, it goes on as whoever owns the folder: so its files are yours to edit.
if [ "$(id -u)" = 0 ] && [ "$(stat -c %u "$folder")" != 0 ]; then
    exec setpriv --reuid="$(stat -c %u "$folder")" --regid="$(stat -c %g "$folder")" --clear-groups \
        --inh-caps=-all --no-new-privs sh "$0" "$@"
fi
umask 022

if [ $# -gt 1 ]; then
    part=$2
    shift 2
    exec sysvitals provision "$part" --to "$folder/$part" "$@"
fi

sysvitals provision prometheus --to "$folder/prometheus"
sysvitals provision alertmanager --to "$folder/alertmanager" --alertmanager.version 0.34 # that of compose.yaml
sysvitals provision grafana --to "$folder/grafana"

# The servers have users of their own: they read these files, while nobody else on the host gets past the outer folder.
secrets=$folder/secrets
mkdir -p "$secrets/alertmanager" "$secrets/grafana"
chmod 0700 "$secrets"
password=$secrets/grafana/admin-password
if [ ! -s "$password" ]; then
    python3 -c 'import secrets; print(secrets.token_urlsafe(15), end="")' >"$password.new"
    mv "$password.new" "$password"
fi
chmod -R u=rwX,go=rX "$secrets/alertmanager" "$secrets/grafana"
