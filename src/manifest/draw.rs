//! Lines of a manifest, drawn with a mark under what is meant.

use super::place::Place;

/// The blanks that stand before the lines below a drawing of this place.
#[must_use]
pub fn margin(at: &Place) -> String {
    " ".repeat(format!("{:>2}", at.line).len())
}

/// `--> file:line:column`, the line, and a mark under `width` characters of it; under the whole
/// value that begins there, when the width is not known. The line is left out where the text of the
/// file is not known.
#[must_use]
pub fn place(at: &Place, width: Option<u32>) -> String {
    place_in(at.file.text(), at, width)
}

/// The same in another text.
pub(super) fn place_in(source: &str, at: &Place, width: Option<u32>) -> String {
    let margin = margin(at);
    let mut out = format!("{margin}--> {at}\n");
    let line = usize::try_from(at.line).ok();
    if let Some(text) = line.and_then(|line| source.lines().nth(line.checked_sub(1)?)) {
        let column = usize::try_from(at.column.saturating_sub(1)).unwrap_or(0);
        let (text, column) = window(text, column);
        // A tab before the mark stays a tab, so that both lines are indented alike.
        let indent: String = text
            .chars()
            .take(column)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let room = text.chars().count().saturating_sub(column).max(1);
        let width = width.map_or_else(
            || token_length(&text, column),
            |width| usize::try_from(width).unwrap_or(room).min(room),
        );
        let marks = "^".repeat(width.max(1));
        let text = text.trim_end();
        out.push_str(&format!("{margin} |\n{:>2} | {text}\n", at.line));
        out.push_str(&format!("{margin} | {indent}{marks}\n"));
    }
    out
}

/// Characters of a line that are shown at most.
const WIDTH: usize = 160;

/// The part of a long line around a column, and the column in it.
fn window(text: &str, column: usize) -> (String, usize) {
    if text.chars().count() <= WIDTH {
        return (text.to_owned(), column);
    }
    let start = column.saturating_sub(WIDTH / 2);
    (
        text.chars().skip(start).take(WIDTH).collect(),
        column - start,
    )
}

/// How many characters a mark under the token at `column` has.
fn token_length(text: &str, column: usize) -> usize {
    let rest: Vec<char> = text.chars().skip(column).collect();
    let length = match rest.first() {
        Some(quote @ ('"' | '\'')) => rest
            .iter()
            .skip(1)
            .position(|c| c == quote)
            .map_or(rest.len(), |end| end + 2),
        Some('{' | '[') => 1,
        _ => rest
            .iter()
            .enumerate()
            .position(|(i, c)| match c {
                ',' | '}' | ']' => true,
                ':' => rest.get(i + 1).is_none_or(|next| next.is_whitespace()),
                '#' => i > 0 && rest.get(i - 1).is_some_and(|before| before.is_whitespace()),
                _ => false,
            })
            .unwrap_or(rest.len()),
    };
    let shown: String = rest.iter().take(length).collect();
    shown.trim_end().chars().count().max(1)
}
