//! The cases that wait for something that isn't built yet.

use std::collections::BTreeMap;

/// Names of cases with the reason why each may fail: lines `name: reason`, `#` begins a comment.
#[derive(Clone, Debug, Default)]
pub struct Pending(BTreeMap<String, String>);

impl Pending {
    /// Reads the lines of a file.
    ///
    /// # Errors
    /// A line without a reason, or a name that comes twice.
    pub fn parse(text: &str) -> Result<Pending, String> {
        let mut reasons = BTreeMap::new();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (name, reason) = line.split_once(':').unwrap_or((line, ""));
            if reason.trim().is_empty() {
                return Err(format!("{line:?} gives no reason"));
            }
            if reasons.insert(name.trim().to_owned(), reason.trim().to_owned()).is_some() {
                return Err(format!("{name:?} comes twice"));
            }
        }
        Ok(Pending(reasons))
    }

    /// Why the case may fail, if it may.
    pub fn reason(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_needs_a_reason_and_comes_once() {
        let pending = Pending::parse("# why\n\nkv-a: waits for b: c\n").unwrap();
        assert_eq!(pending.reason("kv-a"), Some("waits for b: c"));
        assert_eq!(pending.names().collect::<Vec<_>>(), ["kv-a"]);
        assert!(Pending::parse("kv-a:").is_err());
        assert!(Pending::parse("kv-a").is_err());
        assert!(Pending::parse("a: x\na: y").is_err());
    }
}
