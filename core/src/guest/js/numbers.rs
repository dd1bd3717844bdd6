//! Bounds on BigInts, whose operators take the square of their length without a look at the limits.
//!
//! Operators can't be replaced, but each asks for memory before its long loop: for its result, for a copy, or for the
//! digits. So the [heap](super::heap) looks once at each large block, when the next one is asked for, whether it is a BigInt that
//! is too long: then nothing large is given any more, and the guest ends. A BigInt can be told from all else that an engine keeps in
//! such blocks: it counts its references, and says how long it is, which is exactly as much as its block has.

#![expect(unsafe_code, reason = "what engines write into their memory")]

use std::slice::from_raw_parts;

/// Bits of the longest BigInt that something can be done with.
pub(super) const MAX_BITS: usize = 1 << 17;
/// As many words, and those that a quotient is calculated with.
const MAX_WORDS: usize = MAX_BITS / 32 + 4;
/// Digits of the longest text that becomes one, in decimals.
pub(crate) const MAX_DIGITS: usize = 39_457;
/// Blocks that are looked at, and looked for: what is less can't have a BigInt that is too long, nor be asked for by what is done with one.
pub(super) const LARGE: usize = 16 << 10;
/// What the engine writes before what it keeps: its allocator's words, and a count of references.
const HEADER: usize = 8;

/// The words of a BigInt that has a block of so many bytes to itself: behind the header and its length.
fn words(size: usize) -> Option<u32> {
    let bytes = size.checked_sub(HEADER + 4)?;
    (bytes % 4 == 0).then_some((bytes / 4) as u32)
}

/// Whether the engine has a BigInt in a block of `size` bytes that will have `new_size` of them.
///
/// # Safety
/// The block is alive, has at least [`LARGE`] bytes, and its first eight were cleared before the engine has got it.
pub(super) unsafe fn is_number(block: *const u8, size: usize, new_size: usize) -> bool {
    // SAFETY: the caller's promise. The engine writes its words before it does anything else.
    let [place, references] = unsafe { block.cast::<[u32; 2]>().read() };
    if place.to_ne_bytes() != [0xff, 0xff, 0xff, 0] || !(1..1 << 31).contains(&references) {
        return false;
    }
    // SAFETY: the block is longer than that.
    let length = unsafe { block.add(HEADER) }.cast::<u32>();
    // SAFETY: what counts references begins with a word that the engine writes with the count.
    let length = Some(unsafe { length.read() });
    length == words(size) || length == words(new_size)
}

/// Whether the engine has a BigInt that is too long in a block, or the decimals of one for which it asks for `next` bytes.
///
/// # Safety
/// As for [`is_number`]; the first eight bytes of what the engine keeps were cleared, too.
pub(super) unsafe fn is_long(block: *const u8, size: usize, next: usize) -> bool {
    // SAFETY: the caller's promise.
    if unsafe { is_number(block, size, size) } {
        return words(size).is_some_and(|words| words as usize > MAX_WORDS);
    }
    if size <= HEADER + MAX_DIGITS {
        return false;
    }
    // SAFETY: as above: the block is that long.
    let kept = unsafe { block.add(HEADER) };
    // SAFETY: these were cleared, or are the engine's by now.
    let digits = unsafe { from_raw_parts(kept, 8) };
    let sign = usize::from(digits.starts_with(b"-"));
    if !digits[sign..].iter().all(u8::is_ascii_digit) {
        return false;
    }
    // SAFETY: text that begins with digits is one that the engine is done with: it makes numbers of it, and has written its end.
    let text = &unsafe { from_raw_parts(kept, size - HEADER) }[sign..];
    let zeros = text.iter().take_while(|digit| **digit == b'0').count();
    let count = text[zeros..].iter().take_while(|digit| digit.is_ascii_digit()).count();
    // As many words as the engine takes for so many digits.
    count > MAX_DIGITS && words(next) == Some(((count * 27).div_ceil(8) / 32 + 1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block as an engine leaves it: what it counts, and what it keeps.
    fn block(references: u32, kept: &[u8]) -> Vec<u64> {
        let mut bytes = vec![0xff, 0xff, 0xff, 0];
        bytes.extend(references.to_ne_bytes());
        bytes.extend(kept);
        let words = bytes.chunks(8).map(|word| {
            let mut whole = [0; 8];
            whole[..word.len()].copy_from_slice(word);
            u64::from_ne_bytes(whole)
        });
        words.collect()
    }

    fn is_long(references: u32, kept: &[u8], next: usize) -> bool {
        let block = block(references, kept);
        // SAFETY: it is alive, and all of it was written.
        unsafe { super::is_long(block.as_ptr().cast(), HEADER + kept.len(), next) }
    }

    fn number(words: u32, length: u32) -> Vec<u8> {
        let mut number = length.to_ne_bytes().to_vec();
        number.resize(4 + 4 * words as usize, 7);
        number
    }

    #[test]
    fn a_number_is_told_by_its_length_and_references() {
        assert!(is_long(1, &number(5_000, 5_000), LARGE));
        assert!(!is_long(1, &number(4_100, 4_100), LARGE));
        assert!(!is_long(1, &number(5_000, 4_999), LARGE));
        assert!(!is_long(0, &number(5_000, 5_000), LARGE));
    }

    #[test]
    fn text_of_a_number_is_told_by_what_is_asked_for() {
        let asks = |text: &str, words: usize| is_long(0, text.as_bytes(), HEADER + 4 + 4 * words);
        let (long, short) = ("7".repeat(40_000), "7".repeat(39_000));
        // 135,000 bits.
        assert!(asks(&format!("{long}\0"), 4_219) && asks(&format!("-000{long}\0\0"), 4_219));
        assert!(!asks(&format!("{long}\0"), 4_218) && !asks(&format!("{long}7\0"), 1_251));
        assert!(!asks(&format!("{short}\0{}", " ".repeat(1_000)), 4_114));
    }
}
