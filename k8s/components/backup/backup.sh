#!/bin/sh
# Dumps the database, reads the dump back, hands it on, and removes dumps that are too old: docs/backups.md.
#
#   BACKUP_DIR        where dumps are kept (/backup)
#   BACKUP_KEEP_DAYS  age in days from which on they are removed (14)
#   BACKUP_UPLOAD     a command that takes a dump, its "$1", to where it is safe: aws s3 cp "$1" s3://bucket/orders/
#
# What isn't whole never has the name of a dump. If anything fails, nothing is removed.
set -eu
umask 077

. "$(dirname "$0")/connection.sh"

directory=${BACKUP_DIR:-/backup}
name=$PGDATABASE-$(date -u +%Y%m%dT%H%M%SZ)
dump=$directory/$name.dump
partial=$directory/.$name.partial
trap 'rm -f "$partial"' EXIT
trap 'exit 1' HUP INT TERM

pg_dump --format=custom --file="$partial"
# All of it is read and unpacked, so one that is cut off or damaged shows now. A list of contents would still be there.
pg_restore --file=/dev/null "$partial"
mv "$partial" "$dump"
echo "$dump: $(wc -c <"$dump") bytes"

if [ -n "${BACKUP_UPLOAD-}" ]; then
    sh -eu -c "$BACKUP_UPLOAD" upload "$dump"
fi

dated="$PGDATABASE-[0-9]*T[0-9]*Z"
find "$directory" -type f \( -name "$dated.dump" -o -name ".$dated.partial" \) \
    -mtime "+${BACKUP_KEEP_DAYS:-14}" -exec rm -f {} +
