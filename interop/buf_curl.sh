#!/bin/sh
# Appends reports, replays them and asks for casualties with `buf curl`, which learns the contract from the server's reflection.
# buf_curl.sh BUF ADDRESS LEDGER REQUEST.json...   prints the answer of GetCasualties as JSON.
set -eu

buf=$1 address=$2 ledger=$3
shift 3

call() { # METHOD, request on standard input
    "$buf" curl --protocol grpc --http2-prior-knowledge --data @- "http://$address/incident.ledger.v1.$1"
}

printf '{"ledger": "%s"}' "$ledger" | call LedgerService/CreateLedger >&2
position=0
for request in "$@"; do
    # The files hold {"report": …}; the ledger is one more field of the same message.
    receipt=$({ printf '{"ledger": "%s", ' "$ledger"; sed '1s/^{//' "$request"; } | call LedgerService/AppendReport)
    position=$(printf '%s\n' "$receipt" | sed -n 's/.*"position": *"\([0-9]*\)".*/\1/p' | tail -n 1)
    echo "buf curl: $request is recorded up to position $position" >&2
done
replayed=$(printf '{"ledger": "%s", "view": "EVENT_VIEW_RAW"}' "$ledger" | call LedgerService/ReplayHistory |
    grep -o '"envelope":' | wc -l)
[ "$replayed" -eq "$position" ] || { echo "buf curl: $replayed events are replayed and not $position" >&2 && exit 1; }
echo "buf curl: $replayed events are replayed" >&2
printf '{"ledger": "%s", "minPosition": "%s"}' "$ledger" "$position" | call CasualtyService/GetCasualties
