mod cuts;
mod flush;
mod memory;
mod room;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use memory::{FILE, Memory, Random};

fn log(memory: &Memory) -> Arc<Log> {
    Arc::new(Log::new(Arc::new(memory.clone()), FILE.into()))
}

fn page(byte: u8) -> Vec<u8> {
    vec![byte; PAGE_BYTES]
}

/// Appends `count` pages of this byte.
fn append(log: &Arc<Log>, place: &str, byte: u8, count: u32) -> u64 {
    let mut room = log.reserve(place, count as usize).expect("there is room");
    append_in(log, place, byte, count, &mut room)
}

fn append_in(log: &Log, place: &str, byte: u8, count: u32, room: &mut Room) -> u64 {
    let image = page(byte);
    let pages: Vec<_> = (1..=count).map(|number| (number, image.as_slice())).collect();
    let change = Change::Pages { new: false, size: count, pages: Pages::Given(&pages) };
    log.append(place, change, room).expect("appended")
}

fn mark(log: &Arc<Log>, place: &str, change: Change<'_>) -> io::Result<u64> {
    log.append(place, change, &mut log.reserve(place, 0)?)
}

fn write(log: &Arc<Log>, place: &str, byte: u8, count: u32) -> u64 {
    let sequence = append(log, place, byte, count);
    log.flush(sequence).expect("flushed");
    sequence
}

/// The sequence, place and first byte of each record.
fn read_all(memory: &Memory) -> io::Result<Vec<(u64, String, u8, bool)>> {
    let (file, mut found) = (memory.read()?, Vec::new());
    Reader::open(&*file)?.records(|record, start| {
        let (mut byte, mut is_part) = (0, false);
        if let Change::Pages { pages: Pages::Read(pages), size, .. } = record.change {
            let mut each = |_, image: Image| {
                let at = (start + image.at) as usize;
                byte = memory.bytes_at(at, image.length()).first().copied().unwrap_or_default();
            };
            pages.each(&mut each).expect("valid");
            is_part = size == 0;
        }
        found.push((record.sequence, record.place.to_owned(), byte, is_part));
        Ok(())
    })?;
    Ok(found)
}

/// The same of the last record of each change.
fn read(memory: &Memory) -> io::Result<Vec<(u64, String, u8)>> {
    let all = read_all(memory)?.into_iter();
    Ok(all.filter(|(.., is_part)| !is_part).map(|(at, place, byte, _)| (at, place, byte)).collect())
}

fn sequences(memory: &Memory) -> Vec<u64> {
    read_all(memory).expect("readable").into_iter().map(|(sequence, ..)| sequence).collect()
}

fn bytes(memory: &Memory) -> Vec<u8> {
    read(memory).expect("readable").into_iter().map(|(.., byte)| byte).collect()
}

/// The page that an image in a record stands for.
fn spread(record: &[u8], image: Image) -> [u8; PAGE_BYTES] {
    let (mut page, at) = ([9; PAGE_BYTES], image.at as usize);
    page[..image.length()].copy_from_slice(&record[at..at + image.length()]);
    image.spread(&mut page);
    page
}

#[test]
fn zeros_take_no_room() {
    let (empty, mut sparse) = (page(0), page(0));
    sparse[..100].fill(1);
    sparse[4000..].fill(2);
    let pages = [(1, empty.as_slice()), (2, sparse.as_slice())];
    let change = Change::Pages { new: false, size: 2, pages: Pages::Given(&pages) };
    let length = Record { sequence: 1, place: "a", change }.encode(5, &mut Vec::new());
    assert!(length < 300, "{length}");
}

#[test]
fn a_record_is_read_as_it_was_written_or_not_at_all() {
    let mut pages = vec![page(1), page(0)];
    for zeros in [0..9, 0..4000, 100..200, 4087..4096, 9..4095] {
        let mut page = page(3);
        page[zeros].fill(0);
        page[2000] = 4; // and not one run
        pages.push(page);
    }
    let pages: Vec<_> = (7..).zip(pages.iter().map(Vec::as_slice)).collect();
    let changes = [
        Change::Pages { new: true, size: 9, pages: Pages::Given(&pages) },
        Change::Pages { new: false, size: 0, pages: Pages::Given(&[]) },
        Change::Made,
        Change::Gone,
        Change::Placed,
    ];
    for change in changes {
        let record = Record { sequence: 1 << 40, place: "objects/a/é", change };
        let mut bytes = Vec::new();
        let length = record.encode(5, &mut bytes);
        assert!(bytes.len() == length && length <= change.length(record.place));
        let (again, read) = Record::decode(5, &bytes).expect("a record");
        assert_eq!(read, length);
        assert_eq!((again.sequence, again.place), (record.sequence, record.place));
        let mut found = Vec::new();
        match (again.change, change) {
            (
                Change::Pages { new, size, pages: Pages::Read(pages) },
                Change::Pages { new: was_new, size: had, .. },
            ) => {
                let each = |number, image: Image| found.push((number, spread(&bytes, image)));
                pages.each(each).expect("valid");
                assert_eq!((new, size), (was_new, had));
            }
            (again, change) => assert_eq!(again, change),
        }
        let found: Vec<_> = found.iter().map(|(number, page)| (*number, page.as_slice())).collect();
        assert!(found.is_empty() || found == pages);
        assert!(Record::decode(6, &bytes).is_none(), "another salt");
        for length in (0..bytes.len()).filter(|at| *at < 60 || at % 97 == 0) {
            assert!(Record::decode(5, &bytes[..length]).is_none(), "{length} bytes");
            let mut bad = bytes.clone();
            bad[length] ^= 4;
            assert!(Record::decode(5, &bad).is_none(), "byte {length}");
        }
    }
}

