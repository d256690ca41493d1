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

# Compare the release build with other tools, and its instructions with those that are kept.
bench:
    cargo build --release
    python3 benches/instructions.py
    python3 benches/compare.py
