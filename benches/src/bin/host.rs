//! The host program in Rust: `bench-host <data>`.

use std::path::Path;

use facetbox_benches::{Host, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = std::env::args_os().nth(1).ok_or("usage: bench-host <data>")?;
    let mut host = Host::new(Path::new(&data));
    serve(|job| host.measure(job))
}
