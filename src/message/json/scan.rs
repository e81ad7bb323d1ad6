//! The one pass over a body: checks all of it, and notes the bounds of its first levels.

use super::skip::{below, equal, first, is_finite, word};

/// Containers within containers that a body may have.
///
/// `serde_json` allows 127, the reference 1024. What looks into a tree is recursive, so the bound
/// keeps every thread's stack whole.
pub(super) const MAX_DEPTH: usize = 512;

/// Bounds of one value or key. In an object each value follows its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) start: u32,
    pub(super) end: u32,
    /// Index of the mark after this one and all that lie inside of it.
    pub(super) next: u32,
}

/// What the pass found out about a body.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Marks of the root, its members, and so on, in the order of the text.
    pub(super) marks: Vec<Mark>,
    /// Whether there are line breaks between its tokens.
    pub(super) breaks: bool,
    /// Whether some key is written with escapes.
    pub(super) escaped_keys: bool,
    /// Whether there are numbers that JSON does not have: NaN, infinite ones.
    pub(super) foreign: bool,
}

/// What is wrong, and before which byte.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: &'static str,
    pub(super) at: usize,
}

/// Checks `bytes`, which are UTF-8, and marks all values that lie in at most `depth` containers.
pub(super) fn scan(bytes: &[u8], depth: usize) -> Result<Scan, Fault> {
    let mut scanner = Scanner {
        bytes,
        at: 0,
        depth,
        open: Vec::with_capacity(16),
        escapes: 0,
        scan: Scan::default(),
    };
    scanner.document()?;
    Ok(scanner.scan)
}

struct Open {
    object: bool,
    /// Index of the container's mark, unless it lies too deep.
    mark: Option<u32>,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    open: Vec<Open>,
    /// Escapes met so far.
    escapes: usize,
    scan: Scan,
}

