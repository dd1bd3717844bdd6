//! How long the values of a guest's statement may be, by its program.
//!
//! SQLite looks at the guard where a program goes back or has a row, and what takes memory ends at once. But a guest
//! could have many instructions before that which read all of a long value without taking memory. So each instruction
//! is weighed as `EXPLAIN` lists it, and the heavier a program is, the shorter its values.

use std::collections::HashSet;
use std::ffi::{CStr, c_int};

use rusqlite::ffi;

use super::Database;
use super::memory::guarded;
use crate::storage::connection::MAX_LENGTH;

/// The time between two looks, in nanoseconds.
const LATEST: f64 = 45e6;

/// Values of this length may be in every statement.
const LEAST_LENGTH: usize = MAX_LENGTH / 256;

/// Instructions between two looks, where programs go back.
pub(super) const LOOKS: c_int = 100;
/// The same in programs that could read long values again and again.
const OFTEN: c_int = 4;

/// Nanoseconds for each byte of a value: to take it as a number, which is tried twice.
const NUMBER: f64 = 2.0;
/// To compare it, or to copy it where memory is there already.
const BYTES: f64 = 0.1;
/// To read it, which takes memory the first time.
const LOAD: f64 = 0.04;
/// To compare it in any case, or without the spaces at its end.
const ANY_CASE: f64 = 0.6;
/// To read it as JSON, and to look for something in it.
const JSON: f64 = 1.5;
const PATH: f64 = 0.2;
/// To make one column of a full-text table of it.
const WORDS: f64 = 10.0;

/// To write numbers or dates as it says, where each two bytes may be one.
const FORMAT: f64 = 12.0;
const DATE_FORMAT: f64 = 25.0;
/// A format in the text of a statement that is no longer takes no time.
const SHORT_FORMAT: usize = 100;

/// What a program needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Needs {
    /// The longest value.
    pub length: usize,
    /// Instructions between two looks.
    pub looks: c_int,
    /// It writes into virtual tables, which may keep some of that in memory.
    pub keeps: bool,
    /// It searches in full-text tables.
    pub searches: bool,
}

impl Needs {
    /// Of statements that don't have to be looked at.
    pub const NONE: Needs =
        Needs { length: MAX_LENGTH, looks: LOOKS, keeps: false, searches: false };
}

struct Instruction<'a> {
    name: &'a [u8],
    numbers: [i64; 3],
    more: &'a [u8],
    flags: i64,
}

