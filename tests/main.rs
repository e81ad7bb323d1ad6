//! All tests from outside, in one binary.

mod cli;
mod layers;
mod readme;
mod support;
