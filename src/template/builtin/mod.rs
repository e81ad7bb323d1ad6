//! Functions, filters and tests: those of jinja2 and those that the reference adds.

mod digest;
mod encode;
mod globals;
mod number;
mod regex;
mod select;
mod sequence;
mod tests;
mod text;
mod tojson;

pub(crate) use globals::uuid4;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use super::error::Eval;
use super::eval::{Args, Machine};
use super::value::TValue;

/// A function of the environment.
pub struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) call: fn(&mut Machine<'_>, Args) -> Eval<TValue>,
}

/// A filter.
pub(crate) struct Filter {
    pub(crate) name: &'static str,
    pub(crate) call: fn(&mut Machine<'_>, TValue, Args) -> Eval<TValue>,
}

/// A test.
pub(crate) struct Test {
    pub(crate) name: &'static str,
    pub(crate) call: fn(&TValue, Args) -> Eval<bool>,
}

macro_rules! debug_by_name {
    ($($kind:ty),*) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name)
            }
        }
    )*};
}
debug_by_name!(Builtin, Filter, Test);

static GLOBALS: LazyLock<HashMap<&'static str, &'static Builtin>> =
    LazyLock::new(|| globals::ALL.iter().map(|f| (f.name, f)).collect());

static FILTERS: LazyLock<HashMap<&'static str, &'static Filter>> = LazyLock::new(|| {
    [
        text::FILTERS,
        number::FILTERS,
        sequence::FILTERS,
        select::FILTERS,
        encode::FILTERS,
        digest::FILTERS,
        regex::FILTERS,
        tojson::FILTERS,
    ]
    .into_iter()
    .flatten()
    .map(|f| (f.name, f))
    .collect()
});

static TESTS: LazyLock<HashMap<&'static str, &'static Test>> =
    LazyLock::new(|| tests::ALL.iter().map(|t| (t.name, t)).collect());

/// The function of that name.
pub(crate) fn global(name: &str) -> Option<&'static Builtin> {
    GLOBALS.get(name).copied()
}

/// Whether a name needs no value from outside.
pub(crate) fn is_global(name: &str) -> bool {
    GLOBALS.contains_key(name)
}

/// The filter of that name.
pub(crate) fn find_filter(name: &str) -> Option<&'static Filter> {
    FILTERS.get(name).copied()
}

/// The test of that name.
pub(crate) fn find_test(name: &str) -> Option<&'static Test> {
    TESTS.get(name).copied()
}

/// The names of all functions.
pub(crate) fn global_names() -> impl Iterator<Item = &'static str> {
    GLOBALS.keys().copied()
}

/// The names of all filters.
pub(crate) fn filter_names() -> impl Iterator<Item = &'static str> {
    FILTERS.keys().copied()
}

/// The names of all tests.
pub(crate) fn test_names() -> impl Iterator<Item = &'static str> {
    TESTS.keys().copied()
}