impl Instruction<'_> {
    /// Nanoseconds for each byte of the longest value.
    fn weight(&self) -> f64 {
        match self.name {
            b"Add" | b"Subtract" | b"Multiply" | b"Divide" | b"Remainder" | b"BitAnd"
            | b"BitOr" | b"ShiftLeft" | b"ShiftRight" => 2.0 * NUMBER,
            // By their affinity.
            b"Eq" | b"Ne" | b"Lt" | b"Le" | b"Gt" | b"Ge" if self.flags & 0x47 >= 0x43 => {
                2.0 * NUMBER
            }
            b"Eq" | b"Ne" | b"Lt" | b"Le" | b"Gt" | b"Ge" => self.comparison(),
            b"Compare" => self.comparison() * self.numbers[2].max(1) as f64,
            b"And" | b"Or" => 2.0 * NUMBER,
            b"If" | b"IfNot" | b"Not" | b"IsTrue" | b"BitNot" | b"Cast" | b"MustBeInt"
            | b"SeekRowid" | b"FkIfZero" => NUMBER,
            b"Affinity" | b"MakeRecord" => {
                let numbers = self.more.iter().filter(|kind| matches!(kind, b'C'..=b'F')).count();
                NUMBER * numbers as f64 + 2.0 * BYTES
            }
            b"TypeCheck" => NUMBER * self.numbers[1].max(0) as f64,
            b"SeekGE" | b"SeekGT" | b"SeekLE" | b"SeekLT" | b"Found" | b"NotFound"
            | b"NoConflict" | b"IdxInsert" | b"IdxDelete" | b"IdxGE" | b"IdxGT" | b"IdxLE"
            | b"IdxLT" => ANY_CASE,
            b"Column" | b"VColumn" | b"Copy" | b"RowData" => LOAD,
            b"Concat" | b"Insert" => BYTES,
            b"VFilter" => JSON,
            b"VUpdate" => WORDS * (self.numbers[1] - 4).max(1) as f64,
            b"Function" | b"PureFunc" | b"AggStep" | b"AggStep1" | b"AggInverse" => self.function(),
            _ => 0.0,
        }
    }

    fn comparison(&self) -> f64 {
        let has = |name: &[u8]| self.more.windows(name.len()).any(|part| part == name);
        if has(b"NOCASE") || has(b"RTRIM") { ANY_CASE } else { BYTES }
    }

    fn function(&self) -> f64 {
        let name = self.more.split(|byte| *byte == b'(').next().unwrap_or_default();
        match name {
            // Ours, which look first.
            b"like" | b"glob" | b"instr" | b"replace" | b"trim" | b"ltrim" | b"rtrim"
            | b"unhex" => 0.0,
            b"changes" | b"count" | b"first_value" | b"lag" | b"last_insert_rowid"
            | b"last_value" | b"lead" | b"nth_value" | b"octet_length" | b"random" | b"rank"
            | b"row_number" | b"total_changes" | b"typeof" => 0.0,
            b"group_concat" | b"string_agg" => BYTES,
            b"length" => 0.8,
            name if name.starts_with(b"json") || name.starts_with(b"->") => {
                // Which of the first 32 arguments are constants.
                match (self.numbers[0] as u32).count_ones() {
                    32 => JSON + PATH * 127.0,
                    paths => JSON + PATH * f64::from(paths),
                }
            }
            _ => 3.0,
        }
    }

    /// Nanoseconds for each byte of its first argument beyond [`Instruction::weight`], if that is a format.
    fn format_weight(&self) -> Option<f64> {
        let is = |name: &[u8]| {
            matches!(self.name, b"Function" | b"PureFunc") && self.more.starts_with(name)
        };
        match is(b"printf(") || is(b"format(") {
            true => Some(FORMAT - 3.0),
            false => is(b"strftime(").then_some(DATE_FORMAT - 3.0),
        }
    }

    /// The first register that it may put a text into, and how many more.
    fn text_target(&self) -> Option<(i64, i64)> {
        let [first, second, third] = self.numbers;
        match self.name {
            b"String8" | b"String" | b"Variable" | b"SCopy" => Some((second, 0)),
            b"Copy" | b"Move" => Some((second, third.clamp(0, 127))),
            b"Concat" | b"Function" | b"PureFunc" | b"Column" | b"VColumn" | b"AggValue" => {
                Some((third, 0))
            }
            b"AggFinal" => Some((first, 0)),
            _ => None,
        }
    }

    /// A function that looks for as many things as it has arguments.
    fn has_paths(&self) -> bool {
        matches!(self.name, b"Function" | b"PureFunc")
            && self.more.starts_with(b"json")
            && self.more.ends_with(b"(-1)")
    }

    /// It gives a virtual table what FTS5 calls a `MATCH`, `LIKE` or `GLOB` in its plans.
    fn is_search(&self) -> bool {
        let is_pattern = |byte: &u8| matches!(byte, b'M' | b'L' | b'G');
        self.name == b"VFilter" && self.more.iter().any(is_pattern)
    }

    /// Where it goes back to, if it is the end of a loop.
    fn loop_start(&self) -> Option<usize> {
        let ends = matches!(self.name, b"Next" | b"Prev" | b"SorterNext" | b"VNext" | b"Goto");
        // The end of each program goes to 1, once.
        usize::try_from(self.numbers[1]).ok().filter(|to| ends && *to > 1)
    }
}

/// The weights of a program's instructions.
#[derive(Default)]
struct Program {
    weights: Vec<f64>,
    /// The first and last instructions of loops.
    loops: Vec<(usize, usize)>,
    /// Where the part that is being read begins: triggers come after the rest.
    start: usize,
    /// Where the first trigger begins.
    triggers: Option<usize>,
    has_paths: bool,
    keeps: bool,
    searches: bool,
    /// Functions, with the registers of their formats and what they weigh more if those are long. Each part has its own
    /// registers, so they go with where it begins.
    formats: Vec<(usize, (usize, i64), f64)>,
    /// Registers that get a short text of the statement itself, and those that may get another.
    short: HashSet<(usize, i64)>,
    others: HashSet<(usize, i64)>,
}

impl Program {
    fn add(&mut self, address: i64, instruction: &Instruction<'_>) {
        let at = self.weights.len();
        if address == 0 && at > 0 {
            self.start = at;
            self.triggers.get_or_insert(at);
        }
        self.weights.push(instruction.weight());
        self.has_paths |= instruction.has_paths();
        self.keeps |= instruction.name == b"VUpdate";
        self.searches |= instruction.is_search();
        let [constants, first, _] = instruction.numbers;
        if let Some(weight) = instruction.format_weight() {
            // The registers of a constant are used for nothing else.
            let format = if constants & 1 == 1 { first } else { -1 };
            self.formats.push((at, (self.start, format), weight));
        }
        if let Some((register, more)) = instruction.text_target() {
            let is_short = instruction.name == b"String8" && instruction.more.len() <= SHORT_FORMAT;
            let registers = if is_short { &mut self.short } else { &mut self.others };
            registers.extend((register..=register + more).map(|register| (self.start, register)));
        }
        let to = instruction.loop_start().map(|to| self.start + to);
        self.loops.extend(to.filter(|to| *to <= at).map(|to| (to, at)));
    }

