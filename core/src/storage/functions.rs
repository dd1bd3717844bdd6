//! SQL functions of our own: those of mathematics, which SQLite leaves out by default, and text
//! functions in place of SQLite's, whose time grows with the product of their arguments' lengths.
//! Nothing can interrupt a function, so a guest could stall a thread for minutes with those.

use std::collections::HashSet;
use std::ffi::CStr;

use memchr::memmem::Finder;

use super::connection::MAX_LENGTH;

/// An argument of a call.
#[derive(Clone, Copy)]
pub(super) enum Argument<'a> {
    Null,
    /// A number, or a text that is one. Its text is what SQL shows.
    Number(Number, &'a [u8]),
    Text(&'a [u8]),
    Blob(&'a [u8]),
}

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
}

/// A function that depends on nothing but its arguments.
pub(super) struct Function {
    pub name: &'static CStr,
    pub arguments: usize,
    pub call: fn(&[Argument<'_>]) -> Answer,
}

pub(super) static FUNCTIONS: &[Function] = &[
    function(c"instr", 2, instr),
    function(c"replace", 3, replace),
    function(c"trim", 1, |arguments| trim(arguments, true, true)),
    function(c"trim", 2, |arguments| trim(arguments, true, true)),
    function(c"ltrim", 1, |arguments| trim(arguments, true, false)),
    function(c"ltrim", 2, |arguments| trim(arguments, true, false)),
    function(c"rtrim", 1, |arguments| trim(arguments, false, true)),
    function(c"rtrim", 2, |arguments| trim(arguments, false, true)),
    function(c"unhex", 1, unhex),
    function(c"unhex", 2, unhex),
    function(c"pi", 0, |_| Answer::Float(std::f64::consts::PI)),
    function(c"ceil", 1, |arguments| rounded(arguments, f64::ceil)),
    function(c"ceiling", 1, |arguments| rounded(arguments, f64::ceil)),
    function(c"floor", 1, |arguments| rounded(arguments, f64::floor)),
    function(c"trunc", 1, |arguments| rounded(arguments, f64::trunc)),
    function(c"exp", 1, |arguments| of_one(arguments, f64::exp)),
    function(c"sqrt", 1, |arguments| of_one(arguments, f64::sqrt)),
    function(c"radians", 1, |arguments| of_one(arguments, f64::to_radians)),
    function(c"degrees", 1, |arguments| of_one(arguments, f64::to_degrees)),
    function(c"sin", 1, |arguments| of_one(arguments, f64::sin)),
    function(c"cos", 1, |arguments| of_one(arguments, f64::cos)),
    function(c"tan", 1, |arguments| of_one(arguments, f64::tan)),
    function(c"asin", 1, |arguments| of_one(arguments, f64::asin)),
    function(c"acos", 1, |arguments| of_one(arguments, f64::acos)),
    function(c"atan", 1, |arguments| of_one(arguments, f64::atan)),
    function(c"sinh", 1, |arguments| of_one(arguments, f64::sinh)),
    function(c"cosh", 1, |arguments| of_one(arguments, f64::cosh)),
    function(c"tanh", 1, |arguments| of_one(arguments, f64::tanh)),
    function(c"asinh", 1, |arguments| of_one(arguments, f64::asinh)),
    function(c"acosh", 1, |arguments| of_one(arguments, f64::acosh)),
    function(c"atanh", 1, |arguments| of_one(arguments, f64::atanh)),
    function(c"pow", 2, |arguments| of_two(arguments, f64::powf)),
    function(c"power", 2, |arguments| of_two(arguments, f64::powf)),
    function(c"atan2", 2, |arguments| of_two(arguments, f64::atan2)),
    function(c"mod", 2, |arguments| of_two(arguments, |a, b| a % b)),
    function(c"ln", 1, |arguments| logarithm(arguments, f64::ln)),
    function(c"log2", 1, |arguments| logarithm(arguments, f64::log2)),
    function(c"log10", 1, |arguments| logarithm(arguments, f64::log10)),
    function(c"log", 1, |arguments| logarithm(arguments, f64::log10)),
    function(c"log", 2, |arguments| match arguments {
        [base, number] => match (positive(*base), positive(*number)) {
            (Some(base), Some(number)) if base > 1.0 => Answer::Float(number.ln() / base.ln()),
            _ => Answer::Null,
        },
        _ => Answer::Null,
    }),
];

const fn function(
    name: &'static CStr,
    arguments: usize,
    call: fn(&[Argument<'_>]) -> Answer,
) -> Function {
    Function { name, arguments, call }
}

impl<'a> Argument<'a> {
    /// The bytes as text.
    fn text(self) -> Option<&'a [u8]> {
        match self {
            Argument::Null => None,
            Argument::Number(_, text) | Argument::Text(text) | Argument::Blob(text) => Some(text),
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Argument::Number(Number::Int(n), _) => Some(n as f64),
            Argument::Number(Number::Float(n), _) => Some(n),
            _ => None,
        }
    }
}

fn of_one(arguments: &[Argument<'_>], f: fn(f64) -> f64) -> Answer {
    match arguments {
        [a] => a.number().map_or(Answer::Null, |a| Answer::Float(f(a))),
        _ => Answer::Null,
    }
}

fn of_two(arguments: &[Argument<'_>], f: fn(f64, f64) -> f64) -> Answer {
    match arguments {
        [a, b] => match (a.number(), b.number()) {
            (Some(a), Some(b)) => Answer::Float(f(a, b)),
            _ => Answer::Null,
        },
        _ => Answer::Null,
    }
}

/// Whole numbers stay what they are.
fn rounded(arguments: &[Argument<'_>], f: fn(f64) -> f64) -> Answer {
    match arguments {
        [Argument::Number(Number::Int(n), _)] => Answer::Int(*n),
        _ => of_one(arguments, f),
    }
}

fn positive(argument: Argument<'_>) -> Option<f64> {
    argument.number().filter(|n| *n > 0.0)
}

fn logarithm(arguments: &[Argument<'_>], f: fn(f64) -> f64) -> Answer {
    match arguments {
        [a] => positive(*a).map_or(Answer::Null, |a| Answer::Float(f(a))),
        _ => Answer::Null,
    }
}

/// Where the second argument is in the first, from 1, or 0: in bytes of blobs, else in characters.
fn instr(arguments: &[Argument<'_>]) -> Answer {
    let [haystack, needle] = arguments else { return Answer::Null };
    let (Some(text), Some(wanted)) = (haystack.text(), needle.text()) else { return Answer::Null };
    let Some(position) = Finder::new(wanted).find(text) else { return Answer::Int(0) };
    let in_bytes = matches!((haystack, needle), (Argument::Blob(_), Argument::Blob(_)));
    let before = match in_bytes {
        true => position,
        false => text[..position].iter().filter(|byte| starts_character(**byte)).count(),
    };
    Answer::Int(before as i64 + 1)
}

/// The first argument with every occurrence of the second replaced by the third.
fn replace(arguments: &[Argument<'_>]) -> Answer {
    let [text, from, to] = arguments else { return Answer::Null };
    let (Some(text), Some(from), Some(to)) = (text.text(), from.text(), to.text()) else {
        return Answer::Null;
    };
    if from.is_empty() {
        return Answer::Text(text.to_vec());
    }
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
    let (Some(mut text), Some(set)) = (arguments.first().and_then(|a| a.text()), set.text()) else {
        return Answer::Null;
    };
    let set: HashSet<&[u8]> = characters(set).collect();
    if left {
        let kept = characters(text).find(|character| !set.contains(character));
        // The rest begins where the first character that is kept does.
        text = kept.map_or(&[], |kept| &text[kept.as_ptr() as usize - text.as_ptr() as usize..]);
    }
    while right {
        let Some(start) = text.iter().rposition(|byte| starts_character(*byte)) else { break };
        if !set.contains(&text[start..]) {
            break;
        }
        text = &text[..start];
    }
    Answer::Text(text.to_vec())
}

/// The bytes that the digits in the first argument stand for, but null if it has anything else than
/// pairs of digits and, between them, characters of the second.
fn unhex(arguments: &[Argument<'_>]) -> Answer {
    let ignored = arguments.get(1).copied().unwrap_or(Argument::Text(b""));
    let (Some(text), Some(ignored)) = (arguments.first().and_then(|a| a.text()), ignored.text())
    else {
        return Answer::Null;
    };
    let ignored: HashSet<&[u8]> = characters(ignored).collect();
    let digit = |character: &[u8]| match character {
        [byte] => char::from(*byte).to_digit(16).map(|digit| digit as u8),
        _ => None,
    };
    let (mut bytes, mut all) = (Vec::with_capacity(text.len() / 2), characters(text));
    while let Some(character) = all.next() {
        match (digit(character), ignored.contains(character)) {
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
