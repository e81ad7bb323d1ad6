//! JSON text that is checked once, and parsed only where somebody looks.
//!
//! In: the bytes of a response. Out: [`Text`], the bounds of a value in them. One pass checks the
//! whole body and notes where the values of its first levels lie, so that the records of a page
//! are found at no further cost. It must not know what the values mean.

mod error;
mod scan;
mod skip;
mod text;
mod value;

pub use error::JsonError;
pub use text::{Fields, Items, Kind, Text};

pub(super) use text::{Index, Member};
