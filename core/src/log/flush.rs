//! Making records durable. Whoever comes first writes for all who wait, and then hands that on to one of those who
//! have come meanwhile.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::MutexGuard;

use super::bell::Bell;
use super::{Log, Piece, REGION_BYTES, State};

/// Buffers that are kept to be used again.
const SPARE: usize = 2;

/// How far the log is durable, and who waits for that.
#[derive(Default)]
pub(super) struct Flushes {
    /// The sequence of the last record that is. Changed with the state locked.
    durable: AtomicU64,
    /// Those whose records are being written wait for one, those who have come since for the other.
    bells: [Bell; 2],
}

/// Who writes.
#[derive(Default)]
pub(super) struct Turn {
    /// Somebody writes the records up to this one.
    writing: Option<u64>,
    /// The bell of those whose records these are.
    bell: usize,
    /// How many have begun to wait for each bell since it rang for all.
    waiting: [usize; 2],
}

impl Flushes {
    /// Whether all records up to this one are durable.
    pub fn are_durable(&self, sequence: u64) -> bool {
        self.durable.load(Ordering::Acquire) >= sequence
    }
}

impl Log {
    /// Makes a record durable with all those before it.
    ///
    /// # Errors
    /// Those of the file; then the log has failed, and it isn't known whether the record is durable.
    pub fn flush(&self, sequence: u64) -> io::Result<()> {
        while !self.flushes.are_durable(sequence) {
            let state = self.state.lock();
            if self.flushes.are_durable(sequence) {
                break;
            }
            state.check()?;
            match state.turn.writing {
                Some(last) => self.wait(state, usize::from(sequence > last)),
                None => self.write(state),
            }
        }
        Ok(())
    }

    /// Waits for the end of the flush that is going on, or of the one after it.
    fn wait(&self, mut state: MutexGuard<'_, State>, later: usize) {
        let which = state.turn.bell ^ later;
        state.turn.waiting[which] += 1;
        let since = self.flushes.bells[which].listen();
        drop(state);
        self.flushes.bells[which].wait(since);
    }

    fn write(&self, mut state: MutexGuard<'_, State>) {
        let Some(file) = state.file.clone() else { return };
        let (pieces, last) = (state.take_pieces(), state.appended);
        state.turn.writing = Some(last);
        let written = MutexGuard::unlocked(&mut state, || {
            // Each region is whole on the disk before the next one is begun, which readers rely on.
            pieces.iter().try_for_each(|piece| file.write_through(&piece.bytes, piece.offset))
        });
        match written {
            Ok(()) => self.flushes.durable.store(last, Ordering::Release),
            // What a sync has refused once it may call durable the next time, without its being so.
            Err(error) => drop(self.fail_with(&mut state, &error)),
        }
        state.keep(pieces);
        self.hand_on(state);
    }

    /// Wakes those whose records have been written, and one of the others to write theirs.
    fn hand_on(&self, mut state: MutexGuard<'_, State>) {
        let has_failed = state.failed.is_some();
        let turn = &mut state.turn;
        turn.writing = None;
        let (done, next) = (turn.bell, turn.bell ^ 1);
        turn.bell = next;
        let was_awaited = std::mem::take(&mut turn.waiting[done]) > 0;
        let is_awaited = turn.waiting[next] > 0;
        drop(state);
        let bells = &self.flushes.bells;
        match is_awaited {
            true if has_failed => bells[next].ring(),
            true => bells[next].ring_for_one(),
            false => {}
        }
        if was_awaited {
            bells[done].ring();
        }
    }
}

impl State {
    /// Keeps buffers for what comes next.
    fn keep(&mut self, pieces: Vec<Piece>) {
        let small = pieces.into_iter().map(|piece| piece.bytes);
        for mut bytes in small.filter(|bytes| bytes.capacity() <= REGION_BYTES) {
            if self.spare.len() < SPARE {
                bytes.clear();
                self.spare.push(bytes);
            }
        }
    }
}
