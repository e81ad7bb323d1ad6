//! Template text → [`Program`], once for each text.
//!
//! `minijinja` parses; [`lower`] turns its tree into owned [`code`] with filters and tests
//! resolved; [`names`] finds what the template reads, as jinja2's `find_undeclared_variables`.

pub(crate) mod code;
mod lower;
mod names;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::Literal;
use super::error::TemplateError;
use code::Code;

/// What a text was compiled to.
#[derive(Debug)]
pub(crate) enum Program {
    /// Plain text, evaluated already.
    Literal(Literal),
    /// A template that mentions `stream_state`, which may not be.
    Forbidden,
    /// A template.
    Code(Code),
}

/// Programs by text. A run has as many as its manifest has texts; a text that a template itself
/// computes is never compiled, so this does not grow with the data.
static PROGRAMS: LazyLock<RwLock<HashMap<Arc<str>, Arc<Program>>>> = LazyLock::new(RwLock::default);

/// Programs that are kept; with more, the cache starts anew.
const MAX_PROGRAMS: usize = 100_000;

/// The program of `text`.
pub(crate) fn program(text: &str) -> Result<Arc<Program>, TemplateError> {
    if let Some(known) = PROGRAMS
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(text)
    {
        return Ok(Arc::clone(known));
    }
    let program = Arc::new(compile(text)?);
    let mut programs = PROGRAMS.write().unwrap_or_else(PoisonError::into_inner);
    if programs.len() >= MAX_PROGRAMS {
        programs.clear();
    }
    programs.insert(Arc::from(text), Arc::clone(&program));
    Ok(program)
}

fn compile(text: &str) -> Result<Program, TemplateError> {
    if text.contains("stream_state") {
        return Ok(Program::Forbidden);
    }
    if !["{{", "{%", "{#"].iter().any(|open| text.contains(open)) {
        return Ok(Program::Literal(Literal::of(&plain_text(text))));
    }
    lower::lower(text).map(Program::Code)
}

/// What jinja2 makes of text without a template: line ends are `\n`, the last one is dropped.
pub(crate) fn plain_text(text: &str) -> String {
    let mut text = if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text.to_owned()
    };
    if text.ends_with('\n') {
        text.pop();
    }
    text
}
