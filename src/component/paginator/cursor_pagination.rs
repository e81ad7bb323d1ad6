//! `CursorPagination`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::link::PageHeaders;
use super::page_size::{check_reduction, page_size};
use super::{PageInfo, PaginationStrategy, unreducible};
use crate::component::ComponentError;
use crate::template::{Condition, Config, Gap, Number, Template, json, lazy, scope, slice};

/// Finds the token of the next page in the last response, with a template.
///
/// Pages end when `stop_condition` is true, or when the token is empty, null, 0 or false. In
/// `headers`, `link` is the parsed `Link` header: `{{ headers['link']['next']['url'] }}`. As
/// airbyte-cdk 7.39.1, `cursor_pagination_strategy.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CursorPagination {
    /// Token that asks for the next page, such as `{{ response['next_page']['offset'] }}`.
    cursor_value: Template<scope::Page>,
    /// Records in each page, such as `100` or `{{ config['page_size'] }}`. Unset, the API's own
    /// default.
    page_size: Option<Template<scope::ConfigOnly>>,
    /// Ends the pages when true, such as `{{ last_page_size < page_size }}`. Evaluated before
    /// `cursor_value`.
    stop_condition: Option<Condition<scope::Page>>,
}

impl CursorPagination {
    fn reads(&self, name: &str) -> bool {
        let stop = self.stop_condition.as_ref();
        self.cursor_value.reads(name) || stop.is_some_and(|stop| stop.reads(name))
    }

    fn scope(&self, page: &PageInfo<'_>) -> Result<scope::Page, ComponentError> {
        let headers = if self.reads("headers") {
            lazy(Arc::new(PageHeaders::of(&page.response.headers)))
        } else {
            json(&Value::Null)
        };
        let mut scope = scope::Page::new(page.config.clone(), page.body.clone(), headers);
        if self.reads("last_record") {
            scope.last_record = page.last_record.map(|record| json(&record.to_value()));
        }
        scope.last_page_size = Some(page.last_page_size);
        if self.reads("page_size") {
            let size = match page.page_size {
                Some(size) => Some(size),
                None => self.page_size(page.config)?,
            };
            let size = size.ok_or_else(|| {
                ComponentError::config(
                    "a template reads `page_size`, but the strategy has no `page_size`",
                )
                .or_at(self.cursor_value.at())
            })?;
            scope.page_size = Some(size);
        }
        scope.stream_slice = Some(slice(page.slice));
        Ok(scope)
    }
}

impl PaginationStrategy for CursorPagination {
    fn initial_token(&self) -> Option<Value> {
        None
    }

