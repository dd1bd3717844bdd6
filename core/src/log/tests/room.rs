//! Room: what was reserved can be appended however full the disk becomes.

use super::*;

fn set_full(memory: &Memory, full: bool) {
    memory.0.lock().full = full;
}

fn size(memory: &Memory) -> usize {
    memory.bytes().len() / REGION_BYTES
}

#[test]
fn a_full_disk_is_told_before_anything_is_appended() {
    let memory = Memory::new(64);
    let log = log(&memory);
    set_full(&memory, true);
    assert_eq!(log.reserve("a", 1).err().expect("full").kind(), io::ErrorKind::StorageFull);
    assert!(memory.read().is_err(), "what couldn't be made is gone");
    set_full(&memory, false);
    write(&log, "a", 1, 200);
    set_full(&memory, true);
    assert!(log.reserve("a", 100).is_err());
    write(&log, "a", 2, 40);
    set_full(&memory, false);
    write(&log, "a", 3, 200);
    assert_eq!(bytes(&memory), [1, 2, 3]);
}

#[test]
fn what_was_reserved_fits_however_it_is_split() {
    let mut random = Random(17);
    for _ in 0..60 {
        let memory = Memory::new(64);
        let log = log(&memory);
        let place = "p".repeat(1 + random.below(2048) as usize);
        append(&log, "b", 0, random.below(500) as u32);
        let mut left = 1 + random.below(1500) as usize;
        let mut room = log.reserve(&place, left).expect("there is room");
        set_full(&memory, true);
        while left > 0 {
            let part = left.min(PART_PAGES);
            append_in(&log, &place, 1, part as u32, &mut room);
            left -= part;
        }
        drop(room);
        log.flush(log.last(&place).expect("appended")).expect("flushed");
        assert!(bytes(&memory).iter().rev().take_while(|byte| **byte == 1).count() > 0);
    }
}

#[test]
fn room_is_for_who_reserved_it() {
    let memory = Memory::new(64);
    let log = log(&memory);
    let mut first = log.reserve("a", 200).expect("there is room");
    set_full(&memory, true);
    assert!(log.reserve("b", 100).is_err(), "the first one has it");
    append_in(&log, "a", 1, 20, &mut first);
    drop(first);
    write(&log, "b", 2, 100);
    assert_eq!(bytes(&memory), [1, 2]);
}

#[test]
fn who_gives_room_back_wakes_who_waits_for_it() {
    let memory = Memory::new(64);
    let log = log(&memory);
    let first = log.reserve("a", 200).expect("there is room");
    std::thread::scope(|scope| {
        scope.spawn(|| write(&log, "b", 1, 200));
        while log.waiting.load(Ordering::SeqCst) == 0 && size(&memory) == 1 {
            std::thread::yield_now();
        }
        drop(first);
    });
    assert_eq!(bytes(&memory), [1]);
}

#[test]
fn a_file_that_grows_in_vain_is_not_longer_afterwards() {
    let memory = Memory::new(64);
    let log = log(&memory);
    write(&log, "a", 1, 1);
    memory.0.lock().room = Some(3 << 20);
    assert!(log.reserve("a", 2000).is_err());
    assert_eq!(size(&memory), 1);
    log.reserve("a", 600).expect("there is room for that");
    memory.0.lock().room = None;
    append(&log, "a", 2, 2000);
    write(&log, "a", 3, 1);
    assert_eq!(bytes(&memory), [1, 2, 3]);
}

#[test]
fn others_append_while_the_file_grows() {
    let memory = Memory::new(64);
    let log = log(&memory);
    write(&log, "a", 1, 1);
    let (begun, done) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let (other, is_done) = (log.clone(), done.clone());
    memory.0.lock().on_sync = Some(Arc::new(move || {
        if !begun.swap(true, Ordering::SeqCst) {
            write(&other, "b", 2, 1);
            is_done.store(true, Ordering::SeqCst);
        }
        Ok(())
    }));
    log.reserve("a", 500).expect("grown");
    assert!(done.load(Ordering::SeqCst));
    memory.0.lock().on_sync = None; // it holds the log
    assert_eq!(bytes(&memory), [1, 2]);
}
