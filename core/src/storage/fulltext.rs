//! What the functions `highlight` and `snippet` of full-text tables make of a text and of the places in it that a query
//! matches: as SQLite's own, whose time grows with the square of how many places there are, but in one pass.

use std::collections::HashMap;

use memchr::memchr;

use super::connection::MAX_LENGTH;

/// A place that a phrase of the query matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    pub column: i32,
    /// The number of the first word.
    pub word: i32,
    pub phrase: i32,
    /// How many words the phrase has.
    pub length: i32,
}

/// The text became longer than any may be.
pub(super) struct TooLong;

/// A text with marks around the words that match.
pub(super) struct Marker<'a> {
    text: &'a [u8],
    /// None leaves nothing there, which differs from an empty mark where nothing else is either.
    marks: [Option<&'a [u8]>; 2],
    /// The words that are kept, from first to last; all if the last is -1.
    kept: (i32, i32),
    /// The matches after `span`.
    rest: &'a [Match],
    /// The first and last word of matches that overlap.
    span: Option<(i32, i32)>,
    /// The number of the next word.
    word: i32,
    /// Up to where the text was taken.
    taken: usize,
    is_open: bool,
    out: Vec<u8>,
}

impl<'a> Marker<'a> {
    /// `matches` are those in the text, in order.
    pub fn new(
        text: &'a [u8],
        marks: [Option<&'a [u8]>; 2],
        kept: (i32, i32),
        matches: &'a [Match],
    ) -> Marker<'a> {
        let (span, word, taken, is_open, out) = (None, 0, 0, false, Vec::new());
        let mut marker =
            Marker { text, marks, kept, rest: matches, span, word, taken, is_open, out };
        marker.advance();
        while marker.span.is_some_and(|(first, _)| first < kept.0) {
            marker.advance();
        }
        marker
    }

    /// Goes to the next matches that overlap.
    fn advance(&mut self) {
        self.span = None;
        while let Some((next, rest)) = self.rest.split_first() {
            let end = next.word.wrapping_add(next.length) - 1;
            self.span = match self.span {
                None => Some((next.word, end)),
                Some((first, last)) if next.word <= last => Some((first, last.max(end))),
                Some(_) => return,
            };
            self.rest = rest;
        }
    }

    /// Adds something; of what isn't text, what is before the first NUL.
    pub fn add(&mut self, piece: &[u8]) {
        let end = memchr(0, piece).unwrap_or(piece.len());
        self.out.extend_from_slice(&piece[..end]);
    }

    fn mark(&mut self, opens: bool) {
        if let Some(mark) = self.marks[usize::from(!opens)] {
            self.add(mark);
        }
        self.is_open = opens;
    }

    /// Takes the text up to there; all that is left if that was taken already.
    fn take(&mut self, end: usize) {
        let left = self.text.get(self.taken..).unwrap_or_default();
        let piece = match end.checked_sub(self.taken) {
            Some(length) => &left[..length.min(left.len())],
            None => left,
        };
        self.add(piece);
    }

    fn take_to(&mut self, end: usize) {
        self.take(end);
        self.taken = end;
    }

    /// Takes the next word, which is there in the text.
    pub fn word(&mut self, start: usize, end: usize) -> Result<(), TooLong> {
        let word = self.word;
        self.word += 1;
        let (from, to) = self.kept;
        if to >= 0 {
            if word < from || word > to {
                return Ok(());
            }
            if from != 0 && word == from {
                self.taken = start;
            }
        }
        if self.is_open && self.span.is_none_or(|(first, _)| word <= first) && start > self.taken {
            self.mark(false);
        }
        let next = self.span;
        if next.is_some_and(|(first, _)| word == first) && !self.is_open {
            self.take_to(start);
            self.mark(true);
        }
        if next.is_some_and(|(_, last)| word == last) {
            if !self.is_open {
                self.mark(true);
            }
            self.take_to(end);
            self.advance();
        }
        if word == to {
            if self.is_open {
                if self.span.is_some_and(|(first, _)| word >= first) {
                    self.take_to(end);
                }
                self.mark(false);
            }
            self.take_to(end);
        }
        if self.out.len() > MAX_LENGTH { Err(TooLong) } else { Ok(()) }
    }

    /// Closes what is open.
    pub fn close(&mut self) {
        if self.is_open {
            self.mark(false);
        }
    }