    fn next_token(
        &self,
        page: &PageInfo<'_>,
        _last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError> {
        let scope = self.scope(page)?;
        if let Some(stop) = &self.stop_condition
            && stop.eval(&scope)?
        {
            return Ok(None);
        }
        let token = self.cursor_value.eval(&scope)?;
        Ok(token.truth().then(|| token.into_json()))
    }

    fn gap(&self, page: &PageInfo<'_>, with_keys: bool) -> Option<Gap> {
        let scope = self.scope(page).ok()?;
        let stop = self.stop_condition.as_ref();
        if stop.is_some_and(|stop| stop.eval(&scope).unwrap_or(true)) {
            return None;
        }
        self.cursor_value.gap(&scope, with_keys)
    }

    fn page_size(&self, config: &Config) -> Result<Option<i64>, ComponentError> {
        let scope = scope::ConfigOnly::new(config.clone());
        page_size(self.page_size.as_ref(), &scope)
    }

    fn check_reduction(&self, least: i64) -> Result<(), ComponentError> {
        check_reduction(self.page_size.as_ref(), least)?;
        let number = Number {
            name: "last_page_size",
            most: "page_size",
            least,
        };
        let stop = self.stop_condition.as_ref();
        match stop.filter(|stop| stop.holds_below(number)) {
            Some(stop) => Err(unreducible(
                "does not go with this `stop_condition`: it takes a page that was made smaller for the last one. Compare `last_page_size` with `page_size`, which is what was asked for, as in `{{ last_page_size < page_size }}`, or with 0",
            )
            .or_at(stop.at())),
            None => Ok(()),
        }
    }

    fn needs_records(&self) -> bool {
        self.reads("last_record") || self.reads("last_page_size")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::on_page;
    use super::*;
    use crate::component::testing::from_yaml;

    fn next(
        yaml: &str,
        header: (&str, &str),
        body: Value,
    ) -> Result<Option<Value>, ComponentError> {
        let strategy: CursorPagination = from_yaml(yaml);
        on_page(header, &body, 2, |page| strategy.next_token(page, None))
    }

    #[test]
    fn the_response_names_the_next_page() {
        let yaml = "cursor_value: \"{{ response['next'] }}\"";
        assert_eq!(
            next(yaml, ("A", "b"), json!({"next": "abc"})),
            Ok(Some(json!("abc")))
        );
        assert_eq!(
            next(yaml, ("A", "b"), json!({"next": 7})),
            Ok(Some(json!(7)))
        );
        for end in [
            json!({"next": null}),
            json!({"next": ""}),
            json!({"next": 0}),
        ] {
            assert_eq!(next(yaml, ("A", "b"), end.clone()), Ok(None), "{end}");
        }
    }

    #[test]
    fn the_stop_condition_comes_first() {
        let yaml = "{cursor_value: \"{{ response['next'] }}\", stop_condition: \"{{ not response['more'] }}\"}";
        let body = |more| json!({"next": "abc", "more": more});
        assert_eq!(next(yaml, ("A", "b"), body(true)), Ok(Some(json!("abc"))));
        assert_eq!(next(yaml, ("A", "b"), body(false)), Ok(None));
    }

    #[test]
    fn the_link_header_is_parsed() {
        let yaml = "{cursor_value: \"{{ headers['link']['next']['url'] }}\", stop_condition: \"{{ 'next' not in headers['link'] }}\"}";
        let link =
            "<https://a.example/?page=2>; rel=\"next\", <https://a.example/?page=9>; rel=\"last\"";
        assert_eq!(
            next(yaml, ("Link", link), json!({})),
            Ok(Some(json!("https://a.example/?page=2")))
        );
        assert_eq!(next(yaml, ("Other", "x"), json!({})), Ok(None));
    }

    #[test]
    fn a_path_that_is_not_there_is_told() {
        let gap = |yaml: &str, body: Value| {
            let strategy: CursorPagination = from_yaml(yaml);
            let gap = on_page(("A", "b"), &body, 2, |page| Ok(strategy.gap(page, true)));
            gap.unwrap().map(|gap| (gap.path, gap.keys))
        };
        let found = |path: &str, keys: &str| Some((path.to_owned(), keys.to_owned()));
        let nested = "cursor_value: \"{{ response['paging'].nxt }}\"";
        assert_eq!(
            gap(nested, json!({"paging": {"next": 1}})),
            found("response['paging'].nxt", "`next`")
        );
        assert_eq!(gap(nested, json!({"paging": {"nxt": null}})), None);
        let by_get = "cursor_value: \"{{ response.get('nxt', '') }}\"";
        assert_eq!(
            gap(by_get, json!({"next": 1})),
            found("response.get('nxt', '')", "`next`")
        );
        assert_eq!(gap(by_get, json!({"nxt": ""})), None);
        let stopped = format!("{by_get}\nstop_condition: \"{{{{ true }}}}\"");
        assert_eq!(gap(&stopped, json!({"next": 1})), None);
    }

    #[test]
    fn short_pages_can_be_told_from_full_ones() {
        let yaml =
            "{cursor_value: x, page_size: 2, stop_condition: \"{{ last_page_size < page_size }}\"}";
        assert_eq!(next(yaml, ("A", "b"), json!({})), Ok(Some(json!("x"))));
        let larger = yaml.replace("page_size: 2", "page_size: 3");
        assert_eq!(next(&larger, ("A", "b"), json!({})), Ok(None));
        let unset = yaml.replace("page_size: 2, ", "");
        assert!(next(&unset, ("A", "b"), json!({})).is_err());
    }

    #[test]
    fn records_are_needed_only_when_a_template_reads_them() {
        let needs = |yaml: &str| from_yaml::<CursorPagination>(yaml).needs_records();
        assert!(!needs("cursor_value: \"{{ response['next'] }}\""));
        assert!(needs("cursor_value: \"{{ last_record['id'] }}\""));
        assert!(needs(
            "{cursor_value: x, stop_condition: \"{{ last_page_size == 0 }}\"}"
        ));
    }
}
