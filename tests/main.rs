//! Tests of the whole, one binary.

mod vectors_records;
mod templates_golden;
mod vectors_requests;
mod vectors_template;
