//! The page size of a strategy: a whole number, or a template for one.

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
