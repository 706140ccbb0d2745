#!/bin/sh
# Checks journal.jsonl: the shape and hash of each record, the chain, and its end against the signed head.
# Needs sed, awk, sha256sum and openssl 3. The head's signature covers the last hash, and so, by the chain, every record.
set -eu
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bodies"
stop() {
  echo "journal: $1"
  exit 1
}
first_difference() { # FILE FILE: number of the first line that differs
  paste -d ' ' "$1" "$2" | awk '$1 != $2 { print NR; exit }'
}

shape='^\{.*,"prev":"[0-9a-f]{64}","seq":[0-9]+,"time":"[^"]*","hash":"[0-9a-f]{64}","sig":"[A-Za-z0-9+/]{86}=="\}$'
bad=$(grep -Evn "$shape" journal.jsonl | head -n 1 | cut -d : -f 1)
[ -z "$bad" ] || stop "record $bad: not a record"
count=$(wc -l < journal.jsonl)
[ "$(grep -c '' journal.jsonl)" = "$count" ] || stop "record $((count + 1)): torn"

sed -E 's/.*,"hash":"([0-9a-f]{64})","sig":"[^"]*"\}$/\1/' journal.jsonl > "$work/recorded"
sed -E 's/,"hash":"[0-9a-f]{64}","sig":"[^"]*"\}$/}/' journal.jsonl |
  awk -v folder="$work/bodies" 'BEGIN { ORS = "" } { file = folder "/" sprintf("%09d", NR); print $0 > file; close(file) }'
find "$work/bodies" -type f | sort | xargs -r sha256sum | cut -c 1-64 > "$work/true"
bad=$(first_difference "$work/recorded" "$work/true")
[ -z "$bad" ] || stop "record $bad: its hash does not match its content"

name=$(sed -nE 's/^\{"case":"([A-Za-z0-9._-]+)",.*/\1/p' head.json)
printf 'ungcuu journal v1\n%s\n' "$name" | sha256sum | cut -c 1-64 > "$work/before"
cat "$work/recorded" >> "$work/before"
awk '{ print $1 "/" NR }' "$work/before" | sed '$d' > "$work/follows"
sed -E 's/.*,"prev":"([0-9a-f]{64})","seq":([0-9]+),"time":"[^"]*","hash":.*/\1\/\2/' journal.jsonl > "$work/says"
bad=$(first_difference "$work/says" "$work/follows")
[ -z "$bad" ] || stop "record $bad: it does not follow the record before it"

sed -E 's/,"sig":"[^"]*"//' head.json | tr -d '\n' > "$work/head"
sed -E 's/.*,"sig":"([^"]*)".*/\1/' head.json | base64 -d > "$work/sig"
openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in "$work/head" -sigfile "$work/sig" > "$work/answer" 2>&1 ||
  stop "the signature of the head is wrong"
last=$(tail -n 1 "$work/before")
grep -q "\"hash\":\"$last\",\"seq\":$count," "$work/head" || stop "record $count is not the end that the head names"
echo "journal: $count records, whole"
