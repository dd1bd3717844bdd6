//! Bounds on source, for what the compilers and loaders of both engines do without a look at any limit.
//!
//! Luau's compiler never looks. It finds a function among all of its module, so its time grows with the square of their number, and
//! so it does with names, texts and numbers that were chosen to have one hash. QuickJS's is stopped while it parses, but
//! not while it finds each name that is used among those of its scope.

use std::collections::HashSet;
use std::time::Duration;

use crate::error::{Error, ErrorCode};

/// CPU time that compiling all modules of a code may take.
pub(super) const CPU: Duration = Duration::from_secs(5);

/// Source that is compiled in a moment, whatever it is.
const SHORT: usize = 64 << 10;
/// A module of Luau takes a microsecond for each byte at most, and this much memory a hundred times.
const LUAU_BYTES: usize = 2 << 20;
const LUAU_FUNCTIONS: usize = 50_000;
/// Different names and numbers, and texts.
const LUAU_NAMES: usize = 20_000;
/// Names used, times different ones. Each takes up to two nanoseconds, so that compiling ends before its limit.
#[cfg(feature = "quickjs")]
pub(super) const MODULE_LOOKUPS: u64 = 1 << 31;
/// The same of what is evaluated, where the limit is that of the event: 45 ms at 4 ns each.
#[cfg(feature = "quickjs")]
pub(super) const EVALUATED_LOOKUPS: u64 = 11_000_000;
/// Variables of a scope, of which the engine takes no more.
#[cfg(feature = "quickjs")]
const JS_VARIABLES: u64 = 65_535;
/// Digits that a BigInt may have in hexadecimals, octals, binary and decimals, as of those that are made from text.
#[cfg(feature = "quickjs")]
const JS_DIGITS: [usize; 4] = [32_768, 43_690, 131_072, 39_457];
/// Lookups of names that are in the same place of a table when code is loaded.
const CROWD: u64 = 1 << 25;

/// What is refused, to be told of a module.
pub(super) fn refused(module: &str, what: &str) -> Error {
    Error::named(ErrorCode::LoadError, "RangeError", format!("Module {module:?} {what}"))
}

/// Why modules that take too long aren't compiled.
pub(super) fn too_slow() -> Error {
    let message = format!("Compiling the modules took longer than {} ms.", CPU.as_millis());
    Error::named(ErrorCode::LoadError, "RangeError", message)
}

/// Runs of letters, digits and what else names may have, each with where it begins.
fn words(source: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let is_of_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..);
    let mut at = 0;
    std::iter::from_fn(move || {
        at += source[at..].iter().position(is_of_word)?;
        let (begin, rest) = (at, &source[at..]);
        let length = rest.iter().position(|byte| !is_of_word(byte)).unwrap_or(rest.len());
        at += length;
        Some((begin, &rest[..length]))
    })
}

/// Checks the source of a module of Luau. What is in texts and comments counts like code.
///
/// # Errors
/// What it has too much of.
pub(super) fn check_luau(source: &str) -> Result<(), String> {
    if source.len() > LUAU_BYTES {
        return Err(format!(
            "has {} bytes; a module of Luau has at most {LUAU_BYTES}.",
            source.len()
        ));
    }
    if source.len() <= SHORT {
        return Ok(());
    }
    let (mut names, mut functions) = (HashSet::new(), 0);
    for (_, word) in words(source.as_bytes()) {
        functions += usize::from(word == b"function");
        names.insert(word);
    }
    let texts = source.bytes().zip(source.bytes().skip(1)).map(|(byte, next)| match (byte, next) {
        (b'[', b'[' | b'=') => 2,
        (b'"' | b'\'' | b'`', _) => 1,
        _ => 0,
    });
    let texts = texts.sum::<usize>() / 2;
    let most = |count: usize, most: usize, what: &str| match count > most {
        true => Err(format!(
            "has {count} {what}; a module of Luau has at most {most}. Large data can be JSON, text or data modules."
        )),
        false => Ok(()),
    };
    most(functions, LUAU_FUNCTIONS, "functions")?;
    most(names.len(), LUAU_NAMES, "different names and numbers")?;
    most(texts, LUAU_NAMES, "texts")
}

/// Checks JavaScript, which may take so many lookups: a module, or what a guest has evaluated. What is in texts and comments counts like code.
///
/// # Errors
/// What it has too much of.
#[cfg(feature = "quickjs")]
pub(super) fn check_js(source: &[u8], lookups: u64) -> Result<(), String> {
    if source.len() <= JS_DIGITS[0] {
        return Ok(());
    }
    let (mut used, mut names) = (0, HashSet::new());
    for (at, word) in words(source) {
        let is_member = source[..at].ends_with(b".") && !source[..at].ends_with(b"..");
        if word[0].is_ascii_digit() {
            let base = match word.get(1) {
                Some(b'x' | b'X') => 0,
                Some(b'o' | b'O') => 1,
                Some(b'b' | b'B') => 2,
                _ => 3,
            };
            if word.len() > JS_DIGITS[base] + 3 && word.ends_with(b"n") {
                let most = JS_DIGITS[base];
                return Err(format!("has a BigInt of more than {most} digits, 131072 bits."));
            }
        } else if !is_member {
            used += 1;
            names.insert(word);
        }
    }
    // Names that are written with escapes are different ones.
    let escaped = source.windows(2).filter(|two| two == b"\\u").count();
    let different = (names.len() + escaped) as u64;
    if used * different.min(JS_VARIABLES) <= lookups {
        return Ok(());
    }
    Err(format!(
        "is too long to be compiled: it uses names {used} times, {different} different ones. Split it."
    ))
}

