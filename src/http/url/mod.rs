//! URLs as Python writes them, since manifests are written for it.
//!
//! In: texts and parameters. Out: the URL, query or form that `urllib.parse` (3.11) and `requests`
//! (2.32) would make of them, byte by byte. Knows nothing of requests.

mod join;
mod params;
mod prepare;
mod quote;

pub use join::{Parts, urljoin};
pub use params::{dedupe, encode, flatten, parse_query};
pub use prepare::{UrlError, prepare};
pub use quote::{quote, quote_plus, requote, unquote, unquote_plus};
