//! `DefaultPaginator`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{PageInfo, Pages, Strategy, unreducible};
use crate::component::ComponentError;
use crate::component::error_handler::is_truthy;
use crate::component::requester::{RequestOption, RequestParts, RequestPath};
use crate::message::StreamSlice;
use crate::template::{Config, Gap, Literal};

/// Reads page after page, until the strategy names no next one.
///
/// As airbyte-cdk 7.39.1, `default_paginator.py`.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct DefaultPaginator {
    /// How the next page is found.
    pagination_strategy: Strategy,
    /// Where the page size goes in a request, such as the parameter `limit`. The strategy must
    /// have a `page_size` then.
    page_size_option: Option<RequestOption>,
    /// Where the page token goes in a request: a parameter, header or body field, or the path.
    page_token_option: Option<TokenOption>,
}

/// Where a page token goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(tag = "type")]
enum TokenOption {
    /// Into a parameter, header or body field.
    RequestOption(RequestOption),
    /// Into the path: the token is a URL, or a path below the requester's own URL.
    RequestPath(RequestPath),
}

impl DefaultPaginator {
    /// Whether the next page begins behind the records of the pages before.
    pub(super) fn is_by_offset(&self) -> bool {
        matches!(self.pagination_strategy, Strategy::OffsetIncrement(_))
    }
}

impl Pages for DefaultPaginator {
    fn check(&self, config: &Config) -> Result<(), ComponentError> {
        let Some(size_option) = &self.page_size_option else {
            return Ok(());
        };
        let size = self.pagination_strategy.get().page_size(config)?;
        if size.is_none_or(|size| size == 0) {
            return Err(ComponentError::config(
                "`page_size_option` needs a `page_size` in the pagination strategy",
            )
            .or_at(size_option.at()));
        }
        if let Some(TokenOption::RequestOption(token_option)) = &self.page_token_option {
            let mut both = RequestParts::default();
            let mut token = RequestParts::default();
            size_option.inject(&mut both, "size".into(), config)?;
            token_option.inject(&mut token, "token".into(), config)?;
            both.merge(token)
                .map_err(|error| error.or_at(token_option.at()))?;
        }
        Ok(())
    }

    fn initial_token(&self, _config: &Config) -> Result<Option<Value>, ComponentError> {
        Ok(self.pagination_strategy.get().initial_token())
    }

    fn next_token(
        &self,
        page: &PageInfo<'_>,
        last_token: Option<&Value>,
    ) -> Result<Option<Value>, ComponentError> {
        let token = self
            .pagination_strategy
            .get()
            .next_token(page, last_token)?;
        Ok(token.filter(is_truthy))
    }

    fn gap(&self, page: &PageInfo<'_>) -> Option<(Gap, bool)> {
        let strategy = self.pagination_strategy.get();
        let size = page.page_size;
        let size = size.or_else(|| strategy.page_size(page.config).ok().flatten());
        let size = size.and_then(|size| u64::try_from(size).ok());
        let is_full = size.is_some_and(|size| size > 0 && page.read >= size);
        Some((strategy.gap(page, is_full)?, is_full))
    }

    fn page_size(&self, config: &Config) -> Result<Option<i64>, ComponentError> {
        match &self.page_size_option {
            Some(_) => self.pagination_strategy.get().page_size(config),
            None => Ok(None),
        }
    }

    fn resize(
        &self,
        parts: &mut RequestParts,
        size: i64,
        config: &Config,
    ) -> Result<(), ComponentError> {
        match &self.page_size_option {
            Some(option) => option.inject(parts, size.into(), config),
            None => Ok(()),
        }
    }

    fn check_reduction(&self, least: i64) -> Result<(), ComponentError> {
        if self.page_size_option.is_none() {
            return Err(unreducible("needs a `page_size_option` in the paginator"));
        }
        if matches!(self.page_token_option, Some(TokenOption::RequestPath(_))) {
            return Err(unreducible(
                "needs a page token that is not the path, which holds a page size already",
            ));
        }
        self.pagination_strategy.get().check_reduction(least)
    }

