//! The inputs that are mutated: the seeds, and mutants whose outcome was new.

use fastrand::Rng;

/// The most that mutants take together. A long run meets ever new outcomes, as messages quote their input; the limit of
/// the child's memory is for what the target takes.
const MAX_BYTES: usize = 128 << 20;

pub struct Pool {
    inputs: Vec<Vec<u8>>,
    seeds: usize,
    /// What the mutants take.
    bytes: usize,
    rng: Rng,
}

impl Pool {
    pub fn new(seeds: Vec<Vec<u8>>, seed: u64) -> Pool {
        Pool { seeds: seeds.len(), inputs: seeds, bytes: 0, rng: Rng::with_seed(seed) }
    }

    pub fn inputs(&self) -> &[Vec<u8>] {
        &self.inputs
    }

    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.inputs[..self.seeds]
    }

    /// Adds a mutant. Others leave for it, no matter which, once there are too many; seeds stay.
    pub fn add(&mut self, mutant: Vec<u8>) {
        self.bytes += mutant.len();
        self.inputs.push(mutant);
        while self.bytes > MAX_BYTES {
            let index = self.rng.usize(self.seeds..self.inputs.len());
            self.bytes -= self.inputs.swap_remove(index).len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mutants_leave_when_they_take_too_much_and_seeds_stay() {
        let mut pool = Pool::new(vec![vec![1; 10]; 3], 1);
        for _ in 0..5 {
            pool.add(vec![2; MAX_BYTES / 4]);
        }
        assert_eq!(pool.inputs().len(), 3 + 4);
        assert!(pool.seeds().iter().all(|seed| *seed == [1; 10]));
        pool.add(vec![3; MAX_BYTES + 1]);
        assert!(pool.inputs().len() < 3 + 5 && pool.bytes <= MAX_BYTES);
    }
}
