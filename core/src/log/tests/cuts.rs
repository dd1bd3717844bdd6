//! Power cuts: what was flushed and not settled is always read again.

use std::collections::HashMap;

use super::*;

/// What a place has in the log: the sequences of its records since it was settled, and how many are flushed.
#[derive(Default)]
struct Known {
    sequences: Vec<u64>,
    flushed: usize,
}

struct World {
    memory: Memory,
    log: Arc<Log>,
    random: Random,
    known: HashMap<String, Known>,
}

impl World {
    fn new(seed: u64) -> World {
        let memory = Memory::new(3);
        let log = log(&memory);
        World { memory, log, random: Random(seed), known: HashMap::new() }
    }

    fn step(&mut self) {
        let place = self.random.below(5).to_string();
        match self.random.below(10) {
            0..5 => {
                let count = 1 + self.random.below(240) as u32;
                let sequence = append(&self.log, &place, 1, count);
                self.known.entry(place).or_default().sequences.push(sequence);
            }
            5..8 => {
                let last = self.known.values().filter_map(|known| known.sequences.last()).max();
                self.log.flush(last.copied().unwrap_or(0)).expect("flushed");
                self.known.values_mut().for_each(|known| known.flushed = known.sequences.len());
            }
            8 => {
                let Some(last) = self.log.last(&place) else { return };
                self.log.flush(last).expect("flushed");
                for known in self.known.values_mut() {
                    known.flushed = known.sequences.iter().filter(|one| **one <= last).count();
                }
                self.log.settle(&place, last);
                self.known.remove(&place);
            }
            _ => self.log.shrink().expect("shrunk"),
        }
    }

    fn check(&mut self) {
        let left = Memory::with(self.memory.cut(&mut self.random));
        let records = read_all(&left).expect("never damaged");
        for pair in records.windows(2) {
            assert_eq!(pair[0].0 + 1, pair[1].0, "a gap");
        }
        for (place, known) in &self.known {
            for sequence in &known.sequences[..known.flushed] {
                let found =
                    records.iter().any(|record| record.0 == *sequence && record.1 == *place);
                assert!(found, "the record {sequence} of {place} is lost");
            }
        }
    }
}

#[test]
fn what_was_flushed_survives_a_cut_at_any_moment() {
    let mut used_again = 0;
    for seed in 1..=2 {
        let mut world = World::new(seed * 7919);
        for _ in 0..150 {
            world.step();
            world.check();
        }
        let reached = world.log.state.lock().header.map_or(0, |header| header.number) as usize;
        used_again += reached.saturating_sub(world.log.state.lock().regions.count());
    }
    assert!(used_again > 10, "regions were used again {used_again} times");
}
