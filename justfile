# Tasks; `just` lists them.

default:
    @just --list

# What CI asks: tests, format, lints, documentation.
ready:
    .ci/run

# Tests only.
test *args:
    cargo test {{args}}

# Look at changed snapshots one by one (needs cargo-insta).
snap:
    cargo insta test --review

# Time the release build on a capture of 200 000 rows.
bench:
    cargo build --release
    awk 'BEGIN { print "State  Recv-Q Send-Q   Local Address:Port  Peer Address:Port"; for (i = 0; i < 200000; i++) printf "LISTEN 0      128      10.%d.%d.%d:%d         0.0.0.0:*\n", i / 65536, i / 256 % 256, i % 256, 1 + i % 65535 }' > target/bench.txt
    time ./target/release/socklint check --policy builtin:baseline --command 'ss -ltn' target/bench.txt --max-diagnostics 0 || true
