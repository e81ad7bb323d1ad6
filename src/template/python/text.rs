//! Methods of `str` and `bytes`.

mod parts;

use std::sync::Arc;

use self::parts::{affix, partition, search, split};
use super::format;
use crate::template::error::{Eval, Fault};
use crate::template::eval::{Args, MAX_TEXT};
use crate::template::value::TValue;

pub(crate) use parts::lines;

/// Methods of `str` that templates may call.
pub(crate) const METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

fn text(value: Option<TValue>, what: &str) -> Eval<Arc<str>> {
    match value {
        Some(TValue::Str(s)) => Ok(s),
        other => Err(Fault::types(format!(
            "{what} must be str, not `{}`",
            other.unwrap_or_default().type_name()
        ))),
    }
}

fn count(value: Option<TValue>, unset: i64) -> Eval<i64> {
    match value {
        None => Ok(unset),
        Some(value) => value.as_int().ok_or_else(|| {
            Fault::types(format!(
                "`{}` object cannot be interpreted as an integer",
                value.type_name()
            ))
        }),
    }
}

fn texts(items: impl IntoIterator<Item = impl AsRef<str>>) -> TValue {
    TValue::list(items.into_iter().map(TValue::str).collect())
}

/// Calls a method of [`METHODS`].
pub(crate) fn call(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let changed = |text: String| Ok(TValue::from(text));
    match name {
        "format" => return format::braces(s, &args).map(TValue::from),
        "format_map" => {
            let TValue::Dict(d) = args.one(name, "mapping")?.plain() else {
                return Err(Fault::types("format_map needs a mapping"));
            };
            let named = d
                .get()
                .iter()
                .filter_map(|(k, v)| Some((Arc::from(k.value().as_str()?), v.clone())))
                .collect();
            let args = Args {
                pos: Vec::new(),
                named,
            };
            return format::braces(s, &args).map(TValue::from);
        }
        "split" | "rsplit" => return split(s, name, args),
        "startswith" | "endswith" => return affix(s, name, args),
        "find" | "rfind" | "index" | "rindex" | "count" => return search(s, name, args),
        "strip" | "lstrip" | "rstrip" => return strip(s, name, args),
        "center" | "ljust" | "rjust" => return justify(s, name, args),
        "partition" | "rpartition" => return partition(s, name, args),
        "translate" | "maketrans" => {
            return Err(Fault::types(format!("`{name}` is not supported")));
        }
        "join" => return join(s, &args.one(name, "iterable")?),
        "replace" => return replace(s, args),
        "removeprefix" => {
            let prefix = text(Some(args.one(name, "prefix")?), "the prefix")?;
            return changed(s.strip_prefix(&*prefix).unwrap_or(s).to_owned());
        }
        "removesuffix" => {
            let suffix = text(Some(args.one(name, "suffix")?), "the suffix")?;
            return changed(s.strip_suffix(&*suffix).unwrap_or(s).to_owned());
        }
        "splitlines" => {
            let [keep] = args.bind(name, ["keepends"], 0)?;
            return Ok(texts(lines(s, keep.is_some_and(|k| k.truth()))));
        }
        "zfill" => {
            let width = usize::try_from(count(Some(args.one(name, "width")?), 0)?).unwrap_or(0);
            check_width(width)?;
            let missing = width.saturating_sub(s.chars().count());
            let signed = usize::from(s.starts_with(['+', '-']));
            let (sign, digits) = s.split_at_checked(signed).unwrap_or(("", s));
            return changed(format!("{sign}{}{digits}", "0".repeat(missing)));
        }
        "expandtabs" => {
            let [size] = args.bind(name, ["tabsize"], 0)?;
            let size = usize::try_from(count(size, 8)?).unwrap_or(0);
            check_width(size)?;
            return changed(expand_tabs(s, size));
        }
        "encode" => {
            let [encoding, _] = args.bind(name, ["encoding", "errors"], 0)?;
            let encoding = match encoding {
                None => Arc::from("utf-8"),
                given => text(given, "the encoding")?,
            };
            return encode(s, &encoding);
        }
        _ => {}
    }
    args.none(name)?;
    changed(match name {
        "lower" => s.to_lowercase(),
        "casefold" => s.to_lowercase().replace('ß', "ss"),
        "upper" => s.to_uppercase(),
        "capitalize" => capitalize(s),
        "title" => title(s),
        "swapcase" => s
            .chars()
            .flat_map(|c| -> Vec<char> {
                if c.is_uppercase() {
                    c.to_lowercase().collect()
                } else {
                    c.to_uppercase().collect()
                }
            })
            .collect(),
        _ => return Ok(TValue::Bool(is(s, name))),
    })
}

fn is(s: &str, name: &str) -> bool {
    let all = |test: fn(char) -> bool| !s.is_empty() && s.chars().all(test);
    let cased = |c: char| c.is_uppercase() || c.is_lowercase();
    match name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => s.is_ascii(),
        "isdecimal" | "isdigit" => all(|c| c.is_ascii_digit() || (!c.is_ascii() && c.is_numeric())),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(char::is_whitespace),
        "isprintable" => s
            .chars()
            .all(|c| c == ' ' || !(c.is_control() || c.is_whitespace())),
        "islower" => s.chars().any(cased) && !s.chars().any(char::is_uppercase),
        "isupper" => s.chars().any(cased) && !s.chars().any(char::is_lowercase),
        "istitle" => s.chars().any(cased) && title(s) == s,
        "isidentifier" => {
            s.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && s.chars().all(|c| c.is_alphanumeric() || c == '_')
        }
        _ => false,
    }
}

