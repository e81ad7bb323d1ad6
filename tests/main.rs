//! Tests of the whole, one binary.

mod vectors_template;
