//! Names that a template reads and nobody in it declares: jinja2's `find_undeclared_variables`.

use std::sync::Arc;

use minijinja::machinery::ast;

use crate::template::builtin::is_global;
use crate::template::error::Span;

/// Names that `body` reads from outside and where, each once, in the order of reading.
pub(super) fn undeclared(body: &[ast::Stmt<'_>]) -> Vec<(Arc<str>, Span)> {
    let mut walk = Walk {
        scopes: vec![vec!["self".to_owned()]],
        found: Vec::new(),
    };
    walk.body(body);
    walk.found
}

struct Walk {
    scopes: Vec<Vec<String>>,
    found: Vec<(Arc<str>, Span)>,
}

impl Walk {
    fn declare(&mut self, name: &str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(name.to_owned());
        }
    }

    fn read(&mut self, name: &str, at: Span) {
        let declared = self.scopes.iter().flatten().any(|n| n == name);
        if !declared && !is_global(name) && !self.found.iter().any(|(n, _)| &**n == name) {
            self.found.push((Arc::from(name), at));
        }
    }

    fn scoped(&mut self, names: &[&str], walk: impl FnOnce(&mut Self)) {
        self.scopes
            .push(names.iter().map(|n| (*n).to_owned()).collect());
        walk(self);
        self.scopes.pop();
    }

    fn target(&mut self, expr: &ast::Expr<'_>) {
        match expr {
            ast::Expr::Var(v) => self.declare(v.id),
            ast::Expr::List(l) => l.items.iter().for_each(|i| self.target(i)),
            ast::Expr::Tuple(l) => l.items.iter().for_each(|i| self.target(i)),
            ast::Expr::GetAttr(a) => self.expr(&a.expr),
            _ => {}
        }
    }

    fn body(&mut self, stmts: &[ast::Stmt<'_>]) {
        for stmt in stmts {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &ast::Stmt<'_>) {
        use ast::Stmt as S;
        match stmt {
            S::Template(t) => self.body(&t.children),
            S::EmitExpr(e) => self.expr(&e.expr),
            S::IfCond(c) => {
                self.expr(&c.expr);
                self.body(&c.true_body);
                self.body(&c.false_body);
            }
            S::ForLoop(f) => {
                self.expr(&f.iter);
                self.scoped(&[], |walk| {
                    walk.target(&f.target);
                    if let Some(filter) = &f.filter_expr {
                        walk.expr(filter);
                    }
                    walk.declare("loop");
                    walk.body(&f.body);
                });
                self.scoped(&[], |walk| walk.body(&f.else_body));
            }
            S::Set(s) => {
                self.expr(&s.expr);
                self.target(&s.target);
            }
            S::SetBlock(s) => {
                self.scoped(&[], |walk| walk.body(&s.body));
                if let Some(filter) = &s.filter {
                    self.expr(filter);
                }
                self.target(&s.target);
            }
            S::WithBlock(w) => {
                self.scoped(&[], |walk| {
                    for (target, value) in &w.assignments {
                        walk.expr(value);
                        walk.target(target);
                    }
                    walk.body(&w.body);
                });
            }
            S::FilterBlock(f) => {
                self.expr(&f.filter);
                self.scoped(&[], |walk| walk.body(&f.body));
            }
            S::AutoEscape(a) => self.body(&a.body),
            S::Block(b) => self.scoped(&["super"], |walk| walk.body(&b.body)),
            S::Macro(m) => {
                self.declare(m.name);
                self.macro_body(m);
            }
            S::CallBlock(c) => {
                self.call(&c.call);
                self.macro_body(&c.macro_decl);
            }
            S::Do(d) => self.call(&d.call),
            S::Import(i) => {
                self.expr(&i.expr);
                self.target(&i.name);
            }
            S::FromImport(i) => {
                self.expr(&i.expr);
                for (name, alias) in &i.names {
                    self.target(alias.as_ref().unwrap_or(name));
                }
            }
            S::Extends(e) => self.expr(&e.name),
            S::Include(i) => self.expr(&i.name),
            S::EmitRaw(_) => {}
        }
    }

    fn macro_body(&mut self, m: &ast::Macro<'_>) {
        self.scoped(&["caller", "varargs", "kwargs"], |walk| {
            m.args.iter().for_each(|a| walk.target(a));
            m.defaults.iter().for_each(|e| walk.expr(e));
            walk.body(&m.body);
        });
    }

    fn call(&mut self, call: &ast::Call<'_>) {
        self.expr(&call.expr);
        self.args(&call.args);
    }

    fn args(&mut self, args: &[ast::CallArg<'_>]) {
        for arg in args {
            match arg {
                ast::CallArg::Pos(e)
                | ast::CallArg::Kwarg(_, e)
                | ast::CallArg::PosSplat(e)
                | ast::CallArg::KwargSplat(e) => self.expr(e),
            }
        }
    }

    fn expr(&mut self, expr: &ast::Expr<'_>) {
        use ast::Expr as E;
        match expr {
            E::Var(v) => self.read(v.id, v.span().into()),
            E::Const(_) => {}
            E::Slice(s) => {
                self.expr(&s.expr);
                for bound in [&s.start, &s.stop, &s.step].into_iter().flatten() {
                    self.expr(bound);
                }
            }
            E::UnaryOp(u) => self.expr(&u.expr),
            E::BinOp(b) => {
                self.expr(&b.left);
                self.expr(&b.right);
            }
            E::Compare(c) => {
                self.expr(&c.expr);
                c.ops.iter().for_each(|op| self.expr(&op.expr));
            }
            E::IfExpr(i) => {
                self.expr(&i.test_expr);
                self.expr(&i.true_expr);
                if let Some(e) = &i.false_expr {
                    self.expr(e);
                }
            }
            E::Filter(f) => {
                if let Some(e) = &f.expr {
                    self.expr(e);
                }
                self.args(&f.args);
            }
            E::Test(t) => {
                self.expr(&t.expr);
                self.args(&t.args);
            }
            E::GetAttr(a) => self.expr(&a.expr),
            E::GetItem(i) => {
                self.expr(&i.expr);
                self.expr(&i.subscript_expr);
            }
            E::Call(c) => self.call(c),
            E::List(l) => l.items.iter().for_each(|e| self.expr(e)),
            E::Tuple(t) => t.items.iter().for_each(|e| self.expr(e)),
            E::Map(m) => {
                m.keys.iter().for_each(|e| self.expr(e));
                m.values.iter().for_each(|e| self.expr(e));
            }
        }
    }
}
