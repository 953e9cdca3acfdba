#!/bin/sh
# Puts a dump into an empty database, all of it or nothing: docs/backups.md.
#
#   restore.sh FILE
#
# What it makes belongs to DATABASE_USER, as if that role had migrated. Rights that were granted are granted again, so the roles that have
# them must be there.
set -eu

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "usage: restore.sh FILE" >&2
    exit 1
fi
dump=$1

. "$(dirname "$0")/connection.sh"

occupied=$(psql --no-psqlrc --no-align --tuples-only --command="
    SELECT count(*) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')")
if [ "$occupied" -ne 0 ]; then
    echo "the database $PGDATABASE is not empty: create another, and let this one be" >&2
    exit 1
fi

# Extensions that an administrator made are there already; what is said about them only their owner may say.
contents=$(pg_restore --list "$dump")
printf '%s\n' "$contents" | sed '/ COMMENT - EXTENSION /d' |
    pg_restore --exit-on-error --single-transaction --no-owner --use-list=/dev/stdin --dbname="$PGDATABASE" "$dump"
# A dump has no statistics, without which the first statements would be planned blindly.
PGOPTIONS='--client-min-messages=error' psql --no-psqlrc --quiet --command=ANALYZE
