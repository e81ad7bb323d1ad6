//! How near to a host's rate limit requests go, and how often they run into it, in virtual time.

#[path = "../benches/limits/model.rs"]
mod model;

use lowcode::clock::monotonic;
use model::{Case, Counts, Phase, Tells, run};

/// Runs all kinds of hosts with these limits, and holds each run as a whole against what is asked for.
fn hold(limits: &[(u64, u64)]) {
    for tells in [Tells::Nothing, Tells::RetryAfter, Tells::Remaining] {
        for counts in [Counts::FixedWindow, Counts::MovingWindow] {
            for workers in [8, 25] {
                let case = Case {
                    counts,
                    tells,
                    workers,
                    limits: limits.to_vec(),
                };
                let mut whole = Phase::default();
                for phase in run(&case, monotonic()) {
                    whole.allowed += phase.allowed;
                    whole.served += phase.served;
                    whole.refused += phase.refused;
                }
                assert!(whole.used() >= 0.90, "{} of {case:?}", whole.used());
                assert!(whole.refusals() < 0.01, "{} of {case:?}", whole.refusals());
            }
        }
    }
}

#[test]
fn nine_tenths_of_150_a_minute_are_used() {
    hold(&[(150, 60)]);
}

#[test]
fn nine_tenths_of_1500_a_minute_are_used() {
    hold(&[(1_500, 30)]);
}

#[test]
fn nine_tenths_are_used_when_150_become_1500() {
    hold(&[(150, 30), (1_500, 60)]);
}

#[test]
fn a_limit_that_falls_is_found_again() {
    hold(&[(1_500, 30), (150, 60)]);
}
