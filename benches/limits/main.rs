//! How near to a host's rate limit reads go, and how often they run into it: `cargo bench --bench
//! limits`. Nothing is timed: the clock is virtual.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod model;

use lowcode::clock::monotonic;
use model::{Case, Counts, Tells, run};

fn main() {
    println!(
        "{:<13} {:<11} {:>7} {:>9} {:>6} {:>7}",
        "host counts", "and tells", "workers", "a minute", "used", "429"
    );
    for limits in [
        vec![(150, 60)],
        vec![(1_500, 60)],
        vec![(150, 60), (1_500, 60)],
    ] {
        for tells in [Tells::Nothing, Tells::RetryAfter, Tells::Remaining] {
            for counts in [Counts::FixedWindow, Counts::MovingWindow] {
                for workers in [8, 25] {
                    let limits = limits.clone();
                    let case = Case {
                        counts,
                        tells,
                        workers,
                        limits,
                    };
                    print(&case);
                }
            }
        }
    }
}

fn print(case: &Case) {
    for (number, phase) in run(case, monotonic()).iter().enumerate() {
        let limit = case.limits[number].0;
        let then = if number > 0 { "then " } else { "" };
        println!(
            "{:<13} {:<11} {:>7} {:>9} {:>5.1}% {:>6.2}%",
            format!("{:?}", case.counts),
            format!("{:?}", case.tells),
            case.workers,
            format!("{then}{limit}"),
            100.0 * phase.used(),
            100.0 * phase.refusals(),
        );
    }
}
