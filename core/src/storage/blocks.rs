//! Bytes in memory that grow and go without leaving gaps of many sizes in the heap.

const BLOCK_BYTES: usize = 4096;

/// Bytes in blocks of one size.
#[derive(Default)]
pub(super) struct Blocks {
    /// Zeros from `length` on.
    blocks: Vec<Box<[u8; BLOCK_BYTES]>>,
    length: usize,
}

impl Blocks {
    pub fn length(&self) -> usize {
        self.length
    }

    /// Copies what is there from an offset on; answers how many bytes that were.
    pub fn read(&self, bytes: &mut [u8], offset: usize) -> usize {
        let count = bytes.len().min(self.length.saturating_sub(offset));
        let mut done = 0;
        while done < count {
            let (block, at) = place(offset + done);
            let more = (BLOCK_BYTES - at).min(count - done);
            bytes[done..done + more].copy_from_slice(&self.blocks[block][at..at + more]);
            done += more;
        }
        count
    }

    /// Writes bytes, and zeros before them where there is nothing yet.
    pub fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        while self.blocks.len() * BLOCK_BYTES < end {
            self.blocks.push(Box::new([0; BLOCK_BYTES]));
        }
        let mut done = 0;
        while done < bytes.len() {
            let (block, at) = place(offset + done);
            let more = (BLOCK_BYTES - at).min(bytes.len() - done);
            self.blocks[block][at..at + more].copy_from_slice(&bytes[done..done + more]);
            done += more;
        }
        self.length = self.length.max(end);
    }

    pub fn truncate(&mut self, length: usize) {
        if length >= self.length {
            return;
        }
        self.length = length;
        self.blocks.truncate(length.div_ceil(BLOCK_BYTES));
        if let (block, at @ 1..) = place(length) {
            self.blocks[block][at..].fill(0);
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
            blocks.write(&bytes, offset);
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
        blocks.write(&[1], 6000);
        assert_eq!(blocks.to_vec().iter().filter(|byte| **byte != 0).count(), 1);
    }
}
