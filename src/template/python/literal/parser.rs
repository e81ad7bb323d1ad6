//! Tokens to values.

use super::Literal;
use super::lexer::{Token, tokens};
use crate::template::value::Key;

/// Brackets inside of each other that are still read.
const MAX_DEPTH: usize = 90;

/// The value of a literal's text, leading blanks taken off.
pub(super) fn parse(text: &str) -> Option<Literal> {
    if text.contains('\0') {
        return None;
    }
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let value = parser.top()?;
    while parser.peek() == Some(&Token::Newline) {
        parser.at += 1;
    }
    parser.peek().is_none().then_some(value)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn skip(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    /// A value, or values with commas: a tuple without brackets.
    fn top(&mut self) -> Option<Literal> {
        let first = self.value()?;
        if !self.skip(',') {
            return Some(first);
        }
        let mut items = vec![first];
        while self.peek().is_some_and(|t| *t != Token::Newline) {
            items.push(self.value()?);
            if !self.skip(',') {
                break;
            }
        }
        Some(Literal::Tuple(items))
    }

    fn value(&mut self) -> Option<Literal> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let value = self.signed();
        self.depth -= 1;
        value
    }

    fn signed(&mut self) -> Option<Literal> {
        let mut signs = 0;
        let mut negative = false;
        while let Some(Token::Mark(sign @ ('+' | '-'))) = self.peek() {
            negative ^= *sign == '-';
            signs += 1;
            self.at += 1;
        }
        if signs == 0 {
            return self.atom();
        }
        if signs > 1 {
            return None;
        }
        let value = self.atom()?;
        match (value, negative) {
            (value @ (Literal::Int(_) | Literal::BigInt(_) | Literal::Float(_)), false) => {
                Some(value)
            }
            (Literal::Float(f), true) => Some(Literal::Float(-f)),
            (Literal::Int(i), true) => Some(i.checked_neg().map_or_else(
                || Literal::BigInt(-num_bigint::BigInt::from(i)),
                Literal::Int,
            )),
            (Literal::BigInt(b), true) => {
                use num_traits::ToPrimitive as _;
                let b = -b;
                Some(b.to_i64().map_or_else(|| Literal::BigInt(b), Literal::Int))
            }
            _ => None,
        }
    }

    fn atom(&mut self) -> Option<Literal> {
        let token = self.peek()?.clone();
        self.at += 1;
        match token {
            Token::Value(Literal::Str(mut text)) => {
                while let Some(Token::Value(next)) = self.peek() {
                    let Literal::Str(more) = next else {
                        return None;
                    };
                    text.push_str(more);
                    self.at += 1;
                }
                Some(Literal::Str(text))
            }
            Token::Value(Literal::Bytes(mut bytes)) => {
                while let Some(Token::Value(next)) = self.peek() {
                    let Literal::Bytes(more) = next else {
                        return None;
                    };
                    bytes.extend(more);
                    self.at += 1;
                }
                Some(Literal::Bytes(bytes))
            }
            Token::Value(value) => Some(value),
            Token::Ellipsis => Some(Literal::Ellipsis),
            Token::Name(name) => match name.as_str() {
                "None" => Some(Literal::None),
                "True" => Some(Literal::Bool(true)),
                "False" => Some(Literal::Bool(false)),
                "set" => (self.skip('(') && self.skip(')')).then(|| Literal::Set(Vec::new())),
                _ => None,
            },
            Token::Mark('(') => self.round(),
            Token::Mark('[') => self.items(']').map(Literal::List),
            Token::Mark('{') => self.curly(),
            _ => None,
        }
    }

    fn items(&mut self, close: char) -> Option<Vec<Literal>> {
        let mut items = Vec::new();
        loop {
            if self.skip(close) {
                return Some(items);
            }
            items.push(self.value()?);
            if !self.skip(',') {
                return self.skip(close).then_some(items);
            }
        }
    }

    fn round(&mut self) -> Option<Literal> {
        if self.skip(')') {
            return Some(Literal::Tuple(Vec::new()));
        }
        let first = self.value()?;
        if self.skip(')') {
            return Some(first);
        }
        if !self.skip(',') {
            return None;
        }
        let mut items = vec![first];
        items.extend(self.items(')')?);
        Some(Literal::Tuple(items))
    }

    fn curly(&mut self) -> Option<Literal> {
        if self.skip('}') {
            return Some(Literal::Dict(Vec::new()));
        }
        let first = self.value()?;
        if self.skip(':') {
            let mut pairs = indexmap::IndexMap::new();
            pairs.insert(key(&first)?, (first, self.value()?));
            loop {
                let comma = self.skip(',');
                if self.skip('}') {
                    return Some(Literal::Dict(pairs.into_values().collect()));
                }
                if !comma {
                    return None;
                }
                let name = self.value()?;
                if !self.skip(':') {
                    return None;
                }
                let value = self.value()?;
                match pairs.entry(key(&name)?) {
                    // Python keeps the first of equal keys, and the last value.
                    indexmap::map::Entry::Occupied(mut old) => old.get_mut().1 = value,
                    indexmap::map::Entry::Vacant(slot) => {
                        slot.insert((name, value));
                    }
                }
            }
        }
        let mut items = indexmap::IndexMap::new();
        items.insert(key(&first)?, first);
        if self.skip(',') {
            for item in self.items('}')? {
                items.entry(key(&item)?).or_insert(item);
            }
        } else if !self.skip('}') {
            return None;
        }
        Some(Literal::Set(items.into_values().collect()))
    }
}

/// What a literal is compared by inside of sets and as a dict's key.
fn key(literal: &Literal) -> Option<Key> {
    match literal {
        Literal::Set(_) | Literal::List(_) | Literal::Dict(_) => None,
        Literal::Tuple(items) => {
            for item in items {
                key(item)?;
            }
            Key::new(literal.to_value()).ok()
        }
        // `...` is like nothing else.
        Literal::Ellipsis => {
            Key::new(crate::template::datetime::Delta::default().into_value()).ok()
        }
        other => Key::new(other.to_value()).ok(),
    }
}
