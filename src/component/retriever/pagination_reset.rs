//! `PaginationReset`.

use schemars::JsonSchema;
use serde::Deserialize;

/// Starts the pages again from the first.
///
/// What is read the same again may start again once, and comes twice; what is left of a window must be
/// less each time. As airbyte-cdk 7.39.1, `pagination_tracker.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PaginationReset {
    /// What is read after the start.
    action: ResetAction,
    /// What starts the pages again, beside the action `RESET_PAGINATION`.
    #[serde(default)]
    limits: Option<Limits>,
}

/// What is read when the pages start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ResetAction {
    /// The rest of the cursor's window, from the last record on. The API must give records in
    /// ascending order. Without a cursor: the same again.
    SplitUsingCursor,
    /// The same again.
    Reset,
}

/// Limits of an API that cannot page on for ever.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum Limits {
    /// A number of records.
    PaginationResetLimits(PaginationResetLimits),
}

/// A number of records after which the pages start again.
#[derive(Debug, Deserialize, JsonSchema)]
struct PaginationResetLimits {
    /// Records.
    #[serde(default)]
    number_of_records: Option<u64>,
}

impl PaginationReset {
    /// Whether only what is left of the cursor's window is read after the start.
    #[must_use]
    pub fn splits(&self) -> bool {
        self.action == ResetAction::SplitUsingCursor
    }

    /// Records after which the pages start again.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        let Limits::PaginationResetLimits(limits) = self.limits.as_ref()?;
        limits.number_of_records
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn a_limit_is_a_number_of_records() {
        let reset: PaginationReset = from_yaml(
            "{action: SPLIT_USING_CURSOR, limits: {type: PaginationResetLimits, number_of_records: 5}}",
        );
        assert!(reset.splits());
        assert_eq!(reset.limit(), Some(5));
        let reset: PaginationReset = from_yaml("{action: RESET}");
        assert_eq!(reset.limit(), None);
    }
}
