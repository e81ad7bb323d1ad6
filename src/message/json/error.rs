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
    /// What is wrong and where, without a piece of the text: that may be half of a credential.
    #[must_use]
    pub fn bare(&self) -> String {
        format!(
            "{} at line {} column {}",
            self.reason, self.line, self.column
        )
    }

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

#[cfg(test)]
mod tests {
    use super::super::Text;

    fn fault(json: &str) -> Option<String> {
        let fault = Text::parse(json.into(), 2).err();
        fault.map(|fault| fault.to_string())
    }

    #[test]
    fn faults_have_their_place() {
        for (json, told) in [
            ("", "unexpected end of text at line 1 column 1 (byte 0)"),
            (
                "  ",
                "unexpected end of text at line 1 column 3 (byte 2): `  `",
            ),
            (
                "{\"é\": 1,\n \"日本\" 2}",
                "expected `:` at line 2 column 7 (byte 20): `{\"é\": 1,  \"日本\" 2}`",
            ),
            (
                "[1,]",
                "expected a value at line 1 column 4 (byte 3): `[1,]`",
            ),
            (
                "[1 2]",
                "expected `,` or `]` at line 1 column 4 (byte 3): `[1 2]`",
            ),
            (
                "{\"a\":1]",
                "expected `,` or `}` at line 1 column 7 (byte 6): `{\"a\":1]`",
            ),
            (
                "{a:1}",
                "expected a key in double quotes at line 1 column 2 (byte 1): `{a:1}`",
            ),
            (
                "1 x",
                "expected the end of the text at line 1 column 3 (byte 2): `1 x`",
            ),
            (
                "<html>",
                "expected a value at line 1 column 1 (byte 0): `<html>`",
            ),
            (
                "\"a\tb\"",
                "a control character in a string at line 1 column 3 (byte 2): `\"a b\"`",
            ),
            (
                r#""\x""#,
                r#"an unknown escape in a string at line 1 column 3 (byte 2): `"\x"`"#,
            ),
            (
                "01",
                "expected the end of the text at line 1 column 2 (byte 1): `01`",
            ),
            (
                "[1.]",
                "expected a digit at line 1 column 4 (byte 3): `[1.]`",
            ),
        ] {
            assert_eq!(fault(json), Some(format!("not JSON: {told}")), "{json}");
        }
        let broken = Text::parse(b"[\"ab\xff\"]".to_vec(), 1).unwrap_err();
        assert_eq!(
            (broken.reason, broken.offset, broken.column),
            ("not UTF-8", 4, 5)
        );
        assert_eq!(broken.excerpt, "[\"ab\u{FFFD}\"]");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let json = format!("[\"{}\" {}]", "é".repeat(40), "日".repeat(40));
        let told = fault(&json).unwrap();
        let expected = format!("`…{}\" {}…`", "é".repeat(11), "日".repeat(8));
        assert!(told.ends_with(&expected), "{told}");
    }
}