    /// Takes what is left of the text.
    pub fn take_rest(&mut self) {
        self.take(self.text.len());
    }

    pub fn into_text(self) -> Vec<u8> {
        self.out
    }
}

/// Finds the words that sentences begin with.
pub(super) struct Sentences<'a> {
    text: &'a [u8],
    /// What was looked at, and the last byte in it that is no space.
    seen: usize,
    last: Option<usize>,
    word: i32,
    pub starts: Vec<i32>,
}

impl<'a> Sentences<'a> {
    pub fn new(text: &'a [u8]) -> Sentences<'a> {
        Sentences { text, seen: 0, last: None, word: 0, starts: Vec::new() }
    }

    /// Looks at the next word, which begins there in the text.
    pub fn word(&mut self, start: usize) {
        if start < self.seen {
            (self.seen, self.last) = (0, None);
        }
        let end = start.min(self.text.len());
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        if let Some(at) = self.text[self.seen..end].iter().rposition(|byte| !is_space(byte)) {
            self.last = Some(self.seen + at);
        }
        self.seen = end;
        let ends_sentence = |at: usize| at + 1 != start && matches!(self.text[at], b'.' | b':');
        if self.word == 0 || self.last.is_some_and(ends_sentence) {
            self.starts.push(self.word);
        }
        self.word += 1;
    }
}

/// A run of words that moves over a text and knows which matches it has.
struct Window<'a> {
    matches: &'a [Match],
    length: i64,
    /// The matches in it.
    from: usize,
    to: usize,
    /// How many of them each phrase has.
    phrases: HashMap<i32, u32>,
}

impl Window<'_> {
    fn new(matches: &[Match], length: i64) -> Window<'_> {
        Window { matches, length, from: 0, to: 0, phrases: HashMap::new() }
    }

    /// Moves to a later first word. Tells what the words there are worth.
    fn move_to(&mut self, word: i32) -> i64 {
        let end = i64::from(word) + self.length;
        while let Some(next) = self.matches.get(self.to).filter(|m| i64::from(m.word) < end) {
            *self.phrases.entry(next.phrase).or_default() += 1;
            self.to += 1;
        }
        while self.from < self.to && self.matches[self.from].word < word {
            let phrase = self.matches[self.from].phrase;
            if let Some(count) = self.phrases.get_mut(&phrase) {
                *count -= 1;
                if *count == 0 {
                    self.phrases.remove(&phrase);
                }
            }
            self.from += 1;
        }
        (self.to - self.from) as i64 + 999 * self.phrases.len() as i64
    }

    /// Where a run of as many words begins that has these matches in its middle.
    fn centred(&self, words: i32) -> i32 {
        let (first, last) = match &self.matches[self.from..self.to] {
            [] => (-1, 0),
            [first, .., last] | [first @ last] => {
                (i64::from(first.word), i64::from(last.word) + i64::from(last.length))
            }
        };
        let start = first - (self.length - (last - first)) / 2;
        start.min(i64::from(words) - self.length).max(0) as i32
    }
}

/// The run of words that shows best what matches.
#[derive(Clone, Copy, Default)]
pub(super) struct Best {
    pub column: i32,
    pub word: i32,
    /// How many words the column has.
    pub words: i32,
    worth: i64,
}

impl Best {
    /// Of a column, if the query has no matches.
    pub fn of(column: i32) -> Best {
        Best { column, ..Best::default() }
    }

    /// Looks for a better one of `length` words in a column of so many `words`.
    pub fn look(&mut self, matches: &[Match], starts: &[i32], words: i32, length: i64) {
        let (mut around, mut from_start) =
            (Window::new(matches, length), Window::new(matches, length));
        let mut sentence = 0;
        for next in matches {
            let worth = around.move_to(next.word);
            if worth > self.worth {
                let word = around.centred(words);
                *self = Best { column: next.column, word, words, worth };
            }
            if starts.is_empty() || i64::from(words) <= length {
                continue;
            }
            while starts.get(sentence + 1).is_some_and(|start| *start <= next.word) {
                sentence += 1;
            }
            let word = starts[sentence];
            if word < next.word {
                let worth = from_start.move_to(word) + if word == 0 { 120 } else { 100 };
                if worth > self.worth {
                    *self = Best { column: next.column, word, words, worth };
                }
            }
        }
    }
}
