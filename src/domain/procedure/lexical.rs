//! The lexical matcher: which of the active procedures a message asks for, by its words.
//!
//! A trigger description is cut into *parts*: at the end of a sentence, and at a comma or an "or" where a new
//! verb begins (`wants`, `asks`, `is`). A part is the set of its telling words. A message asks for a procedure
//! if it has enough of one part: all of a short one, the better half of a long one. So "asks for a refund" is
//! met by `refund` alone, and "wants to change their address" takes both words.
//!
//! *Weights*: a word that one trigger alone has counts 1, one that more have less (BM25's inverse document
//! frequency), a light word such as `change` or `new` counts [`LIGHT`] at any rate; stop words do not count.
//! *Words*: without case and accents; forms of a word meet ([`kin`]), and so do the parts of a German compound.

mod common;
mod kin;
mod parts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::{kin::Kin, parts::words_of};
use crate::domain::words::is_unspaced;

/// The most procedures of a tie.
const MOST_TIED: usize = 4;
/// How much of a part a message must have. *Range*: 0 to 1.
const ENOUGH: f32 = 0.75;
/// Scores that differ by less are equal.
const MARGIN: f32 = 0.1;
/// The weight of a light word, and of a letter that is a word of its own.
const LIGHT: f32 = 0.4;
/// The least weight of a word that is not light, however many triggers have it.
const LEAST: f32 = 0.5;
/// The weight at which a long part is met in full.
const PART_FULL: f32 = 1.75;
/// The weight at which a description is met in full, wherever in it the words are.
const WHOLE_FULL: f32 = 2.5;

/// The triggers of the active procedures, ready to be held against messages.
#[derive(Clone, Debug, Default)]
pub struct Triggers {
    /// By slug.
    procedures: Vec<Procedure>,
    /// The words of the triggers, in order, each with its concept.
    words: Vec<(String, usize)>,
    /// The concepts of the words that end with a word of another.
    tails: HashMap<String, Vec<usize>>,
    /// The weight of each concept: a word with its forms.
    weights: Vec<f32>,
}

#[derive(Clone, Debug)]
struct Procedure {
    slug: String,
    parts: Vec<Part>,
}

/// Words that together say what is asked for.
#[derive(Clone, Debug)]
struct Part {
    concepts: BTreeSet<usize>,
    /// The weight that meets it in full.
    full: f32,
}

/// What a message asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// No procedure.
    None,
    /// One, by its slug.
    One(String),
    /// Several that match equally well, by their slugs: best first, at most 4.
    Tie(Vec<String>),
}

/// How well the words of a message meet a concept. *Range*: 0 to 1 each.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    whole: f32,
    head: f32,
    tail: f32,
}

impl Met {
    fn how(self) -> f32 {
        self.whole.max(self.head + self.tail)
    }
}

impl Procedure {
    /// Gives the concepts that are met, wherever in the description they are.
    fn met(&self, met: &[Met]) -> BTreeSet<usize> {
        let all = self.parts.iter().flat_map(|part| &part.concepts).copied();
        all.filter(|&concept| met[concept].how() > 0.0).collect()
    }
}

