//! Lets the linker leave Node's own symbols open, and all names but the exported ones out.

fn main() {
    napi_build::setup();
    // For this library alone: a setting of the profile would build every dependency anew.
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => println!("cargo::rustc-cdylib-link-arg=-Wl,--strip-all"),
        Ok("macos") => println!("cargo::rustc-cdylib-link-arg=-Wl,-x"),
        _ => {}
    }
}
