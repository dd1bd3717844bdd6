//! Budgets of instructions: what is committed, and whether counts keep to it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Instructions of one operation by its name.
pub type Counts = BTreeMap<String, u64>;

/// What is committed.
#[derive(Deserialize, Serialize)]
pub struct Budgets {
    /// By how much a count may be above its budget: what another version of a compiler may change.
    pub tolerance: f64,
    /// The budgets by architecture.
    #[serde(flatten)]
    pub of: BTreeMap<String, Counts>,
}

impl Budgets {
    /// Reads them.
    ///
    /// # Errors
    /// Fails if the file isn't there or holds something else.
    pub fn read(path: &Path) -> Result<Budgets, Box<dyn Error>> {
        Ok(toml::from_str(&std::fs::read_to_string(path)?)?)
    }

    /// Writes them.
    ///
    /// # Errors
    /// Fails if the file can't be written.
    pub fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        Ok(std::fs::write(path, toml::to_string(self)?)?)
    }
}

/// How counts compare with their budgets.
pub struct Comparison {
    /// A line for each operation.
    pub table: String,
    /// Operations that are above their budgets by more than the tolerance.
    pub above: Vec<String>,
}

/// Compares counts with the budgets of their operations.
///
/// # Errors
/// Fails if the two name different operations.
pub fn compare_counts(
    budgets: &Counts,
    counts: &Counts,
    tolerance: f64,
) -> Result<Comparison, String> {
    if !counts.keys().eq(budgets.keys()) {
        return Err("the budgets are those of other operations: make guard UPDATE=1".into());
    }
    let mut table = format!("{:<34}{:>14}{:>14}   instructions\n", "", "counted", "budget");
    let mut above = Vec::new();
    for (name, &counted) in counts {
        let budget = budgets[name];
        let more = counted as f64 / budget as f64 - 1.0;
        let verdict = if more > tolerance {
            above.push(name.clone());
            "   TOO MUCH"
        } else if more < -tolerance {
            "   less; make guard UPDATE=1 keeps it so"
        } else {
            ""
        };
        let percent = more * 100.0;
        let _ = writeln!(table, "{name:<34}{counted:>14}{budget:>14}   {percent:+.1} %{verdict}");
    }
    Ok(Comparison { table, above })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, u64)]) -> Counts {
        of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn a_count_above_its_budget_is_too_much() {
        let budgets = counts(&[("call", 1000), ("read", 1000)]);
        let within = compare_counts(&budgets, &counts(&[("call", 1099), ("read", 500)]), 0.1);
        assert!(within.as_ref().is_ok_and(|comparison| comparison.above.is_empty()));
        assert!(within.is_ok_and(|comparison| comparison.table.contains("less")));

        let above = compare_counts(&budgets, &counts(&[("call", 1101), ("read", 500)]), 0.1);
        assert!(above.as_ref().is_ok_and(|comparison| comparison.above == ["call"]));
        assert!(above.is_ok_and(|comparison| comparison.table.contains("TOO MUCH")));
    }

    #[test]
    fn an_operation_without_a_budget_is_refused() {
        let budgets = counts(&[("call", 1000)]);
        assert!(compare_counts(&budgets, &counts(&[("read", 1)]), 0.1).is_err());
        assert!(compare_counts(&budgets, &counts(&[("call", 1), ("read", 1)]), 0.1).is_err());
    }
}
