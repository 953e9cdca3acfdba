# shellcheck shell=sh
# Where the database is, for PostgreSQL's programs: from the service's own keys, each of the environment or, if it isn't there, of the
# secrets directory. To be read with `.` by the scripts beside it.
#
# The password goes from its file into the environment of this script and its children only, never into arguments, which everybody on
# the machine can read. That is why DATABASE_URL, which would have to be an argument, is not taken.

secrets=${APP_SECRETS_DIR:-/mnt/secrets}

# setting KEY [DEFAULT]
setting() {
    eval "value=\${$1-}"
    if [ -z "$value" ] && [ -f "$secrets/$1" ]; then
        value=$(cat "$secrets/$1")
    fi
    value=${value:-${2-}}
    if [ -z "$value" ]; then
        echo "$1 is set neither in the environment nor by a file in $secrets" >&2
        return 1
    fi
    printf '%s\n' "$value"
}

PGHOST=$(setting DATABASE_HOST)
PGPORT=$(setting DATABASE_PORT 5432)
PGDATABASE=$(setting DATABASE_NAME)
PGUSER=$(setting DATABASE_USER)
PGPASSWORD=$(setting DATABASE_PASSWORD)
PGSSLMODE=$(setting DATABASE_SSL_MODE verify-full)
# `system` are the usual authorities; PostgreSQL's programs know it from version 16 on.
PGSSLROOTCERT=$(setting DATABASE_SSL_ROOT_CERT system)
PGCONNECT_TIMEOUT=30
export PGHOST PGPORT PGDATABASE PGUSER PGPASSWORD PGSSLMODE PGSSLROOTCERT PGCONNECT_TIMEOUT
