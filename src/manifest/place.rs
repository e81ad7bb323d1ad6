//! Where a value was written, and by which `$ref`s it came to where it is used.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A file that was read: its name as the user gave it, and its text, which errors are drawn with.
/// Files are equal by their names.
#[derive(Clone)]
pub struct File(Arc<Text>);

struct Text {
    name: Box<str>,
    text: Box<str>,
}

impl File {
    /// A file with its text.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        let (name, text) = (name.into(), text.into());
        Self(Arc::new(Text { name, text }))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its text; empty where it is not known.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }
}

/// A file of which only the name is known.
impl From<&str> for File {
    fn from(name: &str) -> Self {
        Self::new(name, "")
    }
}

impl PartialEq for File {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.name() == other.name()
    }
}

impl Eq for File {}

impl Hash for File {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where something stands in a manifest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file.
    pub file: File,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The `$ref`s that brought a value to where it is used, innermost first.
///
/// On a node that stands in a tree it tells only the `$ref`s between that node and the mapping or
/// list that holds it, so that a definition used a hundred times is kept once. The decoder puts
/// the pieces together: [`Here`](super::Here), [`Raw`](super::Raw) and errors have the whole trail.
#[derive(Clone, Default)]
pub struct Via(Option<Arc<Link>>);

struct Link {
    /// Where the reference was written; none where a path was only noted down.
    site: Option<Place>,
    /// Path of what it leads to, as `definitions.pages`.
    to: Arc<str>,
    /// The key below that path, where a mapping was spread into another.
    key: Option<Arc<str>>,
    outer: Via,
}

impl Via {
    /// The places of the `$ref`s, innermost first.
    pub fn sites(&self) -> impl Iterator<Item = &Place> {
        self.links().filter_map(|link| link.site.as_ref())
    }

    /// Whether no `$ref` was passed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sites().next().is_none()
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.0.as_deref(), |link| link.outer.0.as_deref())
    }

    /// Path of the definition that the innermost reference leads to, and a key below it.
    pub(super) fn base(&self) -> Option<(&str, Option<&str>)> {
        let link = self.0.as_ref()?;
        Some((&link.to, link.key.as_deref()))
    }

    /// The same trail for the value of a key.
    pub(super) fn at_key(&self, key: &Arc<str>) -> Via {
        Via(self.0.as_ref().map(|link| {
            let path = match &link.key {
                Some(outer) => Arc::from(format!("{}.{outer}", link.to)),
                None => Arc::clone(&link.to),
            };
            Arc::new(Link {
                site: link.site.clone(),
                to: path,
                key: Some(Arc::clone(key)),
                outer: link.outer.clone(),
            })
        }))
    }

    /// This trail, reached through a reference written at `site`.
    pub(super) fn through(&self, site: &Place, to: &Arc<str>) -> Via {
        self.within(&Via(Some(Arc::new(Link {
            site: Some(site.clone()),
            to: Arc::clone(to),
            key: None,
            outer: Via(None),
        }))))
    }

    /// This trail, inside of something that was itself reached by `outer`.
    pub(super) fn within(&self, outer: &Via) -> Via {
        match (&self.0, &outer.0) {
            (None, _) => outer.clone(),
            (_, None) => self.clone(),
            (Some(_), Some(_)) => {
                // Trails are as long as references are nested: a handful.
                let links: Vec<&Link> = self.links().collect();
                links.into_iter().rev().fold(outer.clone(), |outer, link| {
                    Via(Some(Arc::new(Link {
                        site: link.site.clone(),
                        to: Arc::clone(&link.to),
                        key: link.key.clone(),
                        outer,
                    })))
                })
            }
        }
    }

    /// The same trail for a value whose path is `path`.
    pub(super) fn at_path(&self, path: &str) -> Via {
        Via(Some(Arc::new(Link {
            site: None,
            to: Arc::from(path),
            key: None,
            outer: self.clone(),
        })))
    }
}

impl PartialEq for Via {
    fn eq(&self, other: &Via) -> bool {
        self.sites().eq(other.sites())
    }
}

impl Eq for Via {}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.sites()).finish()
    }
}
