//! The nearest name: what somebody who wrote an unknown one probably meant.
//!
//! One measure for rules, configuration, procedures and events, so that a slip of the pen is understood
//! everywhere alike.

/// The most letters that may be wrong, however long the name is.
const MOST_WRONG: usize = 4;

/// Gives the name of `known` that `word` was probably meant to be.
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // One letter of it must be right.
    let letters = word.chars().count();
    let allowed = (1 + letters / 4)
        .min(MOST_WRONG)
        .min(letters.saturating_sub(1));
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(word, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Words the hint for a name that was probably mistyped.
pub fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    nearest(word, known).map(|name| format!("did you mean `{name}`?"))
}

/// Words the hint for a name that must be one of few: the one that was meant, else all of them.
pub fn one_of<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let meant = did_you_mean(word, known.iter().copied());
    meant.unwrap_or_else(|| format!("use {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_spelling_is_found_and_a_far_one_is_not() {
        let known = ["inbox", "keywords", "prefetch"];
        assert_eq!(nearest("prefech", known), Some("prefetch"));
        assert_eq!(nearest("inbx", known), Some("inbox"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("b", ["a"]), None);
        let hint = did_you_mean("keywrods", known);
        assert_eq!(hint.as_deref(), Some("did you mean `keywords`?"));
        assert_eq!(one_of("inbx", known), "did you mean `inbox`?");
        assert_eq!(one_of("colour", known), "use inbox, keywords, prefetch");
    }
}
