//! What is told about data on disk.

use napi_derive::napi;

/// What an object or a facet takes and has used, everything below it included.
#[napi(object, object_from_js = false)]
pub struct Usage {
    /// Bytes of its databases and their logs.
    pub storage_bytes: f64,
    /// Facets at all levels below it.
    pub facets: f64,
    /// Events that have ended.
    pub events: f64,
    /// CPU time of guests in milliseconds.
    pub cpu_ms: f64,
    /// Rows that were read.
    pub rows_read: f64,
    /// Rows that were written.
    pub rows_written: f64,
    /// Bytes of the arguments and requests of events.
    pub bytes_in: f64,
    /// Bytes of their results and responses.
    pub bytes_out: f64,
    /// Calls that guests have made of what isn't theirs.
    pub subrequests: f64,
}

impl From<facetbox::Usage> for Usage {
    fn from(usage: facetbox::Usage) -> Usage {
        Usage {
            storage_bytes: usage.storage_bytes as f64,
            facets: usage.facets as f64,
            events: usage.events as f64,
            cpu_ms: usage.cpu_ms as f64,
            rows_read: usage.rows_read as f64,
            rows_written: usage.rows_written as f64,
            bytes_in: usage.bytes_in as f64,
            bytes_out: usage.bytes_out as f64,
            subrequests: usage.subrequests as f64,
        }
    }
}

/// What a check of everything on disk has found.
#[napi(object, object_from_js = false)]
pub struct Report {
    /// Objects that have data.
    pub objects: f64,
    /// Databases of objects and facets.
    pub databases: f64,
    /// Directories that a crash has left and that are removed later.
    pub leftovers: f64,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Something that is wrong with a file or directory.
#[napi(object, object_from_js = false)]
pub struct Problem {
    /// The file or directory.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl From<facetbox::Report> for Report {
    fn from(report: facetbox::Report) -> Report {
        let problem = |problem: facetbox::Problem| Problem {
            path: problem.path.to_string_lossy().into_owned(),
            message: problem.message,
        };
        Report {
            objects: report.objects as f64,
            databases: report.databases as f64,
            leftovers: report.leftovers as f64,
            problems: report.problems.into_iter().map(problem).collect(),
        }
    }
}
