//! Benchmarks, and comparisons with peers: `cargo run --release -p weir-bench -- NAME`.

fn main() {}
