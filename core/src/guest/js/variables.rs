//! A bound on the variables of one function, for which the engine's parser has a table by their names.
//!
//! It makes the table anew whenever that has become too small, and enters all variables in one go: those of one name, which blocks may
//! declare again and again, each behind all others. That takes the square of their number, without a look at the limits. The heap
//! knows such a table by its length and what is in it, and gives no memory for the next one.

#![expect(unsafe_code, reason = "what engines write into their memory")]

use std::slice::from_raw_parts;

/// Variables of the largest function, parameters and top-level variables of modules not counted.
pub(super) const MAX_VARIABLES: usize = 13_653;
/// The length of the table for as many.
const PLACES: usize = 1 << 14;
/// What the engine's allocator writes before what it keeps.
const HEADER: usize = 8;
const FREE: u32 = u32::MAX;

/// Whether the engine makes a table of variables twice as long whose block has `size` bytes.
///
/// # Safety
/// The block is alive and has so many bytes, all of which were written.
pub(super) unsafe fn is_table(block: *const u8, size: usize, new_size: usize) -> bool {
    if size != HEADER + 4 * PLACES || new_size != HEADER + 8 * PLACES {
        return false;
    }
    // SAFETY: the block is longer than that.
    let table = unsafe { block.add(HEADER) }.cast::<u32>();
    // SAFETY: the block has so many, and is aligned to 16.
    let places = unsafe { from_raw_parts(table, PLACES) };
    let mut taken = places.iter().filter(|place| **place != FREE);
    taken.clone().count() == MAX_VARIABLES && taken.all(|place| (*place as usize) < MAX_VARIABLES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::js::vm::Vm;
    use crate::guest::pool;

    #[test]
    fn a_function_has_so_many_variables() {
        let runtime = crate::Runtime::open_in_memory().unwrap();
        for (count, is_refused) in [(MAX_VARIABLES, false), (MAX_VARIABLES + 1, true)] {
            for part in ["{let a}", "try{}catch(a){}"] {
                let vm = pool::take::<Vm>(runtime.inner()).unwrap();
                let code = format!("() => {{ {} }}", part.repeat(count));
                let made = vm.run(|ctx, _| ctx.eval::<(), _>(code).is_ok());
                assert_eq!(made, !is_refused, "{count} {part}");
                assert_eq!(vm.shared.guard.is_stopped(), is_refused, "{count} {part}");
            }
        }
    }
}
