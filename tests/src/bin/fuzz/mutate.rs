//! Mutation of inputs: of bytes, and of text token by token, which keeps enough of it well-formed to get past parsers.
//!
//! Everything follows from the seed. Crates for this mutate bytes or values of Rust types; source text needs tokens.

use fastrand::Rng;

const MAX_BYTES: usize = 64 << 10;
const NUMBERS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "2",
    "-0.0",
    "0.5",
    "1e308",
    "1e400",
    "127",
    "256",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
];
const PAIRS: [(&str, &str); 6] =
    [("(", ")"), ("[", "]"), ("{", "}"), ("\"", "\""), ("(function() ", " end)"), ("(() => ", ")")];

/// Makes new inputs of old ones.
pub struct Mutator {
    rng: Rng,
    text: bool,
    /// Tokens of the seeds, for text.
    dictionary: Vec<String>,
}

impl Mutator {
    pub fn new(seed: u64, text: bool, seeds: &[Vec<u8>]) -> Mutator {
        let mut dictionary: Vec<String> = Vec::new();
        if text {
            let texts = seeds.iter().map(|seed| String::from_utf8_lossy(seed));
            dictionary = texts.flat_map(|text| tokens(&text)).collect();
            dictionary.sort();
            dictionary.dedup();
        }
        Mutator { rng: Rng::with_seed(seed), text, dictionary }
    }

    /// The next input: one of the pool, changed a few times.
    pub fn next(&mut self, pool: &[Vec<u8>]) -> Vec<u8> {
        let base = self.choose(pool).cloned().unwrap_or_default();
        let other = self.choose(pool).cloned().unwrap_or_default();
        let changes = 1 + self.rng.usize(..8);
        let mut made = if self.text {
            let (mut base, other) = (tokens_of(&base), tokens_of(&other));
            for _ in 0..changes {
                self.change_tokens(&mut base, &other);
            }
            base.concat().into_bytes()
        } else {
            let mut base = base;
            for _ in 0..changes {
                self.change_bytes(&mut base, &other);
            }
            base
        };
        if self.text && self.rng.u8(..) == 0 {
            self.change_bytes(&mut made, &other);
        }
        made.truncate(MAX_BYTES);
        made
    }

    fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        (!items.is_empty()).then(|| &items[self.rng.usize(..items.len())])
    }

    /// A range within `0..length`, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.rng.usize(..=length);
        let most = if self.rng.u8(..8) == 0 { length } else { 12 };
        start..length.min(start + 1 + self.rng.usize(..most.max(1)))
    }

    fn change_tokens(&mut self, text: &mut Vec<String>, other: &[String]) {
        let range = self.range(text.len());
        let word = self.rng.usize(..self.dictionary.len().max(1));
        let word = self.dictionary.get(word).cloned().unwrap_or_default();
        match self.rng.u8(..9) {
            0 => drop(text.drain(range)),
            1 => text.insert(range.start, word),
            2 => {
                if let Some(token) = text.get_mut(range.start) {
                    *token = word;
                }
            }
            3 => {
                let from = self.range(other.len());
                drop(text.splice(range, other[from].iter().cloned()));
            }
            4 => {
                let copy = text[range.clone()].to_vec();
                let times = if self.rng.u8(..16) == 0 { 500 } else { 1 };
                // More would be cut off, and copies of copies take gigabytes.
                let bytes: usize = copy.iter().map(String::len).sum();
                let times = (MAX_BYTES / bytes.max(1)).clamp(1, times);
                let copies = std::iter::repeat_n(copy, times).flatten();
                drop(text.splice(range.start..range.start, copies));
            }
            5 => {
                let (open, close) = PAIRS[self.rng.usize(..PAIRS.len())];
                let depth = if self.rng.u8(..16) == 0 { 2_000 } else { 1 };
                text.insert(range.end, close.repeat(depth));
                text.insert(range.start, open.repeat(depth));
            }
            6 => {
                let with = self.rng.usize(..=text.len());
                let (a, b) = (range.start.min(with), range.start.max(with));
                if b < text.len() {
                    text.swap(a, b);
                }
            }
            _ => {
                let is_number = |token: &String| token.starts_with(|c: char| c.is_ascii_digit());
                let at: Vec<usize> = (0..text.len()).filter(|at| is_number(&text[*at])).collect();
                if let Some(at) = self.choose(&at) {
                    text[*at] = NUMBERS[self.rng.usize(..NUMBERS.len())].to_owned();
                }
            }
        }
    }

    fn change_bytes(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let range = self.range(bytes.len());
        match self.rng.u8(..7) {
            0 => drop(bytes.drain(range)),
            1 => {
                let copy = bytes[range.clone()].to_vec();
                drop(bytes.splice(range.start..range.start, copy));
            }
            2 => {
                let from = self.range(other.len());
                drop(bytes.splice(range, other[from].iter().copied()));
            }
            3 => {
                if let Some(byte) = bytes.get_mut(range.start) {
                    *byte ^= 1 << self.rng.u8(..8);
                }
            }
            4 => {
                if let Some(byte) = bytes.get_mut(range.start) {
                    *byte = [0, 1, 0x7f, 0x80, 0xff, self.rng.u8(..)][self.rng.usize(..6)];
                }
            }
            _ => {
                let value =
                    [0, 1, u64::MAX, 1 << 31, 1 << 63, self.rng.u64(..)][self.rng.usize(..6)];
                let width = [1, 2, 4, 8][self.rng.usize(..4)];
                let number = if self.rng.bool() {
                    value.to_le_bytes()[..width].to_vec()
                } else {
                    value.to_be_bytes()[8 - width..].to_vec()
                };
                let end = bytes.len().min(range.start + width);
                drop(bytes.splice(range.start..end, number));
            }
        }
    }
}

fn tokens_of(bytes: &[u8]) -> Vec<String> {
    tokens(&String::from_utf8_lossy(bytes))
}

/// Words and numbers, runs of space, and each other character by itself.
fn tokens(text: &str) -> Vec<String> {
    let kind = |c: char| match c {
        _ if c.is_alphanumeric() || c == '_' => 0,
        _ if c.is_whitespace() => 1,
        _ => 2,
    };
    let mut tokens: Vec<String> = Vec::new();
    let mut last = 2;
    for c in text.chars() {
        match tokens.last_mut() {
            Some(token) if last != 2 && kind(c) == last => token.push(c),
            _ => tokens.push(c.to_string()),
        }
        last = kind(c);
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_copies_stay_small() {
        let seeds = [b"return { twice = function(n) return 2 * n end }".to_vec()];
        let mut mutator = Mutator::new(1, true, &seeds);
        let mut text = tokens_of(&seeds[0]);
        for _ in 0..2_000 {
            mutator.change_tokens(&mut text, &[]);
            let bytes: usize = text.iter().map(String::len).sum();
            assert!(bytes < 64 * MAX_BYTES, "{bytes}");
            if bytes > 8 * MAX_BYTES {
                text = tokens_of(&seeds[0]);
            }
        }
    }
}
