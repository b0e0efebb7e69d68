//! Reads a statement as far as sending it takes: where its values go, and whether it gives rows.
//!
//! No parser: words, quoted parts, comments and `$1`. What is within quotes is never looked
//! at, a comment is left out, and a second statement is refused. What it makes of the words
//! is only a choice of wrapping; whether it may write is the database's own decision.

/// A statement in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// A keyword or a name.
    Word(String),
    /// `$1` is 1.
    Bind(usize),
    /// Quoted, a sign, or white space.
    Other(String),
}

/// What a statement gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Rows, as a query does.
    Rows,
    /// The rows that it wrote.
    Returning,
    /// How many rows it wrote.
    Count,
}

impl Statement {
    /// Reads a statement that binds so many values.
    ///
    /// *Errors*: it is none, or more than one, or does not use what is bound.
    pub(super) fn read(text: &str, binds: usize) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let length = length_of_part(rest);
            let (part, behind) = rest.split_at(length);
            parts.push(part_of(part));
            rest = behind;
        }
        let is_end = |part: &Part| matches!(part, Part::Other(sign) if sign == ";" || sign.trim().is_empty());
        while parts.last().is_some_and(is_end) {
            parts.pop();
        }
        if parts.is_empty() {
            return Err("the statement is empty".to_owned());
        }
        if parts.contains(&Part::Other(";".to_owned())) {
            return Err("there is more than one statement".to_owned());
        }
        let used = |number: usize| parts.contains(&Part::Bind(number));
        let highest = parts.iter().map(|part| match part {
            Part::Bind(number) => *number,
            Part::Word(_) | Part::Other(_) => 0,
        });
        let highest = highest.max().unwrap_or_default();
        if highest != binds || !(1..=binds).all(used) || used(0) {
            return Err(format!(
                "the statement does not use ${{1}} to ${{{binds}}}, which are bound"
            ));
        }
        Ok(Self { parts })
    }

    /// Writes it, each place of a value as `bind` has it.
    pub(super) fn write(&self, bind: impl Fn(usize) -> String) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Word(text) | Part::Other(text) => text.clone(),
            Part::Bind(number) => bind(*number),
        });
        parts.collect()
    }

    /// Tells what it gives.
    pub(super) fn shape(&self) -> Shape {
        let words: Vec<String> = self.parts.iter().filter_map(Part::keyword).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let first = words.first().copied().unwrap_or_default();
        let writes = words.windows(2).any(|pair| {
            let is_lock = matches!(pair[0], "FOR" | "KEY");
            is_write(pair[1]) && !is_lock
        });
        match first {
            "SELECT" | "VALUES" | "TABLE" => Shape::Rows,
            "WITH" if !writes => Shape::Rows,
            _ if words.contains(&"RETURNING") => Shape::Returning,
            _ => Shape::Count,
        }
    }
}

impl Part {
    fn keyword(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.to_ascii_uppercase()),
            Self::Bind(_) | Self::Other(_) => None,
        }
    }
}

fn is_write(word: &str) -> bool {
    matches!(word, "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "REPLACE")
}

fn part_of(text: &str) -> Part {
    if text.starts_with("--") || text.starts_with("/*") {
        return Part::Other(" ".to_owned());
    }
    let number = text
        .strip_prefix('$')
        .and_then(|digits| digits.parse().ok());
    match number {
        Some(number) => Part::Bind(number),
        None if text.starts_with(begins_word) => Part::Word(text.to_owned()),
        None => Part::Other(text.to_owned()),
    }
}

/// Gives the length of the part that a text begins with. *Units*: bytes.
fn length_of_part(text: &str) -> usize {
    let whole = text.len();
    let first = text.chars().next().unwrap_or_default();
    if text.starts_with("--") {
        return text.find('\n').unwrap_or(whole);
    }
    if text.starts_with("/*") {
        return length_of_comment(text);
    }
    // PostgreSQL's `E'…'`, in which a backslash escapes.
    if text.starts_with(['e', 'E']) && text[1..].starts_with('\'') {
        return 1 + length_of_quoted(&text[1..], '\'', true);
    }
    match first {
        '\'' | '"' | '`' => length_of_quoted(text, first, false),
        '$' => length_of_dollar(text),
        _ if begins_word(first) => {
            let goes_on = |sign: char| begins_word(sign) || sign.is_numeric() || sign == '$';
            text.find(|sign| !goes_on(sign)).unwrap_or(whole)
        }
        _ => first.len_utf8(),
    }
}

fn begins_word(sign: char) -> bool {
    sign.is_alphabetic() || sign == '_'
}

/// Comments stand within one another.
fn length_of_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// A doubled quote reads as an end and a beginning, which comes to the same.
fn length_of_quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut is_escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        if is_escaped {
            is_escaped = false;
        } else if has_escapes && sign == '\\' {
            is_escaped = true;
        } else if sign == quote {
            return at + sign.len_utf8();
        }
    }
    text.len()
}

