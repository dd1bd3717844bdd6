//! The floors, as a program like the hosts: `bench-floors <data>`.

use std::path::Path;

use facetbox_benches::{Floors, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = std::env::args_os().nth(1).ok_or("usage: bench-floors <data>")?;
    let mut floors = Floors::new(Path::new(&data))?;
    serve(|job| floors.measure(job))
}