impl Triggers {
    /// Makes them of each procedure's slug, display name and trigger description.
    pub fn of<'d>(procedures: impl IntoIterator<Item = (&'d str, &'d str, &'d str)>) -> Self {
        let written: BTreeMap<&str, Vec<BTreeSet<String>>> = procedures
            .into_iter()
            .map(|(slug, name, description)| (slug, parts::written(name, description)))
            .collect();
        let mut triggers = Self::default();
        triggers.index(written.values().flatten().flatten().cloned().collect());
        let concept_of: HashMap<&str, usize> = triggers
            .words
            .iter()
            .map(|(word, concept)| (word.as_str(), *concept))
            .collect();
        let sets: Vec<(&str, Vec<BTreeSet<usize>>)> = written
            .iter()
            .map(|(slug, parts)| {
                let concepts = |part: &BTreeSet<String>| {
                    let known = part.iter().filter_map(|word| concept_of.get(word.as_str()));
                    known.copied().collect()
                };
                (*slug, parts.iter().map(concepts).collect())
            })
            .collect();
        triggers.weights = weights(&triggers.words, &sets);
        triggers.procedures = sets
            .into_iter()
            .map(|(slug, parts)| procedure(slug, parts, &triggers.weights))
            .collect();
        triggers
    }

    /// Finds the procedure that a message asks for.
    pub fn find(&self, message: &str) -> Found {
        let met = self.meet(message);
        let mut scores: Vec<(f32, &Procedure)> = self
            .procedures
            .iter()
            .filter_map(|procedure| {
                let scores = procedure.parts.iter().map(|part| self.score(part, &met));
                let best = scores.fold(0.0, f32::max);
                (best >= ENOUGH).then_some((best, procedure))
            })
            .collect();
        scores.sort_by(|one, other| other.0.total_cmp(&one.0));
        let best = scores.first().map_or(0.0, |(score, _)| *score);
        scores.retain(|(score, _)| best - score < MARGIN);
        let equal: Vec<(&str, BTreeSet<usize>)> = scores
            .into_iter()
            .map(|(_, procedure)| (procedure.slug.as_str(), procedure.met(&met)))
            .collect();
        // What another meets with more words besides is not meant by itself.
        let is_lesser = |words: &BTreeSet<usize>| {
            let mut others = equal.iter().map(|(_, other)| other);
            others.any(|other| words.is_subset(other) && words != other)
        };
        let left = equal.iter().filter(|(_, words)| !is_lesser(words));
        let mut left: Vec<String> = left.map(|(slug, _)| (*slug).to_owned()).collect();
        left.truncate(MOST_TIED);
        match left.len() {
            0 => Found::None,
            1 => Found::One(left.remove(0)),
            _ => Found::Tie(left),
        }
    }

    /// Keeps the words, and says which of them are forms of one: the same concept.
    fn index(&mut self, words: BTreeSet<String>) {
        let mut concepts = 0;
        for word in words {
            let is_form =
                |other: &&(String, usize)| matches!(kin::of(&word, &other.0), Some(Kin::Form(_)));
            let same = self.near(&word).find(is_form);
            let concept = same.map_or(concepts, |(_, concept)| *concept);
            concepts = concepts.max(concept + 1);
            for tail in kin::tails(&word) {
                self.tails.entry(tail.to_owned()).or_default().push(concept);
            }
            self.words.push((word, concept));
        }
    }

    fn meet(&self, message: &str) -> Vec<Met> {
        let mut met = vec![Met::default(); self.weights.len()];
        for word in words_of(message) {
            for (known, concept) in self.near(&word) {
                let met = &mut met[*concept];
                match kin::of(&word, known) {
                    Some(Kin::Form(how)) => met.whole = met.whole.max(how),
                    Some(Kin::Longer) => met.whole = met.whole.max(kin::COMPOUND),
                    Some(Kin::Head) => met.head = kin::HALF,
                    None => {}
                }
            }
            for concept in self.tails.get(&word).into_iter().flatten() {
                met[*concept].tail = kin::HALF;
            }
            for tail in kin::tails(&word) {
                let place = self
                    .words
                    .binary_search_by(|(known, _)| known.as_str().cmp(tail));
                if let Ok(place) = place {
                    let met = &mut met[self.words[place].1];
                    met.whole = met.whole.max(kin::COMPOUND);
                }
            }
        }
        met
    }

    /// Gives the words that may be forms of one, by their beginning.
    fn near(&self, word: &str) -> impl Iterator<Item = &(String, usize)> {
        let beginning = kin::beginning(word);
        let from = self
            .words
            .partition_point(|(known, _)| known.as_str() < beginning);
        let near = move |entry: &&(String, usize)| entry.0.starts_with(beginning);
        self.words[from..].iter().take_while(near)
    }

    fn score(&self, part: &Part, met: &[Met]) -> f32 {
        let concepts = part.concepts.iter();
        let weighed = concepts.map(|&concept| self.weights[concept] * met[concept].how());
        (weighed.sum::<f32>() / part.full).min(1.0)
    }
}

fn procedure(slug: &str, sets: Vec<BTreeSet<usize>>, weights: &[f32]) -> Procedure {
    let whole: BTreeSet<usize> = sets.iter().flatten().copied().collect();
    let mut parts: Vec<Part> = sets
        .into_iter()
        .filter(|concepts| !concepts.is_empty())
        .map(|concepts| {
            let total: f32 = concepts.iter().map(|&concept| weights[concept]).sum();
            let is_light = concepts.iter().all(|&concept| weights[concept] <= LIGHT);
            let full = if is_light { total.max(1.0) } else { total };
            let full = full.min(PART_FULL);
            Part { concepts, full }
        })
        .collect();
    parts.push(Part {
        concepts: whole,
        full: WHOLE_FULL,
    });
    Procedure {
        slug: slug.to_owned(),
        parts,
    }
}

