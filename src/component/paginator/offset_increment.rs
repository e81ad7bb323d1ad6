//! `OffsetIncrement`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::page_increment::{ends, not_a_number};
use super::page_size::{check_reduction, page_size};
use super::{PageInfo, PaginationStrategy};
use crate::component::ComponentError;
use crate::template::{Config, Template, json, scope};

/// Begins each page at the number of records read so far.
///
/// Pages end with one that has fewer records than `page_size`, or none; records that a filter drops
/// still count. As airbyte-cdk 7.39.1, `offset_increment.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OffsetIncrement {
    /// Records in each page, such as `100`, `{{ config['page_size'] }}` or
    /// `{{ response['limit'] }}`. Unset, only an empty page ends the pages.
    page_size: Option<Template<scope::Page>>,
    /// Sends the offset 0 with the first request. Default: false.
    #[serde(default)]
    inject_on_first_request: bool,
}

impl PaginationStrategy for OffsetIncrement {
    fn initial_token(&self) -> Option<Value> {
        self.inject_on_first_request.then(|| 0.into())
    }

    fn next_token(
        &self,
        page: &PageInfo<'_>,
        last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError> {
        let nothing = json(&Value::Object(Map::new()));
        let scope = scope::Page::new(page.config.clone(), page.body.clone(), nothing);
        let size = match page.page_size {
            Some(size) => Some(size),
            None => page_size(self.page_size.as_ref(), &scope)?,
        };
        if ends(page.read, size) {
            return Ok(None);
        }
        let last = match last_token {
            None | Some(Value::Null) => 0,
            Some(token) => token.as_i64().ok_or_else(|| not_a_number(token))?,
        };
        let read = i64::try_from(page.read).unwrap_or(i64::MAX);
        Ok(Some(last.saturating_add(read).into()))
    }

    fn page_size(&self, config: &Config) -> Result<Option<i64>, ComponentError> {
        let Some(template) = &self.page_size else {
            return Ok(None);
        };
        if template.reads("response") {
            return Err(ComponentError::config(
                "a `page_size` that reads the response cannot be sent with a request",
            )
            .or_at(template.at()));
        }
        let nothing = json(&Value::Null);
        let scope = scope::Page::new(config.clone(), nothing.clone(), nothing);
        page_size(Some(template), &scope)
    }

    fn check_reduction(&self, least: i64) -> Result<(), ComponentError> {
        check_reduction(self.page_size.as_ref(), least)
    }

    fn needs_records(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::on_page;
    use super::*;
    use crate::component::testing::from_yaml;

    #[test]
    fn offsets_grow_by_what_was_read() {
        let strategy: OffsetIncrement = from_yaml("page_size: 2");
        let next = |read, last: Option<Value>| {
            on_page(("A", "b"), &json!({}), read, |page| {
                strategy.next_token(page, last.as_ref())
            })
        };
        assert_eq!(strategy.initial_token(), None);
        assert_eq!(next(2, None), Ok(Some(json!(2))));
        assert_eq!(next(2, Some(json!(2))), Ok(Some(json!(4))));
        assert_eq!(next(1, Some(json!(4))), Ok(None));
        assert!(next(2, Some(json!("x"))).is_err());
    }

    #[test]
    fn the_response_may_name_the_size() {
        let strategy: OffsetIncrement = from_yaml("page_size: \"{{ response['limit'] }}\"");
        let next = |limit| {
            on_page(("A", "b"), &json!({"limit": limit}), 3, |page| {
                strategy.next_token(page, None)
            })
        };
        assert_eq!(next(3), Ok(Some(json!(3))));
        assert_eq!(next(4), Ok(None));
    }
}
