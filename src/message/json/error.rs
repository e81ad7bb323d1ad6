//! What is wrong with a body that should be JSON, and where.

use std::fmt;

/// Characters shown on each side of the place of an error.
const AROUND: usize = 24;

/// Why a body is not JSON, and where it stops being so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong, such as ``expected `,` or `}` ``.
    pub reason: &'static str,
    /// Bytes before the fault.
    pub offset: usize,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault in characters, from 1.
    pub column: usize,
    /// The text around the fault, in one line.
    pub excerpt: String,
}

impl JsonError {
    pub(super) fn new(reason: &'static str, body: &[u8], offset: usize) -> Self {
        let before = body.get(..offset).unwrap_or(body);
        let line_start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let line_text = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default());
        let from = offset.saturating_sub(AROUND).min(body.len());
        let to = offset.saturating_add(AROUND).min(body.len());
        Self {
            reason,
            offset,
            line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            column: line_text.chars().count() + 1,
            excerpt: excerpt(body, from, to),
        }
    }
}

/// Bytes `from..to` in one line, widened to whole characters.
fn excerpt(body: &[u8], mut from: usize, mut to: usize) -> String {
    let inside = |at: usize| body.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    while from > 0 && inside(from) {
        from -= 1;
    }
    while inside(to) {
        to += 1;
    }
    let text = String::from_utf8_lossy(body.get(from..to).unwrap_or_default());
    let mut shown = String::new();
    if from > 0 {
        shown.push('…');
    }
    shown.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    if to < body.len() {
        shown.push('…');
    }
    shown
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            reason,
            offset,
            line,
            column,
            excerpt,
        } = self;
        write!(
            f,
            "not JSON: {reason} at line {line} column {column} (byte {offset})"
        )?;
        if excerpt.is_empty() {
            Ok(())
        } else {
            write!(f, ": `{excerpt}`")
        }
    }
}

impl std::error::Error for JsonError {}
