//! How long the inner steps take: `cargo bench`, or `cargo bench -- raw` for some of them.
//!
//! Figures are for a page of 100 records; the throughput beside them counts the page's bytes.

mod asana;
mod message;
mod output;
mod steps;

fn main() {
    divan::main();
}
