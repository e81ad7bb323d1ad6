//! What the parts of a retriever must have in common: what cannot work is told before a request.
//!
//! As airbyte-cdk 7.39.1 refuses it when it builds a stream, `model_to_component_factory.py`.

use super::{PaginationReset, SimpleRetriever};
use crate::component::ComponentError;
use crate::component::cursor::Cursor;
use crate::component::decoder::Decoder;
use crate::component::error_handler::Action;
use crate::component::extractor::Extractor;
use crate::component::paginator::Paginator;
use crate::template::Config;

impl SimpleRetriever {
    /// Checks what only the whole retriever, its cursor, or the configuration can tell; `is_lazy` when
    /// the first pages stand in the records of parents.
    ///
    /// # Errors
    /// When its parts do not go together.
    pub fn check(
        &self,
        cursor: Option<&Cursor>,
        is_lazy: bool,
        config: &Config,
    ) -> Result<(), ComponentError> {
        if let Some(authenticator) = self.requester().get().authenticator() {
            authenticator.get().check(config)?;
        }
        self.check_extractor()?;
        self.check_lazy(cursor, is_lazy)?;
        if let Some(paginator) = &self.paginator {
            paginator.get().check(config)?;
        }
        self.check_reset()?;
        self.check_reduction()?;
        self.check_splitting(cursor)
    }

    fn uses(&self, action: Action) -> bool {
        self.requester.get().error_handler().uses(action)
    }

    fn has_properties(&self) -> bool {
        self.requester.get().query_properties().is_some()
    }

    fn check_extractor(&self) -> Result<(), ComponentError> {
        let Extractor::CombinedExtractor(_) = self.record_selector.extractor() else {
            return Ok(());
        };
        if self.decoder.as_ref().is_some_and(Decoder::is_streamed) {
            return Err(ComponentError::config(
                "`CombinedExtractor` does not go with a decoder that reads its body as a stream",
            ));
        }
        let by_offset = self.paginator.as_ref().is_some_and(Paginator::is_by_offset);
        if self.record_selector.extractor().unites() && by_offset {
            return Err(ComponentError::config(
                "`CombinedExtractor` with the mode `union` does not go with `OffsetIncrement`: the number of its records is not that of the API's page",
            ));
        }
        Ok(())
    }

    fn check_lazy(&self, cursor: Option<&Cursor>, is_lazy: bool) -> Result<(), ComponentError> {
        let mistake = |what: &str| {
            Err(ComponentError::config(format!(
                "`lazy_read_pointer` does not go with {what}"
            )))
        };
        if !self.reads_lazily() {
            return Ok(());
        }
        if self.page_size_reduction.is_some() || self.uses(Action::ReducePageSize) {
            return mistake("`page_size_reduction`: the first page is there already");
        }
        if self.request_window_splitting.is_some() || self.uses(Action::SplitRequestWindow) {
            return mistake("`request_window_splitting`: the first page is there already");
        }
        if !is_lazy {
            return Ok(());
        }
        if cursor.is_some_and(|cursor| !cursor.has_one_window()) {
            return mistake("a cursor of several windows: remove its `step`");
        }
        match &self.decoder {
            None | Some(Decoder::JsonDecoder(_)) => Ok(()),
            Some(_) => mistake("a decoder other than `JsonDecoder`"),
        }
    }

    fn check_reset(&self) -> Result<(), ComponentError> {
        let reset = self.pagination_reset.as_ref();
        let limit = reset.and_then(PaginationReset::limit);
        if limit.is_some() && self.record_selector.filters() {
            return Err(ComponentError::config(
                "the `limits` of a `pagination_reset` do not go with a `record_filter`",
            ));
        }
        Ok(())
    }

    fn check_reduction(&self) -> Result<(), ComponentError> {
        let Some(reduction) = &self.page_size_reduction else {
            if self.uses(Action::ReducePageSize) {
                return Err(ComponentError::config(
                    "the action `REDUCE_PAGE_SIZE` needs a `page_size_reduction` in the retriever",
                ));
            }
            return Ok(());
        };
        if self.has_properties() {
            return Err(ComponentError::config(
                "`page_size_reduction` does not go with query properties: the records of the chunks before would come again",
            ));
        }
        match &self.paginator {
            Some(paginator) => (paginator.get()).check_reduction(reduction.minimum_page_size()),
            None => Err(ComponentError::config(
                "`page_size_reduction` needs a `DefaultPaginator`",
            )),
        }
    }

