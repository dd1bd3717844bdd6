//! Lets the linker leave Node's own symbols open, and all names but the exported ones out. Has the types of what
//! is exported written to `target/napi-types`, where a test compares them with the JavaScript half.

use std::path::Path;

fn main() {
    napi_build::setup();
    // For this library alone: a setting of the profile would build every dependency anew.
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => println!("cargo::rustc-cdylib-link-arg=-Wl,--strip-all"),
        Ok("macos") => println!("cargo::rustc-cdylib-link-arg=-Wl,-x"),
        _ => {}
    }
    let out = std::env::var("OUT_DIR").expect("Cargo names a directory");
    // <target>/<profile>/build/<package>/out
    let target = Path::new(&out).ancestors().nth(4).expect("it is within the target directory");
    let types = target.join("napi-types");
    std::fs::create_dir_all(&types).expect("the directory for types can be made");
    println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", types.display());
}