    fn needs(mut self) -> Needs {
        for (at, format, weight) in &self.formats {
            if !self.short.contains(format) || self.others.contains(format) {
                self.weights[*at] += weight;
            }
        }
        if self.has_paths {
            // Some may only be there to give a JSON function one more argument.
            self.weights.iter_mut().for_each(|weight| *weight += PATH);
        }
        let total: f64 = self.weights.iter().sum();
        let (heaviest, count) = self.in_loops();
        let looks = if heaviest > 5.0 * BYTES { OFTEN } else { LOOKS };
        // A loop has two instructions more at least.
        let again = f64::from(looks) * heaviest * count / (count + 2.0);
        let length = (LATEST / (total + again).max(1.0)) as usize;
        let length = length.clamp(LEAST_LENGTH, MAX_LENGTH);
        Needs { length, looks, keeps: self.keeps, searches: self.searches }
    }

    /// The heaviest instruction that may be in a loop, and how many weigh anything.
    fn in_loops(&self) -> (f64, f64) {
        let mut begins = vec![0; self.weights.len() + 1];
        for (from, to) in &self.loops {
            begins[*from] += 1;
            begins[*to + 1] -= 1;
        }
        let (mut depth, mut heaviest, mut count) = (0, 0.0_f64, 0.0);
        for (at, weight) in self.weights.iter().enumerate() {
            depth += begins[at];
            // Triggers may be called from any loop.
            let in_trigger = self.triggers.is_some_and(|first| at >= first);
            let repeats = depth > 0 || in_trigger && !self.loops.is_empty();
            if repeats && *weight > 0.0 {
                heaviest = heaviest.max(*weight);
                count += 1.0;
            }
        }
        (heaviest, count)
    }
}

impl Database {
    /// What a guest's statement needs that was just compiled.
    pub(super) fn needs(&self, statement: *mut ffi::sqlite3_stmt) -> Result<Needs, c_int> {
        // SAFETY: the statement is alive, or null, for which this is 0.
        if statement.is_null() || unsafe { ffi::sqlite3_stmt_isexplain(statement) } != 0 {
            return Ok(Needs::NONE);
        }
        guarded(&self.guard, || {
            // SAFETY: the statement is alive and isn't running.
            checked(unsafe { ffi::sqlite3_stmt_explain(statement, 1) })?;
            let mut program = Program::default();
            // SAFETY: as above; what runs is a list of its instructions.
            let mut code = unsafe { ffi::sqlite3_step(statement) };
            while code == ffi::SQLITE_ROW {
                // SAFETY: it is at a row with such columns.
                unsafe { read(statement, &mut program) };
                // SAFETY: as above.
                code = unsafe { ffi::sqlite3_step(statement) };
            }
            // SAFETY: as above.
            checked(unsafe { ffi::sqlite3_reset(statement) })?;
            // SAFETY: as above.
            checked(unsafe { ffi::sqlite3_stmt_explain(statement, 0) })?;
            Ok(program.needs())
        })
    }

    /// Has SQLite look at the guard after so many instructions from now on.
    pub(super) fn set_looks(&self, looks: c_int) {
        if self.looks.replace(looks) != looks {
            self.install_progress(looks);
        }
    }
}

fn checked(code: c_int) -> Result<(), c_int> {
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(code) }
}

/// # Safety
/// The statement is at a row of `EXPLAIN`.
unsafe fn read(statement: *mut ffi::sqlite3_stmt, program: &mut Program) {
    // SAFETY: the statement is at a row.
    let number = |column| unsafe { ffi::sqlite3_column_int64(statement, column) };
    let text = |column| {
        // SAFETY: as above.
        let text = unsafe { ffi::sqlite3_column_text(statement, column) };
        match text.is_null() {
            true => &[][..],
            // SAFETY: a text ends with NUL and stays until the next step.
            false => unsafe { CStr::from_ptr(text.cast()) }.to_bytes(),
        }
    };
    let numbers = [number(2), number(3), number(4)];
    let instruction = Instruction { name: text(1), numbers, more: text(5), flags: number(6) };
    program.add(number(0), &instruction);
}