#[test]
fn records_are_read_in_order_over_many_regions() {
    let memory = Memory::new(64);
    let log = log(&memory);
    let written: Vec<_> = (1..=40).map(|n| (write(&log, "a", n, 100), "a".to_owned(), n)).collect();
    assert!(memory.bytes().len() > 10 * REGION_BYTES);
    assert_eq!(read(&memory).expect("readable"), written);
    assert_eq!(memory.0.lock().largest_read, REGION_BYTES, "one at a time");
}

#[test]
fn a_tail_that_is_torn_anywhere_ends_the_log_there() {
    let memory = Memory::new(64);
    let log = log(&memory);
    for n in 1..=3 {
        write(&log, "a", n, 2);
    }
    let (whole, length) = (memory.bytes(), 32 + 1 + 2 * (8 + PAGE_BYTES));
    for torn in 0..3 * length {
        if torn % 101 != 0 && torn % length > 40 {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[HEADER_BYTES + torn..].fill(0);
        let complete = (torn / length) as u64;
        let found = sequences(&Memory::with(bytes));
        // Zeros may be what was there.
        assert!((complete..=complete + 1).contains(&(found.len() as u64)), "{torn}: {found:?}");
        assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn regions_are_used_again_when_their_places_are_settled() {
    let memory = Memory::new(4);
    let log = log(&memory);
    for n in 1..=100 {
        let sequence = write(&log, "a", n, 100);
        log.settle("a", sequence);
    }
    assert!(memory.bytes().len() <= 4 * REGION_BYTES, "{}", memory.bytes().len());
    let found = bytes(&memory);
    let last: Vec<_> = (101 - found.len() as u8..=100).collect();
    assert_eq!(found, last);
    assert!(!log.take_crowded());
}

#[test]
fn a_place_that_is_not_settled_keeps_everything_since() {
    let memory = Memory::new(4);
    let log = log(&memory);
    let first = write(&log, "slow", 1, 1);
    for n in 1..=60 {
        let sequence = write(&log, "fast", n, 100);
        log.settle("fast", sequence);
    }
    assert!(log.take_crowded() && !log.take_crowded());
    assert_eq!(log.oldest(), ["slow"]);
    assert_eq!(bytes(&memory), std::iter::once(1).chain(1..=60).collect::<Vec<_>>());
    let long = memory.bytes().len();

    log.settle("slow", first);
    assert!(log.unsettled().is_empty());
    for n in 1..=12 {
        let sequence = write(&log, "fast", n, 100);
        log.settle("fast", sequence);
    }
    log.shrink().expect("shrunk");
    assert!(memory.bytes().len() < long / 2, "{} of {long}", memory.bytes().len());
    assert_eq!(bytes(&memory).last(), Some(&12));
}

#[test]
fn a_damaged_part_is_told_unless_it_is_the_tail() {
    let memory = Memory::new(64);
    let log = log(&memory);
    for n in 1..=9 {
        write(&log, "a", n, 100);
    }
    let whole = memory.bytes();
    for (at, is_tail) in
        [(10, false), (HEADER_BYTES + 50, false), (3 * REGION_BYTES + 400_000, true)]
    {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        match read(&Memory::with(bytes)) {
            Ok(records) => assert!(is_tail && records.len() == 8, "{at}"),
            Err(error) => {
                assert!(!is_tail && error.kind() == io::ErrorKind::InvalidData, "{error}")
            }
        }
    }
}

#[test]
fn what_goes_or_is_placed_takes_what_is_below_with_it() {
    for change in [Change::Gone, Change::Placed] {
        let memory = Memory::new(64);
        let log = log(&memory);
        for place in ["a", "a/1", "a/1/2", "a-1", "ab"] {
            append(&log, place, 1, 1);
        }
        mark(&log, "a", change).expect("appended");
        assert_eq!(log.unsettled(), ["a-1", "ab"]);
    }
}

#[test]
fn a_sync_that_fails_once_ends_the_log() {
    let memory = Memory::new(64);
    let log = log(&memory);
    let first = write(&log, "a", 1, 1);
    let fails = Arc::new(AtomicBool::new(true));
    let failing = fails.clone();
    memory.0.lock().on_sync = Some(Arc::new(move || match failing.load(Ordering::Relaxed) {
        true => Err(io::Error::other("broken")),
        false => Ok(()),
    }));
    let second = append(&log, "a", 2, 1);
    assert!(log.flush(second).is_err());
    fails.store(false, Ordering::Relaxed);
    let error = log.flush(second).expect_err("it is never tried again");
    assert!(error.to_string().contains("broken") && error.to_string().contains("open it again"));
    assert!(mark(&log, "a", Change::Made).is_err());
    assert!(log.flush(first).is_ok(), "that was durable before");
    assert!(log.end().is_err() && memory.read().is_ok(), "it is needed");
}

#[test]
fn an_ended_log_is_gone() {
    let memory = Memory::new(64);
    let log = log(&memory);
    let sequence = write(&log, "a", 1, 1);
    assert!(log.end().is_err() && memory.read().is_ok(), "a place isn't settled");
    log.settle("a", sequence);
    log.end().expect("ended");
    assert!(memory.read().is_err() && mark(&log, "a", Change::Made).is_err());
}

#[test]
fn a_log_that_was_never_written_leaves_no_file() {
    let memory = Memory::new(64);
    log(&memory).end().expect("ended");
    assert!(memory.read().is_err());
    assert!(sequences(&Memory::with(vec![0; 3000])).is_empty(), "cut while it was made");
}
