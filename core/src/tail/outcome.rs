//! How an event ended.

use crate::error::{Error, ErrorCode};

/// Declares every outcome once, with the text that stands for it in every language.
macro_rules! outcomes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        /// How an event ended. The texts are Cloudflare's where it has the outcome.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Outcome { $($(#[doc = $doc])* $name,)* }

        impl Outcome {
            /// Every outcome, in order of declaration.
            pub const ALL: &'static [Outcome] = &[$(Outcome::$name,)*];

            /// Its text, such as `exceededCpu`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Outcome::$name => $text,)* }
            }
        }
    };
}

outcomes! {
    /// It answered.
    Ok = "ok";
    /// It threw, or something that it called did and it passed that on.
    Exception = "exception";
    /// It used more CPU time than `cpu_ms`.
    ExceededCpu = "exceededCpu";
    /// It took longer than `wall_ms`.
    ExceededWallTime = "exceededWallTime";
    /// Its virtual machine needed more than `memory_bytes`.
    ExceededMemory = "exceededMemory";
    /// Its stack grew too deep.
    ExceededStack = "exceededStack";
    /// Its database would have grown past `storage_bytes`.
    ExceededStorage = "exceededStorage";
    /// It made more than `subrequests` calls to the outside.
    ExceededSubrequests = "exceededSubrequests";
    /// Its arguments or its result were larger than `message_bytes`.
    ExceededMessage = "exceededMessage";
    /// It asked for more than `facets` facets.
    ExceededFacets = "exceededFacets";
    /// It nested facets or calls too deep.
    ExceededDepth = "exceededDepth";
    /// Whoever waited for it gave up, or the runtime closed.
    Canceled = "canceled";
    /// Its actor was aborted, or reset because of another event.
    Aborted = "aborted";
    /// Host code panicked, or Facetbox has a bug.
    InternalError = "internalError";
}

impl Outcome {
    /// What an error means for the event in the actor at `path`, which `is_broken` or not. A limit or an abort that
    /// came from somewhere else is an exception here.
    pub(super) fn of(error: &Error, path: &str, is_broken: bool) -> Outcome {
        if error.path().is_some_and(|origin| origin != path) {
            return Outcome::Exception;
        }
        match error.code() {
            ErrorCode::LimitCpu => Outcome::ExceededCpu,
            ErrorCode::LimitWall => Outcome::ExceededWallTime,
            ErrorCode::LimitMemory => Outcome::ExceededMemory,
            ErrorCode::LimitStack => Outcome::ExceededStack,
            ErrorCode::LimitStorage => Outcome::ExceededStorage,
            ErrorCode::LimitSubrequests => Outcome::ExceededSubrequests,
            ErrorCode::LimitMessage => Outcome::ExceededMessage,
            ErrorCode::LimitFacets => Outcome::ExceededFacets,
            ErrorCode::LimitDepth => Outcome::ExceededDepth,
            ErrorCode::Closed => Outcome::Canceled,
            ErrorCode::Aborted if !is_broken => Outcome::Exception,
            ErrorCode::Aborted | ErrorCode::Reset => Outcome::Aborted,
            ErrorCode::Panic => Outcome::InternalError,
            _ => Outcome::Exception,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_hit_elsewhere_is_an_exception_here() {
        let error = Error::new(ErrorCode::LimitCpu, "too long").with_path("ns/one/app");
        assert_eq!(Outcome::of(&error, "ns/one/app", false), Outcome::ExceededCpu);
        assert_eq!(Outcome::of(&error, "ns/one", false), Outcome::Exception);
    }

    #[test]
    fn every_limit_has_an_outcome_of_its_own() {
        let limits = ErrorCode::ALL.iter().filter(|code| code.name().starts_with("LIMIT_"));
        let outcomes: Vec<_> =
            limits.map(|code| Outcome::of(&Error::new(*code, ""), "path", false)).collect();
        for (at, outcome) in outcomes.iter().enumerate() {
            assert!(outcome.as_str().starts_with("exceeded"), "{outcome}");
            assert!(!outcomes[..at].contains(outcome), "{outcome} stands for two limits");
        }
    }
}
