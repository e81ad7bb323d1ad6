//! Python's `fnmatch.fnmatchcase`: `*`, `?`, `[seq]`, `[!seq]`, no escapes.

/// Whether the whole of `text` matches `pattern`.
pub(super) fn fnmatch(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut t, mut p) = (0, 0);
    // Where to go on when the rest does not match: after the last `*`, one more of the text taken.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((t, p + 1));
                p += 1;
                continue;
            }
            Some(_) if t < text.len() => {
                if let Some(next) = one(&pattern, p, text[t]) {
                    t += 1;
                    p = next;
                    continue;
                }
            }
            None if t == text.len() => return true,
            _ => {}
        }
        match retry {
            Some((from, after)) if from < text.len() => {
                retry = Some((from + 1, after));
                t = from + 1;
                p = after;
            }
            _ => return false,
        }
    }
}

/// Matches `c` by the pattern's element at `p`; gives where the next element starts.
fn one(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match pattern[p] {
        '?' => Some(p + 1),
        '[' => match class_end(pattern, p) {
            Some(end) => in_class(&pattern[p + 1..end], c).then_some(end + 1),
            None => (c == '[').then_some(p + 1),
        },
        other => (other == c).then_some(p + 1),
    }
}

/// Index of the `]` that closes the class which opens at `p`.
fn class_end(pattern: &[char], p: usize) -> Option<usize> {
    let mut end = p + 1;
    if pattern.get(end) == Some(&'!') {
        end += 1;
    }
    if pattern.get(end) == Some(&']') {
        end += 1;
    }
    (end..pattern.len()).find(|i| pattern[*i] == ']')
}

fn in_class(class: &[char], c: char) -> bool {
    let (negated, class) = match class.split_first() {
        Some(('!', rest)) => (true, rest),
        _ => (false, class),
    };
    let mut i = 0;
    let mut found = false;
    while i < class.len() {
        if i + 2 < class.len() && class[i + 1] == '-' {
            found |= class[i] <= c && c <= class[i + 2];
            i += 3;
        } else {
            found |= class[i] == c;
            i += 1;
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::fnmatch;

    #[test]
    fn matches_as_python_does() {
        for (text, pattern, expected) in [
            ("abc", "a*c", true),
            ("abcbd", "a*b?", true),
            ("abc", "a*d", false),
            ("", "*", true),
            ("a", "", false),
            ("b1", "[a-c][0-9]", true),
            ("d", "[!a-c]", true),
            ("b", "[!a-c]", false),
            ("]", "[]]", true),
            ("[x", "[x", true),
            ("a-", "a[x-]", true),
            ("é", "?", true),
        ] {
            assert_eq!(fnmatch(text, pattern), expected, "{text} {pattern}");
        }
    }
}