/// `$1`, `$tag$…$tag$`, or a lone sign.
fn length_of_dollar(text: &str) -> usize {
    let rest = &text[1..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 {
        return 1 + digits;
    }
    let is_tag = |sign: char| sign.is_alphanumeric() || sign == '_';
    let Some(end) = rest.find(|sign| !is_tag(sign)) else {
        return 1;
    };
    if !rest[end..].starts_with('$') {
        return 1;
    }
    let tag = &text[..end + 2];
    let body = &text[tag.len()..];
    body.find(tag)
        .map_or(text.len(), |at| tag.len() + at + tag.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str, binds: usize) -> String {
        let statement = Statement::read(text, binds).expect("a statement");
        statement.write(|number| format!("<{number}>"))
    }

    #[test]
    fn values_go_where_the_dollars_are_and_nowhere_else() {
        assert_eq!(written("SELECT $2, $1 ;\n", 2), "SELECT <2>, <1>");
        let quoted = "SELECT '$1 ''$2', \"$3\", `$4`, E'\\'$5', $$ $6 ; $$, $t$ $$ $7 $t$, $1";
        assert_eq!(written(quoted, 1), quoted.replace("$t$, $1", "$t$, <1>"));
        assert_eq!(
            written("SELECT $1 /* $2 /* ; */ $3 */ -- $4;\n+ 1", 1),
            "SELECT <1>    \n+ 1"
        );
        assert_eq!(
            written("SELECT a$1 FROM t WHERE x=$1::uuid", 1),
            "SELECT a$1 FROM t WHERE x=<1>::uuid"
        );
    }

    #[test]
    fn what_is_not_one_statement_with_its_values_is_refused() {
        for (text, binds) in [
            ("", 0),
            (" ; -- nothing", 0),
            ("SELECT 1; DELETE FROM t", 0),
            ("SELECT $1", 0),
            ("SELECT $1", 2),
            ("SELECT $2", 2),
            ("SELECT $0", 0),
            ("SELECT '$1'", 1),
        ] {
            assert!(Statement::read(text, binds).is_err(), "{text}");
        }
    }

    #[test]
    fn a_statement_is_told_by_what_it_gives() {
        let shape = |text: &str| Statement::read(text, 0).expect("a statement").shape();
        for text in [
            "select 1",
            "VALUES (1)",
            "WITH a AS (SELECT 1) SELECT * FROM a FOR NO KEY UPDATE",
            "/* INSERT */ SELECT 'RETURNING'",
        ] {
            assert_eq!(shape(text), Shape::Rows, "{text}");
        }
        for text in [
            "INSERT INTO t VALUES (1) returning id",
            "WITH a AS (SELECT 1) DELETE FROM t RETURNING *",
        ] {
            assert_eq!(shape(text), Shape::Returning, "{text}");
        }
        for text in [
            "UPDATE t SET a = 'RETURNING'",
            "CALL f()",
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
        ] {
            assert_eq!(shape(text), Shape::Count, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[-/*'\"$;a-z0-9\\\\ \nä]{0,40}") {
            let _ = Statement::read(&text, 0);
        }
    }
}
