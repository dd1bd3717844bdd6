//! Prints how long a quiet object's or facet's calls take beside 0, 1, 4, 16 and 300 others that burn their CPU budget.

use facetbox_tests::fairness::{Callers, Kin, measure};

const CALLS: usize = 500;

fn main() -> facetbox::Result<()> {
    println!(
        "{CALLS} calls each, microseconds; what burns uses its whole second of CPU time again and again"
    );
    println!(
        "{:<10}{:<10}{:>8}{:>10}{:>10}{:>8}",
        "", "callers", "burning", "median", "p99", "ratio"
    );
    for kin in [Kin::Objects, Kin::Siblings] {
        for callers in [Callers::Threads, Callers::Runtime] {
            let mut alone = None;
            for burners in [0, 1, 4, 16, 300] {
                let figures = measure(kin, callers, burners, CALLS)?;
                let p99 = figures.p99.as_secs_f64() * 1e6;
                let ratio = p99 / *alone.get_or_insert(p99);
                let median = figures.median.as_secs_f64() * 1e6;
                let of = format!("{kin:?}");
                let by = format!("{callers:?}");
                println!("{of:<10}{by:<10}{burners:>8}{median:>10.0}{p99:>10.0}{ratio:>8.1}");
            }
        }
    }
    Ok(())
}
