//! What Python does with its own values: text, equality, order, operators, methods, literals.

pub(crate) mod compare;
pub(crate) mod containers;
pub(crate) mod format;
mod layout;
pub(crate) mod literal;
pub(crate) mod number;
pub(crate) mod operators;
pub(crate) mod repr;
pub(crate) mod text;
