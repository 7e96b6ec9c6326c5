#!/bin/sh
# Writes the files that deploy/compose.secrets.yml names, with random values; those that are there
# stay as they are.
#
#   sudo sh deploy/make-secrets.sh [FOLDER]        # ./secrets
#
# The containers run as users of their own, so the files are readable for all and the folder only
# for its owner. Keep copies of secret_key, campus_master_key and backup_key elsewhere.
set -eu

folder=${1:-secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

random() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

put() {
  if [ ! -e "$folder/$1" ]; then
    printf '%s' "$2" >"$folder/.draft"
    chmod 444 "$folder/.draft"
    mv "$folder/.draft" "$folder/$1"
  fi
}

for name in secret_key campus_master_key backup_key postgres_password campus_owner_password \
  campus_app_password campus_backup_password valkey_password aws_access_key_id \
  aws_secret_access_key seaweedfs_write_key seaweedfs_read_key seaweedfs_filer_write_key \
  seaweedfs_filer_read_key
do
  put "$name" "$(random)"
done

address() {
  printf 'postgresql://%s:%s@%s' "$1" "$(cat "$folder/$2")" db:5432/campus  # pragma: allowlist secret
}

put database_url "$(address campus_app campus_app_password)"
put database_owner_url "$(address campus_owner campus_owner_password)"
put backup_database_url "$(address campus_backup campus_backup_password)"
put redis_url "redis://:$(cat "$folder/valkey_password")@valkey:6379/0"
