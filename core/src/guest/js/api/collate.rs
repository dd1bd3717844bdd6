//! The order in which people look for words: letters first, then accents, then case.
//!
//! It is that of the Unicode Collation Algorithm for texts in Latin letters; those of other scripts are ordered by
//! their code points.

use std::cmp::Ordering;

use icu_normalizer::DecomposingNormalizerBorrowed;

use super::Natives;
use crate::error::{Error, ErrorCode};

/// Longest texts that are compared: the guest's limits aren't looked at meanwhile.
const MAX_BYTES: usize = 1 << 18;
/// In their order.
const PUNCTUATION: &str = "_-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

pub(super) fn register(natives: &mut Natives) {
    natives.add(c"collate", |call| {
        let (one, other) = (call.text(0)?, call.text(1)?);
        if one.len().max(other.len()) > MAX_BYTES {
            let message = format!("Texts of at most {MAX_BYTES} bytes can be compared.");
            return Err(Error::named(ErrorCode::InvalidArgument, "RangeError", message).into());
        }
        let (sensitivity, numeric, ignores) = (call.index(2)?, call.flag(3), call.flag(4));
        let [one, other] = [one, other].map(|text| Key::new(&text, numeric, ignores));
        call.give_number(f64::from(one.compare(&other, sensitivity) as i8))
    });
}

/// What a text is compared by.
#[derive(Default)]
struct Key {
    letters: Vec<Letter>,
    /// Accents, each behind the number of its letter.
    accents: Vec<(usize, u32)>,
    capitals: Vec<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Letter {
    Blank(u32),
    Mark(usize),
    Symbol(u32),
    /// A number: how long it is without zeros, and then its digits.
    Length(usize),
    Digit(u32),
    Other(char),
}

impl Key {
    fn new(text: &str, numeric: bool, ignores_marks: bool) -> Key {
        let mut key = Key::default();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if numeric && char.is_ascii_digit() {
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                key.push_number(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            let end = if numeric {
                rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len())
            } else {
                rest.len()
            };
            let decomposed =
                DecomposingNormalizerBorrowed::new_nfd().normalize_iter(rest[..end].chars());
            decomposed.for_each(|char| key.push(char, ignores_marks));
            rest = &rest[end..];
        }
        key
    }

    fn push_number(&mut self, digits: &str) {
        let digits = digits.trim_start_matches('0');
        self.add(Letter::Length(digits.len()), false);
        digits.chars().for_each(|digit| self.add(Letter::Digit(digit.into()), false));
    }

    fn push(&mut self, char: char, ignores_marks: bool) {
        match char {
            '\u{300}'..='\u{36F}' => self.accents.push((self.letters.len(), char.into())),
            'ß' => self.push_variant("ss", char),
            'æ' => self.push_variant("ae", char),
            'Æ' => self.push_variant("AE", char),
            'œ' => self.push_variant("oe", char),
            'Œ' => self.push_variant("OE", char),
            'ø' => self.push_variant("o", char),
            'Ø' => self.push_variant("O", char),
            'đ' => self.push_variant("d", char),
            'ł' => self.push_variant("l", char),
            'Ł' => self.push_variant("L", char),
            _ => self.push_plain(char, ignores_marks),
        }
    }

    /// A letter that is ordered like others, behind them.
    fn push_variant(&mut self, letters: &str, char: char) {
        letters.chars().for_each(|letter| self.push_plain(letter, false));
        self.accents.push((self.letters.len(), char.into()));
    }

    fn push_plain(&mut self, char: char, ignores_marks: bool) {
        let mark = || PUNCTUATION.find(char);
        let letter = match char {
            '0'..='9' => Letter::Digit(char.into()),
            _ if char.is_whitespace() => Letter::Blank(char.into()),
            _ if char.is_control() => return,
            _ if char.is_ascii() && !char.is_ascii_alphabetic() => match mark() {
                Some(_) if ignores_marks => return,
                Some(at) => Letter::Mark(at),
                None => return,
            },
            _ if !char.is_alphabetic() => Letter::Symbol(char.into()),
            _ => return self.push_letter(char),
        };
        self.add(letter, false);
    }

    fn push_letter(&mut self, char: char) {
        for lower in char.to_lowercase() {
            self.add(Letter::Other(lower), char.is_uppercase());
        }
    }

    fn add(&mut self, letter: Letter, is_capital: bool) {
        self.letters.push(letter);
        self.capitals.push(is_capital);
    }

    /// By letters, and as far as `sensitivity` says: 1 by accents, 2 by case, 3 by both.
    fn compare(&self, other: &Key, sensitivity: u64) -> Ordering {
        let (by_accent, by_case) = (sensitivity & 1 == 1, sensitivity & 2 == 2);
        let letters = self.letters.cmp(&other.letters);
        letters
            .then_with(
                || if by_accent { self.accents.cmp(&other.accents) } else { Ordering::Equal },
            )
            .then_with(
                || if by_case { self.capitals.cmp(&other.capitals) } else { Ordering::Equal },
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(words: &str, numeric: bool) -> String {
        let mut words: Vec<_> = words.split('|').collect();
        words.sort_by(|a, b| Key::new(a, numeric, false).compare(&Key::new(b, numeric, false), 3));
        words.join("|")
    }

    #[test]
    fn words_are_ordered_by_letters_then_accents_then_case() {
        assert_eq!(sorted("b|a|C|B|A|c", false), "a|A|b|B|c|C");
        assert_eq!(sorted("z|ä|a", false), "a|ä|z");
        assert_eq!(
            sorted("résumé|resume|Resume|Résumé|resumes", false),
            "resume|Resume|résumé|Résumé|resumes"
        );
        assert_eq!(sorted("coop|co-op|co op", false), "co op|co-op|coop");
        assert_eq!(sorted("a10|a2|10|9", false), "10|9|a10|a2");
        assert_eq!(sorted("a10|a2|10|9", true), "9|10|a2|a10");
    }

    #[test]
    fn sensitivity_says_what_counts() {
        let compare = |a, b, sensitivity| {
            Key::new(a, false, false).compare(&Key::new(b, false, false), sensitivity)
        };
        assert_eq!(compare("a", "Á", 0), Ordering::Equal);
        assert_eq!(compare("a", "Á", 1), Ordering::Less);
        assert_eq!(compare("a", "A", 1), Ordering::Equal);
        assert_eq!(compare("a", "á", 2), Ordering::Equal);
        assert_eq!(compare("a", "b", 0), Ordering::Less);
    }
}
