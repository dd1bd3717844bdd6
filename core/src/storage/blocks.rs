//! Bytes in memory that grow and go without leaving gaps of many sizes in the heap, and of which zeros take nothing:
//! most of a small database's pages is zeros.

const BLOCK_BYTES: usize = 256;

type Block = Option<Box<[u8; BLOCK_BYTES]>>;

/// Bytes in blocks of one size.
#[derive(Default)]
pub(super) struct Blocks {
    /// None stands for zeros, which are there from `length` on.
    blocks: Vec<Block>,
    /// How many aren't None.
    count: usize,
    length: usize,
}

impl Blocks {
    pub fn length(&self) -> usize {
        self.length
    }

    /// How much memory they take.
    pub fn bytes(&self) -> usize {
        self.count * BLOCK_BYTES + self.blocks.len() * size_of::<Block>()
    }

    /// How much more memory they take at most when so many bytes have been written, the first of them at the end.
    pub fn growth(bytes: usize) -> usize {
        let blocks = bytes.div_ceil(BLOCK_BYTES) + 1;
        blocks * (BLOCK_BYTES + size_of::<Block>())
    }

    /// Copies what is there from an offset on; answers how many bytes that were.
    pub fn read(&self, bytes: &mut [u8], offset: usize) -> usize {
        let count = bytes.len().min(self.length.saturating_sub(offset));
        let mut done = 0;
        while done < count {
            let (block, at) = place(offset + done);
            let more = (BLOCK_BYTES - at).min(count - done);
            let bytes = &mut bytes[done..done + more];
            match &self.blocks[block] {
                Some(block) => bytes.copy_from_slice(&block[at..at + more]),
                None => bytes.fill(0),
            }
            done += more;
        }
        count
    }

    /// Writes bytes, and zeros before them where there is nothing yet.
    pub fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        let blocks = end.div_ceil(BLOCK_BYTES);
        if self.blocks.len() < blocks {
            self.blocks.resize_with(blocks, || None);
        }
        let mut done = 0;
        while done < bytes.len() {
            let (block, at) = place(offset + done);
            let more = (BLOCK_BYTES - at).min(bytes.len() - done);
            let bytes = &bytes[done..done + more];
            match &mut self.blocks[block] {
                // A log is written from its beginning again and again: its memory is used again, too.
                Some(block) => block[at..at + more].copy_from_slice(bytes),
                None if is_zeros(bytes) => {}
                empty => {
                    empty.insert(Box::new([0; BLOCK_BYTES]))[at..at + more].copy_from_slice(bytes);
                    self.count += 1;
                }
            }
            done += more;
        }
        self.length = self.length.max(end);
    }

    pub fn truncate(&mut self, length: usize) {
        if length >= self.length {
            return;
        }
        self.length = length;
        let gone = self.blocks.drain(length.div_ceil(BLOCK_BYTES)..);
        self.count -= gone.flatten().count();
        if let (block, at @ 1..) = place(length)
            && let Some(block) = &mut self.blocks[block]
        {
            block[at..].fill(0);
        }
    }

    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.length];
        self.read(&mut bytes, 0);
        bytes
    }
}

fn place(offset: usize) -> (usize, usize) {
    (offset / BLOCK_BYTES, offset % BLOCK_BYTES)
}

fn is_zeros(bytes: &[u8]) -> bool {
    bytes.iter().fold(0, |all, byte| all | byte) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_like_one_piece() {
        let (mut blocks, mut whole) = (Blocks::default(), Vec::new());
        let steps =
            [(0, 32), (32, 24), (56, 4096), (4152, 9000), (10, 5000), (20_000, 1), (4096, 4096)];
        for (n, (offset, count)) in (1..).zip(steps) {
            let bytes = vec![n; count];
            let before = blocks.bytes();
            let growth = Blocks::growth(count.max(offset + count - blocks.length()));
            blocks.write(&bytes, offset);
            assert!(blocks.bytes() <= before + growth);
            whole.resize(whole.len().max(offset + count), 0);
            whole[offset..offset + count].copy_from_slice(&bytes);
            assert_eq!(blocks.to_vec(), whole);
        }
        let mut bytes = [9; 5000];
        assert_eq!(blocks.read(&mut bytes, 18_000), 2001);
        assert_eq!(bytes[..2001], whole[18_000..]);
        assert_eq!(blocks.read(&mut bytes, 30_000), 0);
        for length in [20_001, 13_000, 8192, 100, 0] {
            blocks.truncate(length);
            whole.truncate(length);
            assert_eq!(blocks.to_vec(), whole);
        }
        assert_eq!(blocks.bytes(), 0);
        blocks.write(&[1], 6000);
        assert_eq!(blocks.to_vec().iter().filter(|byte| **byte != 0).count(), 1);
    }

    #[test]
    fn zeros_take_no_memory_but_what_they_overwrite_is_gone() {
        let mut blocks = Blocks::default();
        blocks.write(&[0; 1 << 20], 0);
        assert!(blocks.bytes() <= 1 << 15);
        blocks.write(&[7; 1000], 500);
        blocks.write(&[0; 1000], 500);
        assert_eq!(blocks.to_vec(), vec![0; 1 << 20]);
    }
}
