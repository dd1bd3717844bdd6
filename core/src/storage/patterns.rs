//! `LIKE` and `GLOB` as SQLite has them, but with looks at whether they have to end: their time grows with the product of
//! both lengths, and nothing else can interrupt a function.

use memchr::{memchr2, memchr3};

/// Characters compared between two looks.
const PIECE: usize = 1 << 16;

/// What is special in a pattern. SQLite's optimizer reads the first three bytes of it.
#[repr(C)]
pub(super) struct Kind {
    /// Matches any text.
    all: u8,
    /// Matches any character.
    one: u8,
    /// Begins a set of characters; 0 if there are none.
    set: u8,
    any_case: bool,
}

pub(super) static LIKE: Kind = Kind { all: b'%', one: b'_', set: 0, any_case: true };
pub(super) static LIKE_CASE: Kind = Kind { any_case: false, ..LIKE };
pub(super) static GLOB: Kind = Kind { all: b'*', one: b'?', set: b'[', any_case: false };

impl Kind {
    pub fn is_case_sensitive(&self) -> bool {
        !self.any_case
    }
}

/// The comparison was told to end.
#[derive(Debug, PartialEq)]
pub(super) struct Stopped;

#[derive(PartialEq)]
enum Found {
    Match,
    No,
    /// Nor does it match further on.
    Never,
}

/// A text or pattern of which some was read. It need not be valid, and ends with the first NUL.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn first(&self) -> u8 {
        self.0.first().copied().unwrap_or(0)
    }

    fn skip(&mut self, bytes: usize) {
        self.0 = &self.0[bytes..];
    }

    /// The next character, 0 at the end, as SQLite decodes it.
    fn next(&mut self) -> u32 {
        let first = self.first();
        if first == 0 {
            return 0;
        }
        self.skip(1);
        if first < 0xc0 {
            return first.into();
        }
        let mask = match first {
            0xc0..0xe0 => 0x1f,
            0xe0..0xf0 => 0x0f,
            0xf0..0xf8 => 0x07,
            0xf8..0xfc => 0x03,
            0xfc..0xfe => 0x01,
            _ => 0,
        };
        let mut c = u32::from(first & mask);
        while self.first() & 0xc0 == 0x80 {
            c = (c << 6).wrapping_add(u32::from(self.first() & 0x3f));
            self.skip(1);
        }
        let is_valid = c >= 0x80 && c & 0xffff_f800 != 0xd800;
        if is_valid { c } else { 0xfffd }
    }
}

/// A pattern that is compared with a text.
pub(super) struct Pattern<'a> {
    all: u32,
    one: u32,
    /// What begins a set, or makes the next character an ordinary one; 0 if nothing does.
    other: u32,
    has_sets: bool,
    any_case: bool,
    pattern: Reader<'a>,
}

impl<'a> Pattern<'a> {
    /// `escape` makes the character after it an ordinary one, as it is itself if it is special otherwise.
    pub fn new(kind: &Kind, pattern: &'a [u8], escape: Option<u32>) -> Pattern<'a> {
        let special = |byte: u8| match escape {
            Some(escape) if escape == u32::from(byte) => 0,
            _ => u32::from(byte),
        };
        Pattern {
            all: special(kind.all),
            one: special(kind.one),
            other: escape.unwrap_or(kind.set.into()),
            has_sets: kind.set != 0,
            any_case: kind.any_case,
            pattern: Reader(pattern),
        }
    }

    /// Whether it matches all of the text, unless `stop` says that there is no time for that.
    pub fn matches(&self, text: &[u8], stop: &mut dyn FnMut() -> bool) -> Result<bool, Stopped> {
        let mut search = Search { pattern: self, left: PIECE, stop };
        Ok(search.compare(self.pattern, Reader(text))? == Found::Match)
    }
}

/// The only character of a text, in SQLite's sense.
pub(super) fn only_character(text: &[u8]) -> Option<u32> {
    let mut text = Reader(text);
    let c = text.next();
    (c != 0 && text.first() == 0).then_some(c)
}

struct Search<'a, 'b> {
    pattern: &'a Pattern<'a>,
    /// Steps until the next look.
    left: usize,
    stop: &'b mut dyn FnMut() -> bool,
}

impl Search<'_, '_> {
    fn step(&mut self, count: usize) -> Result<(), Stopped> {
        if count < self.left {
            self.left -= count;
            return Ok(());
        }
        self.left = PIECE;
        if (self.stop)() { Err(Stopped) } else { Ok(()) }
    }