    fn check_splitting(&self, cursor: Option<&Cursor>) -> Result<(), ComponentError> {
        if self.request_window_splitting.is_none() {
            if self.uses(Action::SplitRequestWindow) {
                return Err(ComponentError::config(
                    "the action `SPLIT_REQUEST_WINDOW` needs a `request_window_splitting` in the retriever",
                ));
            }
            return Ok(());
        }
        if self.has_properties() {
            return Err(ComponentError::config(
                "`request_window_splitting` does not go with query properties: the records of the chunks before would come again",
            ));
        }
        match cursor {
            Some(cursor) => cursor.check_splits(),
            None => Err(ComponentError::config(
                "`request_window_splitting` needs an `incremental_sync`: without a cursor there is no window",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::clock::Clock;
    use crate::component::testing::from_yaml;

    fn checked(more: &str, cursor: Option<&str>) -> Result<(), String> {
        let retriever: SimpleRetriever = from_yaml(&format!(
            "
record_selector: {{type: RecordSelector, extractor: {{type: DpathExtractor, field_path: []}}}}
{more}"
        ));
        let cursor: Option<Cursor> = cursor.map(|more| {
            from_yaml(&format!(
                "{{type: DatetimeBasedCursor, cursor_field: at, datetime_format: '%Y-%m-%d', \
                 start_datetime: '2025-01-01', {more}}}"
            ))
        });
        let config = Config::new(json!({}), Arc::new(Clock::system()));
        let checked = retriever.check(cursor.as_ref(), true, &config);
        checked.map_err(|error| error.message)
    }

    fn requester(action: &str) -> String {
        format!(
            "requester: {{type: HttpRequester, url: 'https://a.example', error_handler: \
             {{type: DefaultErrorHandler, response_filters: \
             [{{type: HttpResponseFilter, http_codes: [413], action: {action}}}]}}}}"
        )
    }

    #[test]
    fn an_action_needs_what_it_is_done_by() {
        for (action, needed) in [
            ("REDUCE_PAGE_SIZE", "`page_size_reduction`"),
            ("SPLIT_REQUEST_WINDOW", "`request_window_splitting`"),
        ] {
            let error = checked(&requester(action), None).unwrap_err();
            assert!(error.contains(needed), "{error}");
        }
    }

    #[test]
    fn pages_inside_of_parents_are_whole_and_json() {
        let lazy = |more: &str| {
            format!(
                "requester: {{type: HttpRequester, url: 'https://a.example'}}
partition_router: {{type: SubstreamPartitionRouter, parent_stream_configs: [
  {{type: ParentStreamConfig, parent_key: id, partition_field: id, lazy_read_pointer: [items],
   stream: {{type: DeclarativeStream, name: parents}}}}]}}
{more}"
            )
        };
        assert_eq!(checked(&lazy(""), Some("")), Ok(()));
        for (more, cursor, told) in [
            ("", "step: P1D, cursor_granularity: P1D", "several windows"),
            ("decoder: {type: JsonlDecoder}", "", "`JsonDecoder`"),
            (
                "page_size_reduction: {type: PageSizeReduction}",
                "",
                "`page_size_reduction`",
            ),
        ] {
            let error = checked(&lazy(more), Some(cursor)).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn pages_are_only_made_smaller_where_none_is_taken_for_the_last_one() {
        let reduced = |strategy: &str| {
            let yaml = format!(
                "{}
page_size_reduction: {{type: PageSizeReduction, minimum_page_size: 10}}
paginator:
  type: DefaultPaginator
  page_size_option: {{type: RequestOption, inject_into: header, field_name: size}}
  pagination_strategy: {{{strategy}}}",
                requester("REDUCE_PAGE_SIZE")
            );
            checked(&yaml, None)
        };
        let by_cursor = |more: &str| {
            reduced(&format!(
                "type: CursorPagination, cursor_value: '{{{{ response.next }}}}', {more}"
            ))
        };
        assert_eq!(by_cursor("page_size: 11"), Ok(()));
        assert_eq!(by_cursor("page_size: '{{ 10 }}'"), Ok(()));
        assert_eq!(reduced("type: OffsetIncrement, page_size: 11"), Ok(()));
        let stop = "page_size: 50, stop_condition: '{{ last_page_size < page_size }}'";
        assert_eq!(by_cursor(stop), Ok(()));
        for (checked, told) in [
            (by_cursor("page_size: '10'"), "nothing to reduce"),
            (
                reduced("type: OffsetIncrement, page_size: 5"),
                "nothing to reduce",
            ),
            (
                reduced("type: PageIncrement, page_size: 50"),
                "`OffsetIncrement`",
            ),
            (
                by_cursor("page_size: 50, stop_condition: '{{ last_page_size < 50 }}'"),
                "`stop_condition`",
            ),
        ] {
            let error = checked.unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn only_windows_of_dates_with_a_granularity_are_split() {
        let yaml = format!(
            "{}\nrequest_window_splitting: {{type: RequestWindowSplitting}}",
            requester("SPLIT_REQUEST_WINDOW")
        );
        for (cursor, told) in [
            (None, "without a cursor"),
            (Some(""), "`cursor_granularity`"),
            (
                Some("step: P1D, cursor_granularity: PT1H"),
                "cannot tell windows",
            ),
            (
                Some("step: P1Y, cursor_granularity: P1M"),
                "no fixed length",
            ),
            (
                Some("step: P2D, cursor_granularity: P1D, is_client_side_incremental: true"),
                "`is_client_side_incremental`",
            ),
        ] {
            let error = checked(&yaml, cursor).unwrap_err();
            assert!(error.contains(told), "{cursor:?}: {error}");
        }
        assert_eq!(
            checked(&yaml, Some("step: P2D, cursor_granularity: P1D")),
            Ok(())
        );
    }
}
