#!/usr/bin/env bash
# Checks reports of mixed audits against the schemas of their readers.
#
#   tests/reports/validate.sh SOCKLINT VALIDATOR [PYTHON]
#
# VALIDATOR is a script that takes a kind of schema and a file; PYTHON runs it. Each format that has a
# kind below and is known to SOCKLINT is checked on every case. Exits with 1 when a report is not valid.
set -uo pipefail
if [ $# -lt 2 ]; then
  sed -n '2,7p' "$0" >&2
  exit 2
fi
socklint=$(realpath "$1")
validator=$(realpath "$2")
python=${3:-python3}

# Format, and the kinds of schemas that its reports must satisfy.
kinds='
sarif sarif
sarif-github sarif sarif-github
junit junit-jenkins junit-ant
gitlab gitlab
rdjson rdjson
hdf hdf
oscal oscal-ar oscal-1.1.2 oscal-1.1.3 oscal-1.2.2
ocsf ocsf-1.5 ocsf-1.8
xccdf xccdf
in-toto in-toto
'

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cp "$(dirname "$0")"/mixed.toml "$place"/
cd "$place" || exit 2
mkdir .git hosts

# A host where rules pass, fail, are waived, are for others; one that leaves some undecided; one whose
# texts are hostile; one that cannot be read.
cat > hosts/db1.txt <<'END'
$ ss -lntu
Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port
udp   UNCONN 0      0          127.0.0.1:323        0.0.0.0:*
tcp   LISTEN 0      244          0.0.0.0:5432       0.0.0.0:*
tcp   LISTEN 0      128          0.0.0.0:22         0.0.0.0:*
tcp   LISTEN 0      10           0.0.0.0:23         0.0.0.0:*
tcp   LISTEN 0      10           0.0.0.0:23         0.0.0.0:*
tcp   LISTEN 0      10              [::]:23            [::]:*
END
cat > hosts/web1.txt <<'END'
$ ss -ltn
State  Recv-Q Send-Q Local Address:Port Peer Address:Port
LISTEN 0      128          0.0.0.0:22        0.0.0.0:*
END
printf '$ ss -lntup\nNetid State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n%b' \
  'tcp LISTEN 0 1 0.0.0.0:23 0.0.0.0:* users:(("\033[31m]]>|<script>`=cmd",pid=1,fd=3))\n' \
  > hosts/hostile.txt
printf 'nothing of the kind\n' > broken.txt

failed=0
check() {
  local name=$1 format=$2 expected=$3
  shift 3
  local code=0
  "$socklint" check -p mixed.toml --now 2026-11-22 -f "$format" "$@" > report 2> errors || code=$?
  if [ "$code" -ne "$expected" ]; then
    printf 'FAIL %s %s: exit code %s, not %s\n' "$format" "$name" "$code" "$expected"
    cat errors
    failed=1
  fi
  for kind in $wanted; do
    if "$python" "$validator" "$kind" report > found 2>&1; then
      printf 'ok   %s %s: %s\n' "$format" "$name" "$kind"
    else
      printf 'FAIL %s %s: %s\n' "$format" "$name" "$kind"
      head -n 5 found
      failed=1
    fi
  done
}

known=$("$socklint" formats -f json) || exit 2
while read -r format wanted; do
  [ -n "$format" ] || continue
  if ! grep -q "\"name\": \"$format\"" <<< "$known"; then
    printf 'skip %s: no such format\n' "$format"
    continue
  fi
  check one-host "$format" 1 --host db1 hosts/db1.txt
  check undecided "$format" 3 hosts/web1.txt
  check many-hosts "$format" 1 hosts
  check nothing-read "$format" 2 broken.txt
  check not-whole "$format" 2 hosts broken.txt
  check empty "$format" 0 --rule ssh --unknown allow hosts/web1.txt
  check no-evidence "$format" 2 absent.txt
done <<< "$kinds"
exit "$failed"