    fn compare(&mut self, mut rest: Reader<'_>, mut text: Reader<'_>) -> Result<Found, Stopped> {
        let pattern = self.pattern;
        loop {
            self.step(1)?;
            let mut c = rest.next();
            let mut is_escaped = false;
            if c == 0 {
                return Ok(if text.first() == 0 { Found::Match } else { Found::No });
            }
            if c == pattern.all {
                return self.find(rest, text);
            }
            if c == pattern.other {
                if pattern.has_sets {
                    match in_set(&mut rest, text.next()) {
                        true => continue,
                        false => return Ok(Found::No),
                    }
                }
                c = rest.next();
                if c == 0 {
                    return Ok(Found::No);
                }
                is_escaped = true;
            }
            let found = text.next();
            let is_same = c == found
                || pattern.any_case && is_same_in_any_case(c, found)
                || c == pattern.one && !is_escaped && found != 0;
            if !is_same {
                return Ok(Found::No);
            }
        }
    }

    /// Looks for what comes after something that matches any text.
    fn find(&mut self, mut rest: Reader<'_>, mut text: Reader<'_>) -> Result<Found, Stopped> {
        let pattern = self.pattern;
        let mut before = rest;
        let mut c = rest.next();
        while c != 0 && (c == pattern.all || c == pattern.one) {
            if c == pattern.one && text.next() == 0 {
                return Ok(Found::Never);
            }
            before = rest;
            c = rest.next();
        }
        if c == 0 {
            return Ok(Found::Match);
        }
        if c == pattern.other {
            if pattern.has_sets {
                while text.first() != 0 {
                    match self.compare(before, text)? {
                        Found::No => text.next(),
                        found => return Ok(found),
                    };
                }
                return Ok(Found::Never);
            }
            c = rest.next();
            if c == 0 {
                return Ok(Found::Never);
            }
        }
        loop {
            match c {
                ..0x80 => {
                    let (bytes, c) = (text.0, c as u8);
                    let found = match pattern.any_case {
                        true => memchr3(c.to_ascii_lowercase(), c.to_ascii_uppercase(), 0, bytes),
                        false => memchr2(c, 0, bytes),
                    };
                    let at = found.unwrap_or(bytes.len());
                    self.step(at / 16)?;
                    text.skip(at);
                    if text.first() == 0 {
                        return Ok(Found::Never);
                    }
                    text.skip(1);
                }
                _ => loop {
                    self.step(1)?;
                    match text.next() {
                        0 => return Ok(Found::Never),
                        found if found == c => break,
                        _ => {}
                    }
                },
            }
            match self.compare(rest, text)? {
                Found::No => {}
                found => return Ok(found),
            }
        }
    }
}

fn is_same_in_any_case(a: u32, b: u32) -> bool {
    a < 0x80 && b < 0x80 && (a as u8).eq_ignore_ascii_case(&(b as u8))
}

/// Whether a set has a character, which 0 never is. What is read is the rest of the set.
fn in_set(rest: &mut Reader<'_>, c: u32) -> bool {
    if c == 0 {
        return false;
    }
    let (mut before, mut seen) = (0, false);
    let mut next = rest.next();
    let inverted = next == u32::from(b'^');
    if inverted {
        next = rest.next();
    }
    if next == u32::from(b']') {
        seen = c == next;
        next = rest.next();
    }
    while next != 0 && next != u32::from(b']') {
        let is_range = next == u32::from(b'-') && !matches!(rest.first(), b']' | 0) && before > 0;
        if is_range {
            next = rest.next();
            seen |= (before..=next).contains(&c);
            before = 0;
        } else {
            seen |= c == next;
            before = next;
        }
        next = rest.next();
    }
    next != 0 && seen != inverted
}
