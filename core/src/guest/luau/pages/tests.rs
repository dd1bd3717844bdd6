//! Where pages go, and that all blocks come back.

use super::regions::{FIRST, MORE, SYSTEM_PAGE};
use super::*;
use crate::guest::luau::vm::{PreludeCode, Vm};

const PAGE: Layout = match Layout::from_size_align(PLACE - SPARED, ALIGN) {
    Ok(layout) => layout,
    Err(_) => panic!(),
};

fn block_of(layout: Layout) -> *mut u8 {
    // SAFETY: the layout isn't empty.
    unsafe { Allocator.alloc(layout) }
}

fn free(block: *mut u8, layout: Layout) {
    // SAFETY: the tests free what they have allocated, with its layout.
    unsafe { Allocator.dealloc(block, layout) };
}

fn is_in_region(block: *mut u8) -> bool {
    Region::of_page(block).is_some()
}

#[test]
fn pages_of_a_machine_lie_in_its_region_and_others_with_the_system() {
    let outside = block_of(PAGE);
    let (first, owned) = Owned::make(|| block_of(PAGE));
    let later = [0; 2].map(|_| owned.home().run(|| block_of(PAGE)));
    if cfg!(target_os = "linux") {
        assert_eq!(first.addr() % SYSTEM_PAGE, FIRST);
        assert_eq!(later.map(|page| page.addr() - first.addr()), [PLACE, 2 * PLACE]);
    }
    assert!(!is_in_region(outside));
    for block in [first, later[0], later[1], outside] {
        free(block, PAGE);
    }
}

#[test]
fn a_region_that_is_full_leaves_the_rest_to_the_system() {
    let large = Layout::from_size_align(2 * PLACE - SPARED, ALIGN).unwrap();
    let (first, owned) = Owned::make(|| block_of(large));
    let more = || (0..62).map(|_| block_of(PAGE)).collect::<Vec<_>>();
    let mut blocks = owned.home().run(more);
    assert!(!is_in_region(blocks[61]));
    assert_eq!(is_in_region(blocks[60]), cfg!(target_os = "linux"));
    free(blocks.remove(10), PAGE);
    let again = owned.home().run(|| block_of(PAGE));
    assert_eq!(is_in_region(again), cfg!(target_os = "linux"));
    drop(owned);
    free(first, large);
    for block in blocks.into_iter().chain([again]) {
        // SAFETY: the block is as long as this and nobody else's.
        unsafe { block.write_bytes(1, PAGE.size()) };
        free(block, PAGE);
    }
}

#[test]
fn a_block_of_a_pages_size_can_grow_out_of_a_region() {
    let (block, _owned) = Owned::make(|| block_of(PAGE));
    // SAFETY: the block is longer than this.
    unsafe { block.write_bytes(7, 100) };
    // SAFETY: it was allocated with this layout.
    let grown = unsafe { Allocator.realloc(block, PAGE, 2 * PAGE.size()) };
    assert!(!is_in_region(grown));
    // SAFETY: the content has come along.
    assert_eq!(unsafe { std::slice::from_raw_parts(grown, 100) }, [7; 100]);
    free(grown, Layout::from_size_align(2 * PAGE.size(), ALIGN).unwrap());
}

#[test]
fn machines_have_their_pages_in_the_same_places_and_leave_them() {
    let code = PreludeCode::compile();
    // The first one shows which pages machines have no more when they are made.
    drop(Vm::new(&code).unwrap());
    let machines = [0; 3].map(|_| Vm::new(&code).unwrap());
    let regions = machines.each_ref().map(|machine| machine.region.home().0);
    if cfg!(target_os = "linux") {
        let used = regions.map(|region| region.unwrap().used());
        assert_eq!([used[1], used[2]], [used[0]; 2]);
        assert!(used[0].count_ones() > 10);
    }
    drop(machines);
    // Another test may have one of them by now, but hardly all.
    assert!(regions.iter().any(|region| region.is_none_or(|region| region.used() == 0)));
}

#[test]
fn a_region_that_was_used_much_comes_back_empty() {
    let (first, owned) = Owned::make(|| block_of(PAGE));
    let (home, more) = (owned.home(), MORE as usize + 1);
    let pages: Vec<_> = (0..more).map(|_| home.run(|| block_of(PAGE))).collect();
    // SAFETY: the block is as long as this and nobody else's.
    unsafe { pages[more - 1].write_bytes(1, PAGE.size()) };
    let Some(region) = home.0 else {
        return pages.into_iter().chain([first]).for_each(|page| free(page, PAGE));
    };
    // The last page keeps it from being another test's before it was looked at.
    drop(owned);
    pages[1..].iter().for_each(|page| free(*page, PAGE));
    free(first, PAGE);
    assert!(region.touched().count_ones() > MORE);
    free(pages[0], PAGE);
    assert!(region.touched().count_ones() <= MORE);
}
