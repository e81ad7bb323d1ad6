//! The page size of a strategy: a whole number, or a template for one.

use super::unreducible;
use crate::component::ComponentError;
use crate::template::{Literal, Scope, Template};

/// The template's value as a page size.
pub(super) fn page_size<S: Scope>(
    template: Option<&Template<S>>,
    scope: &S,
) -> Result<Option<i64>, ComponentError> {
    let Some(template) = template.filter(|template| !template.source().is_empty()) else {
        return Ok(None);
    };
    match template.eval(scope)? {
        Literal::Int(size) => Ok(Some(size)),
        other => Err(ComponentError::config(format!(
            "expected a whole number in `page_size`, found `{}`",
            other.to_python_str()
        ))
        .or_at(template.at())),
    }
}

/// Checks that a page size that stands in the manifest as a number is more than the smallest one.
///
/// As airbyte-cdk 7.39.1, `_validate_page_size_is_reducible` of `model_to_component_factory.py`; a
/// template is only known later.
pub(super) fn check_reduction<S: Scope>(
    template: Option<&Template<S>>,
    least: i64,
) -> Result<(), ComponentError> {
    let Some(template) = template else {
        return Err(unreducible(
            "needs a `page_size` in the pagination strategy",
        ));
    };
    match template.source().trim().parse::<i64>() {
        Ok(size) if size <= least => Err(unreducible(format!(
            "has nothing to reduce: `page_size` is {size}, `minimum_page_size` {least}"
        ))
        .or_at(template.at())),
        Ok(_) | Err(_) => Ok(()),
    }
}
