//! Conditions that hold once a number is below a threshold, read off their syntax tree.
//!
//! In: a compiled condition and the name of the number. Out: whether it holds just because the number
//! is small. It must not know what the number counts.

use super::compile::code::{Code, Comparison, Expr, ExprKind, Stmt};
use super::condition::is_false;
use super::python::repr::write_str;
use super::value::TValue;

/// A number that a condition may compare.
#[derive(Debug, Clone, Copy)]
pub struct Number<'a> {
    /// The name that it has in scope.
    pub name: &'a str,
    /// The name of its largest value: as a threshold it moves with the number.
    pub most: &'a str,
    /// The least that its largest value may be.
    pub least: i64,
}

/// Whether `code` holds when the number is below something else than its own largest value.
///
/// Only comparisons that decide the condition by themselves count, alone or within `and` and `or`: what
/// stands below a `not`, or is worked on, may mean anything. As airbyte-cdk 7.39.1,
/// `stop_condition_safety.py`.
pub(super) fn holds_below(code: &Code, number: Number<'_>) -> bool {
    decider(&code.body).is_some_and(|expr| number.decides(expr))
}

/// The expression whose truth is that of the rendered text.
fn decider(body: &[Stmt]) -> Option<&Expr> {
    match body {
        [Stmt::Emit(expr)] => Some(expr),
        [Stmt::If(test, then, otherwise)] if otherwise.is_empty() => {
            let mut text = String::new();
            for stmt in then {
                match stmt {
                    Stmt::Raw(raw) => text.push_str(raw),
                    Stmt::Emit(Expr {
                        kind: ExprKind::Const(value),
                        ..
                    }) => write_str(&mut text, value),
                    _ => return None,
                }
            }
            (!is_false(&text)).then_some(test)
        }
        _ => None,
    }
}

impl Number<'_> {
    fn decides(self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::And(one, other) | ExprKind::Or(one, other) => {
                self.decides(one) || self.decides(other)
            }
            ExprKind::Compare(first, rest) => {
                let lefts = std::iter::once(&**first).chain(rest.iter().map(|(_, right)| right));
                let mut pairs = lefts.zip(rest);
                pairs.any(|(left, (comparison, right))| match comparison {
                    Comparison::Lt => self.is_below(left, right, 0),
                    Comparison::Le => self.is_below(left, right, 1),
                    Comparison::Gt => self.is_below(right, left, 0),
                    Comparison::Ge => self.is_below(right, left, 1),
                    _ => false,
                })
            }
            _ => false,
        }
    }

    /// Whether the number stands on the left side of `left < threshold + more`, and the threshold stays
    /// where it is.
    fn is_below(self, left: &Expr, threshold: &Expr, more: i64) -> bool {
        let is_worked_on = matches!(
            left.kind,
            ExprKind::Binary(..) | ExprKind::And(..) | ExprKind::Or(..)
        );
        let is_harmless = match &threshold.kind {
            ExprKind::Const(TValue::Int(value)) => value.saturating_add(more) <= self.least,
            _ => false,
        };
        left.mentions(self.name)
            && !threshold.mentions(self.name)
            && !threshold.mentions(self.most)
            && !is_worked_on
            && !is_harmless
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Condition, scope};
    use super::*;

    fn holds(condition: &str, least: i64) -> bool {
        let condition = Condition::<scope::Page>::new(condition).unwrap();
        condition.holds_below(Number {
            name: "last_page_size",
            most: "page_size",
            least,
        })
    }

    #[test]
    fn a_threshold_that_stays_is_found() {
        for condition in [
            "{{ last_page_size < 100 }}",
            "{{ 100 > last_page_size }}",
            "{{ last_page_size <= config['page_size'] }}",
            "{{ last_page_size | int < config.page_size }}",
            "{{ response.done or last_page_size < 100 }}",
            "{{ 0 <= last_page_size < 100 }}",
            "{% if last_page_size < 100 %}true{% endif %}",
            "{% if last_page_size < 100 %}{{ 1 }}{% endif %}",
        ] {
            assert!(holds(condition, 1), "{condition}");
        }
    }

    #[test]
    fn what_moves_or_decides_nothing_is_left() {
        for condition in [
            "true",
            "{{ not response.next }}",
            "{{ last_page_size == 0 }}",
            "{{ last_page_size < 1 }}",
            "{{ last_page_size <= 0 }}",
            "{{ last_page_size > 100 }}",
            "{{ last_page_size < page_size }}",
            "{{ last_page_size < [page_size, 100] | max }}",
            "{{ not (last_page_size < 100) }}",
            "{{ last_page_size - 100 < 0 }}",
            "{{ (last_page_size < 100) | string }}",
            "{{ last_page_size < 100 }} and more",
            "{% if last_page_size < 100 %}0{% endif %}",
            "{% if last_page_size < 100 %}true{% else %}true{% endif %}",
        ] {
            assert!(!holds(condition, 1), "{condition}");
        }
    }

    #[test]
    fn the_least_is_no_threshold() {
        assert!(!holds("{{ last_page_size < 10 }}", 10));
        assert!(!holds("{{ last_page_size <= 9 }}", 10));
        assert!(holds("{{ last_page_size <= 10 }}", 10));
        assert!(holds("{{ last_page_size < 10.0 }}", 10));
    }
}
