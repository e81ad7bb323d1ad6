//! tests

mod vectors_records;