/// Weighs each concept by how few procedures have it.
fn weights(words: &[(String, usize)], procedures: &[(&str, Vec<BTreeSet<usize>>)]) -> Vec<f32> {
    let concepts = words.iter().map(|(_, concept)| concept + 1).max();
    let mut having = vec![0_u16; concepts.unwrap_or(0)];
    for (_, parts) in procedures {
        let all: BTreeSet<usize> = parts.iter().flatten().copied().collect();
        for concept in all {
            having[concept] = having[concept].saturating_add(1);
        }
    }
    let all = f32::from(u16::try_from(procedures.len()).unwrap_or(u16::MAX));
    let rarity = |having: u16| {
        let having = f32::from(having);
        (1.0 + (all - having + 0.5) / (having + 0.5)).ln()
    };
    let mut weights: Vec<f32> = having
        .into_iter()
        .map(|having| (rarity(having) / rarity(1)).max(LEAST))
        .collect();
    for (word, concept) in words {
        if common::is_light(word) || word.chars().all(is_unspaced) {
            weights[*concept] = LIGHT;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::{
        parts::{MOST_CHARS, MOST_WORDS},
        *,
    };

    /// Texts of the same shape: the one that the weights were chosen by, and one that they were not.
    const DATA: [(&str, &str); 2] = [
        (
            "shop",
            include_str!("../../../tests/data/procedures/sentences.toml"),
        ),
        (
            "others",
            include_str!("../../../tests/data/procedures/others.toml"),
        ),
    ];

    #[derive(Deserialize)]
    struct Data {
        procedures: Vec<Written>,
        sentences: BTreeMap<String, Vec<(String, String)>>,
    }

    #[derive(Deserialize)]
    struct Written {
        slug: String,
        display_name: String,
        trigger_description: String,
    }

    fn data() -> Vec<(&'static str, Data)> {
        let read = |text| toml::from_str(text).expect("the file is as it should be");
        DATA.map(|(name, text)| (name, read(text))).into()
    }

    fn triggers(procedures: &[Written]) -> Triggers {
        Triggers::of(procedures.iter().map(|written| {
            let Written {
                slug,
                display_name,
                trigger_description,
            } = written;
            (
                slug.as_str(),
                display_name.as_str(),
                trigger_description.as_str(),
            )
        }))
    }

    fn slugs(found: Found) -> BTreeSet<String> {
        match found {
            Found::None => BTreeSet::new(),
            Found::One(slug) => [slug].into(),
            Found::Tie(slugs) => slugs.into_iter().collect(),
        }
    }

    #[derive(Default)]
    struct Figures {
        found: u32,
        right: u32,
        expected: u32,
    }

    impl Figures {
        fn count(&mut self, expected: &BTreeSet<String>, found: &BTreeSet<String>) {
            self.expected += u32::from(!expected.is_empty());
            self.found += u32::from(!found.is_empty());
            self.right += u32::from(!found.is_empty() && found == expected);
        }

        fn precision(&self) -> f64 {
            f64::from(self.right) / f64::from(self.found)
        }

        fn recall(&self) -> f64 {
            f64::from(self.right) / f64::from(self.expected)
        }

        fn print(&self, of: &str) {
            let (precision, recall) = (self.precision(), self.recall());
            println!("{of}: precision {precision:.3}, recall {recall:.3}");
        }
    }

    #[test]
    fn sentences_find_the_procedure_that_they_ask_for() {
        let mut total = Figures::default();
        for (name, data) in data() {
            let triggers = triggers(&data.procedures);
            for (language, sentences) in &data.sentences {
                let mut figures = Figures::default();
                for (expected, sentence) in sentences {
                    let expected = expected.split('|').filter(|slug| *slug != "-");
                    let expected = expected.map(str::to_owned).collect();
                    let found = slugs(triggers.find(sentence));
                    figures.count(&expected, &found);
                    total.count(&expected, &found);
                    if found != expected {
                        println!("  {sentence}\n    asks for {expected:?}, found {found:?}");
                    }
                }
                figures.print(&format!("{name} {language}"));
            }
        }
        total.print("total");
        assert!(total.precision() >= 0.96, "precision {}", total.precision());
        assert!(total.recall() >= 0.78, "recall {}", total.recall());
    }

    #[test]
    fn each_sentence_of_a_description_finds_its_procedure() {
        for (_, data) in data() {
            let triggers = triggers(&data.procedures);
            for written in &data.procedures {
                for sentence in written.trigger_description.split_inclusive(". ") {
                    let found = triggers.find(sentence);
                    assert_eq!(found, Found::One(written.slug.clone()), "{sentence}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_found_without_triggers_or_telling_words() {
        assert_eq!(Triggers::default().find("refund"), Found::None);
        let triggers = Triggers::of([("all", "When", "When a customer asks"), ("none", "", "")]);
        for message in ["", " \n", "When a customer asks", "12 34", "?!", "a b c"] {
            assert_eq!(triggers.find(message), Found::None, "{message}");
        }
    }

    #[test]
    fn equal_procedures_tie_and_are_given_by_slug() {
        let slugs = ["f", "b", "a", "e", "d", "c"];
        let triggers = Triggers::of(slugs.map(|slug| (slug, "", "asks for a refund")));
        let tied = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(triggers.find("A refund, please!"), Found::Tie(tied));
    }

    #[test]
    fn a_procedure_gives_way_to_one_that_has_its_words_and_more() {
        let triggers = Triggers::of([
            ("delivery", "", "asks about an order or its delivery"),
            (
                "address",
                "",
                "wants to change the delivery address of an order",
            ),
            ("refund", "", "asks for a refund"),
        ]);
        let one = |slug: &str| Found::One(slug.to_owned());
        let address = "Can I still change the delivery address of my order?";
        assert_eq!(triggers.find(address), one("address"));
        assert_eq!(triggers.find("My order, please"), one("delivery"));
        let tie = Found::Tie(["delivery", "refund"].map(str::to_owned).to_vec());
        assert_eq!(triggers.find("Is there a refund on my order?"), tie);
    }

    #[test]
    fn a_message_is_read_from_its_beginning() {
        let triggers = Triggers::of([("refund", "", "asks for a refund")]);
        let found = Found::One("refund".to_owned());
        let filler = "lorem ".repeat(MOST_WORDS);
        assert_eq!(triggers.find(&format!("refund {filler}")), found);
        assert_eq!(triggers.find(&format!("{filler} refund")), Found::None);
        let blank = " ".repeat(2 * MOST_CHARS);
        assert_eq!(triggers.find(&format!("{blank} refund")), found);
        let long = "x".repeat(MOST_CHARS);
        assert_eq!(triggers.find(&format!("{long} refund")), Found::None);
    }

    #[test]
    fn other_scripts_are_met_as_they_are_written() {
        let triggers = Triggers::of([("refund", "退款", "Возврат, обмен")]);
        for message in ["我要退款", "Мне нужен ВОЗВРАТ"] {
            assert_eq!(
                triggers.find(message),
                Found::One("refund".to_owned()),
                "{message}"
            );
        }
    }

    fn sentence() -> impl Strategy<Value = String> {
        let sentences = data()
            .into_iter()
            .flat_map(|(_, data)| data.sentences.into_values());
        let sentences: Vec<String> = sentences.flatten().map(|(_, sentence)| sentence).collect();
        proptest::sample::select(sentences)
    }

    /// Those of [`DATA`].
    static TRIGGERS: LazyLock<Vec<Triggers>> = LazyLock::new(|| {
        let data = data().into_iter();
        data.map(|(_, data)| triggers(&data.procedures)).collect()
    });

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_order_of_procedures_does_not_matter(
            order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
            sentences in prop::collection::vec(sentence(), 20),
        ) {
            let procedures = data().remove(0).1.procedures;
            let shuffled = order.into_iter().map(|place| {
                let written = &procedures[place];
                (written.slug.as_str(), written.display_name.as_str(), written.trigger_description.as_str())
            });
            let shuffled = Triggers::of(shuffled);
            for sentence in sentences {
                prop_assert_eq!(shuffled.find(&sentence), TRIGGERS[0].find(&sentence));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(name in "\\PC{0,20}", trigger in "\\PC{0,80}", message in any::<String>()) {
            let triggers = Triggers::of([("a", name.as_str(), trigger.as_str()), ("b", &trigger, &message)]);
            triggers.find(&message);
            triggers.find(&trigger);
        }

        #[test]
        fn case_and_white_space_do_not_matter(sentence in sentence()) {
            for triggers in &*TRIGGERS {
                let found = triggers.find(&sentence);
                prop_assert_eq!(triggers.find(&sentence.to_uppercase()), found.clone());
                prop_assert_eq!(triggers.find(&sentence.to_lowercase()), found.clone());
                prop_assert_eq!(triggers.find(&sentence.replace(' ', " \n\t ")), found);
            }
        }

        #[test]
        fn a_description_finds_its_own_procedure(
            descriptions in prop::collection::vec("[a-z]{3,12}( [a-z]{3,12}){0,5}", 1..4),
        ) {
            let slugs = ["a", "b", "c"];
            let named = slugs.iter().zip(&descriptions);
            let triggers = Triggers::of(named.clone().map(|(slug, text)| (*slug, "", text.as_str())));
            for (slug, text) in named {
                let is_heavy = words_of(text).iter().any(|word| !common::is_light(word));
                prop_assert!(!is_heavy || super::tests::slugs(triggers.find(text)).contains(*slug));
            }
        }
    }
}
