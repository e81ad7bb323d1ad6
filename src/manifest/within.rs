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
        let mut reader = Reader::at(self)?;
        let marks = reader.scalar(before + inside);
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

impl<'a> Reader<'a> {
    fn at(place: &'a Place) -> Option<Self> {
        let text = place.file.text();
        let line = usize::try_from(place.line.checked_sub(1)?).ok()?;
        let column = usize::try_from(place.column.checked_sub(1)?).ok()?;
        let start = match line.checked_sub(1) {
            None => 0,
            Some(before) => text.match_indices('\n').nth(before)?.0 + 1,
        };
        let rest = text.get(start..)?;
        let (skipped, _) = rest.char_indices().nth(column)?;
        Some(Self {
            rest: rest.get(skipped..)?.chars().peekable(),
            line: place.line,
            column: place.column,
            marks: Vec::new(),
        })
    }

    /// The first `count` characters of the value, or fewer.
    fn scalar(&mut self, count: usize) -> Vec<Mark> {
        match self.rest.peek() {
            Some('"') => {
                self.next();
                self.flow(count, Some('"'));
            }
            Some('\'') => {
                self.next();
                self.flow(count, Some('\''));
            }
            Some('|' | '>') => self.block(count),
            _ => self.flow(count, None),
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

    /// A block, kept (`|`) or folded (`>`), whose first line tells the indentation.
    fn block(&mut self, count: usize) {
        let folds = self.rest.peek() == Some(&'>');
        while self.next().is_some_and(|mark| mark.0 != '\n') {}
        let mut indent = None;
        let mut before: Option<(Mark, bool)> = None;
        let mut empty = 0;
        while self.marks.len() < count {
            let mut blanks = 0;
            while indent.is_none_or(|indent| blanks < indent) && self.rest.peek() == Some(&' ') {
                self.next();
                blanks += 1;
            }
            match self.rest.peek() {
                None => return,
                Some('\n' | '\r') => {
                    let Some(mark) = self.next() else { return };
                    empty += 1;
                    before = before.or(Some((mark, true)));
                    continue;
                }
                Some(_) => {}
            }
            let indent = *indent.get_or_insert(blanks);
            if blanks < indent {
                return;
            }
            let is_deep = self.rest.peek().is_some_and(|c| is_blank(*c));
            if let Some((mark, was_deep)) = before.take() {
                let is_first = self.marks.is_empty();
                match empty {
                    _ if is_first => (0..empty).for_each(|_| self.put('\n', mark)),
                    0 if folds && !is_deep && !was_deep => self.put(' ', mark),
                    _ => {
                        let kept = usize::from(!folds || is_deep || was_deep);
                        (0..empty + kept).for_each(|_| self.put('\n', mark));
                    }
                }
            }
            empty = 0;
            while let Some(mark) = self.next() {
                if mark.0 == '\n' {
                    before = Some((mark, is_deep));
                    break;
                }
                self.put(mark.0, mark);
            }
            if before.is_none() {
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
            ("a:\n  b: >\n\n    x\n    {{ z }}\n", "z", "5:8+1"),
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
