//! SQL functions of our own: those of mathematics, which SQLite leaves out by default, and text
//! functions in place of SQLite's, whose time grows with the product of their arguments' lengths.
//! Nothing can interrupt a function, so a guest could stall a thread for minutes with those.

use std::collections::HashSet;
use std::ffi::CStr;

use memchr::memmem::Finder;

use super::connection::MAX_LENGTH;

/// An argument of a function on texts.
#[derive(Clone, Copy)]
pub(super) enum Argument<'a> {
    Null,
    /// A text, or a number as one.
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

/// An argument of a function on numbers: a number, or a text that is one.
#[derive(Clone, Copy)]
pub(super) enum Number {
    Int(i64),
    Float(f64),
}

/// The result of a call.
pub(super) enum Answer {
    Null,
    Int(i64),
    /// NaN becomes null.
    Float(f64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
    TooBig,
    /// The message of an error in SQL.
    Error(String),
    /// Nobody's fault but ours.
    Failed,
}

/// A function that depends on nothing but its arguments.
pub(super) struct Function {
    pub name: &'static CStr,
    pub arguments: usize,
    pub call: Call,
}

pub(super) enum Call {
    Text(fn(&[Argument<'_>]) -> Answer),
    /// Is null if one of its arguments is no number.
    Math(fn(&[Number]) -> Answer),
}

/// The most arguments that one of the functions has.
pub(super) const MAX_ARGUMENTS: usize = 3;

pub(super) static FUNCTIONS: &[Function] = &[
    text(c"instr", 2, instr),
    text(c"replace", 3, replace),
    text(c"trim", 1, |arguments| trim(arguments, true, true)),
    text(c"trim", 2, |arguments| trim(arguments, true, true)),
    text(c"ltrim", 1, |arguments| trim(arguments, true, false)),
    text(c"ltrim", 2, |arguments| trim(arguments, true, false)),
    text(c"rtrim", 1, |arguments| trim(arguments, false, true)),
    text(c"rtrim", 2, |arguments| trim(arguments, false, true)),
    text(c"unhex", 1, unhex),
    text(c"unhex", 2, unhex),
    math(c"pi", 0, |_| Answer::Float(std::f64::consts::PI)),
    math(c"ceil", 1, |arguments| rounded(arguments, f64::ceil)),
    math(c"ceiling", 1, |arguments| rounded(arguments, f64::ceil)),
    math(c"floor", 1, |arguments| rounded(arguments, f64::floor)),
    math(c"trunc", 1, |arguments| rounded(arguments, f64::trunc)),
    math(c"exp", 1, |arguments| of_one(arguments, f64::exp)),
    math(c"sqrt", 1, |arguments| of_one(arguments, f64::sqrt)),
    math(c"sin", 1, |arguments| of_one(arguments, f64::sin)),
    math(c"cos", 1, |arguments| of_one(arguments, f64::cos)),
    math(c"tan", 1, |arguments| of_one(arguments, f64::tan)),
    math(c"asin", 1, |arguments| of_one(arguments, f64::asin)),
    math(c"acos", 1, |arguments| of_one(arguments, f64::acos)),
    math(c"atan", 1, |arguments| of_one(arguments, f64::atan)),
    math(c"sinh", 1, |arguments| of_one(arguments, f64::sinh)),
    math(c"cosh", 1, |arguments| of_one(arguments, f64::cosh)),
    math(c"tanh", 1, |arguments| of_one(arguments, f64::tanh)),
    math(c"asinh", 1, |arguments| of_one(arguments, f64::asinh)),
    math(c"acosh", 1, |arguments| of_one(arguments, f64::acosh)),
    math(c"atanh", 1, |arguments| of_one(arguments, f64::atanh)),
    math(c"radians", 1, |arguments| of_one(arguments, f64::to_radians)),
    math(c"degrees", 1, |arguments| of_one(arguments, f64::to_degrees)),
    math(c"pow", 2, |arguments| of_two(arguments, f64::powf)),
    math(c"power", 2, |arguments| of_two(arguments, f64::powf)),
    math(c"atan2", 2, |arguments| of_two(arguments, f64::atan2)),
    math(c"mod", 2, |arguments| of_two(arguments, |a, b| a % b)),
    math(c"ln", 1, |arguments| logarithm(arguments, f64::ln)),
    math(c"log2", 1, |arguments| logarithm(arguments, f64::log2)),
    math(c"log10", 1, |arguments| logarithm(arguments, f64::log10)),
    math(c"log", 1, |arguments| logarithm(arguments, f64::log10)),
    math(c"log", 2, logarithm_to_base),
];

const fn text(
    name: &'static CStr,
    arguments: usize,
    call: fn(&[Argument<'_>]) -> Answer,
) -> Function {
    Function { name, arguments, call: Call::Text(call) }
}

const fn math(name: &'static CStr, arguments: usize, call: fn(&[Number]) -> Answer) -> Function {
    Function { name, arguments, call: Call::Math(call) }
}

impl<'a> Argument<'a> {
    fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Argument::Null => None,
            Argument::Text(bytes) | Argument::Blob(bytes) => Some(bytes),
        }
    }
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Number::Int(n) => n as f64,
            Number::Float(n) => n,
        }
    }
}

fn of_one(arguments: &[Number], f: fn(f64) -> f64) -> Answer {
    match arguments {
        [a] => Answer::Float(f(a.float())),
        _ => Answer::Null,
    }
}

fn of_two(arguments: &[Number], f: fn(f64, f64) -> f64) -> Answer {
    match arguments {
        [a, b] => Answer::Float(f(a.float(), b.float())),
        _ => Answer::Null,
    }
}

/// Whole numbers stay what they are.
fn rounded(arguments: &[Number], f: fn(f64) -> f64) -> Answer {
    match arguments {
        [Number::Int(n)] => Answer::Int(*n),
        _ => of_one(arguments, f),
    }
}

fn logarithm(arguments: &[Number], f: fn(f64) -> f64) -> Answer {
    match arguments {
        [a] if a.float() > 0.0 => Answer::Float(f(a.float())),
        _ => Answer::Null,
    }
}

fn logarithm_to_base(arguments: &[Number]) -> Answer {
    match arguments {
        [base, number] if base.float() > 1.0 && number.float() > 0.0 => {
            Answer::Float(number.float().ln() / base.float().ln())
        }
        _ => Answer::Null,
    }
}

/// Where the second argument is in the first, from 1, or 0: in bytes of blobs, else in characters.
fn instr(arguments: &[Argument<'_>]) -> Answer {
    let [haystack, needle] = arguments else {
        return Answer::Null;
    };
    let (Some(text), Some(wanted)) = (haystack.bytes(), needle.bytes()) else {
        return Answer::Null;
    };
    let Some(position) = Finder::new(wanted).find(text) else {
        return Answer::Int(0);
    };
    let in_bytes = matches!((haystack, needle), (Argument::Blob(_), Argument::Blob(_)));
    let before = match in_bytes {
        true => position,
        false => text[..position].iter().filter(|byte| starts_character(**byte)).count(),
    };
    Answer::Int(before as i64 + 1)
}

/// The first argument with every occurrence of the second replaced by the third.
fn replace(arguments: &[Argument<'_>]) -> Answer {
    let [text, from, to] = arguments else {
        return Answer::Null;
    };
    let (Some(text), Some(from)) = (text.bytes(), from.bytes()) else {
        return Answer::Null;
    };
    if from.is_empty() {
        return Answer::Text(text.to_vec());
    }
    let Some(to) = to.bytes() else {
        return Answer::Null;
    };
    let finder = Finder::new(from);
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(position) = finder.find(rest) {
        out.extend_from_slice(&rest[..position]);
        out.extend_from_slice(to);
        rest = &rest[position + from.len()..];
        if out.len() > MAX_LENGTH {
            return Answer::TooBig;
        }
    }
    out.extend_from_slice(rest);
    Answer::Text(out)
}

/// The first argument without those characters at its ends that the second one has; spaces without.
fn trim(arguments: &[Argument<'_>], left: bool, right: bool) -> Answer {
    let set = arguments.get(1).copied().unwrap_or(Argument::Text(b" "));
    let (Some(mut text), Some(set)) = (arguments.first().and_then(|a| a.bytes()), set.bytes())
    else {
        return Answer::Null;
    };
    let set = Set::of(set);
    if left {
        let kept = characters(text).find(|character| !set.has(character));
        // The rest begins where the first character that is kept does.
        text = kept.map_or(&[], |kept| &text[kept.as_ptr() as usize - text.as_ptr() as usize..]);
    }
    if right {
        while let Some(start) = text.iter().rposition(|byte| starts_character(*byte)) {
            if !set.has(&text[start..]) {
                break;
            }
            text = &text[..start];
        }
    }
    Answer::Text(text.to_vec())
}

/// The bytes that the digits in the first argument stand for, but null if it has anything else than
/// pairs of digits and, between them, characters of the second.
fn unhex(arguments: &[Argument<'_>]) -> Answer {
    let ignored = arguments.get(1).copied().unwrap_or(Argument::Text(b""));
    let (Some(text), Some(ignored)) = (arguments.first().and_then(|a| a.bytes()), ignored.bytes())
    else {
        return Answer::Null;
    };
    let ignored = Set::of(ignored);
    let digit = |character: &[u8]| match character {
        [byte] => char::from(*byte).to_digit(16).map(|digit| digit as u8),
        _ => None,
    };
    let (mut bytes, mut all) = (Vec::with_capacity(text.len() / 2), characters(text));
    while let Some(character) = all.next() {
        match (digit(character), ignored.has(character)) {
            (Some(high), _) => match all.next().and_then(digit) {
                Some(low) => bytes.push(high << 4 | low),
                None => return Answer::Null,
            },
            (None, true) => {}
            (None, false) => return Answer::Null,
        }
    }
    Answer::Blob(bytes)
}

/// The characters of a text.
struct Set<'a> {
    bytes: [bool; 256],
    /// Those of more than one byte.
    long: HashSet<&'a [u8]>,
}

impl<'a> Set<'a> {
    fn of(text: &'a [u8]) -> Set<'a> {
        let mut set = Set { bytes: [false; 256], long: HashSet::new() };
        for character in characters(text) {
            match character {
                [byte] => set.bytes[usize::from(*byte)] = true,
                character => drop(set.long.insert(character)),
            }
        }
        set
    }

    fn has(&self, character: &[u8]) -> bool {
        match character {
            [byte] => self.bytes[usize::from(*byte)],
            character => self.long.contains(character),
        }
    }
}

fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// The characters of a text that need not be valid: a byte and the continuation bytes after it.
fn characters(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, after) = rest.split_first()?;
        let more = after.iter().position(|byte| starts_character(*byte)).unwrap_or(after.len());
        let (character, next) = rest.split_at(1 + more);
        rest = next;
        Some(character)
    })
}
