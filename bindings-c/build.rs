//! The version of the ABI, as it is in the name of the shared library and in the header.

/// Raised whenever a program that was compiled with an older header would break: a function that is gone
/// or has other parameters, a struct that has other members.
const ABI: u32 = 1;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=FACETBOX_ABI={ABI}");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libfacetbox.so.{ABI}");
    }
}
