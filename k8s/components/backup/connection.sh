# shellcheck shell=sh
# Where the database is, for PostgreSQL's programs: from the service's own keys, each of the environment or, if it isn't there, of the
# secrets directory. To be read with `.` by the scripts beside it.
#
# The password goes from its file into the environment of this script and its children only, never into arguments, which everybody on
# the machine can read. That is why DATABASE_URL, which would have to be an argument, is not taken.

secrets=${APP_SECRETS_DIR:-/mnt/secrets}

# setting KEY: what it is, or nothing
setting() {
    eval "value=\${$1-}"
    if [ -z "$value" ] && [ -f "$secrets/$1" ]; then
        value=$(cat "$secrets/$1")
    fi
    printf '%s\n' "$value"
}

# needed KEY: what it is; without it, nothing goes on
needed() {
    found=$(setting "$1")
    if [ -z "$found" ]; then
        echo "$1 is set neither in the environment nor by a file in $secrets" >&2
        return 1
    fi
    printf '%s\n' "$found"
}

PGHOST=$(needed DATABASE_HOST)
PGPORT=$(setting DATABASE_PORT)
PGDATABASE=$(needed DATABASE_NAME)
PGUSER=$(needed DATABASE_USER)
PGPASSWORD=$(needed DATABASE_PASSWORD)
PGSSLMODE=$(setting DATABASE_SSL_MODE)
PGSSLMODE=${PGSSLMODE:-verify-full}
PGSSLROOTCERT=$(setting DATABASE_SSL_ROOT_CERT)
if [ "$PGSSLMODE" = verify-full ]; then
    # the usual authorities, as for the service; PostgreSQL's programs know them by this name from version 16 on
    PGSSLROOTCERT=${PGSSLROOTCERT:-system}
fi
PGCONNECT_TIMEOUT=30
export PGHOST PGPORT PGDATABASE PGUSER PGPASSWORD PGSSLMODE PGSSLROOTCERT PGCONNECT_TIMEOUT
