//! Places inside of a scalar: where a piece of its value was written.
//!
//! In: the place of a scalar, and its value. Out: the place of a part of the value. The text is read
//! once more, by YAML's rules for the style of the scalar, and held against the value: where the two
//! differ, nothing is said rather than something wrong.

use std::ops::Range;

use super::place::Place;

impl Place {
    /// Where the bytes `span` of `value` were written, which is the value of the scalar that begins
    /// here, and how many characters of that line they take.
    #[must_use]
    pub fn within(&self, value: &str, span: Range<usize>) -> Option<(Place, u32)> {
        let before = value.get(..span.start)?.chars().count();
        let inside = value.get(span)?.chars().count().max(1);
        let (mut reader, style) = Reader::at(self)?;
        let marks = reader.scalar(&style, before + inside);
        let is_same = marks.iter().map(|mark| mark.0).zip(value.chars());
        if marks.len() < before + 1 || !is_same.clone().all(|(read, known)| read == known) {
            return None;
        }
        let &(_, line, column, _) = marks.get(before)?;
        let inside = marks.iter().skip(before).take(inside);
        let end = inside
            .filter(|mark| mark.1 == line)
            .map(|mark| mark.3)
            .max();
        let width = end.map_or(1, |end| end.saturating_sub(column).max(1));
        let at = Place {
            file: self.file.clone(),
            line,
            column,
        };
        Some((at, width))
    }
}

/// A character of the value, with line and column of where it was written, and the column behind it.
type Mark = (char, u32, u32, u32);

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: u32,
    column: u32,
    marks: Vec<Mark>,
}

/// How a scalar is written.
enum Style {
    Plain,
    Quoted(char),
    /// A block whose lines are indented so far, with empty lines before the first of them.
    Block {
        folds: bool,
        indent: usize,
        empty: usize,
    },
}

impl Style {
    /// The style of the scalar that begins behind `before`, with `first`; `column` counts from 0.
    fn of(before: &str, first: Option<char>, column: usize) -> Self {
        // The place of a block is its first line with text, not its header.
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let (above, margin) = before.split_at(line_start);
        let header = above.trim_end();
        let empty = above.get(header.len()..).unwrap_or_default();
        let empty = empty.matches('\n').count().saturating_sub(1);
        let header = header.rsplit('\n').next().unwrap_or_default();
        let header = header.split(" #").next().unwrap_or_default().trim_end();
        let header =
            header.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
        let sign = header
            .chars()
            .next_back()
            .filter(|c| matches!(c, '|' | '>'));
        match (sign, first) {
            (Some(sign), _) if margin.bytes().all(|b| b == b' ') => Self::Block {
                folds: sign == '>',
                indent: column,
                empty,
            },
            (_, Some(quote @ ('"' | '\''))) => Self::Quoted(quote),
            _ => Self::Plain,
        }
    }
}

impl<'a> Reader<'a> {
    fn at(place: &'a Place) -> Option<(Self, Style)> {
        let text = place.file.text();
        let line = usize::try_from(place.line.checked_sub(1)?).ok()?;
        let column = usize::try_from(place.column.checked_sub(1)?).ok()?;
        let start = match line.checked_sub(1) {
            None => 0,
            Some(before) => text.match_indices('\n').nth(before)?.0 + 1,
        };
        let (skipped, first) = text.get(start..)?.char_indices().nth(column)?;
        let (before, rest) = text.split_at_checked(start + skipped)?;
        let reader = Self {
            rest: rest.chars().peekable(),
            line: place.line,
            column: place.column,
            marks: Vec::new(),
        };
        Some((reader, Style::of(before, Some(first), column)))
    }

    /// The first `count` characters of the value, or fewer.
    fn scalar(&mut self, style: &Style, count: usize) -> Vec<Mark> {
        match *style {
            Style::Plain => self.flow(count, None),
            Style::Quoted(quote) => {
                self.next();
                self.flow(count, Some(quote));
            }
            Style::Block {
                folds,
                indent,
                empty,
            } => {
                let start = ('\n', self.line, self.column, self.column);
                (0..empty).for_each(|_| self.put('\n', start));
                self.block(count, folds, indent);
            }
        }
        self.marks.truncate(count);
        std::mem::take(&mut self.marks)
    }

    /// The next character; both ways to end a line are one.
    fn next(&mut self) -> Option<Mark> {
        let mark = |c| (c, self.line, self.column, self.column.saturating_add(1));
        let mut found = mark(self.rest.next()?);
        if found.0 == '\r' && self.rest.peek() == Some(&'\n') {
            self.rest.next();
            found.0 = '\n';
        }
        if found.0 == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(found)
    }

    /// Puts `c`, which was written from `of` to here.
    fn put(&mut self, c: char, of: Mark) {
        // The end of a line has no width.
        let end = if self.line == of.1 { self.column } else { of.2 };
        self.marks.push((c, of.1, of.2, end));
    }

    /// A scalar in quotes, or a plain one.
    fn flow(&mut self, count: usize, quote: Option<char>) {
        while self.marks.len() < count {
            let Some(mark) = self.next() else { return };
            match mark.0 {
                '\'' if quote == Some('\'') => {
                    if self.rest.peek() != Some(&'\'') {
                        return;
                    }
                    self.next();
                    self.put('\'', mark);
                }
                '"' if quote == Some('"') => return,
                '\\' if quote == Some('"') => self.escape(mark),
                '\n' => self.fold(mark),
                c => self.put(c, mark),
            }
        }
    }