/// Whether so many of some names are in the same place of a table of the engine's that looking them up would take long.
fn is_crowded(hashes: &[u32]) -> bool {
    if (hashes.len() as u64).pow(2) <= CROWD {
        return false;
    }
    let mut places = vec![0; hashes.len().next_power_of_two()];
    let mut steps = 0;
    for hash in hashes {
        let place = &mut places[*hash as usize & (hashes.len().next_power_of_two() - 1)];
        *place += 1;
        steps += *place;
    }
    steps > CROWD / 2
}

/// What is said of code with such names.
pub(super) const CROWDED: &str =
    "has too many names and texts that the engine would look up in one place.";

/// Reads what engines write of their code.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// A whole number of 7 bits a byte, the lowest first.
    fn number(&mut self) -> Option<usize> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= usize::from(byte & 127).checked_shl(shift)?;
            shift += 7;
            if byte < 128 {
                return Some(number);
            }
        }
    }
}

/// Whether loading the engine's code of a Luau module would take long. The table of texts is what it begins with.
pub(super) fn is_crowded_luau(code: &[u8]) -> bool {
    let hashes = |mut reader: Reader<'_>| {
        reader.take(2)?;
        let count = reader.number()?;
        let text = |_| reader.number().and_then(|length| reader.take(length)).map(luau_hash);
        (0..count).map(text).collect::<Option<Vec<u32>>>()
    };
    hashes(Reader(code)).is_some_and(|hashes| is_crowded(&hashes))
}

/// As the engine hashes texts.
fn luau_hash(mut text: &[u8]) -> u32 {
    let (mut a, mut b, mut h) = (0_u32, 0_u32, text.len() as u32);
    while text.len() >= 32 {
        let block = |at: usize| text[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        a = a.wrapping_add(block(0));
        b = b.wrapping_add(block(4));
        h = h.wrapping_add(block(8));
        a = (a ^ h).wrapping_sub(h.rotate_right(14));
        b = (b ^ a).wrapping_sub(a.rotate_right(11));
        h = (h ^ b).wrapping_sub(b.rotate_right(25));
        text = &text[12..];
    }
    text.iter()
        .rev()
        .fold(h, |h, byte| h ^ (h << 5).wrapping_add(h >> 2).wrapping_add(u32::from(*byte)))
}

/// Whether loading the engine's code of a JavaScript module would take long. Its names are what it begins with.
#[cfg(feature = "quickjs")]
pub(super) fn is_crowded_js(code: &[u8]) -> bool {
    let hashes = |mut reader: Reader<'_>| {
        reader.take(5)?;
        let mut hashes = Vec::new();
        for _ in 0..reader.number()? {
            let kind = reader.byte()?;
            if kind & 0x80 != 0 {
                // One of the engine's own.
                if kind & 0x40 != 0 {
                    reader.number()?;
                }
                continue;
            }
            let length = reader.number()?;
            let width = 1 + (length & 1);
            let units = reader.take((length >> 1) * width)?.chunks_exact(width);
            let unit =
                |unit: &[u8]| unit.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
            let hash = units
                .map(unit)
                .fold(u32::from(kind), |hash, unit| hash.wrapping_mul(263).wrapping_add(unit));
            hashes.push(hash);
        }
        Some(hashes)
    };
    hashes(Reader(code)).is_some_and(|hashes| is_crowded(&hashes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_hash_crowd_and_others_do_not() {
        let different = |count: u32| {
            (0..count).map(|at| luau_hash(format!("name{at}").as_bytes())).collect::<Vec<_>>()
        };
        assert!(!is_crowded(&different(200_000)));
        assert!(!is_crowded(&vec![7; 5_000]) && is_crowded(&vec![7; 9_000]));
        // Of the same hash in the engine.
        let parts = ["-i68a", "Lj68a", "ok68a", "2M68a"].map(|end| format!("50t3aCaA3a{end}"));
        assert!(parts.iter().all(|part| luau_hash(part.as_bytes()) == 3_327_046_751));
    }

    #[test]
    fn what_takes_the_square_of_its_length_is_refused_and_long_code_is_not() {
        let functions = "function f() end ".repeat(60_000);
        assert!(check_luau(&functions).unwrap_err().contains("60000 functions"));
        let names: String = (0..30_000).map(|at| format!("n{at}=1;")).collect();
        assert!(check_luau(&names).unwrap_err().contains("different names"));
        assert!(check_luau(&"a={'','',''};".repeat(10_000)).unwrap_err().contains("30000 texts"));
        assert!(check_luau(&"-- a comment\nlocal x = f(1)\n".repeat(50_000)).is_ok());
        assert!(check_luau(&" ".repeat(3 << 20)).unwrap_err().contains("bytes"));
    }

    #[cfg(feature = "quickjs")]
    #[test]
    fn scripts_are_measured_by_the_names_that_they_use() {
        let check = |source: &[u8]| check_js(source, MODULE_LOOKUPS);
        let declared: String = (0..60_000).map(|at| format!("let v{at};")).collect();
        assert!(check((declared + &"z;".repeat(200_000)).as_bytes()).is_err());
        let fewer: String = (0..15_000).map(|at| format!("let v{at};")).collect();
        assert!(check((fewer + &"z.v1.v2;".repeat(100_000)).as_bytes()).is_ok());
        assert!(check("f(a, b).c({ d: 'e' });".repeat(100_000).as_bytes()).is_ok());
        assert!(check(format!("x = {}n", "7".repeat(40_000)).as_bytes()).is_err());
        assert!(check(format!("x = 0x{}n", "7".repeat(40_000)).as_bytes()).is_err());
        assert!(check(format!("x = 0b{}n", "1".repeat(130_000)).as_bytes()).is_ok());
    }
}
