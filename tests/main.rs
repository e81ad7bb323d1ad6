//! Tests of the whole, one binary.

mod templates_golden;
mod vectors_records;
mod vectors_requests;
mod vectors_template;
