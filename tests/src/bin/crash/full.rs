//! A file system that is really full.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use facetbox::ErrorCode;

use crate::check::{Outcome, check};
use crate::faults;

/// Operations on each object: they need more than the few blocks that are left.
const OPS: usize = 40;

/// Fills the file system of `dir` but for a little, writes until nothing fits, makes room again, and checks. With
/// less and less room, so that different things fail.
pub fn run(dir: &Path, seed: u64) -> Outcome<String> {
    let (mut runs, mut errors) = (0, 0);
    // The commit log takes the first MiB.
    for kib in (0..400).step_by(36).chain((1000..2400).step_by(60)) {
        let (data, filler) = (dir.join("data"), dir.join("filler"));
        fs::create_dir_all(&data).map_err(|e| e.to_string())?;
        fill(&filler, kib << 10).map_err(|e| e.to_string())?;
        let outcome = faults::write(&data, seed + runs, OPS, |error| {
            // Never the quota, which has room.
            [ErrorCode::Storage, ErrorCode::GuestError].contains(&error.code())
        });
        fs::remove_file(&filler).map_err(|e| e.to_string())?;
        match outcome {
            // Not even the directory's own files could be written: there is nothing to check.
            Err(error) if error.starts_with("open: [STORAGE]") => {}
            outcome => {
                let (allowed, failed) = outcome.map_err(|e| format!("{kib} KiB free: {e}"))?;
                check(&data, &allowed, true).map_err(|e| format!("{kib} KiB free: {e}"))?;
                (runs, errors) = (runs + 1, errors + failed);
            }
        }
        fs::remove_dir_all(&data).map_err(|e| e.to_string())?;
    }
    if errors == 0 {
        return Err("no operation failed: the file system is too large".into());
    }
    Ok(format!("{runs} full disks survived, {errors} operations answered an error, seed {seed}"))
}

/// Writes a file until the file system is full, and cuts `free` bytes off.
fn fill(path: &Path, free: u64) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    let block = [0; 4096];
    while file.write_all(&block).is_ok() {}
    let size = file.metadata()?.len();
    file.set_len(size.saturating_sub(free))
}
