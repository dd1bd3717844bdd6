//! What is said between the driver and the programs that it measures.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::guests::Guest;

/// What is done over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Loop {
    /// A supervisor calls a method of its facet.
    Call,
    /// A supervisor sends its facet a request.
    Fetch,
    /// The program calls a supervisor, which calls its facet.
    Through,
    /// An object is made, whose facet writes for the first time.
    New,
    /// A facet that sleeps is called.
    Wake,
    /// A facet is stopped, and started with code that is new.
    Swap,
    /// The loop `Call`, in many objects beside each other; the count is that of all calls.
    Parallel,
}

/// One measurement.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// What is done.
    #[serde(rename = "loop")]
    pub kind: Loop,
    /// The method that is called, for the loops that say so.
    pub method: String,
    /// Its arguments.
    pub args: Vec<Json>,
    /// How often.
    pub count: usize,
    /// The language of the facet.
    pub guest: Guest,
    /// `full`, `relaxed` or `none`.
    pub durability: String,
    /// Whether each new app's code is different.
    pub unique: bool,
    /// How many objects the loop `Parallel` calls.
    pub objects: usize,
}

impl Job {
    /// The loop `Call` in a runtime of durability `full`.
    pub fn call(guest: Guest, method: &str, args: Vec<Json>) -> Job {
        Job {
            kind: Loop::Call,
            method: method.into(),
            args,
            count: 1,
            guest,
            durability: "full".into(),
            unique: false,
            objects: 1,
        }
    }

    /// What has to be done before anything else: tables, rows and a key.
    pub fn preparations() -> Vec<Job> {
        let prepare = |guest| Job::call(guest, "prepare", vec![]);
        Guest::ALL.map(prepare).into()
    }
}

/// An argument of 1 KiB: what a call of an app carries.
pub fn map_of_1_kib() -> Json {
    let entry = |number: usize| (format!("field {number:02}"), Json::from("x".repeat(48)));
    (0..18).map(entry).chain([("number".to_owned(), 42.into())]).collect()
}

/// How long a job took, or why it wasn't done.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The time of the whole loop.
    Seconds(f64),
    /// What went wrong.
    Error(String),
}

/// Answers the jobs of the standard input until it ends.
///
/// # Errors
/// Fails if what it reads is no job, or nobody reads its answers.
pub fn serve<E: std::fmt::Display>(
    mut measure: impl FnMut(&Job) -> Result<Duration, E>,
) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let answer = match measure(&serde_json::from_str(&line?)?) {
            Ok(time) => Answer::Seconds(time.as_secs_f64()),
            Err(error) => Answer::Error(error.to_string()),
        };
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
        out.flush()?;
    }
    Ok(())
}