/// `s.capitalize()`.
pub(crate) fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().collect::<String>() + &chars.as_str().to_lowercase(),
        None => String::new(),
    }
}

fn title(s: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in s.chars() {
        let cased = c.is_uppercase() || c.is_lowercase();
        if cased && inside {
            out.extend(c.to_lowercase());
        } else if cased {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        inside = cased;
    }
    out
}

fn check_width(width: usize) -> Eval<()> {
    if width > MAX_TEXT {
        return Err(Fault::other("the text is too long"));
    }
    Ok(())
}

fn strip(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let [chars] = args.bind(name, ["chars"], 0)?;
    let set = match chars {
        None | Some(TValue::None) => None,
        given => Some(text(given, "strip arg")?),
    };
    let gone = |c: char| {
        set.as_ref()
            .map_or_else(|| c.is_whitespace(), |set| set.contains(c))
    };
    Ok(TValue::str(match name {
        "lstrip" => s.trim_start_matches(gone),
        "rstrip" => s.trim_end_matches(gone),
        _ => s.trim_matches(gone),
    }))
}

fn justify(s: &str, name: &str, args: Args) -> Eval<TValue> {
    let [width, fill] = args.bind(name, ["width", "fillchar"], 1)?;
    let width = usize::try_from(count(width, 0)?).unwrap_or(0);
    check_width(width)?;
    let fill = match fill {
        None => Arc::from(" "),
        given => text(given, "the fill character")?,
    };
    if fill.chars().count() != 1 {
        return Err(Fault::types(
            "the fill character must be exactly one character long",
        ));
    }
    Ok(TValue::from(match name {
        "ljust" => {
            let missing = width.saturating_sub(s.chars().count());
            format!("{s}{}", fill.repeat(missing))
        }
        "rjust" => {
            let missing = width.saturating_sub(s.chars().count());
            format!("{}{s}", fill.repeat(missing))
        }
        _ => center(s, width, &fill),
    }))
}

/// `s.center(width, fill)`.
pub(crate) fn center(s: &str, width: usize, fill: &str) -> String {
    let missing = width.saturating_sub(s.chars().count());
    let left = missing / 2 + (missing & width & 1);
    format!("{}{s}{}", fill.repeat(left), fill.repeat(missing - left))
}

fn join(s: &str, items: &TValue) -> Eval<TValue> {
    let mut out = String::new();
    for (i, item) in items.iterate()?.iter().enumerate() {
        if i > 0 {
            out.push_str(s);
        }
        out.push_str(&text(Some(item.clone()), &format!("sequence item {i}"))?);
        check_width(out.len())?;
    }
    Ok(TValue::from(out))
}

fn replace(s: &str, args: Args) -> Eval<TValue> {
    let [old, new, limit] = args.bind("replace", ["old", "new", "count"], 2)?;
    let (old, new) = (text(old, "the argument")?, text(new, "the argument")?);
    let limit = count(limit, -1)?;
    Ok(TValue::from(match usize::try_from(limit) {
        Ok(limit) => s.replacen(&*old, &new, limit),
        Err(_) => s.replace(&*old, &new),
    }))
}

fn expand_tabs(s: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for c in s.chars() {
        match c {
            '\t' => {
                let n = if size == 0 { 0 } else { size - column % size };
                out.extend(std::iter::repeat_n(' ', n));
                column += n;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            c => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}

fn encode(s: &str, encoding: &str) -> Eval<TValue> {
    let limit = match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => return Ok(TValue::Bytes(s.as_bytes().into())),
        "ascii" | "us-ascii" => 0x7f,
        "latin-1" | "latin1" | "iso-8859-1" => 0xff,
        _ => return Err(Fault::other(format!("unknown encoding: {encoding}"))),
    };
    let bytes: Option<Vec<u8>> = s
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok().filter(|b| *b <= limit))
        .collect();
    bytes
        .map(|b| TValue::Bytes(b.into()))
        .ok_or_else(|| Fault::other("the text cannot be encoded"))
}

/// Calls a method of `bytes`.
pub(crate) fn call_bytes(b: &[u8], name: &str, args: Args) -> Eval<TValue> {
    match name {
        "hex" => {
            args.none(name)?;
            Ok(TValue::from(
                b.iter().map(|b| format!("{b:02x}")).collect::<String>(),
            ))
        }
        _ => {
            let [encoding, _] = args.bind(name, ["encoding", "errors"], 0)?;
            let latin = encoding
                .as_ref()
                .and_then(TValue::as_str)
                .is_some_and(|e| e.to_ascii_lowercase().starts_with("latin"));
            if latin {
                return Ok(TValue::from(
                    b.iter().map(|b| char::from(*b)).collect::<String>(),
                ));
            }
            String::from_utf8(b.to_vec())
                .map(TValue::from)
                .map_err(|_| Fault::other("the bytes are not UTF-8"))
        }
    }
}
