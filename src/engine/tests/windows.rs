//! Windows that an API finds too large: split, or read again from where they have come.

use super::*;

/// One window of four days, which requests carry as `from` and `to`.
const FOUR_DAYS: &str = "{type: DatetimeBasedCursor, cursor_field: at, datetime_format: \"%Y-%m-%d\", \
    start_datetime: \"1969-12-01\", end_datetime: \"1969-12-04\", step: P1M, cursor_granularity: P1D, \
    start_time_option: {type: RequestOption, inject_into: request_parameter, field_name: from}, \
    end_time_option: {type: RequestOption, inject_into: request_parameter, field_name: to}}";

/// A stream whose windows are split at the status 413.
fn split() -> Stream {
    let filter = "error_handler: {type: DefaultErrorHandler, response_filters: \
        [{type: HttpResponseFilter, http_codes: [413], action: SPLIT_REQUEST_WINDOW}]}";
    let mut stream = stream("s").since(FOUR_DAYS).asking(filter);
    let splitting = ", request_window_splitting: {type: RequestWindowSplitting}";
    stream.retriever.push_str(splitting);
    stream
}

/// The days of a window: `from` and `to`.
fn bounds(request: &Request) -> (u32, u32) {
    let day = |name: &str| {
        let at = target(request).split_once(name).unwrap().1;
        at.get(8..10).unwrap().parse().unwrap()
    };
    (day("from="), day("to="))
}

#[test]
fn a_window_is_split_until_the_api_takes_it_and_closed_once() {
    let s = split();
    let ran = alone().read(&[&s], &["s"], |request| {
        let (from, to) = bounds(request);
        if from != to && from < 3 {
            return status(413);
        }
        body(&json!({"data": [{"id": from.to_string(), "at": format!("1969-12-0{from}")}]}))
    });
    assert_eq!(
        ran.asked,
        [
            "/s?from=1969-12-01&to=1969-12-04",
            "/s?from=1969-12-01&to=1969-12-02",
            "/s?from=1969-12-01&to=1969-12-01",
            "/s?from=1969-12-02&to=1969-12-02",
            "/s?from=1969-12-03&to=1969-12-04",
        ]
    );
    assert_eq!(ran.ids("s"), ["1", "2", "3"]);
    assert_eq!(ran.state("s"), &json!({"at": "1969-12-03"}));
    assert_eq!(ran.outcome("s").stats.partitions.get(), 1);
}

#[test]
fn a_window_whose_part_fails_is_not_closed() {
    let s = split();
    let ran = alone().read(&[&s], &["s"], |request| match bounds(request) {
        (1, 4) | (3, _) => status(413),
        (1, _) => ids(&["1"]),
        _ => status(404),
    });
    let errors = &ran.outcome("s").errors;
    assert!(
        errors[0].message.contains("which is the smallest"),
        "{errors:?}"
    );
    assert_eq!(ran.ids("s"), ["1"]);
    assert_eq!(ran.state("s"), &json!({"at": "1969-12-01"}));
}

#[test]
fn pages_start_again_behind_the_last_record_and_not_for_ever() {
    let limited = |action: &str| {
        let mut stream = stream("s").since(FOUR_DAYS);
        stream.retriever.push_str(&format!(
            ", pagination_reset: {{type: PaginationReset, action: {action}, \
             limits: {{type: PaginationResetLimits, number_of_records: 2}}}}"
        ));
        stream
    };
    let serve = |request: &Request| {
        let (from, _) = bounds(request);
        let days = (from..=3).take(2);
        let record = |day: u32| json!({"id": day.to_string(), "at": format!("1969-12-0{day}")});
        body(&json!({"data": days.map(record).collect::<Vec<_>>()}))
    };
    let s = limited("SPLIT_USING_CURSOR");
    let ran = alone().read(&[&s], &["s"], serve);
    assert_eq!(
        ran.asked,
        [
            "/s?from=1969-12-01&to=1969-12-04",
            "/s?from=1969-12-02&to=1969-12-04",
            "/s?from=1969-12-03&to=1969-12-04",
        ]
    );
    assert_eq!(ran.ids("s"), ["1", "2", "2", "3", "3"]);
    assert_eq!(ran.state("s"), &json!({"at": "1969-12-03"}));
    let s = limited("RESET");
    let ran = alone().read(&[&s], &["s"], serve);
    assert_eq!(ran.asked.len(), 2);
    assert!(
        ran.outcome("s").errors[0]
            .message
            .contains("did not come further")
    );
}