    /// One line end is a blank, more are line ends; the blanks around are not there.
    fn fold(&mut self, mark: Mark) {
        while self.marks.last().is_some_and(|last| is_blank(last.0)) {
            self.marks.pop();
        }
        let mut empty = 0;
        while let Some(c) = self.rest.peek().filter(|c| c.is_ascii_whitespace()) {
            empty += usize::from(*c == '\n');
            self.next();
        }
        match empty {
            0 => self.put(' ', mark),
            _ => (0..empty).for_each(|_| self.put('\n', mark)),
        }
    }

    fn escape(&mut self, mark: Mark) {
        let Some((kind, ..)) = self.next() else {
            return;
        };
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        let c = match kind {
            'n' => '\n',
            't' | '\t' => '\t',
            'r' => '\r',
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'e' => '\u{1b}',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            '\n' => {
                while self.rest.peek().is_some_and(|c| is_blank(*c)) {
                    self.next();
                }
                return;
            }
            'x' | 'u' | 'U' => {
                let code: String = (0..digits)
                    .filter_map(|_| self.next())
                    .map(|m| m.0)
                    .collect();
                let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                code.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => other,
        };
        self.put(c, mark);
    }

    /// The lines of a block, kept or folded, from the first one with text on.
    fn block(&mut self, count: usize, folds: bool, indent: usize) {
        // The end of the line before, and whether that is indented further.
        let mut end: Option<(Mark, bool)> = None;
        let mut empty = 0;
        while self.marks.len() < count {
            if let Some((mark, was_deep)) = end {
                let mut blanks = 0;
                while blanks < indent && self.rest.peek() == Some(&' ') {
                    self.next();
                    blanks += 1;
                }
                if matches!(self.rest.peek(), Some('\n' | '\r')) {
                    self.next();
                    empty += 1;
                    continue;
                }
                if blanks < indent {
                    return;
                }
                let is_deep = self.rest.peek().is_some_and(|c| is_blank(*c));
                let is_kept = !folds || is_deep || was_deep;
                if empty == 0 && !is_kept {
                    self.put(' ', mark);
                }
                (0..empty + usize::from(is_kept)).for_each(|_| self.put('\n', mark));
                empty = 0;
            }
            let is_deep = self.rest.peek().is_some_and(|c| is_blank(*c));
            end = None;
            while let Some(mark) = self.next() {
                if mark.0 == '\n' {
                    end = Some((mark, is_deep));
                    break;
                }
                self.put(mark.0, mark);
            }
            if end.is_none() {
                return;
            }
        }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;

    /// Where `part` of the value at `a.b` stands, as `line:column+width`.
    fn found(text: &str, part: &str) -> Option<String> {
        let manifest = Manifest::load(text, "m.yaml").unwrap();
        let node = manifest.root().get("a").unwrap().get("b").unwrap();
        let value = node.as_str().unwrap();
        let start = value.find(part).unwrap();
        let (at, width) = node.at.within(value, start..start + part.len())?;
        Some(format!("{}:{}+{width}", at.line, at.column))
    }

    #[test]
    fn parts_of_all_kinds_of_scalars_are_found() {
        for (text, part, want) in [
            ("a:\n  b: x {{ y }}\n", "y", "2:11+1"),
            ("a: {b: \"é\\n\\u00e9 '{{ y }}'\"}\n", "{{ y", "1:20+4"),
            ("a: {b: 'it''s {{ ''y'' }}'}\n", "'y'", "1:18+5"),
            ("a:\n  b: \"x\n    {{ y\n    + z }}\"\n", "y + z", "3:8+1"),
            ("a:\n  b: 'x\n\n    {{ y }}'\n", "y", "4:8+1"),
            ("a:\n  b: x\n    {{ y }}\n", "y", "3:8+1"),
            ("a:\r\n  b: x\r\n    {{ y }}\r\n", "y", "3:8+1"),
            ("a:\n  b: |\n    x\n\n      {{ y }}\n    z\n", "y", "5:10+1"),
            ("a:\n  b: |\n    x\n    {{ z }}\n", "z", "4:8+1"),
            (
                "a:\n  b: >-\n    x\n    {{ y }}\n\n    {{ z }}\n",
                "z",
                "6:8+1",
            ),
            ("a:\n  b: >\n    x\n      y\n    {{ z }}\n", "z", "5:8+1"),
            ("a:\n  b: >  # why\n\n    x\n    {{ z }}\n", "z", "5:8+1"),
            ("a:\n  b: |-\n    \"x\" {{ z }}\n", "z", "3:12+1"),
        ] {
            assert_eq!(found(text, part).as_deref(), Some(want), "{text}");
        }
    }

    #[test]
    fn what_was_not_written_so_is_not_found() {
        let manifest = Manifest::load("a: x\n", "m.yaml").unwrap();
        let at = &manifest.root().get("a").unwrap().at;
        assert_eq!(at.within("other", 0..2), None);
        assert_eq!(at.within("x", 0..9), None);
    }
}
