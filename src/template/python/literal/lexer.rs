//! Tokens of Python's literals.

use num_bigint::BigInt;

use super::Literal;

/// A token of a literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A number, or a whole text token of one quoted piece.
    Value(Literal),
    /// `None`, `True`, `False`, `set`
    Name(String),
    /// A bracket, comma, colon, sign.
    Mark(char),
    /// `...`
    Ellipsis,
    /// End of a line outside of brackets.
    Newline,
}

/// Splits text into tokens; `None` when Python could not.
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer {
        chars,
        at: 0,
        depth: 0,
        tokens: Vec::new(),
    };
    lexer.run()?;
    Some(lexer.tokens)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    depth: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn run(&mut self) -> Option<()> {
        // An indented later line is an error in Python, so track where lines start.
        while let Some(c) = self.peek(0) {
            match c {
                ' ' | '\t' | '\x0c' => self.at += 1,
                '\n' | '\r' => {
                    self.at += if c == '\r' && self.peek(1) == Some('\n') {
                        2
                    } else {
                        1
                    };
                    if self.depth == 0 {
                        if !self.tokens.is_empty() {
                            self.tokens.push(Token::Newline);
                        }
                        self.check_indent()?;
                    }
                }
                '#' => {
                    while self.peek(0).is_some_and(|c| c != '\n' && c != '\r') {
                        self.at += 1;
                    }
                }
                '\\' => {
                    let skip = match (self.peek(1)?, self.peek(2)) {
                        ('\r', Some('\n')) => 3,
                        ('\n' | '\r', _) => 2,
                        _ => return None,
                    };
                    self.at += skip;
                    self.peek(0)?;
                }
                '(' | '[' | '{' => {
                    self.depth += 1;
                    self.mark(c);
                }
                ')' | ']' | '}' => {
                    self.depth = self.depth.checked_sub(1)?;
                    self.mark(c);
                }
                ',' | ':' | '+' | '-' => self.mark(c),
                '.' if self.peek(1) == Some('.') && self.peek(2) == Some('.') => {
                    self.at += 3;
                    self.tokens.push(Token::Ellipsis);
                }
                '0'..='9' | '.' => self.number()?,
                '\'' | '"' => self.string("")?,
                c if c.is_ascii_alphabetic() => self.word()?,
                _ => return None,
            }
        }
        Some(())
    }

    /// After a line's end: more text on an indented line is no literal.
    fn check_indent(&self) -> Option<()> {
        let rest = self.chars.get(self.at..)?;
        let indent = rest.iter().take_while(|c| matches!(c, ' ' | '\t')).count();
        match rest.get(indent) {
            None | Some('\n' | '\r' | '#') => Some(()),
            Some(_) if indent == 0 => Some(()),
            Some(_) => None,
        }
    }

    fn mark(&mut self, c: char) {
        self.at += 1;
        self.tokens.push(Token::Mark(c));
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
        {
            self.at += 1;
        }
        let word: String = self.chars.get(start..self.at)?.iter().collect();
        if matches!(self.peek(0), Some('\'' | '"')) {
            let prefix = word.to_ascii_lowercase();
            return if matches!(prefix.as_str(), "b" | "r" | "u" | "br" | "rb") {
                self.string(&prefix)
            } else {
                None
            };
        }
        self.tokens.push(Token::Name(word));
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        if self.peek(0) == Some('0')
            && let Some(radix) = self.peek(1).and_then(|c| match c.to_ascii_lowercase() {
                'x' => Some(16),
                'o' => Some(8),
                'b' => Some(2),
                _ => None,
            })
        {
            self.at += 2;
            if self.peek(0) == Some('_') {
                self.at += 1;
            }
            let digits = self.digits(radix)?;
            self.end_of_number()?;
            let value = BigInt::parse_bytes(digits.as_bytes(), radix)?;
            self.push_int(value);
            return Some(());
        }
        let mut text = String::new();
        let mut float = false;
        if self.peek(0) != Some('.') {
            text.push_str(&self.digits(10)?);
        }
        if self.peek(0) == Some('.') {
            float = true;
            self.at += 1;
            text.push('.');
            if self.peek(0).is_some_and(|c| c.is_ascii_digit()) {
                text.push_str(&self.digits(10)?);
            } else if text == "." {
                return None;
            }
        }
        if matches!(self.peek(0), Some('e' | 'E')) {
            float = true;
            self.at += 1;
            text.push('e');
            if let Some(sign @ ('+' | '-')) = self.peek(0) {
                text.push(sign);
                self.at += 1;
            }
            text.push_str(&self.digits(10)?);
        }
        self.end_of_number()?;
        if float {
            let value = text.parse().ok()?;
            self.tokens.push(Token::Value(Literal::Float(value)));
            return Some(());
        }
        // `007` is an error in Python, `000` is not.
        if text.len() > 1 && text.starts_with('0') && text.bytes().any(|b| b != b'0') {
            return None;
        }
        // Python refuses to turn more than 4300 digits into an int.
        if self.at - start > 4300 {
            return None;
        }
        let value = BigInt::parse_bytes(text.as_bytes(), 10)?;
        self.push_int(value);
        Some(())
    }

    fn push_int(&mut self, value: BigInt) {
        use num_traits::ToPrimitive as _;
        self.tokens.push(Token::Value(
            value
                .to_i64()
                .map_or_else(|| Literal::BigInt(value), Literal::Int),
        ));
    }

    /// Digits with single underscores between them.
    fn digits(&mut self, radix: u32) -> Option<String> {
        let mut digits = String::new();
        loop {
            let c = self.peek(0)?;
            if !c.is_digit(radix) {
                return None;
            }
            digits.push(c);
            self.at += 1;
            match self.peek(0) {
                Some(c) if c.is_digit(radix) => {}
                Some('_') => self.at += 1,
                _ => return Some(digits),
            }
        }
    }

    fn end_of_number(&self) -> Option<()> {
        match self.peek(0) {
            Some(c) if c.is_alphanumeric() || c == '_' => None,
            _ => Some(()),
        }
    }

    fn string(&mut self, prefix: &str) -> Option<()> {
        let quote = self.peek(0)?;
        let triple = self.peek(1) == Some(quote) && self.peek(2) == Some(quote);
        self.at += if triple { 3 } else { 1 };
        let (raw, bytes) = (prefix.contains('r'), prefix.contains('b'));
        let mut text = String::new();
        loop {
            let c = self.peek(0)?;
            if c == quote
                && (!triple || (self.peek(1) == Some(quote) && self.peek(2) == Some(quote)))
            {
                self.at += if triple { 3 } else { 1 };
                break;
            }
            match c {
                '\n' | '\r' if !triple => return None,
                '\r' => {
                    self.at += if self.peek(1) == Some('\n') { 2 } else { 1 };
                    text.push('\n');
                }
                '\0' => return None,
                '\\' if raw => {
                    text.push(c);
                    text.push(self.peek(1)?);
                    self.at += 2;
                }
                '\\' => {
                    self.at += 1;
                    self.escape(&mut text, bytes)?;
                }
                c if bytes && !c.is_ascii() => return None,
                c => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
        self.tokens.push(Token::Value(if bytes {
            Literal::Bytes(
                text.chars()
                    .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
                    .collect(),
            )
        } else {
            Literal::Str(text)
        }));
        Some(())
    }

    fn escape(&mut self, text: &mut String, bytes: bool) -> Option<()> {
        let c = self.peek(0)?;
        self.at += 1;
        match c {
            '\n' => {}
            '\r' => {
                if self.peek(0) == Some('\n') {
                    self.at += 1;
                }
            }
            '\\' | '\'' | '"' => text.push(c),
            'a' => text.push('\x07'),
            'b' => text.push('\x08'),
            'f' => text.push('\x0c'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'v' => text.push('\x0b'),
            '0'..='7' => {
                let mut code = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                text.push(char::from_u32(if bytes { code & 0xff } else { code })?);
            }
            'x' => self.hex(text, 2)?,
            'u' if !bytes => self.hex(text, 4)?,
            'U' if !bytes => self.hex(text, 8)?,
            'N' if !bytes => self.named(text)?,
            other => {
                text.push('\\');
                text.push(other);
                if bytes && !other.is_ascii() {
                    return None;
                }
            }
        }
        Some(())
    }

    fn hex(&mut self, text: &mut String, digits: usize) -> Option<()> {
        let code: String = self.chars.get(self.at..self.at + digits)?.iter().collect();
        if !code.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.at += digits;
        // Differs: half of a surrogate pair cannot be text here, and becomes the replacement character.
        let code = u32::from_str_radix(&code, 16).ok()?;
        if code > 0x0010_ffff {
            return None;
        }
        text.push(char::from_u32(code).unwrap_or('\u{fffd}'));
        Some(())
    }

    /// Differs: of Unicode's names only a handful is known; with another the text stays.
    fn named(&mut self, text: &mut String) -> Option<()> {
        let rest: String = self.chars.get(self.at..)?.iter().collect();
        let (name, _) = rest.strip_prefix('{')?.split_once('}')?;
        let c = match name.to_ascii_uppercase().as_str() {
            "BULLET" => '\u{2022}',
            "EM DASH" => '\u{2014}',
            "EN DASH" => '\u{2013}',
            "SPACE" => ' ',
            "NO-BREAK SPACE" => '\u{a0}',
            "DEGREE SIGN" => '\u{b0}',
            "EURO SIGN" => '\u{20ac}',
            _ => return None,
        };
        text.push(c);
        self.at += name.chars().count() + 2;
        Some(())
    }
}
