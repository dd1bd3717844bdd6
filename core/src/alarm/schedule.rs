//! When a failed alarm is tried again: a pure decision.

/// Failures of the handler that are tried again before the alarm is given up.
const MAX_RETRIES: u32 = 6;
/// The delay before the first retry; each later one doubles it.
const FIRST_DELAY_MS: i64 = 2_000;
/// The delay stops doubling here, at 1,024 seconds.
const MAX_EXPONENT: u32 = 9;

/// How often an alarm has failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    /// Failures of the handler itself: what `retryCount` tells it.
    pub counted: u32,
    /// Doublings of the delay.
    pub exponent: u32,
}

/// What happens after a run that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    RetryAt(i64, Failures),
    GiveUp,
}

/// Decides after a failure at `now_ms`. `counted` says whether the handler is to blame, rather than our
/// storage; `jitter` is in 0..1 and spreads retries over a quarter of the delay.
pub(crate) fn after_failure(failures: Failures, counted: bool, now_ms: i64, jitter: f64) -> Next {
    if counted && failures.counted >= MAX_RETRIES {
        return Next::GiveUp;
    }
    // The first failure that counts starts the series anew, whatever storage did before.
    let exponent = if counted && failures.counted == 0 { 0 } else { failures.exponent };
    let delay = FIRST_DELAY_MS << exponent;
    let delay = delay + (delay as f64 * 0.25 * jitter.clamp(0.0, 1.0)) as i64;
    let failures = Failures {
        counted: failures.counted + u32::from(counted),
        exponent: (exponent + 1).min(MAX_EXPONENT),
    };
    Next::RetryAt(now_ms + delay, failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(counted: &[bool]) -> Vec<Option<i64>> {
        let mut failures = Failures::default();
        let step = |counted: &bool| match after_failure(failures, *counted, 0, 0.0) {
            Next::RetryAt(at, next) => {
                failures = next;
                Some(at / 1000)
            }
            Next::GiveUp => None,
        };
        counted.iter().map(step).collect()
    }

    #[test]
    fn six_retries_double_their_delay_and_the_seventh_failure_gives_up() {
        let expected = [2, 4, 8, 16, 32, 64].map(Some);
        assert_eq!(run(&[true; 7]), [&expected[..], &[None]].concat());
    }

    #[test]
    fn failures_of_storage_are_tried_again_for_ever_and_do_not_count() {
        let delays = run(&[false; 12]);
        assert_eq!(delays[0], Some(2));
        assert_eq!(delays[11], Some(1024));
        assert_eq!(run(&[false, false, false, true, true]), [2, 4, 8, 2, 4].map(Some));
    }

    #[test]
    fn a_failure_of_storage_after_six_that_counted_does_not_give_up() {
        let failures = Failures { counted: 6, exponent: 6 };
        assert!(matches!(after_failure(failures, false, 0, 0.0), Next::RetryAt(..)));
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        let Next::RetryAt(at, _) = after_failure(Failures::default(), true, 1_000, 1.0) else {
            panic!("a first failure is tried again");
        };
        assert_eq!(at, 3_500);
    }
}
