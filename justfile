# The words of this project: people, workflows and documents call these recipes and nothing else.
# `just` alone lists them. Each is a plain cargo command, so that none needs more than a POSIX shell.

target := env("CARGO_TARGET_DIR", "target")

# List the recipes.
default:
    @just --list --unsorted

# All that must hold before a change is shown to others, except the tests.
check: fmt-check clippy doc deny

# Format the code.
fmt:
    cargo fmt --all

# Check that the code is formatted.
fmt-check:
    cargo fmt --all --check

# Lint all code, and the pure crate again as a client gets it: without the peer's side.
clippy:
    cargo clippy --workspace --all-targets --all-features --locked -- -D warnings
    cargo clippy -p podline-wire --lib --locked -- -D warnings

# Build the documentation of all crates.
doc $RUSTDOCFLAGS="-D warnings":
    cargo doc --workspace --no-deps --all-features --locked

# Check what the dependencies are, where they come from and under which licences. Works offline.
deny:
    cargo deny --locked check bans licenses sources

# Check the dependencies for known vulnerabilities. Downloads the RustSec database.
advisories:
    cargo deny --locked check advisories

# Check that the oldest supported Rust still builds everything (the toolchain must be installed).
msrv:
    cargo +1.93 check --workspace --all-targets --all-features --locked

# Run all tests; the end-to-end suite among them runs on the cluster in the process.
test *args:
    cargo test --workspace {{ args }}

# Run the tests of one crate, for example `just test-crate podline-wire mask`.
test-crate name *args:
    cargo test -p {{ name }} --all-features {{ args }}

# Run the end-to-end suite on the cluster in the process.
e2e *args:
    cargo test -p podline-cli --test e2e -- {{ args }}

# Run the end-to-end suite on a real cluster that has the workload image, for example `just e2e-cluster ~/.kube/config`.
e2e-cluster $PODLINE_E2E_KUBECONFIG *args:
    cargo test -p podline-cli --test e2e -- {{ args }}

# Let a pod read nothing for so many seconds while others are served; on a real cluster if PODLINE_E2E_KUBECONFIG names one.
stall seconds="900":
    PODLINE_E2E_STALL={{ seconds }} cargo test -p podline-cli --test e2e -- reads_nothing

# Send mixed traffic through podline for so many seconds while faults come and go, and look for what is left of them.
soak seconds="3600" *args:
    cargo test --profile fast -p podline-cli --test soak -- mixed_traffic --seconds {{ seconds }} {{ args }}

# Open ten thousand connections at once: over four pods, and to one pod with one connection stalled.
ten-thousand *args:
    cargo test --profile fast -p podline-cli --test soak -- ten_thousand {{ args }}

# Record a GiB, say what that costs, and have tshark read every byte back; needs tshark and 1.1 GB of memory for files.
capture *args:
    cargo test --profile fast -p podline-cli --test soak -- capture {{ args }}

# Compare what podline costs with its terminal view, with its web page and with neither, at a thousand connections; on Linux.
view-load *args:
    cargo test --profile fast -p podline-cli --test soak -- views {{ args }}

# Build what the pods of the end-to-end suite run.
workload:
    cargo build -p podline-minicluster --bin podline-workload

# Build the image of the pods with docker, and leave getting it into the cluster to the caller.
workload-image name="local/podline-workload:1": workload
    docker build --tag {{ name }} --file crates/minicluster/workload.Dockerfile {{ target }}/debug

# Simulate sessions, the pool and the tokio shell, with so many seeds; `PODLINE_SIMULATION_SEED=n just simulate` runs one.
simulate seeds="2000" *args:
    PODLINE_SIMULATION_SEEDS={{ seeds }} cargo test -p podline-minicluster --test simulation -- {{ args }}

# Simulate sessions and the pool with a million seeds, built for speed. Takes hours.
simulate-million:
    PODLINE_SIMULATION_SEEDS=1000000 cargo test --profile fast -p podline-minicluster --test simulation -- whatever_happens

# Check that the simulation finds deliberate mistakes in sessions and the pool, for example `just mutants wide-window`.
mutants *names:
    cargo run -p xtask -- mutants {{ names }}

# Measure podline beside its peers, for example `just bench --rtt 50ms`.
bench *args:
    cargo run --release -p podline-bench -- {{ args }}

# Count what taps cost a connection, in instructions, and fail where it is too much. Needs valgrind.
bench-taps:
    cargo bench --profile fast -p podline-monitor --bench carrier

# Run the committed corpora through the fuzz targets, as ordinary tests.
fuzz-replay:
    cargo test -p podline-wire --all-features --test corpus
    cargo test -p podline-monitor --all-features --test corpus

# Look for new inputs with one fuzz target (needs cargo-fuzz and a nightly toolchain).
fuzz name seconds="60":
    cargo +nightly fuzz run {{ name }} -- -max_total_time={{ seconds }}

# Write the generated files: man pages, completions, the reference of the command line.
generate:
    cargo run -p xtask -- generate

# Check that the generated files are as `just generate` writes them.
check-generated:
    cargo run -p xtask -- check

# Start a cluster in one process and forward to it, for example `just demo --check`.
demo *args:
    cargo run --release --bin podline -- demo {{ args }}

# Install podline from this checkout.
install:
    cargo install --path crates/cli --locked

# Install the tools that the recipes need, in the versions that the workflows use.
tools:
    cargo install --locked just@1.59.0 cargo-deny@0.20.2 cargo-fuzz@0.13.2