impl Scanner<'_> {
    /// The next byte; 0, which JSON has nowhere, at the end.
    #[inline(always)]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[cold]
    fn fault(&self, reason: &'static str) -> Fault {
        let reason = if self.at >= self.bytes.len() {
            "unexpected end of text"
        } else {
            reason
        };
        Fault {
            reason,
            at: self.at,
        }
    }

    fn document(&mut self) -> Result<(), Fault> {
        loop {
            self.space();
            let mark = self.start_mark();
            match self.byte() {
                b'"' => self.string()?,
                b'{' => {
                    self.enter(true, mark)?;
                    if self.byte() != b'}' {
                        self.key()?;
                        continue;
                    }
                    self.leave();
                }
                b'[' => {
                    self.enter(false, mark)?;
                    if self.byte() != b']' {
                        continue;
                    }
                    self.leave();
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal(b"true")?,
                b'f' => self.literal(b"false")?,
                b'n' => self.literal(b"null")?,
                // Python's `json`, to which the reference falls back, reads these two.
                b'N' => self.no_number(b"NaN")?,
                b'I' => self.no_number(b"Infinity")?,
                _ => return Err(self.fault("expected a value")),
            }
            self.end_mark(mark);
            if self.after_value()? {
                return Ok(());
            }
        }
    }

    /// Goes on to where the next value starts; true at the end of the document.
    #[inline(always)]
    fn after_value(&mut self) -> Result<bool, Fault> {
        loop {
            let Some(open) = self.open.last() else {
                self.space();
                return if self.at == self.bytes.len() {
                    Ok(true)
                } else {
                    Err(self.fault("expected the end of the text"))
                };
            };
            let object = open.object;
            self.space();
            match (self.byte(), object) {
                (b',', true) => {
                    self.at += 1;
                    self.space();
                    self.key()?;
                    return Ok(false);
                }
                (b',', false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (b'}', true) | (b']', false) => self.leave(),
                (_, true) => return Err(self.fault("expected `,` or `}`")),
                (_, false) => return Err(self.fault("expected `,` or `]`")),
            }
        }
    }

    fn enter(&mut self, object: bool, mark: Option<u32>) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.fault("more than 512 containers within each other"));
        }
        self.open.push(Open { object, mark });
        self.at += 1;
        self.space();
        Ok(())
    }

    #[inline(always)]
    fn leave(&mut self) {
        self.at += 1;
        if let Some(open) = self.open.pop() {
            self.end_mark(open.mark);
        }
    }

    #[inline(always)]
    fn start_mark(&mut self) -> Option<u32> {
        (self.open.len() <= self.depth).then(|| self.push_mark())
    }

    fn push_mark(&mut self) -> u32 {
        let index = self.scan.marks.len() as u32;
        let start = self.at as u32;
        self.scan.marks.push(Mark {
            start,
            end: start,
            next: index + 1,
        });
        index
    }

    #[inline(always)]
    fn end_mark(&mut self, mark: Option<u32>) {
        if let Some(index) = mark {
            let next = self.scan.marks.len() as u32;
            if let Some(mark) = self.scan.marks.get_mut(index as usize) {
                mark.end = self.at as u32;
                mark.next = next;
            }
        }
    }

    /// A member's key and its colon.
    #[inline(always)]
    fn key(&mut self) -> Result<(), Fault> {
        if self.byte() != b'"' {
            return Err(self.fault("expected a key in double quotes"));
        }
        let mark = self.start_mark();
        let escapes = self.escapes;
        self.string()?;
        self.scan.escaped_keys |= self.escapes != escapes;
        self.end_mark(mark);
        self.space();
        if self.byte() != b':' {
            return Err(self.fault("expected `:`"));
        }
        self.at += 1;
        Ok(())
    }

    #[inline(always)]
    fn space(&mut self) {
        if self.byte() <= b' ' {
            self.long_space();
        }
    }

    fn long_space(&mut self) {
        loop {
            match self.byte() {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.scan.breaks = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// A string; the next byte is its opening quote.
    #[inline(always)]
    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            let Some(word) = word(self.bytes, self.at) else {
                return self.string_tail();
            };
            let marked = equal(word, b'"') | equal(word, b'\\') | below(word, b' ');
            if marked == 0 {
                self.at += 8;
                continue;
            }
            self.at += first(marked);
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ => return Err(self.fault("a control character in a string")),
            }
        }
    }

    /// The rest of a string in the last bytes of the body.
    #[cold]
    fn string_tail(&mut self) -> Result<(), Fault> {
        loop {
            match self.byte() {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                0..b' ' => return Err(self.fault("a control character in a string")),
                _ => self.at += 1,
            }
        }
    }

    /// A surrogate need not have its partner: Python's `json` reads and writes lone ones.
    fn escape(&mut self) -> Result<(), Fault> {
        self.escapes += 1;
        self.at += 1;
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.byte().is_ascii_hexdigit() {
                        return Err(self.fault("expected four hexadecimal digits after `\\u`"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.fault("an unknown escape in a string")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let negative = self.byte() == b'-';
        if negative {
            self.at += 1;
        }
        match self.byte() {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            b'I' if negative => return self.no_number(b"Infinity"),
            _ => return Err(self.fault("expected a digit")),
        }
        if self.byte() == b'.' {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.byte(), b'+' | b'-') {
                self.at += 1;
            }
            self.some_digits()?;
            self.check_size(start);
        } else if self.at - start > 300 {
            self.check_size(start);
        }
        Ok(())
    }

    /// A number too large for a double is infinite in Python, and `null` when written.
    #[cold]
    fn check_size(&mut self, start: usize) {
        let number = self.bytes.get(start..self.at).unwrap_or_default();
        self.scan.foreign |= !is_finite(number);
    }

    #[inline]
    fn digits(&mut self) {
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        if !self.byte().is_ascii_digit() {
            return Err(self.fault("expected a digit"));
        }
        self.digits();
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        for &byte in word {
            if self.byte() != byte {
                return Err(self.fault("expected a value"));
            }
            self.at += 1;
        }
        Ok(())
    }

    #[cold]
    fn no_number(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        self.scan.foreign = true;
        self.literal(word)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{Kind, Text};
    use super::*;

    fn fault(json: &str) -> Option<String> {
        let fault = Text::parse(json.into(), 2).err();
        fault.map(|fault| fault.to_string())
    }

    /// The tree of `text`, put together from its parts.
    fn rebuilt(text: &Text) -> Value {
        match text.kind() {
            Kind::Array => text.items().map(|item| rebuilt(&item)).collect(),
            Kind::Object => text
                .fields()
                .map(|(key, value)| (key.into_owned(), rebuilt(&value)))
                .collect(),
            _ => text.value(),
        }
    }

    /// Documents of many kinds; each cut and each changed byte makes another.
    const SEEDS: [&str; 9] = [
        r#"{"data":[{"gid":"12","n":null,"t":true,"f":false},{}],"next":{"o":"x"}}"#,
        r#"[0,-0,1.5,-12.25e+10,1E-2,123456789012345678901234567890,[],{}]"#,
        r#""a string of more than eight bytes, \"quoted\" \\ \/ \b\f\n\r\t \u00e9 \ud83d\ude00""#,
        " [ 1 , { \"a\" : [ ] , \"b\" :\t{ } } ]\r\n ",
        r#"{"ä":"日本 naïve 😀 text","😀":["é"]}"#,
        "[[[[[[[[[[1]]]]]]]]]]",
        "true",
        "-1",
        r#"{"a":{"a":{"a":{"a":[{"a":[1,2,3]}]}}}}"#,
    ];

    #[test]
    fn takes_exactly_what_serde_json_takes() {
        let bytes = br#"{}[]",:\/0129-+.eEtrufalsnxN"#;
        let bytes: Vec<u8> = bytes
            .iter()
            .chain(b" \n\0\x1f\x7f\x80\xff")
            .copied()
            .collect();
        let mut tried = 0;
        for seed in SEEDS {
            let mut variants = Vec::new();
            for at in 0..seed.len() {
                variants.push(seed.as_bytes()[..at].to_vec());
                for &byte in &bytes {
                    let mut changed = seed.as_bytes().to_vec();
                    changed[at] = byte;
                    variants.push(changed.clone());
                    changed.insert(at, byte);
                    variants.push(changed);
                }
            }
            for variant in variants {
                let theirs: Result<&serde_json::value::RawValue, _> =
                    serde_json::from_slice(&variant);
                let shown = String::from_utf8_lossy(&variant).into_owned();
                // `-0` is an integer in Python.
                let tree: Option<Value> = serde_json::from_slice(&variant).ok();
                let tree = tree.filter(|_| !shown.contains("-0"));
                for depth in [0, 2, 9] {
                    let ours = Text::parse(variant.clone(), depth);
                    assert_eq!(ours.is_ok(), theirs.is_ok(), "{shown}: {ours:?} {theirs:?}");
                    if let (Some(tree), Ok(ours)) = (&tree, &ours) {
                        assert_eq!(ours.value(), *tree, "{shown}");
                        assert_eq!(rebuilt(ours), *tree, "{shown}");
                    }
                }
                tried += 1;
            }
        }
        assert!(tried > 10_000, "{tried}");
    }

    #[test]
    fn takes_what_the_reference_takes_beside() {
        for json in [
            "NaN",
            "[Infinity,-Infinity]",
            r#"{"a":1e999}"#,
            r#"["\ud800","\udc00\ud800"]"#,
        ] {
            assert_eq!(fault(json), None, "{json}");
        }
        for json in ["nan", "-NaN", "+1", "Inf", "\u{feff}1", "\u{a0}1", "/**/1"] {
            assert!(fault(json).is_some(), "{json}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deepest = Text::parse(nested(MAX_DEPTH).into(), 600).unwrap();
        let tree = deepest.value();
        assert_eq!(tree.to_string(), nested(MAX_DEPTH));
        let mixed = r#"{"a":["#.repeat(MAX_DEPTH / 2) + "1" + &"]}".repeat(MAX_DEPTH / 2);
        assert_eq!(
            Text::parse(mixed.clone().into(), 0)
                .unwrap()
                .value()
                .to_string(),
            mixed
        );
        assert_eq!(
            fault(&nested(MAX_DEPTH + 1)).unwrap(),
            "not JSON: more than 512 containers within each other at line 1 column 513 (byte 512): \
             `…[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]…`"
        );
        assert!(fault(&"[".repeat(1_000_000)).is_some());
    }
}