    fn needs_records(&self) -> bool {
        self.pagination_strategy.get().needs_records()
    }

    fn contribute(
        &self,
        parts: &mut RequestParts,
        token: Option<&Value>,
        _slice: &Arc<StreamSlice>,
        config: &Config,
    ) -> Result<(), ComponentError> {
        let mut share = RequestParts::default();
        match (&self.page_token_option, token) {
            (Some(TokenOption::RequestOption(option)), Some(token)) if !token.is_null() => {
                option.inject(&mut share, token.clone(), config)?;
            }
            (Some(TokenOption::RequestPath(_)), Some(token)) if is_truthy(token) => {
                share.path = Some(Literal::from_json(token).to_python_str());
            }
            _ => {}
        }
        if let Some(option) = &self.page_size_option
            && let Some(size) = self.pagination_strategy.get().page_size(config)?
            && size != 0
        {
            option.inject(&mut share, size.into(), config)?;
        }
        parts.merge(share)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::on_page;
    use super::*;
    use crate::component::backoff::testing::config;
    use crate::component::testing::from_yaml;

    const OFFSET: &str = "
        pagination_strategy: {type: OffsetIncrement, page_size: \"{{ config['size'] }}\"}
        page_size_option: {type: RequestOption, inject_into: request_parameter, field_name: limit}
        page_token_option: {type: RequestOption, inject_into: request_parameter, field_name: offset}
    ";

    fn share(paginator: &DefaultPaginator, token: Option<&Value>) -> RequestParts {
        let mut parts = RequestParts::default();
        let config = config(json!({"size": 3}));
        paginator
            .contribute(&mut parts, token, &Arc::default(), &config)
            .unwrap();
        parts
    }

    #[test]
    fn token_and_size_go_where_they_are_told() {
        let paginator: DefaultPaginator = from_yaml(OFFSET);
        assert_eq!(
            Value::Object(share(&paginator, None).params),
            json!({"limit": 3})
        );
        let token = on_page(("A", "b"), &json!({}), 3, |page| {
            paginator.next_token(page, None)
        });
        let token = token.unwrap();
        assert_eq!(token, Some(json!(3)));
        assert_eq!(
            Value::Object(share(&paginator, token.as_ref()).params),
            json!({"offset": 3, "limit": 3})
        );
        let end = on_page(("A", "b"), &json!({}), 2, |page| {
            paginator.next_token(page, token.as_ref())
        });
        assert_eq!(end, Ok(None));
    }

    #[test]
    fn a_path_token_is_the_path() {
        let paginator: DefaultPaginator = from_yaml(
            "
            pagination_strategy: {type: CursorPagination, cursor_value: \"{{ response.next }}\"}
            page_token_option: {type: RequestPath}
            ",
        );
        assert_eq!(
            share(&paginator, Some(&json!("/p?c=1"))).path.as_deref(),
            Some("/p?c=1")
        );
        assert_eq!(share(&paginator, None).path, None);
        let end = on_page(("A", "b"), &json!({"next": ""}), 2, |page| {
            paginator.next_token(page, None)
        });
        assert_eq!(end, Ok(None), "an empty token ends the pages");
    }

    #[test]
    fn the_config_decides_whether_it_can_work() {
        let paginator: DefaultPaginator = from_yaml(OFFSET);
        assert_eq!(paginator.check(&config(json!({"size": 3}))), Ok(()));
        assert!(paginator.check(&config(json!({"size": "many"}))).is_err());
        let none: DefaultPaginator = from_yaml(
            "
            pagination_strategy: {type: PageIncrement}
            page_size_option: {type: RequestOption, inject_into: header, field_name: size}
            ",
        );
        let error = none.check(&config(json!({}))).unwrap_err();
        assert!(error.message.contains("needs a `page_size`"), "{error}");
        let same: DefaultPaginator =
            from_yaml(&OFFSET.replace("field_name: offset", "field_name: limit"));
        assert!(
            same.check(&config(json!({"size": 3}))).is_err(),
            "both want `limit`"
        );
    }
}
