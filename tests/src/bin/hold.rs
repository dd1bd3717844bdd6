//! Holds a data directory open until its standard input ends: another process for tests to meet.

use std::io::Read;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: hold <data-dir>")?;
    let _runtime = facetbox::Runtime::open(path)?;
    println!("open");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
