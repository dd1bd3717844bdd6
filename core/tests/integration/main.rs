//! The public API against real files, real virtual machines and real threads.
//!
//! One binary of many modules: each further binary would link SQLite and Luau again.

mod accounting;
mod alarms;
#[cfg(feature = "quickjs")]
mod app_platform;
mod bad_input;
#[cfg(feature = "quickjs")]
mod beside;
mod bindings;
mod capabilities;
mod chains;
mod circles;
mod data_directory;
mod deployments;
mod engines;
mod event_loops;
mod example_apps;
mod facet_alarms;
mod facets;
mod fairness;
mod floods;
mod format;
mod guest_classes;
mod guides;
mod hibernation;
mod host_attacks;
mod host_exceptions;
mod late_parts;
mod lifecycle;
mod limit_rules;
mod limits;
mod main_job;
mod messages;
mod metrics;
mod model;
#[cfg(feature = "quickjs")]
mod neighbours;
mod output_gate;
mod revokers;
#[cfg(feature = "quickjs")]
mod rpc_stubs;
mod sections;
mod support;
mod tail_events;
mod threads;
mod timers;
mod usage;
mod whole_data;
mod whole_numbers;

#[global_allocator]
static ALLOCATOR: facetbox::Allocator = facetbox::Allocator;
