//! Bounds on regular expressions, for what the engine's compiler does without a look at any limit.
//!
//! It moves what it has compiled of a group for each further alternative, what is repeated for the repetition, and what it has of a
//! look-behind for each term; and it searches the whole pattern for each name that is used before its group.

/// Bytes of code that may be moved, which takes up to 40 ms.
const MOVED: u64 = 1 << 28;
/// Characters that may be searched for names of groups.
const SEARCHED: usize = 1 << 25;

// Code that the engine makes, at most: for a byte, a bracket or a bar, a count, and a byte of a class; for classes like \w; and for properties, which are
// texts, too, in the mode that has classes in classes.
const BYTE: u64 = 3;
const BRACKET: u64 = 10;
const COUNT: u64 = 32;
const IN_CLASS: u64 = 12;
const CLASS: u64 = 64;
const PROPERTY: u64 = 8 << 10;
const TEXTS: u64 = 128 << 10;

/// A group that is open: where its code begins, and that of its last alternative, which is turned round in a look-behind.
struct Group {
    start: u64,
    alternative: u64,
    is_turned: bool,
}

/// Reads a pattern as far as the size of its code goes.
struct Reader<'a> {
    pattern: &'a [u8],
    at: usize,
    has_sets: bool,
    size: u64,
    moved: u64,
    searched: usize,
    open: Vec<Group>,
}

/// Checks a pattern, whose mode may have classes in classes.
///
/// # Errors
/// What it has too much of.
pub(super) fn check(pattern: &[u8], has_sets: bool) -> Result<(), String> {
    let group = Group { start: 0, alternative: 0, is_turned: false };
    let mut reader =
        Reader { pattern, at: 0, has_sets, size: 0, moved: 0, searched: 0, open: vec![group] };
    while reader.at < pattern.len() {
        reader.step();
    }
    if reader.moved <= MOVED && reader.searched <= SEARCHED {
        return Ok(());
    }
    Err(format!(
        "A regular expression of {} bytes has too many alternatives, repetitions, names or terms of look-behinds for its length. Split it.",
        pattern.len()
    ))
}

impl Reader<'_> {
    fn group(&mut self) -> &mut Group {
        self.open.last_mut().expect("the first one stays open")
    }

    fn step(&mut self) {
        let byte = self.pattern[self.at];
        self.at += 1;
        match byte {
            b'(' => {
                let rest = &self.pattern[self.at..];
                let is_turned = match rest {
                    [b'?', b'<', b'=' | b'!', ..] => true,
                    [b'?', b'=' | b'!', ..] => false,
                    _ => self.group().is_turned,
                };
                self.size += BRACKET;
                let start = self.size;
                self.open.push(Group { start, alternative: start, is_turned });
            }
            b')' => {
                self.size += BRACKET;
                if self.open.len() > 1 {
                    let group = self.open.pop().expect("one is left");
                    if matches!(self.pattern.get(self.at), Some(b'*' | b'+' | b'?' | b'{')) {
                        // Read once, and moved twice.
                        self.moved += 4 * (self.size - group.start);
                    }
                }
                self.ends_term();
            }
            b'|' => {
                self.size += BRACKET;
                let size = self.size;
                let group = self.group();
                let moved = size - group.start;
                group.alternative = size;
                self.moved += moved;
            }
            b'*' | b'+' | b'?' | b'{' => self.size += COUNT,
            b'[' => {
                self.class();
                self.ends_term();
            }
            b'\\' => {
                self.escape(BYTE);
                self.ends_term();
            }
            _ => {
                self.size += BYTE;
                if byte & 0xc0 != 0x80 {
                    self.ends_term();
                }
            }
        }
    }

    /// What is behind a backslash.
    fn escape(&mut self, byte: u64) {
        let escaped = self.pattern.get(self.at).copied();
        self.at += 1;
        self.size += match escaped {
            Some(b'p' | b'P') if self.has_sets => TEXTS,
            Some(b'p' | b'P') => PROPERTY,
            Some(b'd' | b'D' | b's' | b'S' | b'w' | b'W') => CLASS,
            _ => byte,
        };
        if escaped == Some(b'k') {
            self.searched += self.pattern.len();
        }
    }

    fn class(&mut self) {
        let mut depth = 1;
        while depth > 0 && self.at < self.pattern.len() {
            let byte = self.pattern[self.at];
            self.at += 1;
            self.size += IN_CLASS;
            match byte {
                b'\\' => self.escape(IN_CLASS),
                b'[' if self.has_sets => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
        }
    }

    fn ends_term(&mut self) {
        let size = self.size;
        let group = self.group();
        if group.is_turned {
            let moved = size - group.alternative;
            self.moved += moved;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_too_often_is_refused_and_long_patterns_are_not() {
        let refuses = |pattern: &str| check(pattern.as_bytes(), false).is_err();
        assert!(refuses(&"a|".repeat(10_000)) && !refuses(&"a|".repeat(5_000)));
        assert!(!refuses(&"word-of-a-list|".repeat(3_000)));
        assert!(!refuses(&"(?:a|b|c)*".repeat(100_000)) && !refuses(&"x".repeat(1 << 20)));
        assert!(refuses(&format!("(?<={})", "a".repeat(20_000))));
        assert!(!refuses(&format!("(?<={})", "a".repeat(10_000))));
        assert!(!refuses(&format!("(?={})", "a".repeat(100_000))));
        assert!(refuses(&("(?:".repeat(400) + &"a".repeat(100_000) + &")*".repeat(400))));
        assert!(refuses(&r"\p{L}|".repeat(400)) && !refuses(&r"\p{L}|".repeat(100)));
        assert!(refuses(&(r"\k<n>".repeat(5_000) + "(?<n>a)")));
        assert!(!refuses(&format!("[{}]", "(|".repeat(100_000))));
        assert!(!refuses(&r"\(\|".repeat(100_000)) && !refuses(")))[") && !refuses("\\"));
    }
}
