//! `PageIncrement`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::page_size::page_size;
use super::{PageInfo, PaginationStrategy, unreducible};
use crate::component::ComponentError;
use crate::template::{Config, Template, scope};

/// Numbers the pages.
///
/// Pages end with one that has fewer records than `page_size`, or none; records that a filter drops
/// still count. As airbyte-cdk 7.39.1, `page_increment.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct PageIncrement {
    /// Records in each page, such as `100` or `{{ config['page_size'] }}`. Unset, only an empty
    /// page ends the pages.
    page_size: Option<Template<scope::ConfigOnly>>,
    /// Number of the first page. Default: 0.
    #[serde(default)]
    start_from_page: i64,
    /// Sends the number of the first page too. Default: false.
    #[serde(default)]
    inject_on_first_request: bool,
}

impl PaginationStrategy for PageIncrement {
    fn initial_token(&self) -> Option<Value> {
        self.inject_on_first_request
            .then(|| self.start_from_page.into())
    }

    fn next_token(
        &self,
        page: &PageInfo<'_>,
        last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError> {
        if ends(page.read, self.page_size(page.config)?) {
            return Ok(None);
        }
        let last = match last_token {
            None | Some(Value::Null) => self.start_from_page,
            Some(token) => token.as_i64().ok_or_else(|| not_a_number(token))?,
        };
        Ok(Some(last.saturating_add(1).into()))
    }

    fn page_size(&self, config: &Config) -> Result<Option<i64>, ComponentError> {
        let scope = scope::ConfigOnly::new(config.clone());
        page_size(self.page_size.as_ref(), &scope)
    }

    fn check_reduction(&self, _least: i64) -> Result<(), ComponentError> {
        // Pages are counted in pages: a smaller one would move all that follow.
        Err(unreducible("needs `OffsetIncrement` or `CursorPagination`"))
    }

    fn needs_records(&self) -> bool {
        true
    }
}

/// Whether a page of `read` records is the last one.
pub(super) fn ends(read: u64, page_size: Option<i64>) -> bool {
    read == 0
        || page_size.is_some_and(|size| size != 0 && i64::try_from(read).is_ok_and(|n| n < size))
}

pub(super) fn not_a_number(token: &Value) -> ComponentError {
    ComponentError::system(format!(
        "expected a whole number as the last page token, found `{token}`"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::on_page;
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn pages_are_counted_until_a_short_one() {
        let strategy: PageIncrement = from_yaml("{page_size: 2, start_from_page: 1}");
        let next = |read, last: Option<Value>| {
            on_page(("A", "b"), &json!({}), read, |page| {
                strategy.next_token(page, last.as_ref())
            })
        };
        assert_eq!(strategy.initial_token(), None);
        assert_eq!(next(2, None), Ok(Some(json!(2))));
        assert_eq!(next(3, Some(json!(2))), Ok(Some(json!(3))));
        assert_eq!(next(1, Some(json!(2))), Ok(None));
        assert!(next(2, Some(json!("two"))).is_err());
    }

    #[test]
    fn without_a_size_an_empty_page_ends() {
        let strategy: PageIncrement = from_yaml("inject_on_first_request: true");
        assert_eq!(strategy.initial_token(), Some(json!(0)));
        let next = |read| {
            on_page(("A", "b"), &json!({}), read, |page| {
                strategy.next_token(page, Some(&json!(0)))
            })
        };
        assert_eq!(next(1), Ok(Some(json!(1))));
        assert_eq!(next(0), Ok(None));
    }
}
