#!/bin/sh
# Roles, database and extensions of the platform, run once by the image's entry point when the data
# directory is empty. The embedded PostgreSQL has the same (apps/processes/embedded/postgres.py).
#
# Needs POSTGRES_USER, CAMPUS_OWNER_PASSWORD and CAMPUS_APP_PASSWORD; with CAMPUS_BACKUP_PASSWORD it
# also makes the role of the backups. Each password may come from a file instead (…_FILE).
set -eu

for name in CAMPUS_OWNER_PASSWORD CAMPUS_APP_PASSWORD CAMPUS_BACKUP_PASSWORD; do
  eval "value=\${$name:-} file=\${${name}_FILE:-}"
  if [ -z "$value" ] && [ -n "$file" ]; then
    value=$(cat "$file")
  fi
  export "$name=$value"
done
: "${CAMPUS_OWNER_PASSWORD:?}" "${CAMPUS_APP_PASSWORD:?}"

# psql reads the passwords from the environment: no command line shows them.
run() {
  psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$1"
}

extensions() {
  cat <<'SQL'
create extension if not exists vector;
create extension if not exists pg_trgm;
create extension if not exists btree_gist;
create extension if not exists citext;
create extension if not exists unaccent;
SQL
}

# The owner makes and changes the tables; the application reads and writes rows and owns nothing,
# so that row level security binds it.
run postgres <<'SQL'
\getenv owner_password CAMPUS_OWNER_PASSWORD
\getenv app_password CAMPUS_APP_PASSWORD
create role campus_owner login nosuperuser nobypassrls nocreatedb nocreaterole noreplication
  password :'owner_password';
create role campus_app login nosuperuser nobypassrls nocreatedb nocreaterole noreplication noinherit
  password :'app_password';
SQL

extensions | run template1

run postgres <<'SQL'
create database campus owner campus_owner;
revoke all on database campus from public;
grant connect on database campus to campus_app;
SQL

run campus <<'SQL'
revoke create on schema public from public;
SQL

# Sees every row, writes none: the other two would back up an empty campus, without an error.
if [ -n "${CAMPUS_BACKUP_PASSWORD:-}" ]; then
  run campus <<'SQL'
\getenv backup_password CAMPUS_BACKUP_PASSWORD
create role campus_backup login nosuperuser bypassrls nocreatedb nocreaterole noreplication
  in role pg_read_all_data password :'backup_password';
grant connect on database campus to campus_backup;
SQL
fi
