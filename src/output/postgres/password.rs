//! The file of passwords, as libpq has it: a line `host:port:database:user:password` each, `*` for
//! any, `\` before a colon or a backslash that is meant
//! (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

/// The password of the first line of `text` that goes with host, port, database and user.
pub(super) fn find(text: &str, asked: [&str; 4]) -> Option<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| of(line, asked)).next()
}

fn of(line: &str, asked: [&str; 4]) -> Option<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => fields.last_mut()?.extend(letters.next()),
            ':' if fields.len() < 5 => fields.push(String::new()),
            letter => fields.last_mut()?.push(letter),
        }
    }
    let password = (fields.len() == 5).then(|| fields.pop())??;
    let goes = fields
        .iter()
        .zip(asked)
        .all(|(field, asked)| field == "*" || field == asked);
    goes.then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_goes_counts() {
        let text = "# h:1:d:u:no\nh:1:d\nh:2:d:u:no\nh:1:*:u:a\\:b\\\\c:d\nh:1:d:u:late";
        assert_eq!(
            find(text, ["h", "1", "d", "u"]).as_deref(),
            Some("a:b\\c:d")
        );
        assert_eq!(find(text, ["h", "3", "d", "u"]), None);
    }
}
